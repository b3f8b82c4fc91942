//! `shipgate rollback`: the version before, or one that is named, by the same steps as any deployment.

use serde_json::json;

use super::{Running, changes, ids, pause, returning::immutable, serving, source};
use crate::world::{CONFIGURATION, LIVE, Ran, SOURCE, World};

/// Goes back. No Docker engine is there to be asked.
fn rollback(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.shipgate();
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").arg("rollback").args(arguments);
    command.output().unwrap().into()
}

fn deployments(world: &World) -> usize {
    world.operations().iter().filter(|kind| *kind == "START_DEPLOYMENT").count()
}

fn workload() -> String {
    SOURCE.replace("111111111111", "222222222222")
}

#[test]
fn back_to_the_version_before_and_forth_again() {
    let (world, old, new) = serving();
    world.deploy_well("v2");
    let back = rollback(&world, &[]);
    assert_eq!(back.code, 0, "{}", back.said());
    assert!(back.said().contains(&format!("from {} back to {}", new.short(), old.short())), "{}", back.said());
    assert!(back.said().contains(&format!("go on with --to {old}")), "{}", back.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
    assert_eq!(deployments(&world), 2);
    let forth = rollback(&world, &[]);
    assert_eq!(forth.code, 0, "{}", forth.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    assert_eq!(deployments(&world), 3);
}

#[test]
fn to_a_digest_and_not_twice() {
    let (world, old, _) = serving();
    world.push("v3", &[]);
    world.deploy_well("v2");
    world.deploy_well("v3");
    let ran = rollback(&world, &["--to", old.as_str()]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old.clone())));
    let before = changes(&world);
    let again = rollback(&world, &["--to", old.as_str()]);
    assert!(again.code == 0 && again.said().contains("already deployed"), "{}", again.said());
    assert_eq!(changes(&world), before);
    let forced = rollback(&world, &["--to", old.as_str(), "--force"]);
    assert_eq!(forced.code, 0, "{}", forced.said());
    assert_eq!((deployments(&world), world.answer().as_str()), (4, "200 v1"));
}

#[test]
fn what_is_not_there_is_not_gone_to() {
    let (world, old, _) = serving();
    let before = changes(&world);
    let nowhere = format!("sha256:{}", "0".repeat(64));
    let unknown = rollback(&world, &["--to", &nowhere]);
    assert_eq!(unknown.code, 4, "{}", unknown.said());
    assert!(unknown.said().contains(&format!("there is no image {}@{nowhere}", workload())), "{}", unknown.said());
    assert_eq!(rollback(&world, &["--to", "v1"]).code, 2);
    let nothing = rollback(&world, &[]);
    assert_eq!(nothing.code, 4, "{}", nothing.said());
    assert!(nothing.said().contains("it is the first that is on record"), "{}", nothing.said());
    assert!(nothing.said().contains("hint: name a digest"), "{}", nothing.said());
    assert_eq!(changes(&world), before);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

#[test]
fn a_deployment_that_failed_is_no_version() {
    let (world, old, _) = serving();
    world.push("v3", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.deploy_well("v2");
    assert_eq!(world.deploy("v3", &[]).code, 8);
    let ran = rollback(&world, &["--to", old.as_str()]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

/// App Runner went back to v2 by itself: `rollback` means that version, and must not go on to v1.
#[test]
fn rollback_after_rollback_restores_the_tag() {
    let (world, _, new) = serving();
    let failed = world.push("v3", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.deploy_well("v2");
    assert_eq!(world.deploy("v3", &[]).code, 8);
    assert_eq!(world.tag(LIVE), Some(failed));
    let orders = world.orders();
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    assert_eq!(world.orders(), orders, "nothing was deployed");
}

#[test]
fn a_service_that_has_never_come_up_has_no_version() {
    let world = World::new();
    world.push("v1", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    assert_eq!(rollback(&world, &[]).code, 4, "there is no service");
    assert_eq!(world.deploy("v1", &[]).code, 9);
    let before = changes(&world);
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.said().contains("CREATE_FAILED"), "{}", ran.said());
    assert_eq!(changes(&world), before);
}

#[test]
fn a_pinned_service_stays_pinned() {
    let (world, old, _) = serving();
    assert_eq!(world.deploy("v2", &["--identifier", "digest"]).code, 0);
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(source(&world).0, format!("{}@{old}", workload()));
    assert_eq!(world.orders(), ["CreateService", "UpdateService", "UpdateService"]);
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn where_tags_cannot_be_moved_each_version_has_its_own() {
    let (world, old, new) = immutable();
    world.deploy_well("v2");
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(source(&world).0, format!("{}:{LIVE}", workload()));
    assert_eq!(world.answer(), "200 v1");
    let forth = rollback(&world, &[]);
    assert_eq!(forth.code, 0, "{}", forth.said());
    assert_eq!(source(&world).0, format!("{}:v2", workload()));
    assert_eq!((world.tag(LIVE), world.tag("v2")), (Some(old), Some(new)));
    assert_eq!((world.orders().len(), world.answer().as_str()), (4, "200 v2"));
}

#[test]
fn a_paused_service_is_resumed_with_consent_alone() {
    let (world, old, _) = serving();
    world.deploy_well("v2");
    pause(&world);
    let refused = rollback(&world, &[]);
    assert_eq!(refused.code, 11, "{}", refused.said());
    assert!(refused.said().contains("--resume"), "{}", refused.said());
    let ran = rollback(&world, &["--resume"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

#[test]
fn one_that_is_killed_before_its_order_is_gone_on_with() {
    let (world, old, _) = serving();
    world.deploy_well("v2");
    let fault = |times: u32| {
        json!({
            "kind": "delay", "service": "apprunner", "action": "StartDeployment", "times": times, "milliseconds": 30000,
        })
    };
    world.fault(&fault(1));
    let mut running = Running::rollback(&world);
    running.until_event("promoted");
    running.kill();
    world.fault(&fault(0));
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(old.clone())));
    super::until(&world, "RUNNING");
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((deployments(&world), world.answer().as_str(), world.tag(LIVE)), (2, "200 v1", Some(old)));
}

#[test]
fn one_that_is_killed_after_its_order_is_followed() {
    let (world, old, _) = serving();
    world.deploy_well("v2");
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "stuck": true})));
    let mut first = Running::rollback(&world);
    first.until_event("released");
    first.kill();
    let id = ids(&world).remove(0);
    let mut second = Running::rollback(&world);
    second.until_stage("gate");
    world.control(Some(&json!({"kind": "release", "operation": id})));
    let ran = second.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "StartDeployment", "StartDeployment"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old.clone())));
    // Once it has ended the version before is the other one; the digest means the same for ever.
    let before = changes(&world);
    assert_eq!(rollback(&world, &["--to", old.as_str()]).code, 0);
    assert_eq!(changes(&world), before);
}

#[test]
fn a_smoke_test_that_fails_takes_nobody_forth_again() {
    let (world, old, _) = serving();
    world.deploy_well("v2");
    let smoke_test = "smoke_test: { path: /nowhere, within: 1s, on_failure: return }";
    world.write("shipgate.yaml", &format!("{CONFIGURATION}    {smoke_test}\n"));
    let ran = rollback(&world, &[]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    assert_eq!((deployments(&world), world.answer().as_str(), world.tag(LIVE)), (2, "200 v1", Some(old)));
}
