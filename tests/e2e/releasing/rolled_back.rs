//! After App Runner has rolled a deployment back: what serves is the version before, and the tag still points at the image that failed.
//! Without containers: what counts is which calls are made.

use serde_json::{Value, json};
use shipgate_core::digest::Digest;

use super::{Running, changes, deploy_by_push, ids, source};
use crate::{
    images,
    world::{LIVE, REPOSITORY, Ran, SEED, World},
};

/// A world where v1 and then v2 were deployed, and v3 and v4 wait; with their digests.
fn serving(seed: &str, arguments: &[&str]) -> (World, Vec<Digest>) {
    let world = World::with_seed(&format!("{seed}scripted: true\n"));
    let digests = ["v1", "v2", "v3", "v4"].map(|version| world.push_image(version, &images::image(version)));
    for version in ["v1", "v2"] {
        let ran = deploy(&world, version, arguments);
        assert_eq!(ran.code, 0, "{}", ran.said());
    }
    (world, digests.into())
}

fn deploy(world: &World, version: &str, arguments: &[&str]) -> Ran {
    world.deploy(version, &[&["--no-verify"], arguments].concat())
}

fn rollback(world: &World, arguments: &[&str]) -> Ran {
    world.shipgate().arg("rollback").args(arguments).output().unwrap().into()
}

/// A deployment of a version that App Runner does not carry out.
fn fail(world: &World, version: &str, outcome: &str, arguments: &[&str]) -> Ran {
    world.control(Some(&json!({ "kind": "script", "outcome": outcome, "at": "checking" })));
    let ran = deploy(world, version, arguments);
    let code = if outcome == "ROLLBACK_SUCCEEDED" { 8 } else { 9 };
    assert_eq!(ran.code, code, "{}", ran.said());
    ran
}

/// What serves.
fn blue(world: &World) -> String {
    world.control(None)["services"][0]["Blue"].as_str().unwrap().to_owned()
}

/// A command that was printed, run as it stands.
fn run_printed(world: &World, command: &str) -> Ran {
    let words = command.strip_prefix("shipgate ").unwrap_or_else(|| panic!("{command}")).split(' ');
    world.shipgate().args(words).output().unwrap().into()
}

#[test]
fn tag_is_restored_by_the_printed_command_and_nothing_is_deployed() {
    let (world, digests) = serving(SEED, &[]);
    let v2 = Some(digests[1].clone());
    let report = world.folder().join("report.json");
    let junit = world.folder().join("junit.xml");
    let arguments = ["--report", report.to_str().unwrap(), "--report", junit.to_str().unwrap()];
    let ran = fail(&world, "v3", "ROLLBACK_SUCCEEDED", &arguments);
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    let command = told["reason"]["restore"].as_str().unwrap_or_else(|| panic!("{told:#}"));
    assert!(command.starts_with(&format!("shipgate rollback --to {}", digests[1])), "{command}");
    assert!(ran.stderr.contains(command), "{}", ran.stderr);
    assert_eq!(told["reason"]["serving"]["digest"], digests[1].as_str());
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("Health check failed on protocol") && xml.contains(command), "{xml}");
    let status: Ran = world.shipgate().arg("status").output().unwrap().into();
    assert!(status.stdout.contains(&format!("fix it with: {command}")), "{}", status.stdout);

    let orders = world.orders();
    let fixed = run_printed(&world, command);
    assert_eq!(fixed.code, 0, "{}", fixed.said());
    assert!(fixed.said().contains("nothing was deployed"), "{}", fixed.said());
    assert_eq!((world.tag(LIVE), world.orders()), (v2.clone(), orders));
    // The record speaks of what the tag points at: of whatever operation comes next.
    let next = format!("shipgate-next-shop-api-{}", ids(&world)[0]);
    assert_eq!((world.tag(&next), blue(&world)), (v2.clone(), digests[1].to_string()));
    let status: Ran = world.shipgate().arg("status").output().unwrap().into();
    assert!(!status.stdout.contains("fix it with"), "{}", status.stdout);

    // Again, and without a digest: there is nothing to do, and never the version before.
    for arguments in [&[][..], &["--to", digests[1].as_str()]] {
        let before = changes(&world);
        let again = rollback(&world, arguments);
        assert_eq!(again.code, 0, "{}", again.said());
        assert_eq!((changes(&world), world.tag(LIVE)), (before, v2.clone()), "{arguments:?}");
    }
    // What is deployed next is what was meant: v1 by its name, v2 by --force.
    assert_eq!(rollback(&world, &["--to", digests[1].as_str(), "--force"]).code, 0);
    assert_eq!(rollback(&world, &["--to", digests[0].as_str()]).code, 0);
    assert_eq!((blue(&world), world.tag(LIVE)), (digests[0].to_string(), Some(digests[0].clone())));
}

