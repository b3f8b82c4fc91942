//! A smoke test that fails, where the version before is to be deployed again: it is, once, by the same steps.

use serde_json::{Value, json};
use shipgate_core::digest::Digest;

use super::{Running, deploy_by_push, foreign_deployment, ids, serving, source};
use crate::world::{CONFIGURATION, LIVE, SEED, SOURCE, World};

/// From now on no version passes.
fn no_version_passes(world: &World) {
    let smoke_test = "smoke_test: { path: /nowhere, within: 3s, on_failure: return }";
    world.write("shipgate.yaml", &format!("{CONFIGURATION}    {smoke_test}\n"));
}

/// A world where v1 serves, v2 waits, and no version passes.
fn returning() -> (World, Digest, Digest) {
    let (world, old, new) = serving();
    no_version_passes(&world);
    (world, old, new)
}

#[test]
fn the_version_before_is_deployed_again() {
    let (world, old, _) = returning();
    let ran = world.deploy("v2", &["--report", "report.json"]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert!(ran.said().contains(&format!("{} serves again", old.short())), "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "StartDeployment", "StartDeployment"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old.clone())));
    assert_eq!(world.tag(&format!("shipgate-next-shop-api-{}", ids(&world)[1])), Some(old.clone()));
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(world.folder().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 12);
    assert!(report["summary"].as_str().unwrap().ends_with("tag shop-api points at it again"), "{}", report["summary"]);
    let moved: Vec<&Value> = report["promotions"].as_array().unwrap().iter().map(|one| &one["digest"]).collect();
    assert_eq!((moved.len(), moved[1]), (2, &json!(old.as_str())));
    let gates = report["stages"].as_array().unwrap().iter().filter(|stage| stage["stage"] == "gate");
    assert_eq!(gates.filter(|gate| gate["outcome"] == "ok").count(), 2, "both were gated");
}

#[test]
fn a_first_version_has_none_before_it() {
    let world = World::new();
    let only = world.push("v1", &[]);
    no_version_passes(&world);
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert!(ran.said().contains("it is the first that is on record"), "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(only)));
}

#[test]
fn what_others_deployed_before_is_returned_to() {
    let (world, old, _) = returning();
    foreign_deployment(&world);
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
    assert_eq!(world.operations().len(), 4);
}

#[test]
fn a_return_that_is_refused_leaves_the_new_version_and_its_tag() {
    let (world, _, new) = returning();
    let mut running = Running::deploy(&world, "v2", &[]);
    running.until_event("gated");
    world.fault(&json!({
        "kind": "error", "service": "apprunner", "action": "StartDeployment", "times": 1, "status": 400,
        "code": "InvalidRequestException", "message": "no",
    }));
    let ran = running.end();
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert!(ran.said().contains("the new version serves; the version before could not be"), "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "CREATE_SERVICE"]);
}

#[test]
fn a_return_that_is_stopped_names_its_operation() {
    let (world, old, _) = returning();
    let mut running = Running::deploy(&world, "v2", &[]);
    running.until_event("gated");
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "stuck": true})));
    running.until_event("released");
    let id = ids(&world).remove(0);
    running.signal("INT");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{}", ran.said());
    let last: Value = serde_json::from_str(ran.stdout.trim().lines().last().unwrap()).unwrap();
    let (summary, hint) = (last["summary"].as_str().unwrap().replace('-', ""), last["hint"].as_str().unwrap());
    assert!(summary.contains(&id) && hint.contains("shipgate wait"), "{last}");
    assert!(last["summary"].as_str().unwrap().ends_with("points at the version before"), "{last}");
    world.control(Some(&json!({"kind": "release", "operation": id})));
    super::until(&world, "RUNNING");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
    assert_eq!(world.orders(), ["CreateService", "StartDeployment", "StartDeployment"]);
}

#[test]
fn a_stopped_smoke_test_says_that_the_new_version_serves() {
    let (world, _, new) = returning();
    let mut running = Running::deploy(&world, "v2", &[]);
    running.until_event("smoke-tested");
    running.signal("TERM");
    let ran = running.end();
    assert_eq!(ran.code, 143, "{}", ran.said());
    let last: Value = serde_json::from_str(ran.stdout.trim().lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"], "the new version serves; tag shop-api points at the new image");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    assert_eq!(world.orders(), ["CreateService", "StartDeployment"]);
}

#[test]
fn a_pinned_service_is_pinned_to_the_digest_before() {
    let (world, old, _) = serving();
    assert_eq!(world.deploy("v1", &["--identifier", "digest"]).code, 0);
    no_version_passes(&world);
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert_eq!(source(&world).0, format!("{}@{old}", SOURCE.replace("111111111111", "222222222222")));
    assert_eq!(world.orders(), ["CreateService", "UpdateService", "UpdateService", "UpdateService"]);
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn a_push_that_deploys_is_pushed_back() {
    let (world, old, _) = serving();
    deploy_by_push(&world);
    no_version_passes(&world);
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "START_DEPLOYMENT", "UPDATE_SERVICE", "CREATE_SERVICE"]);
    assert_eq!(world.orders(), ["CreateService", "UpdateService"], "nothing was ordered but by the test");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

/// A world like [`serving`]'s, whose tags cannot be moved.
pub(super) fn immutable() -> (World, Digest, Digest) {
    let immutable = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }\n";
    let world = World::with_seed(&SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", immutable));
    let (old, new) = (world.push("v1", &[]), world.push("v2", &[]));
    world.deploy_well("v1");
    (world, old, new)
}

#[test]
fn where_tags_cannot_be_moved_the_service_gets_its_old_one_back() {
    let (world, old, new) = immutable();
    let before = source(&world);
    no_version_passes(&world);
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert_eq!(source(&world), before);
    assert_eq!((world.tag(LIVE), world.tag("v2")), (Some(old), Some(new)));
    assert_eq!((world.orders().len(), world.answer().as_str()), (3, "200 v1"));
}

/// What is to be returned to is on record before anything changes: whoever kills the run, it is known.
#[test]
fn the_version_before_is_on_record_before_the_tag_moves() {
    let (world, old, new) = serving();
    foreign_deployment(&world);
    let theirs = ids(&world).remove(0);
    world.fault(&json!({
        "kind": "delay", "service": "apprunner", "action": "StartDeployment", "times": 1, "milliseconds": 30000,
    }));
    let mut running = Running::deploy(&world, "v2", &[]);
    running.until_event("promoted");
    running.kill();
    assert_eq!(world.tag(LIVE), Some(new));
    assert_eq!(world.tag(&format!("shipgate-was-shop-api-{theirs}")), Some(old));
    assert_eq!(world.answer(), "200 v1");
}
