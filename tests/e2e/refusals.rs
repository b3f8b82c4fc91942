//! Bad input and bad worlds. Each ends with its exit code, says everything that is wrong and how to mend it, and leaves
//! the old state as it was: nothing that was promoted, ordered or served changes.

use serde_json::json;
use shipgate_core::digest::Digest;

use crate::{
    said::without_what_varies,
    world::{CONFIGURATION, LIVE, Ran, SEED, World, layer, shipgate},
};

/// A world where v1 serves and v2 waits in the registry.
fn serving() -> (World, Digest) {
    let world = World::new();
    let old = world.push("v1", &[]);
    world.push("v2", &[]);
    world.deploy_well("v1");
    (world, old)
}

/// Nothing changed since [`serving`].
fn assert_untouched(world: &World, old: &Digest, ran: &Ran) {
    assert_eq!(world.tag(LIVE).as_ref(), Some(old), "the tag moved: {}", ran.said());
    assert_eq!(world.orders(), ["CreateService"], "something was ordered: {}", ran.said());
    assert_eq!(world.answer(), "200 v1", "the old version does not serve: {}", ran.said());
}

macro_rules! assert_said {
    ($ran:expr, $code:expr) => {
        let ran = &$ran;
        assert_eq!(ran.code, $code, "{}", ran.said());
        insta::assert_snapshot!(without_what_varies(ran));
    };
}

#[test]
fn a_file_with_problems_is_refused_with_all_of_them() {
    let world = World::new();
    world.write(
        "broken.yaml",
        "image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:${GIT_SHA}\n\
         registry_role: arn:aws:iam::1111:role/shipgate-pull\n\
         targets:\n  prod:\n    role: arn:aws:iam::222222222222:role/shipgate-deploy\n    servise: shop-api\n",
    );
    let ran: Ran = world.shipgate().args(["deploy", "--file", "broken.yaml"]).output().unwrap().into();
    assert_said!(ran, 2);
    assert!(world.orders().is_empty());
}

#[test]
fn flags_alone_that_do_not_suffice_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ran: Ran = shipgate().current_dir(folder.path()).args(["deploy", "--region", "Tokyo"]).output().unwrap().into();
    assert_said!(ran, 2);
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let ran: Ran = shipgate().args(["deploy", "--imgae", "x"]).output().unwrap().into();
    assert_said!(ran, 2);
}

#[test]
fn no_credentials_at_all() {
    let world = World::new();
    let ran: Ran = world
        .shipgate()
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", world.folder())
        .env("VERSION", "v1")
        .arg("deploy")
        .output()
        .unwrap()
        .into();
    assert_said!(ran, 3);
    assert!(world.orders().is_empty());
}

#[test]
fn a_role_that_may_not_be_assumed_is_named_with_the_hops_before_it() {
    let (world, old) = serving();
    let chain = CONFIGURATION.replace(
        "    role: arn:aws:iam::222222222222:role/shipgate-deploy\n",
        "    role:\n      - arn:aws:iam::222222222222:role/hub\n      - arn:aws:iam::222222222222:role/closed\n",
    );
    world.write("chain.yaml", &chain);
    let ran = world.deploy("v2", &["--file", "chain.yaml"]);
    assert_said!(ran, 3);
    assert_untouched(&world, &old, &ran);
}

