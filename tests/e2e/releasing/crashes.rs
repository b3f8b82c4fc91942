//! Runs that are killed: the same command again continues, and nothing is deployed twice.

use serde_json::json;

use super::{Running, foreign_deployment, ids, serving};
use crate::world::{LIVE, World};

fn deployments(world: &World) -> usize {
    world.operations().iter().filter(|kind| *kind == "START_DEPLOYMENT").count()
}

/// Kills a deployment when the tag has moved, before App Runner has taken its order.
fn killed_after_promote(world: &World, version: &str) {
    let fault = |times: u32| {
        json!({
            "kind": "delay", "service": "apprunner", "action": "StartDeployment", "times": times, "milliseconds": 30000,
        })
    };
    world.fault(&fault(1));
    let mut running = Running::deploy(world, version, &[]);
    running.until_event("promoted");
    running.kill();
    world.fault(&fault(0));
}

#[test]
fn a_tag_that_was_moved_and_not_deployed_is_deployed_once() {
    let (world, _, new) = serving();
    killed_after_promote(&world, "v2");
    assert_eq!(world.tag(LIVE), Some(new.clone()));
    super::until(&world, "RUNNING");
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(deployments(&world), 1);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
}

#[test]
fn a_record_of_what_never_began_says_nothing() {
    let (world, old, new) = serving();
    // As a run leaves it that is killed between the record and the order.
    let newest = ids(&world).remove(0);
    world.deploy_well("v2");
    world.deploy_well("v1");
    let last = ids(&world).remove(0);
    world.retag(LIVE, &new);
    world.retag(&format!("shipgate-next-shop-api-{last}"), &new);
    assert_eq!(world.tag(&format!("shipgate-next-shop-api-{newest}")), Some(new.clone()));
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(!ran.stderr.contains("already deployed"), "{}", ran.said());
    assert_eq!((deployments(&world), world.answer().as_str()), (3, "200 v2"));
    assert_ne!(world.tag(LIVE), Some(old));
}

#[test]
fn an_operation_that_outlives_its_run_is_followed_and_not_ordered_again() {
    let (world, _, new) = serving();
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "stuck": true})));
    let mut first = Running::deploy(&world, "v2", &[]);
    first.until_event("released");
    first.kill();
    let id = ids(&world).remove(0);
    let mut second = Running::deploy(&world, "v2", &[]);
    second.until_stage("gate");
    world.control(Some(&json!({"kind": "release", "operation": id})));
    let ran = second.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "StartDeployment"]);
    assert_eq!((deployments(&world), world.answer().as_str(), world.tag(LIVE)), (1, "200 v2", Some(new)));
}

#[test]
fn a_first_deployment_that_outlives_its_run_is_followed_too() {
    let world = World::new();
    world.push("v1", &[]);
    world.control(Some(&json!({"kind": "script", "operation": "CREATE_SERVICE", "stuck": true})));
    let mut first = Running::deploy(&world, "v1", &[]);
    first.until_event("released");
    first.kill();
    let id = ids(&world).remove(0);
    let mut second = Running::deploy(&world, "v1", &[]);
    second.until_stage("gate");
    world.control(Some(&json!({"kind": "release", "operation": id})));
    let ran = second.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.orders(), world.answer().as_str()), (vec!["CreateService".to_owned()], "200 v1"));
}

#[test]
fn a_run_that_another_one_follows_fails_for_both() {
    let (world, _, _) = serving();
    world.push("v3", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "stuck": true})));
    let mut first = Running::deploy(&world, "v3", &[]);
    first.until_event("released");
    first.kill();
    let id = ids(&world).remove(0);
    let mut second = Running::deploy(&world, "v3", &[]);
    second.until_stage("gate");
    world.control(Some(&json!({"kind": "release", "operation": id})));
    let ran = second.end();
    assert_eq!(ran.code, 8, "{}", ran.said());
    assert_eq!((deployments(&world), world.answer().as_str()), (1, "200 v1"));
}

/// The record said that the operation after v1's is for v2; another tool deployed v3 by it. Once the tag is moved to v2, the old
/// record must not be believed.
#[test]
fn a_record_that_others_have_made_untrue_is_not_believed() {
    let (world, _, new) = serving();
    world.push("v3", &[]);
    world.deploy_well("v3");
    let third = world.tag(LIVE).unwrap();
    world.deploy_well("v2");
    world.deploy_well("v1");
    let last = ids(&world).remove(0);
    world.retag(&format!("shipgate-next-shop-api-{last}"), &new);
    world.retag(LIVE, &third);
    foreign_deployment(&world);
    assert_eq!(world.answer(), "200 v3");
    killed_after_promote(&world, "v2");
    super::until(&world, "RUNNING");
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
}

#[test]
fn refused_order_leaves_tag_and_record_as_they_were() {
    let (world, old, _) = serving();
    let newest = ids(&world).remove(0);
    world.fault(&json!({
        "kind": "error", "service": "apprunner", "action": "StartDeployment", "times": 1, "status": 400,
        "code": "InvalidRequestException",
        "message": "Can't start a deployment on the specified service, because it isn't in RUNNING state",
    }));
    let ran = world.deploy("v2", &["--if-busy", "fail"]);
    assert_eq!(ran.code, 11, "{}", ran.said());
    assert_eq!(world.tag(LIVE), Some(old.clone()));
    assert_eq!(world.tag(&format!("shipgate-next-shop-api-{newest}")), Some(old), "the next one deploys v1 again");
    assert_eq!((deployments(&world), world.answer().as_str()), (0, "200 v1"));
}
