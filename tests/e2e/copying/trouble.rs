//! Trouble on the way: what passes is waited out, what does not ends the copy, and no tag points at anything that is not
//! whole.

use serde_json::json;

use crate::{
    copying::{
        FIRST, FIRST_ROLE, copy_to_first, copy_well, copying, event, events, has_blob, held, images, source, world,
    },
    images::{artifact, image, image_of},
    signals::signalled_while,
    world::World,
};

/// A world where `old` is at the destination under `live`, and at the source there is `new`.
fn world_with_news() -> World {
    let world = world();
    world.push_image("live", &image("old"));
    copy_well(&world, "live");
    world.push_image("live", &image_of("new", "amd64", 3));
    world
}

fn assert_old_state(world: &World) {
    assert_eq!(images(world, FIRST_ROLE), held(&[(&image("old"), "live")]));
}

fn assert_copied(world: &World) {
    let new = image_of("new", "amd64", 3);
    assert_eq!(images(world, FIRST_ROLE), held(&[(&image("old"), ""), (&new, "live")]));
}

#[test]
fn a_throttled_manifest_is_waited_out() {
    let world = world_with_news();
    world.fault(&json!({
        "kind": "error", "service": "registry", "action": "PUT manifest", "account": "222222222222", "times": 2,
        "status": 429, "code": "TOOMANYREQUESTS", "message": "Rate exceeded",
    }));
    let ran = copy_to_first(&world, "live", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let retries = events(&ran).into_iter().filter(|event| event["event"] == "retrying");
    let attempts: Vec<u64> = retries.map(|event| event["attempt"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [2, 3], "{}", ran.said());
    assert_copied(&world);
}

#[test]
fn a_download_that_is_cut_goes_on() {
    let world = world_with_news();
    // One of the two may be the configuration, which is shorter.
    world.fault(&json!({ "kind": "cut", "service": "layers", "times": 2, "after_bytes": 50_000 }));
    let ran = copy_to_first(&world, "live", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(event(&ran, "retrying")["what"].as_str().unwrap().starts_with("read blob"), "{}", ran.said());
    // It went on from the last byte: nothing was read twice.
    let finished = event(&ran, "copy-finished");
    assert_eq!(finished["bytes_received"], finished["bytes_sent"], "{finished}");
    assert_copied(&world);
}

#[test]
fn an_upload_that_is_cut_is_made_again() {
    let world = world_with_news();
    world.fault(&json!({
        "kind": "cut-upload", "service": "registry", "action": "PUT upload", "times": 2, "after_bytes": 50_000,
    }));
    let ran = copy_to_first(&world, "live", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(event(&ran, "retrying")["what"].as_str().unwrap().starts_with("upload blob"), "{}", ran.said());
    assert_copied(&world);
}

#[test]
fn an_upload_whose_answer_is_lost_is_found() {
    let world = world_with_news();
    world.fault(&json!({
        "kind": "cut", "service": "registry", "action": "PUT upload", "account": "222222222222", "times": 1,
        "after_bytes": 0,
    }));
    let ran = copy_to_first(&world, "live", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let found = events(&ran).into_iter().filter(|event| event["event"] == "blob-copied" && event["how"] == "found");
    assert_eq!(found.count(), 1, "{}", ran.said());
    assert_copied(&world);
}

#[test]
fn a_corrupt_blob_reaches_nobody() {
    let world = world_with_news();
    let corrupt = image_of("new", "amd64", 3).blobs[1].0.digest.clone();
    world.fault(&json!({ "kind": "corrupt-blob", "digest": corrupt }));
    let ran = copy_to_first(&world, "live", &[]);
    assert_eq!((ran.code, ran.stdout.trim()), (5, "copy-failed"), "{}", ran.said());
    for told in ["the content is corrupt", corrupt.as_str(), "push the image to 111111111111.dkr.ecr"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert!(!has_blob(&world, FIRST_ROLE, &corrupt));
    assert_old_state(&world);
}

#[test]
fn a_signal_in_mid_copy_moves_no_tag_and_the_next_run_completes() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let world = world_with_news();
        world.fault(&json!({ "kind": "delay", "service": "layers", "milliseconds": 20_000 }));
        let from = source("live");
        let mut command = copying(&world, &[&from, FIRST, "--dst-role", FIRST_ROLE, "--output", "json"]);
        let (ended, events) = signalled_while(&mut command, "copy-planned", &[name]);
        assert_eq!(ended, code, "{events:#?}");
        let end = events.last().unwrap();
        assert_eq!(end["event"], "run-finished", "{end}");
        assert!(end["hint"].as_str().unwrap().contains("run the same command again"), "{end}");
        assert_old_state(&world);
        world.fault(&json!({ "kind": "delay", "service": "layers", "milliseconds": 0 }));
        let ran = copy_to_first(&world, "live", &[]);
        assert_eq!(ran.code, 0, "{}", ran.said());
        assert_copied(&world);
    }
}

#[test]
fn time_that_is_over_ends_it_as_a_signal_does() {
    let world = world_with_news();
    world.fault(&json!({ "kind": "delay", "service": "layers", "milliseconds": 20_000 }));
    let ran = copy_to_first(&world, "live", &["--timeout", "1s"]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    for told in ["the copy was not over after 1 s", "no tag points at what is not whole", "run the same command again"]
    {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert_old_state(&world);
}

/// It comes after the image and its tag, and the policy says what is to become of a failure.
#[test]
fn a_signature_that_cannot_be_copied_is_a_warning_or_a_failure() {
    let world = world();
    let (signed, signature) = (image("v1"), artifact("ci", &image("v1")));
    world.push_image("v1", &signed);
    world.push_image(signature.manifest.digest.as_str(), &signature);
    world.fault(&json!({ "kind": "corrupt-blob", "digest": signature.blobs[1].0.digest }));
    let lenient = copy_to_first(&world, "v1", &["--referrers", "best-effort"]);
    assert_eq!(lenient.code, 0, "{}", lenient.said());
    assert!(lenient.stderr.contains("was not copied: could not read blob"), "{}", lenient.stderr);
    let strict = copy_to_first(&world, "v1", &["--referrers", "require"]);
    assert_eq!(strict.code, 5, "{}", strict.said());
    for told in ["cannot copy what refers to", "the content is corrupt", "the image is there, its tag too"] {
        assert!(strict.stderr.contains(told), "{told}: {}", strict.stderr);
    }
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&signed, "v1")]));
}
