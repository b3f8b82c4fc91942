//! A run that is stopped: it cleans up, says what the cloud still does, and can be taken up again.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::world::{LIVE, Ran, World, signal};

/// Runs `shipgate deploy` with JSON output until this event comes (`stage-started release` names its stage too), then sends the first signal, and each further one
/// when the last has been noticed.
pub(crate) fn signalled_at(world: &World, version: &str, event: &str, names: &[&str]) -> (i32, Vec<Value>) {
    let mut command = world.shipgate();
    signalled_while(command.env("VERSION", version).args(["deploy", "--output", "json"]), event, names)
}

/// The same of any command that tells its events as JSON.
pub(crate) fn signalled_while(command: &mut Command, event: &str, names: &[&str]) -> (i32, Vec<Value>) {
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut events = Vec::new();
    let mut awaited = event;
    for name in names {
        loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "{awaited} never came: {events:#?}");
            events.push(serde_json::from_str::<Value>(&line).unwrap());
            let event = events.last().unwrap();
            let text = |key: &str| event[key].as_str().unwrap_or_default();
            if text("event") == awaited || format!("{} {}", text("event"), text("stage")) == awaited {
                break;
            }
        }
        signal(&child, name);
        // The run says that it is stopping.
        awaited = "notice";
    }
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    events.extend(rest.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    (child.wait().unwrap().code().unwrap(), events)
}

fn containers_labelled() -> String {
    let list = Command::new("docker").args(["ps", "-aq", "--filter", "label=shipgate.run"]).output().unwrap();
    String::from_utf8(list.stdout).unwrap()
}

#[test]
fn a_signal_during_the_local_check_leaves_nothing() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let world = World::new();
        let old = world.push("v1", &[]);
        world.push("v2", &[("DEMO_FAIL", "slow:20000")]);
        world.deploy_well("v1");
        let (ended, events) = signalled_at(&world, "v2", "container-started", &[name]);
        assert_eq!(ended, code, "{events:#?}");
        assert_eq!(world.tag(LIVE), Some(old), "{name}");
        assert_eq!(world.orders(), ["CreateService"], "{name}");
        let started = events.iter().find(|event| event["event"] == "container-started").unwrap();
        let container = started["container"].as_str().unwrap();
        assert!(!containers_labelled().contains(&container[..12]), "{name}: the container is still there");
    }
}

#[test]
fn a_signal_during_the_gate_names_the_operation_and_wait_takes_it_up() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[]);
    world.deploy_well("v1");
    let (code, events) = signalled_at(&world, "v2", "released", &["TERM"]);
    assert_eq!(code, 143, "{events:#?}");
    let end = events.last().unwrap();
    assert_eq!(end["event"], "run-finished");
    let hint = end["hint"].as_str().unwrap();
    let line = hint.split_once("shipgate ").expect("the hint is a line to run").1;
    let operation = events.iter().find(|event| event["event"] == "released").unwrap()["operation"].as_str().unwrap();
    assert!(line.starts_with(&format!("wait {operation}")), "{hint}");

    let ran: Ran = world.shipgate().args(line.split(' ')).output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn a_gate_that_times_out_says_how_to_go_on() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.deploy_well("v1");
    let ran = world.deploy("v2", &["--gate-timeout", "1s"]);
    assert_eq!(ran.code, 10, "{}", ran.said());
    let line = ran.stderr.lines().find_map(|line| line.split_once("with: shipgate ")).expect("a wait line").1;
    let waited: Ran = world.shipgate().args(line.split(' ')).output().unwrap().into();
    assert_eq!(waited.code, 8, "the verdict is the operation's own: {}", waited.said());
    assert_eq!(world.answer(), "200 v1");
}
