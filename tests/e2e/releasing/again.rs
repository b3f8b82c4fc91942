//! The same command again: what is deployed is not deployed again, and what is not is.

use super::{changes, foreign_deployment, ids, serving};
use crate::world::{LIVE, Ran};

#[test]
fn what_is_deployed_already_is_not_deployed_again() {
    let (world, old, _) = serving();
    let before = changes(&world);
    // Not even an engine is needed.
    let mut command = world.shipgate();
    command.env("VERSION", "v1").env("DOCKER_HOST", "unix:///nowhere/docker.sock").arg("deploy");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("already deployed"), "{}", ran.said());
    let (_, _, url) = world.service().unwrap();
    assert!(ran.stdout.contains(&url), "the URL is told all the same: {}", ran.stdout);
    assert_eq!(changes(&world), before, "something was changed");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

#[test]
fn force_deploys_it_all_the_same() {
    let (world, _, _) = serving();
    let ran = world.deploy("v1", &["--force"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "StartDeployment"]);
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn what_is_deployed_is_on_record_where_every_runner_sees_it() {
    let (world, old, new) = serving();
    let first = ids(&world).remove(0);
    world.deploy_well("v2");
    assert_eq!(world.tag("shipgate-next-shop-api-create"), Some(old.clone()));
    assert_eq!(world.tag(&format!("shipgate-next-shop-api-{first}")), Some(new));
    // Going back is a deployment like any other.
    world.deploy_well("v1");
    assert_eq!(world.orders(), ["CreateService", "StartDeployment", "StartDeployment"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

#[test]
fn after_somebody_elses_deployment_nobody_knows_what_runs() {
    let (world, old, _) = serving();
    foreign_deployment(&world);
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(!ran.stderr.contains("already deployed"), "{}", ran.said());
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "START_DEPLOYMENT", "CREATE_SERVICE"]);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
}

#[test]
fn what_served_before_is_noted_when_the_tag_moves() {
    let (world, old, _) = serving();
    foreign_deployment(&world);
    let theirs = ids(&world).remove(0);
    world.deploy_well("v2");
    assert_eq!(world.tag(&format!("shipgate-was-shop-api-{theirs}")), Some(old));
}
