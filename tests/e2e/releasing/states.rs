//! Services that are not RUNNING: what each takes, and what it takes to be told so first.

use serde_json::{Value, json};

use super::{Running, arn, pause, serving, until};
use crate::world::{CONFIGURATION, LIVE, World};

/// Healthy in the local check, and not where it is given the secret.
const FAILS_IN_THE_CLOUD: (&str, &str) = ("DEMO_FAIL_WITH_SECRET", "DATABASE_URL");

fn lost(action: &str) -> Value {
    json!({ "kind": "cut", "service": "apprunner", "action": action, "times": 1, "after_bytes": 0 })
}

/// A service whose first deployment failed.
fn create_failed() -> World {
    let world = World::new();
    world.push("v1", &[FAILS_IN_THE_CLOUD]);
    world.push("v2", &[]);
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 9, "{}", ran.said());
    assert!(ran.stderr.contains("it holds its name and serves nothing"), "{}", ran.said());
    assert!(ran.stderr.contains("run the same command again: it rebuilds the service in place"), "{}", ran.said());
    until(&world, "CREATE_FAILED");
    world
}

#[test]
fn a_paused_service_is_resumed_when_that_is_typed_out() {
    for fault in [None, Some("ResumeService")] {
        let (world, old, new) = serving();
        pause(&world);
        let refused = world.deploy("v2", &[]);
        assert_eq!(refused.code, 11, "{}", refused.said());
        assert!(refused.stderr.contains("--resume"), "{}", refused.said());
        assert_eq!((world.tag(LIVE), world.orders()), (Some(old), vec!["CreateService".to_owned()]));
        if let Some(action) = fault {
            world.fault(&lost(action));
        }
        let ran = world.deploy("v2", &["--resume"]);
        assert_eq!(ran.code, 0, "{}", ran.said());
        assert_eq!(world.operations()[..2], ["START_DEPLOYMENT", "RESUME_SERVICE"]);
        assert_eq!(world.operations().len(), 4, "one of each, and the test's pause");
        assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    }
}

#[test]
fn an_unhealthy_image_does_not_even_resume_it() {
    let (world, old, _) = serving();
    world.push("v3", &[("DEMO_FAIL", "exit:7")]);
    pause(&world);
    let ran = world.deploy("v3", &["--resume"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    assert_eq!(world.service().unwrap().1, "PAUSED");
    assert_eq!((world.tag(LIVE), world.orders()), (Some(old), vec!["CreateService".to_owned()]));
}

#[test]
fn a_service_that_never_came_up_is_rebuilt_by_the_same_command() {
    let world = create_failed();
    let before = arn(&world);
    world.fault(&lost("UpdateService"));
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.operations(), ["UPDATE_SERVICE", "CREATE_SERVICE"]);
    assert_eq!((arn(&world), world.answer().as_str()), (before, "200 v2"));
}

#[test]
fn or_deleted_and_created_anew_when_that_is_typed_out() {
    let world = create_failed();
    let before = arn(&world);
    world.fault(&lost("DeleteService"));
    let ran = world.deploy("v2", &["--recreate"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("its URL, ARN and log groups change"), "{}", ran.said());
    assert_ne!(arn(&world), before);
    assert_eq!(world.operations(), ["CREATE_SERVICE"]);
    assert_eq!(world.orders(), ["CreateService", "CreateService"], "the lost call is not in the sandbox's list");
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn nothing_is_deleted_whose_settings_nobody_else_knows() {
    let world = create_failed();
    world.write("four-facts.yaml", CONFIGURATION.split("    create:").next().unwrap());
    let ran = world.deploy("v2", &["--recreate", "--file", "four-facts.yaml"]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("`create` block"), "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService"]);
}

#[test]
fn what_could_not_be_deleted_is_deleted_again() {
    let (world, _, _) = serving();
    world.control(Some(&json!({"kind": "script", "operation": "DELETE_SERVICE", "outcome": "FAILED"})));
    let before = arn(&world);
    world.app_runner(async |client| client.delete_service().service_arn(&before).send().await.unwrap());
    until(&world, "DELETE_FAILED");
    let refused = world.deploy("v2", &[]);
    assert_eq!(refused.code, 11, "{}", refused.said());
    assert!(refused.stderr.contains("--recreate"), "{}", refused.said());
    let ran = world.deploy("v2", &["--recreate"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "DeleteService", "DeleteService", "CreateService"]);
    assert_ne!(arn(&world), before);
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn a_service_does_not_begin_with_an_image_that_nobody_checked() {
    let world = World::new();
    world.push("v1", &[]);
    world.write("shipgate.yaml", &CONFIGURATION.replace("    logs:", "    verify: { skip: true }\n    logs:"));
    let refused = world.deploy("v1", &[]);
    assert_eq!(refused.code, 4, "{}", refused.said());
    assert!(refused.stderr.contains("--no-verify"), "{}", refused.said());
    assert!(world.orders().is_empty() && world.tag(LIVE).is_none());
    let typed = world.deploy("v1", &["--no-verify"]);
    assert_eq!(typed.code, 0, "{}", typed.said());
    world.push("v2", &[]);
    world.deploy_well("v2");
    assert_eq!(world.answer(), "200 v2", "what follows needs no more than the file says");
}

#[test]
fn a_busy_service_is_waited_for() {
    let (world, _, _) = serving();
    let arn = arn(&world);
    world.control(Some(&json!({"kind": "begin-maintenance", "arn": arn})));
    let mut running = Running::deploy(&world, "v2", &[]);
    running.until_stage("prepare");
    running.until(|event| event.to_string().contains("AWS's own maintenance"));
    assert_eq!(world.orders(), ["CreateService"]);
    world.control(Some(&json!({"kind": "end-maintenance", "arn": arn})));
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "StartDeployment"]);
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn another_deployment_is_waited_for_by_name() {
    let (world, _, _) = serving();
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "stuck": true})));
    let arn = arn(&world);
    let theirs =
        world.app_runner(async |client| client.start_deployment().service_arn(&arn).send().await.unwrap().operation_id);
    let mut running = Running::deploy(&world, "v2", &[]);
    running.until(|event| event["event"] == "notice" && event.to_string().contains(&theirs));
    world.control(Some(&json!({"kind": "release", "operation": theirs})));
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "START_DEPLOYMENT", "CREATE_SERVICE"]);
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn or_not_waited_for_and_then_nothing_has_changed() {
    let (world, old, _) = serving();
    world.control(Some(&json!({"kind": "begin-maintenance", "arn": arn(&world)})));
    for arguments in [&["--if-busy", "fail"][..], &["--busy-timeout", "1s"]] {
        let ran = world.deploy("v2", arguments);
        assert_eq!(ran.code, 11, "{}", ran.said());
        assert_eq!((world.tag(LIVE), world.orders()), (Some(old.clone()), vec!["CreateService".to_owned()]));
        assert_eq!(world.answer(), "200 v1");
    }
}
