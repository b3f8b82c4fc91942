//! `kill -9` at every boundary of the stages and at fifty random moments: the same command again converges, and App Runner
//! was told once.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Ground, side_by_side};
use crate::world::signal;

const RANDOM_MOMENTS: usize = 50;
const WORKERS: usize = 4;

/// Whether an event is where a stage begins or ends.
fn is_boundary(event: &Value) -> bool {
    event["event"] == "stage-started" || event["event"] == "stage-finished"
}

/// Runs with its events and kills it when the boundary of this number has been told; false when it ended before.
fn killed_at(mut command: Command, number: usize) -> bool {
    let mut child = command.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let reached = events.filter(is_boundary).nth(number).is_some();
    signal(&child, "KILL");
    child.wait().unwrap();
    reached
}

/// The deployment takes a moment, so that there is a moment to kill its follower in.
fn take_time(ground: &Ground) {
    let script = json!({"kind": "script", "operation": "START_DEPLOYMENT", "hold_ms": 300, "times": 1});
    ground.world.control(Some(&json!({"kind": "clear-scripts"})));
    ground.world.control(Some(&script));
}

/// How many boundaries a run has, and how long it takes.
fn undisturbed() -> (usize, Duration) {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    take_time(&ground);
    let begun = Instant::now();
    let output = ground.command(&version).args(["--output", "json"]).output().unwrap();
    let took = begun.elapsed();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let boundaries = told.lines().map(|line| serde_json::from_str(line).unwrap()).filter(is_boundary).count();
    ground.assert_deployed(version, "undisturbed");
    (boundaries, took)
}

#[test]
fn a_run_that_is_killed_at_any_boundary_of_a_stage_is_finished_by_the_next() {
    let (boundaries, _) = undisturbed();
    assert!(boundaries >= 14, "resolve, preflight, copy, verify, promote, release, gate: {boundaries}");
    let cases: Vec<usize> = (0..boundaries).collect();
    side_by_side(
        WORKERS,
        &cases,
        || Ground::new(&[]),
        |ground, number| {
            let version = ground.push();
            take_time(ground);
            let what = format!("killed at boundary {number}");
            assert!(killed_at(ground.command(&version), *number), "{what}: it never came");
            ground.assert_sound(&version, &what);
            ground.assert_converges(version, &what);
        },
    );
}

#[test]
fn a_run_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let (_, took) = undisturbed();
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let longest = u64::try_from(took.as_micros()).unwrap();
    let moments: Vec<u64> = (0..RANDOM_MOMENTS).map(|_| random.u64(..longest)).collect();
    side_by_side(
        WORKERS,
        &moments,
        || Ground::new(&[]),
        |ground, moment| {
            let version = ground.push();
            take_time(ground);
            let what = format!("seed {seed}: killed after {moment} µs of {longest}");
            let mut child = ground.command(&version).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_micros(*moment));
            signal(&child, "KILL");
            child.wait().unwrap();
            ground.assert_sound(&version, &what);
            ground.assert_converges(version, &what);
        },
    );
}