#[test]
fn a_wrong_external_id_is_refused_and_the_right_one_is_not() {
    let (world, old) = serving();
    let guarded = ["--role", "arn:aws:iam::222222222222:role/guarded"];
    let ran = world.deploy("v2", &[guarded[0], guarded[1], "--external-id", "guess"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert_untouched(&world, &old, &ran);
    let right = world.deploy("v2", &[guarded[0], guarded[1], "--external-id", "open-sesame"]);
    assert_eq!(right.code, 0, "{}", right.said());
}

#[test]
fn a_tag_that_does_not_exist() {
    let (world, old) = serving();
    let ran = world.deploy("v3", &[]);
    assert_said!(ran, 4);
    assert_untouched(&world, &old, &ran);
}

#[test]
fn a_workload_repository_that_is_missing_is_created_only_when_asked_for() {
    let seed = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", "");
    let world = World::with_seed(&seed);
    world.push("v1", &[]);
    let ran = world.deploy("v1", &[]);
    assert_said!(ran, 4);
    assert!(world.orders().is_empty());
    assert_eq!(world.manifest(LIVE), None);

    let asked = world.deploy("v1", &["--create-repository"]);
    assert_eq!(asked.code, 0, "{}", asked.said());
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn a_named_tag_that_is_another_images_for_ever_is_refused() {
    let immutable = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }\n";
    let seed = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", immutable);
    let world = World::with_seed(&seed);
    let old = world.push("v1", &[]);
    world.push("v2", &[]);
    world.deploy_well("v1");
    let ran = world.deploy("v2", &["--tag", LIVE]);
    assert_said!(ran, 4);
    assert_untouched(&world, &old, &ran);
}

#[test]
fn a_tag_that_is_excluded_from_immutability_can_be_promoted() {
    let excluded = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE, mutability_exclusions: [shop-*] }\n";
    let seed = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", excluded);
    let world = World::with_seed(&seed);
    world.push("v1", &[]);
    world.push("v2", &[]);
    world.deploy_well("v1");
    world.deploy_well("v2");
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn an_image_for_another_platform() {
    let (world, old) = serving();
    let image = layer().image_that_runs(&["/shipgate", "demo-app"], &[], "arm64");
    let digest = world.push_image("arm", &image);
    let ran = world.deploy("arm", &[]);
    assert_said!(ran, 4);
    assert_untouched(&world, &old, &ran);
    assert_eq!(world.manifest(digest.as_str()), None, "nothing was copied");
}

#[test]
fn a_service_that_cannot_be_created_without_a_role_for_its_image() {
    let world = World::new();
    world.push("v1", &[]);
    world.write("four-facts.yaml", CONFIGURATION.split("    create:").next().unwrap());
    let ran = world.deploy("v1", &["--file", "four-facts.yaml"]);
    assert_said!(ran, 4);
    assert!(world.orders().is_empty());
}

#[test]
fn several_problems_of_the_world_are_told_at_once() {
    let seed = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", "");
    let world = World::with_seed(&seed);
    world.push_image("arm", &layer().image_that_runs(&["/shipgate", "demo-app"], &[], "arm64"));
    let ran: Ran = world
        .shipgate()
        .env("VERSION", "arm")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .arg("deploy")
        .output()
        .unwrap()
        .into();
    assert_said!(ran, 4);
}

#[test]
fn docker_that_is_not_there_is_named_by_every_socket_tried() {
    let (world, old) = serving();
    let ran: Ran = world
        .shipgate()
        .env("VERSION", "v2")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .arg("deploy")
        .output()
        .unwrap()
        .into();
    assert_said!(ran, 7);
    assert_untouched(&world, &old, &ran);

    let unverified = world.deploy("v2", &["--no-verify"]);
    assert_eq!(unverified.code, 0, "{}", unverified.said());
}

#[test]
fn a_corrupt_blob_is_never_committed() {
    let (world, old) = serving();
    let image = layer().image_that_runs(&["/shipgate", "demo-app"], &[("DEMO_VERSION", "v5")], "amd64");
    let digest = world.push_image("v5", &image);
    let (config, _) = &image.blobs[0];
    world.fault(&json!({ "kind": "corrupt-blob", "digest": config.digest.as_str() }));
    let ran = world.deploy("v5", &["--no-verify"]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    assert!(ran.stderr.contains(config.digest.short()), "which blob is told: {}", ran.stderr);
    assert_untouched(&world, &old, &ran);
    assert_eq!(world.manifest(digest.as_str()), None, "no manifest was committed");
}

#[test]
fn a_corrupt_layer_is_never_committed_either() {
    let world = World::new();
    let image = layer().image(&[("DEMO_VERSION", "v1")]);
    let digest = world.push_image("v1", &image);
    let (layer, _) = &image.blobs[1];
    world.fault(&json!({ "kind": "corrupt-blob", "digest": layer.digest.as_str() }));
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    assert!(ran.stderr.contains(layer.digest.short()), "which blob is told: {}", ran.stderr);
    assert_eq!(world.manifest(digest.as_str()), None, "no manifest was committed");
    assert_eq!((world.tag(LIVE), world.orders()), (None, Vec::new()));
    assert!(!world.has_blob(&layer.digest), "the blob was committed");
}

#[test]
fn a_service_in_a_state_that_takes_no_deployment() {
    let (world, old) = serving();
    let (arn, _, _) = world.service().unwrap();
    world.app_runner(async |client| {
        client.pause_service().service_arn(&arn).send().await.unwrap();
        while client.describe_service().service_arn(&arn).send().await.unwrap().service.unwrap().status.as_str()
            != "PAUSED"
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    let ran = world.deploy("v2", &[]);
    assert_said!(ran, 11);
    assert_eq!(world.tag(LIVE), Some(old));
    assert_eq!(world.orders(), ["CreateService"]);
}

#[test]
fn an_access_role_that_app_runner_may_not_assume() {
    let world = World::new();
    world.push("v1", &[]);
    let ran = world.deploy("v1", &["--access-role", "arn:aws:iam::222222222222:role/untrusting"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(ran.stderr.contains("build.apprunner.amazonaws.com"), "{}", ran.stderr);
    assert!(world.service().is_none());
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_done() {
    let (world, old) = serving();
    let ran = world.deploy("v2", &["--report", "/nowhere/report.json"]);
    assert_said!(ran, 2);
    assert_untouched(&world, &old, &ran);
}
