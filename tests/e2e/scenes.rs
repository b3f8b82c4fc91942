//! The main job: what a deployment does to a service, good or bad. Every failure leaves the old version serving.

use std::io::{BufRead, BufReader};

use crate::{
    documents,
    world::{LIVE, Ran, World},
};

#[test]
fn a_first_deployment_creates_the_service() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v1");
    assert_eq!(world.tag(LIVE), Some(digest));
    assert_eq!(world.orders(), ["CreateService"]);
    let (_, status, url) = world.service().unwrap();
    assert_eq!(status, "RUNNING");
    assert!(ran.stdout.contains(&url), "the URL is data, on standard output: {}", ran.stdout);
}

#[test]
fn a_proxy_for_the_outside_is_not_asked_for_the_sandbox() {
    let world = World::new();
    world.push("v1", &[]);
    let mut command = world.shipgate();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let ran: Ran = command.env("VERSION", "v1").arg("deploy").output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn log_groups_keep_their_lines_as_long_as_configured() {
    let world = World::new();
    world.push("v1", &[]);
    world.deploy_well("v1");
    let mut kept = world.logs(async |client| {
        let groups = client.describe_log_groups().send().await.unwrap();
        let kept = groups.log_groups().iter().map(|group| {
            let name = group.log_group_name().unwrap();
            (name.rsplit('/').next().unwrap().to_owned(), group.retention_in_days())
        });
        kept.collect::<Vec<_>>()
    });
    kept.sort();
    assert_eq!(kept, [("application".to_owned(), Some(30)), ("service".to_owned(), Some(30))]);
}

#[test]
fn a_new_version_is_deployed_by_start_deployment() {
    let world = World::new();
    world.push("v1", &[]);
    let digest = world.push("v2", &[]);
    world.deploy_well("v1");
    world.deploy_well("v2");
    assert_eq!(world.answer(), "200 v2");
    assert_eq!(world.tag(LIVE), Some(digest));
    assert_eq!(world.orders(), ["CreateService", "StartDeployment"]);
}

#[test]
fn an_unhealthy_image_is_stopped_before_anything_changes() {
    for behaviour in ["status:500", "never-listen", "exit:3", "listen-local"] {
        let world = World::new();
        let old = world.push("v1", &[]);
        world.push("v2", &[("DEMO_FAIL", behaviour)]);
        world.deploy_well("v1");
        let ran = world.deploy("v2", &[]);
        assert_eq!(ran.code, 6, "{behaviour}: {}", ran.said());
        assert_eq!(world.tag(LIVE), Some(old), "{behaviour}");
        assert_eq!(world.orders(), ["CreateService"], "{behaviour}");
        assert_eq!(world.answer(), "200 v1", "{behaviour}");
    }
}

#[test]
fn an_image_that_fails_only_in_the_cloud_is_rolled_back_with_a_reason() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.deploy_well("v1");
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 8, "{}", ran.said());
    assert!(ran.stderr.contains("Container exit code: 1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot reach the database"), "{}", ran.stderr);
    assert!(!ran.said().contains("hunter2"), "the secret's value is shown");
    assert_eq!(world.answer(), "200 v1");
    let (_, status, _) = world.service().unwrap();
    assert_eq!(status, "RUNNING");
}

#[test]
fn a_first_deployment_that_fails_says_what_it_left() {
    let world = World::new();
    world.push("v1", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 9, "{}", ran.said());
    assert!(ran.stderr.contains("CREATE_FAILED"), "{}", ran.stderr);
    assert_eq!(world.service().unwrap().1, "CREATE_FAILED");

    assert!(ran.stderr.contains("run the same command again"), "the way out is told: {}", ran.stderr);
    assert_eq!(world.orders(), ["CreateService"]);
}

#[test]
fn deploying_what_is_there_already_copies_nothing() {
    let world = World::new();
    world.push("v1", &[]);
    world.deploy_well("v1");
    let ran = world.deploy("v1", &["--force", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let events: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished = events.iter().find(|event| event["event"] == "copy-finished").unwrap();
    assert_eq!(finished["bytes_sent"], 0);
    let blobs = events.iter().filter(|event| event["event"] == "blob-copied").count();
    assert_eq!(blobs, 0);
}

/// Another manifest of the same layers: no byte of a blob is sent, and yet the image was not there.
#[test]
fn a_manifest_alone_is_a_copy_too() {
    let world = World::new();
    world.push("v1", &[]);
    world.deploy_well("v1");
    let mut image = crate::world::layer().image(&[("DEMO_VERSION", "v1")]);
    let spaced = [&image.manifest.bytes[..], b"\n"].concat();
    image.manifest = shipgate_core::manifest::RawManifest::new(image.manifest.media_type, spaced.into());
    let digest = world.push_image("v1-again", &image);
    let ran = world.deploy("v1-again", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let events: Vec<serde_json::Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let copied = events.iter().find(|event| event["event"] == "stage-finished" && event["stage"] == "copy").unwrap();
    assert_eq!(copied["outcome"], "ok", "{copied}");
    let finished = events.iter().find(|event| event["event"] == "copy-finished").unwrap();
    assert_eq!((&finished["bytes_sent"], &finished["changed"]), (&0.into(), &true.into()), "{finished}");
    assert_eq!(world.tag(crate::world::LIVE), Some(digest));
}

#[test]
fn a_demo_that_is_stopped_leaves_nothing() {
    let mut child = crate::world::shipgate().arg("demo").stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let started = talk.by_ref().find(|line| line.contains("verify     container ")).expect("a container is started");
    let container = started.split_whitespace().nth(3).unwrap().to_owned();
    crate::world::signal(&child, "TERM");
    let rest: Vec<String> = talk.collect();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{rest:#?}");
    let left = std::process::Command::new("docker").args(["ps", "-aq"]).output().unwrap();
    assert!(!String::from_utf8(left.stdout).unwrap().contains(&container), "{container} is still there: {rest:#?}");
}

#[test]
fn the_demo_tells_the_truth() {
    let ran: crate::world::Ran = crate::world::shipgate().arg("demo").output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    let claims = |mark: &str| ran.stderr.lines().filter(|line| line.starts_with(&format!("  {mark} "))).count();
    assert_eq!((claims("✓"), claims("✗")), (15, 0), "{}", ran.said());
    let missing = documents::lines_the_demo_did_not_print(&ran.stderr);
    assert!(missing.is_empty(), "the README shows what the demo does not print: {missing:#?}\n{}", ran.said());
}