#[test]
fn two_failures_in_a_row_lead_back_to_what_serves() {
    let (world, digests) = serving(SEED, &[]);
    fail(&world, "v3", "ROLLBACK_SUCCEEDED", &[]);
    let second = fail(&world, "v4", "ROLLBACK_SUCCEEDED", &[]);
    // The tag pointed at v3 before v4 was deployed, and v3 never served.
    assert!(second.said().contains(&format!("rollback --to {}", digests[1])), "{}", second.said());
    let orders = world.orders();
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.tag(LIVE), world.orders()), (Some(digests[1].clone()), orders));
    // Once a version has succeeded again, the way back is one step from there.
    assert_eq!(deploy(&world, "v4", &[]).code, 0);
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.tag(LIVE), blue(&world)), (Some(digests[1].clone()), digests[1].to_string()));
}

#[test]
fn what_may_not_serve_is_deployed_again() {
    for outcome in ["ROLLBACK_FAILED", "FAILED"] {
        let (world, digests) = serving(SEED, &[]);
        fail(&world, "v3", outcome, &[]);
        let orders = world.orders().len();
        let ran = rollback(&world, &[]);
        assert_eq!(ran.code, 0, "{outcome}: {}", ran.said());
        assert_eq!((world.tag(LIVE), blue(&world)), (Some(digests[1].clone()), digests[1].to_string()));
        assert_eq!(world.orders().len(), orders + 1, "{outcome}");
    }
}

#[test]
fn without_a_record_the_digest_must_be_named() {
    let (world, digests) = serving(SEED, &[]);
    let failed = fail(&world, "v3", "ROLLBACK_SUCCEEDED", &[]);
    assert!(failed.said().contains("rollback --to"), "{}", failed.said());
    // A lifecycle rule took the records away.
    world.ecr("arn:aws:iam::222222222222:role/shipgate-deploy", async |client| {
        let listed = client.list_images().repository_name(REPOSITORY).send().await.unwrap();
        let records =
            listed.image_ids().iter().filter(|id| id.image_tag().is_some_and(|tag| tag.starts_with("shipgate-")));
        let records: Vec<_> = records
            .map(|id| aws_sdk_ecr::types::ImageIdentifier::builder().image_tag(id.image_tag().unwrap()).build())
            .collect();
        client.batch_delete_image().repository_name(REPOSITORY).set_image_ids(Some(records)).send().await.unwrap();
    });
    let before = changes(&world);
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.said().contains("not on record what serves") && ran.said().contains("--to sha256:"), "{}", ran.said());
    assert_eq!((changes(&world), world.tag(LIVE)), (before, Some(digests[2].clone())));
}

#[test]
fn pinned_and_fixed_identifiers_are_restored_by_app_runner() {
    let immutable = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }\n";
    let immutable = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", immutable);
    let cases: [(&str, &[&str]); 2] = [(SEED, &["--identifier", "digest"]), (&immutable, &[])];
    for (seed, arguments) in cases {
        let (world, digests) = serving(seed, arguments);
        let deployed_from = source(&world);
        let failed = fail(&world, "v3", "ROLLBACK_SUCCEEDED", arguments);
        assert!(!failed.said().contains("point the tag back"), "{}", failed.said());
        assert_eq!(source(&world), deployed_from);
        let before = changes(&world);
        let ran = rollback(&world, &[]);
        assert_eq!(ran.code, 0, "{}", ran.said());
        assert_eq!((changes(&world), source(&world)), (before, deployed_from));
        assert_eq!(blue(&world), digests[1].as_str());
    }
}

/// Operations are listed a second after they have started.
const LATE: &str = "eventual_consistency: { stale_status_ms: 1000, late_operations_ms: 1000 }\n";

/// A deployment that runs is waited for, listed or not; however it ends, the way back leads to what served before it.
#[test]
fn rollback_of_a_running_deployment_ends_at_what_serves() {
    for (outcome, orders) in [("ROLLBACK_SUCCEEDED", 3), ("SUCCEEDED", 4)] {
        let (world, digests) = serving(&format!("{SEED}{LATE}"), &[]);
        let mut script = json!({ "kind": "script", "stuck": true, "at": "checking" });
        if outcome != "SUCCEEDED" {
            script["outcome"] = outcome.into();
        }
        world.control(Some(&script));
        let mut deployment = Running::deploy(&world, "v3", &["--no-verify"]);
        deployment.until_event("released");
        let operation = ids(&world).remove(0);
        let mut back = Running::rollback(&world);
        back.until_stage("prepare");
        world.control(Some(&json!({ "kind": "release", "operation": operation })));
        let ran = back.end();
        assert_eq!(ran.code, 0, "{outcome}: {}", ran.said());
        deployment.end();
        assert_eq!((world.tag(LIVE), blue(&world)), (Some(digests[1].clone()), digests[1].to_string()), "{outcome}");
        assert_eq!(world.orders().len(), orders, "{outcome}: {:?}", world.orders());
    }
}

#[test]
fn push_that_deploys_is_followed_on_the_way_back() {
    let (world, digests) = serving(SEED, &[]);
    deploy_by_push(&world);
    fail(&world, "v3", "ROLLBACK_SUCCEEDED", &[]);
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.tag(LIVE), blue(&world)), (Some(digests[1].clone()), digests[1].to_string()));
}
