//! A service that deploys by itself on every push of its tag: one deployment, whoever begins it.

use serde_json::json;

use super::{changes, deploy_by_push, ids, serving, source};
use crate::world::{LIVE, World};

fn by_push() -> (World, shipgate_core::digest::Digest, shipgate_core::digest::Digest) {
    let (world, old, new) = serving();
    deploy_by_push(&world);
    (world, old, new)
}

#[test]
fn the_deployment_that_the_push_begins_is_followed() {
    let (world, _, new) = by_push();
    let update = ids(&world).remove(0);
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "UpdateService"], "nothing was ordered but by the test");
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "UPDATE_SERVICE", "CREATE_SERVICE"]);
    assert!(ran.stderr.contains("follow-push, operation"), "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new.clone())));
    assert_eq!(world.tag(&format!("shipgate-next-shop-api-{update}")), Some(new));
    let before = changes(&world);
    let again = world.deploy("v2", &[]);
    assert!(again.code == 0 && again.stderr.contains("already deployed"), "{}", again.said());
    assert_eq!(changes(&world), before);
}

#[test]
fn one_that_is_listed_late_is_waited_for_and_never_ordered_again() {
    let (world, _, _) = by_push();
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "unlisted_reads": 3})));
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "UPDATE_SERVICE", "CREATE_SERVICE"]);
    assert_eq!(world.orders(), ["CreateService", "UpdateService"]);
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn one_that_fails_is_rolled_back_and_told() {
    let (world, _, _) = by_push();
    world.push("v3", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    let ran = world.deploy("v3", &[]);
    assert_eq!(ran.code, 8, "{}", ran.said());
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "UPDATE_SERVICE", "CREATE_SERVICE"]);
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn they_are_turned_off_when_that_is_asked_for() {
    let (world, _, new) = by_push();
    let ran = world.deploy("v2", &["--auto-deployments", "off"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(!source(&world).1);
    assert_eq!(world.orders(), ["CreateService", "UpdateService", "UpdateService", "StartDeployment"]);
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "UPDATE_SERVICE", "UPDATE_SERVICE", "CREATE_SERVICE"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
}

#[test]
fn an_image_that_fails_its_check_leaves_them_as_they_are() {
    let (world, old, _) = by_push();
    world.push("v3", &[("DEMO_FAIL", "exit:7")]);
    let ran = world.deploy("v3", &["--auto-deployments", "off"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    assert!(source(&world).1, "turned off before the image was checked");
    assert_eq!(world.orders(), ["CreateService", "UpdateService"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}
