//! A signal while a call never answers: the run ends all the same, before the answer could come, and says what is so.

use std::{
    io::{BufRead, BufReader, Read},
    process::{ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::world::{LIVE, World, signal};

/// A call that is answered when every test is long over, once.
fn hanging(service: &str, action: &str) -> Value {
    json!({
        "kind": "delay", "service": service, "action": action, "account": "222222222222", "times": 1,
        "milliseconds": 3_600_000,
    })
}

/// Waits until the call that is to hang has been made.
fn until_it_hangs(world: &World) {
    let url = format!("{}/_sandbox/faults", world.endpoint());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let left = || runtime.block_on(async { reqwest::get(&url).await.unwrap().text().await.unwrap() });
    let is_to_come = |fault: &Value| fault["times"] != 0;
    while serde_json::from_str::<Vec<Value>>(&left()).unwrap().iter().any(is_to_come) {
        std::thread::yield_now();
    }
}

fn next(out: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    assert!(out.read_line(&mut line).unwrap() > 0, "the run ended too soon");
    serde_json::from_str(&line).unwrap()
}

/// Deploys; the call is made to hang, from the start or only when this event comes; while it hangs, the signal is sent. The
/// exit code and the last event.
fn stopped_while(world: &World, version: &str, event: Option<&str>, fault: &Value, name: &str) -> (i32, Value) {
    if event.is_none() {
        world.fault(fault);
    }
    let mut command = world.shipgate();
    command.env("VERSION", version).args(["deploy", "--no-verify", "--output", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    if let Some(event) = event {
        while next(&mut out)["event"] != event {}
        world.fault(fault);
    }
    until_it_hangs(world);
    signal(&child, name);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let last = serde_json::from_str(rest.lines().last().expect("a last event")).unwrap();
    (child.wait().unwrap().code().unwrap(), last)
}

/// A world where v1 serves and v2 waits in the registry.
fn serving(behaviour: &[(&str, &str)]) -> World {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", behaviour);
    world.deploy_well("v1");
    world
}

#[test]
fn before_anything_was_ordered_nothing_has_changed() {
    let table = [
        hanging("apprunner", "DescribeService"),
        hanging("ecr", "DescribeRepositories"),
        hanging("registry", "PUT manifest"),
    ];
    let world = serving(&[]);
    let before = world.tag(LIVE);
    for fault in table {
        for (name, code) in [("INT", 130), ("TERM", 143)] {
            let (ended, last) = stopped_while(&world, "v2", None, &fault, name);
            assert_eq!(ended, code, "{fault}: {last:#}");
            assert!(last["summary"].as_str().unwrap().contains("nothing was deployed"), "{fault}: {last:#}");
        }
    }
    assert_eq!(world.tag(LIVE), before);
    assert_eq!(world.orders(), ["CreateService"]);
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn an_order_that_is_not_answered_is_told_as_one_that_may_run() {
    let world = serving(&[]);
    let fault = hanging("apprunner", "StartDeployment");
    let (code, last) = stopped_while(&world, "v2", None, &fault, "TERM");
    assert_eq!(code, 143, "{last:#}");
    assert!(last["summary"].as_str().unwrap().contains("a deployment may be running"), "{last:#}");
    assert!(last["hint"].as_str().unwrap().contains("run the same command again"), "{last:#}");
    assert_eq!(world.answer(), "200 v1");
    world.deploy_well("v2");
    assert_eq!(world.answer(), "200 v2");
    assert_eq!(world.operations(), ["START_DEPLOYMENT", "CREATE_SERVICE"]);
}

#[test]
fn while_the_gate_waits_for_an_answer_the_operation_and_the_way_back_are_told() {
    let world = serving(&[]);
    let (code, last) = stopped_while(&world, "v2", Some("released"), &hanging("apprunner", "ListOperations"), "INT");
    assert_eq!(code, 130, "{last:#}");
    assert!(last["summary"].as_str().unwrap().contains("goes on in App Runner"), "{last:#}");
    let (_, line) = last["hint"].as_str().unwrap().split_once("shipgate ").expect("a line to run");
    let waited = world.shipgate().args(line.split(' ')).output().unwrap();
    assert_eq!(waited.status.code(), Some(0), "{}", String::from_utf8_lossy(&waited.stderr));
    assert_eq!(world.answer(), "200 v2");
}

/// There is a verdict: it is the end, whatever else was still to be done.
#[test]
fn a_verdict_stands_though_what_comes_after_it_is_given_up() {
    let world = serving(&[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    for fault in [hanging("logs", "DescribeLogStreams"), hanging("logs", "PutRetentionPolicy")] {
        let (code, last) = stopped_while(&world, "v2", None, &fault, "TERM");
        assert_eq!(code, 8, "{last:#}");
        assert!(last["summary"].as_str().unwrap().starts_with("the old version serves"), "{last:#}");
        assert_eq!(world.answer(), "200 v1");
    }
}
