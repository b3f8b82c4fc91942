//! What arrives: an index with all it names, one platform of it, what refers to an image; and by whose identity.

use crate::{
    copying::{
        FIRST, FIRST_ROLE, READER, SECOND, SECOND_ROLE, calls_since, copy, copy_to_first, copy_well, event, has_blob,
        held, images, source, world, world_of_immutable_tags,
    },
    images::{artifact, image, image_of, index},
    world::World,
};

/// An index of two images under `v1`.
fn world_of_two_platforms() -> (World, [shipgate_container_check::packing::PackedImage; 3]) {
    let world = world();
    let (amd64, arm64) = (image_of("two", "amd64", 2), image_of("two", "arm64", 2));
    for image in [&amd64, &arm64] {
        world.push_image(image.manifest.digest.as_str(), image);
    }
    let both = index(&[(&amd64, "amd64"), (&arm64, "arm64")]);
    world.push_image("v1", &both);
    (world, [amd64, arm64, both])
}

#[test]
fn an_index_arrives_with_all_its_members() {
    let (world, [amd64, arm64, both]) = world_of_two_platforms();
    let ran = copy_to_first(&world, "v1", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&both, "v1"), (&amd64, ""), (&arm64, "")]));
    for (descriptor, _) in amd64.blobs.iter().chain(&arm64.blobs) {
        assert!(has_blob(&world, FIRST_ROLE, &descriptor.digest), "{descriptor:?}");
    }
}

#[test]
fn one_platform_of_an_index_arrives_under_its_own_digest() {
    let (world, [amd64, arm64, _]) = world_of_two_platforms();
    let before = world.calls().len();
    let ran = copy_to_first(&world, "v1", &["--platform", "linux/amd64", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(event(&ran, "copy-finished")["digest"], amd64.manifest.digest.as_str());
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&amd64, "v1")]));
    assert!(!has_blob(&world, FIRST_ROLE, &arm64.blobs[1].0.digest));
    let calls = calls_since(&world, before);
    assert_eq!((calls["111111111111 GET manifest"], calls["111111111111 GET blob"]), (2, 3), "{calls:?}");
}

#[test]
fn each_side_is_asked_by_its_own_role() {
    let world = world();
    world.push_image("v1", &image("v1"));
    let before = world.calls().len();
    copy_well(&world, "v1");
    let calls = world.calls().into_iter().skip(before).filter(|call| call["service"] == "registry");
    let callers: Vec<(String, String)> =
        calls.map(|call| ["account", "caller"].map(|name| call[name].as_str().unwrap().to_owned()).into()).collect();
    assert!(callers.len() > 6, "{callers:?}");
    for (account, caller) in callers {
        let role = if account == "111111111111" { "/shipgate-pull/" } else { "/shipgate-deploy/" };
        assert!(caller.contains(role), "{caller} at {account}");
    }
}

#[test]
fn what_refers_to_the_image_comes_when_it_is_required() {
    let world = world();
    let signed = image("v1");
    let (signature, of_signature) = (artifact("ci", &signed), artifact("auditor", &artifact("ci", &signed)));
    world.push_image("v1", &signed);
    for attached in [&signature, &of_signature] {
        world.push_image(attached.manifest.digest.as_str(), attached);
    }
    copy_well(&world, "v1");
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&signed, "v1")]), "not unless it is asked for");
    let ran = copy_to_first(&world, "v1", &["--referrers", "require", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(event(&ran, "copy-finished")["referrers"], 2);
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&signed, "v1"), (&signature, ""), (&of_signature, "")]));
}

#[test]
fn a_destination_that_denies_keeps_nothing_from_the_other() {
    let world = world();
    let (old, new) = (image("old"), image("new"));
    world.push_image("live", &old);
    copy_well(&world, "live");
    world.push_image("live", &new);
    let from = source("live");
    let ran = copy(&world, &[&from, FIRST, SECOND, "--dst-role", READER, "--dst-role", SECOND_ROLE]);
    assert_eq!((ran.code, ran.stdout.trim()), (5, "copy-failed"), "{}", ran.said());
    for told in [FIRST, "403", "the other destinations have the image", "hint: let the identity used for 222222222222"]
    {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert_eq!(images(&world, SECOND_ROLE), held(&[(&new, "live")]));
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&old, "live")]));
}

#[test]
fn an_immutable_tag_that_points_at_the_image_is_success_without_a_write() {
    let world = world_of_immutable_tags();
    world.push_image("v1", &image("v1"));
    copy_well(&world, "v1");
    let before = world.calls().len();
    let again = copy_to_first(&world, "v1", &[]);
    assert_eq!(again.code, 0, "{}", again.said());
    assert!(!calls_since(&world, before).keys().any(|call| call.contains("PUT")), "{:?}", calls_since(&world, before));
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&image("v1"), "v1")]));
}
