//! Requests counted: by the sandbox, and by the run itself. There is no request that could be left out.

use crate::{
    copying::{
        FIRST, FIRST_ROLE, SECOND, SECOND_ROLE, calls_since, copy, copy_to_first, copy_well, event, held, images,
        source, world,
    },
    images::image_of,
    world::{SOURCE, World},
};

/// Layers of the image; with its configuration one blob more.
const LAYERS: usize = 5;
const BLOBS: usize = LAYERS + 1;

fn counted<const N: usize>(calls: [(&str, usize); N]) -> std::collections::BTreeMap<String, usize> {
    calls.map(|(call, times)| (call.to_owned(), times)).into()
}

fn world_with_v1() -> World {
    let world = world();
    world.push_image("v1", &image_of("v1", "amd64", LAYERS));
    world
}

#[test]
fn a_cold_copy_makes_four_requests_a_blob_and_four_more() {
    let world = world_with_v1();
    let before = world.calls().len();
    let ran = copy_to_first(&world, "v1", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    // 4B + 3 + ⌈B/100⌉.
    assert_eq!(event(&ran, "copy-finished")["requests"], 4 * BLOBS + 3 + 1);
    let cheapest = counted([
        ("111111111111 GET manifest", 1),
        ("222222222222 HEAD manifest", 1),
        ("222222222222 BatchCheckLayerAvailability", 1),
        ("111111111111 GET blob", BLOBS),
        (" GET layer", BLOBS),
        ("222222222222 POST upload", BLOBS),
        ("222222222222 PUT upload", BLOBS),
        ("222222222222 PUT manifest", 1),
    ]);
    assert_eq!(calls_since(&world, before), cheapest);
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&image_of("v1", "amd64", LAYERS), "v1")]));
}

#[test]
fn more_than_a_hundred_blobs_are_asked_for_in_hundreds() {
    let world = world();
    let (layers, blobs) = (120, 121);
    world.push_image("v1", &image_of("v1", "amd64", layers));
    let ran = copy_to_first(&world, "v1", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(event(&ran, "copy-finished")["requests"], 4 * blobs + 3 + 2);
}

#[test]
fn two_destinations_are_one_reading() {
    let world = world_with_v1();
    let before = world.calls().len();
    let (from, roles) = (source("v1"), ["--dst-role", SECOND_ROLE, "--dst-role", FIRST_ROLE]);
    let ran = copy(&world, &[&[from.as_str(), FIRST, SECOND], &roles[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.said());
    let cheapest = counted([
        ("111111111111 GET manifest", 1),
        ("111111111111 GET blob", BLOBS),
        (" GET layer", BLOBS),
        ("222222222222 HEAD manifest", 1),
        ("222222222222 BatchCheckLayerAvailability", 1),
        ("222222222222 POST upload", BLOBS),
        ("222222222222 PUT upload", BLOBS),
        ("222222222222 PUT manifest", 1),
        ("444444444444 HEAD manifest", 1),
        ("444444444444 BatchCheckLayerAvailability", 1),
        ("444444444444 POST upload", BLOBS),
        ("444444444444 PUT upload", BLOBS),
        ("444444444444 PUT manifest", 1),
    ]);
    assert_eq!(calls_since(&world, before), cheapest);
    for role in [FIRST_ROLE, SECOND_ROLE] {
        assert_eq!(images(&world, role), held(&[(&image_of("v1", "amd64", LAYERS), "v1")]), "{role}");
    }
}

#[test]
fn what_is_there_is_not_sent_again() {
    let world = world_with_v1();
    copy_well(&world, "v1");
    // One layer more: the others, not the configuration, are there.
    let more = image_of("v1", "amd64", LAYERS + 1);
    world.push_image("v2", &more);
    let ran = copy_to_first(&world, "v2", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let finished = event(&ran, "copy-finished");
    assert_eq!((&finished["blobs_copied"], &finished["blobs_present"]), (&1.into(), &BLOBS.into()), "{finished}");
    assert_eq!(finished["requests"], 4 + 3 + 1);
}

#[test]
fn a_second_run_has_nothing_to_do_and_says_so() {
    let world = world_with_v1();
    copy_well(&world, "v1");
    let before = world.calls().len();
    let again = copy_to_first(&world, "v1", &[]);
    assert_eq!((again.code, again.stdout.trim()), (0, "success"), "{}", again.said());
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    let two = counted([("111111111111 GET manifest", 1), ("222222222222 HEAD manifest", 1)]);
    assert_eq!(calls_since(&world, before), two);
}

#[test]
fn a_digest_that_is_there_is_one_request() {
    let world = world_with_v1();
    let image = image_of("v1", "amd64", LAYERS);
    let from = format!("{SOURCE}@{}", image.manifest.digest);
    let words = [from.as_str(), FIRST, "--dst-role", FIRST_ROLE, "--output", "json"];
    let ran = copy(&world, &words);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&image, "")]), "by digest alone");
    let before = world.calls().len();
    let again = copy(&world, &words);
    assert_eq!(again.code, 0, "{}", again.said());
    assert_eq!(event(&again, "copy-finished")["requests"], 1);
    assert_eq!(calls_since(&world, before), counted([("222222222222 HEAD manifest", 1)]));
}
