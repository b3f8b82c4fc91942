//! Trouble between the promoted tag and the running operation. A deployment is started at most once; what comes to
//! nothing is taken back; what cannot be known is said so.

use serde_json::{Value, json};

use crate::{
    signals::signalled_at,
    world::{LIVE, World},
};

/// A world where v1 serves and v2 waits in the registry.
fn serving() -> (World, shipgate_core::digest::Digest) {
    let world = World::new();
    let old = world.push("v1", &[]);
    world.push("v2", &[]);
    world.deploy_well("v1");
    (world, old)
}

/// An error that `StartDeployment` answers with, without doing anything, so many times.
fn refusal(code: &str, message: &str, times: u32) -> Value {
    json!({
        "kind": "error", "service": "apprunner", "action": "StartDeployment", "times": times,
        "status": 400, "code": code, "message": message,
    })
}

#[test]
fn a_deployment_that_is_refused_takes_the_tag_back() {
    let not_now = "Can't start a deployment on the specified service, because it isn't in RUNNING state.";
    // A refusal for want of a permission counts when it comes a second time, with renewed credentials.
    for (code, message, exit_code, times) in
        [("InvalidRequestException", not_now, 11, 1), ("AccessDeniedException", "User: x is not authorized", 3, 2)]
    {
        let (world, old) = serving();
        world.fault(&refusal(code, message, times));
        let ran = world.deploy("v2", &["--if-busy", "fail"]);
        assert_eq!(ran.code, exit_code, "{}", ran.said());
        assert_eq!(world.tag(LIVE), Some(old), "{}", ran.said());
        assert_eq!(world.answer(), "200 v1");
        assert_eq!(world.operations(), ["CREATE_SERVICE"]);
    }
}

#[test]
fn a_throttled_order_is_given_again_and_taken_once() {
    let (world, _) = serving();
    world.fault(&refusal("ThrottlingException", "Rate exceeded", 2));
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v2");
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "CREATE_SERVICE"]);
}

#[test]
fn an_order_whose_answer_is_lost_is_found_and_followed() {
    let (world, _) = serving();
    let cut = json!({
        "kind": "cut", "service": "apprunner", "action": "StartDeployment", "times": 1, "after_bytes": 0,
    });
    world.fault(&cut);
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("looking for what came of it"), "{}", ran.stderr);
    assert_eq!(world.answer(), "200 v2");
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "CREATE_SERVICE"]);
}

#[test]
fn a_lost_answer_to_the_creation_of_a_service_is_settled_too() {
    let world = World::new();
    world.push("v1", &[]);
    world.fault(&json!({
        "kind": "cut", "service": "apprunner", "action": "CreateService", "times": 1, "after_bytes": 0,
    }));
    let ran = world.deploy("v1", &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.operations(), ["CREATE_SERVICE"]);
}

#[test]
fn a_lost_answer_to_the_move_of_the_tag_is_asked_after() {
    let (world, old) = serving();
    world.deploy_well("v2");
    // v1 is there already, so the only manifest that is written is the tag's. Every answer to it is lost.
    world.fault(&json!({
        "kind": "cut", "service": "registry", "action": "PUT manifest", "account": "222222222222", "after_bytes": 0,
    }));
    let ran = world.deploy("v1", &["--no-verify"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!((world.answer(), world.tag(LIVE)), ("200 v1".to_owned(), Some(old)));
}

#[test]
fn a_tag_that_somebody_else_moved_meanwhile_is_no_success() {
    let (world, _) = serving();
    let other = world.push("v3", &[]);
    world.deploy_well("v3");
    let late = json!({ "kind": "delay", "service": "apprunner", "action": "ListOperations", "milliseconds": 3000 });
    world.fault(&late);
    let mut child =
        world.shipgate().env("VERSION", "v2").arg("deploy").stderr(std::process::Stdio::piped()).spawn().unwrap();
    while world.orders().len() < 3 {
        std::thread::yield_now();
    }
    world.retag(LIVE, &other);
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(9));
}

#[test]
fn a_signal_while_the_order_is_given_still_names_the_operation() {
    let (world, _) = serving();
    let late = json!({ "kind": "delay", "service": "apprunner", "action": "StartDeployment", "milliseconds": 1500 });
    world.fault(&late);
    let (code, events) = signalled_at(&world, "v2", "stage-started release", &["TERM"]);
    assert_eq!(code, 143, "{events:#?}");
    let end = events.last().unwrap();
    assert!(end["hint"].as_str().unwrap().contains("shipgate wait "), "{end:#}");
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "CREATE_SERVICE"]);
}

#[test]
fn a_second_signal_aborts_with_the_first_ones_code() {
    let (world, _) = serving();
    let late = json!({ "kind": "delay", "service": "apprunner", "action": "StartDeployment", "milliseconds": 20000 });
    world.fault(&late);
    let (code, events) = signalled_at(&world, "v2", "stage-started release", &["INT", "TERM"]);
    assert_eq!(code, 130, "{events:#?}");
    let end = events.last().unwrap();
    assert!(end["summary"].as_str().unwrap().starts_with("aborted"), "{end:#}");
    assert!(end["summary"].as_str().unwrap().contains("tag shop-api points at the new image"), "{end:#}");
}

#[test]
fn wait_does_not_wait_for_an_operation_that_never_was() {
    let (world, _) = serving();
    let ran =
        world.shipgate().args(["wait", "0123456789abcdef0123456789abcdef", "--gate-timeout", "2s"]).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(10), "{said}");
    assert!(said.contains("never listed"), "{said}");
}
