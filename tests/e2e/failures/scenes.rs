//! The scenes, each in a world where it happens.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use serde_json::json;

use super::page::{Run, Scene};
use crate::world::{CONFIGURATION, LIVE, Ran, SEED, World, layer, signal};

/// Runs a line as a shell would: variables first, then the program and its arguments.
fn command(world: &World, line: &str) -> Command {
    let mut command = world.shipgate();
    let mut words = line.split(' ').skip_while(|word| {
        let Some((name, value)) = word.split_once('=') else { return false };
        command.env(name, value);
        true
    });
    assert_eq!(words.next(), Some("shipgate"), "{line}");
    let arguments: Vec<&str> = words.collect();
    command.args(arguments);
    command
}

fn run(world: &World, line: &str, code: i32) -> Run {
    let ran: Ran = command(world, line).output().unwrap().into();
    assert_eq!(ran.code, code, "{line}: {}", ran.said());
    Run { line: line.to_owned(), ran }
}

fn scene(title: &'static str, about: &'static str, runs: Vec<Run>) -> Scene {
    Scene { title, about, runs }
}

/// A world with containers where v1 serves.
fn serving() -> World {
    let world = World::new();
    world.push("v1", &[]);
    world.deploy_well("v1");
    world
}

/// A world without containers where v1 serves; the local check has nothing to run there.
fn scripted() -> World {
    let world = World::with_seed(&format!("{SEED}scripted: true\n"));
    for version in ["v1", "v2", "v3"] {
        world.push(version, &[]);
    }
    let ran = world.deploy("v1", &["--no-verify"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    world
}

fn script(world: &World, script: serde_json::Value) {
    let mut order = json!({"kind": "script", "operation": "START_DEPLOYMENT"});
    order.as_object_mut().unwrap().extend(script.as_object().unwrap().clone());
    world.control(Some(&order));
}

/// What ends before anything has changed.
pub(super) fn before_anything() -> Vec<Scene> {
    let world = serving();
    world.push("v2", &[]);
    world.push("v3", &[("DEMO_FAIL", "exit:3")]);
    world.push_image("arm", &layer().image_that_runs(&["/shipgate", "demo-app"], &[], "arm64"));
    let old = world.tag(LIVE);
    let scenes = vec![
        scene(
            "A role cannot be assumed",
            "Every hop of the chain is told. Nothing has been changed, here and wherever the summary says so.",
            vec![run(&world, "VERSION=v2 shipgate deploy --role arn:aws:iam::222222222222:role/closed", 3)],
        ),
        scene(
            "There is no such tag",
            "Mostly the job that builds the image has failed, or runs later.",
            vec![run(&world, "VERSION=v9 shipgate deploy", 4)],
        ),
        scene(
            "An image for another processor",
            "App Runner runs linux/amd64 alone, and says of others no more than that the health check failed.",
            vec![run(&world, "VERSION=arm shipgate deploy", 4)],
        ),
        scene(
            "No Docker engine",
            "Without one the image cannot be checked. `--no-verify` leaves the check out, for who knows what that means.",
            vec![run(&world, "VERSION=v2 DOCKER_HOST=unix:///nowhere/docker.sock shipgate deploy", 7)],
        ),
        scene(
            "The image is unhealthy",
            "It was run here under App Runner's rules, with the service's settings, and ended. No tag has moved; the layers that were \
             copied meanwhile are in the workload registry, and nothing refers to them.",
            vec![run(&world, "VERSION=v3 shipgate deploy", 6)],
        ),
    ];
    assert_eq!(
        (world.tag(LIVE), world.orders(), world.answer()),
        (old, vec!["CreateService".to_owned()], "200 v1".to_owned())
    );
    scenes
}

/// What only App Runner can find out.
pub(super) fn in_the_cloud() -> Vec<Scene> {
    let world = serving();
    world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    let rolled_back = run(&world, "VERSION=v2 shipgate deploy", 8);
    assert_eq!(world.answer(), "200 v1");
    vec![scene(
        "Rolled back: the container ended",
        "The image is healthy here; with the secret that only the service has it cannot run. App Runner has gone back to the version before, \
         which served all the while.",
        vec![rolled_back],
    )]
}

/// A service's first deployment.
pub(super) fn from_nothing() -> Vec<Scene> {
    let world = World::new();
    world.push("v1", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.push("v2", &[]);
    let failed = run(&world, "VERSION=v1 shipgate deploy", 9);
    assert_eq!(world.service().unwrap().1, "CREATE_FAILED");
    let rebuilt = run(&world, "VERSION=v2 shipgate deploy", 0);
    assert_eq!(world.answer(), "200 v2");
    vec![scene(
        "A service's first deployment failed",
        "There is no version to go back to. The service keeps its name and serves nothing, until a mended version is deployed by the same command.",
        vec![failed, rebuilt],
    )]
}

/// What becomes of a deployment, and states that take none.
pub(super) fn of_the_service() -> Vec<Scene> {
    let world = scripted();
    script(&world, json!({"outcome": "ROLLBACK_SUCCEEDED", "hold_ms": 1500}));
    let unhealthy = run(&world, "VERSION=v2 shipgate deploy --no-verify", 8);
    script(&world, json!({"stuck": true}));
    let late = run(&world, "VERSION=v2 shipgate deploy --no-verify --gate-timeout 3s", 10);
    let operation = world.control(None)["services"][0]["Operations"][0]["Id"].as_str().unwrap().to_owned();
    world.control(Some(&json!({"kind": "release", "operation": operation})));
    let waited = run(&world, &format!("shipgate wait {operation}"), 0);
    let again = run(&world, "VERSION=v2 shipgate deploy", 0);
    let arn = world.service().unwrap().0;
    world.control(Some(&json!({"kind": "begin-maintenance", "arn": arn})));
    let busy = run(&world, "VERSION=v3 shipgate deploy --no-verify --if-busy fail", 11);
    let still = run(&world, "VERSION=v3 shipgate deploy --no-verify --busy-timeout 1s", 11);
    world.control(Some(&json!({"kind": "end-maintenance", "arn": arn})));
    script(&world, json!({"stuck": true}));
    let cancelled = cancelled(&world, "VERSION=v3 shipgate deploy --no-verify");
    let operation = world.control(None)["services"][0]["Operations"][0]["Id"].as_str().unwrap().to_owned();
    world.control(Some(&json!({"kind": "release", "operation": operation})));
    let waited_again = run(&world, &format!("shipgate wait {operation}"), 0);
    vec![
        scene(
            "Rolled back: the health check failed",
            "What the health check asked for is told, and what serves. The tag still points at the image that failed: the next \
             deployment moves it.",
            vec![unhealthy],
        ),
        scene(
            "The deployment did not end in time",
            "App Runner has no call that stops it: it goes on, and `shipgate wait` takes it up again, on any machine. So does the same \
             `shipgate deploy`: it begins no second deployment.",
            vec![late, waited],
        ),
        scene(
            "It is deployed already",
            "No call that changes anything, no copy, no check: not even an engine is needed.",
            vec![again],
        ),
        scene(
            "The service is busy",
            "By default it is waited for, for 20 minutes; with `--if-busy fail` it is not.",
            vec![busy, still],
        ),
        scene(
            "The run was cancelled",
            "By Ctrl-C or, as CI systems do it, SIGTERM (143). The deployment goes on without its run.",
            vec![cancelled, waited_again],
        ),
    ]
}

/// Ctrl-C when the deployment has begun.
fn cancelled(world: &World, line: &str) -> Run {
    let mut child = command(world, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains("release    start-deployment, operation") {
        assert!(talk.read_line(&mut stderr).unwrap() > 0, "{stderr}");
    }
    signal(&child, "INT");
    talk.read_to_string(&mut stderr).unwrap();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    assert_eq!(code, 130, "{stderr}");
    Run { line: line.to_owned(), ran: Ran { code, stdout, stderr } }
}

/// What the repository, the service's state and its URL have against it.
pub(super) fn around_it() -> Vec<Scene> {
    let immutable = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }\n";
    let seed = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", immutable);
    let world = World::with_seed(&format!("{seed}scripted: true\n"));
    world.push("v1", &[]);
    world.push("v2", &[]);
    let first = world.deploy("v1", &["--no-verify"]);
    assert_eq!(first.code, 0, "{}", first.said());
    let taken = run(&world, &format!("VERSION=v2 shipgate deploy --no-verify --tag {LIVE}"), 4);

    let world = scripted();
    let arn = world.service().unwrap().0;
    world.app_runner(async |client| client.pause_service().service_arn(&arn).send().await.unwrap());
    while world.service().unwrap().1 != "PAUSED" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let paused = run(&world, "VERSION=v2 shipgate deploy --no-verify", 11);

    let world = serving();
    world.push("v2", &[]);
    world.write("shipgate.yaml", &format!("{CONFIGURATION}    smoke_test: {{ path: /nowhere, within: 1s }}\n"));
    let unanswered = run(&world, "VERSION=v2 shipgate deploy --no-verify", 12);
    vec![
        scene(
            "The tag is another image's for ever",
            "The repository's tags are immutable. Without `--tag`, the service is given the image's own tag or its digest.",
            vec![taken],
        ),
        scene("The service is paused", "It is not resumed unasked: whoever paused it had a reason.", vec![paused]),
        scene(
            "The smoke test failed",
            "The deployment succeeded and stays; what the service's URL answers is not what the configuration's `smoke_test` wants.",
            vec![unanswered],
        ),
    ]
}
