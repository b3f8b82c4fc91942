//! Several runs at the same time: of one image, one deployment, and all succeed; of several, one wins and the others name it. However
//! slow the calls are, tag, record and what serves agree.

use std::{process::Stdio, thread};

use serde_json::{Value, json};

use super::{Ground, deploy, service, small};
use crate::world::{LIVE, Ran, SEED, World, signal};

/// Which calls come late.
#[derive(Clone, Copy, Debug)]
enum Late {
    None,
    /// Every `PUT manifest`: the tags.
    Tags(u64),
    /// Every call.
    All(u64),
}

impl Late {
    fn faults(self) -> Value {
        let every =
            |service: &str, milliseconds| json!({"kind": "delay", "service": service, "milliseconds": milliseconds});
        match self {
            Self::None => json!([]),
            Self::Tags(milliseconds) => {
                let mut fault = every("registry", milliseconds);
                fault["action"] = "PUT manifest".into();
                json!([fault])
            }
            Self::All(milliseconds) => {
                ["sts", "ecr", "apprunner", "logs", "registry", "layers"].map(|one| every(one, milliseconds)).into()
            }
        }
    }
}

/// Deploys as many times at once as there are versions.
fn at_once(world: &World, versions: &[String], arguments: &[&str]) -> Vec<Ran> {
    let start = |version: &String| {
        let mut command = deploy(world, version, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = versions.iter().map(start).collect();
    let ended = started.into_iter().map(|child| thread::spawn(move || child.wait_with_output().unwrap().into()));
    ended.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
}

/// Plays a round of `runs` runs of `images` images, of a service that exists or not.
fn play(exists: bool, runs: usize, images: usize, late: Late, arguments: &'static [&'static str]) {
    let what = format!("exists: {exists}, {runs} runs of {images} images, late: {late:?} {arguments:?}");
    let seed = format!("{SEED}scripted: true\n");
    let world = if exists { Ground::with_seed("", arguments).world } else { World::with_seed(&seed) };
    let digests: Vec<String> =
        (0..images).map(|number| world.push_image(&format!("n{number}"), &small(100 + number)).to_string()).collect();
    let newest = exists.then(|| service(&world)["Operations"][0]["Id"].as_str().unwrap().replace('-', ""));
    let before = if exists { service(&world)["Operations"].as_array().unwrap().len() } else { 0 };
    // Deployments take minutes, and never less than it takes to list them.
    world.control(Some(&json!({"kind": "script", "hold_ms": 3000, "times": 0})));
    world.faults_are(&late.faults());
    let versions: Vec<String> = (0..runs).map(|number| format!("n{}", number % images)).collect();
    let ended = at_once(&world, &versions, arguments);
    world.faults_are(&json!([]));
    let now = service(&world);
    let winner = now["Blue"].as_str().unwrap_or("nothing").to_owned();
    let said = || ended.iter().map(|ran| format!("{}: {}", ran.code, ran.said())).collect::<Vec<_>>().join("\n---\n");
    assert_eq!(now["Operations"].as_array().unwrap().len() - before, 1, "{what}: {:#}\n{}", now["Operations"], said());
    for (number, ran) in ended.iter().enumerate() {
        if digests[number % images] == winner {
            assert_eq!(ran.code, 0, "{what}: {winner} won, run {number}: {}", said());
        } else {
            assert_eq!(ran.code, 11, "{what}: {winner} won, run {number}: {}", said());
            assert!(ran.said().contains(&winner), "{what}: run {number} does not name {winner}: {}", ran.said());
        }
    }
    let tag = |tag: &str| world.tag(tag).map(|digest| digest.to_string());
    if arguments.is_empty() {
        assert_eq!(tag(LIVE).as_deref(), Some(winner.as_str()), "{what}: the tag");
    }
    let record = format!("shipgate-next-shop-api-{}", newest.as_deref().unwrap_or("create"));
    assert_eq!(tag(&record).as_deref(), Some(winner.as_str()), "{what}: the record");
}

#[test]
fn identical_runs_deploy_once() {
    play(true, 2, 1, Late::None, &[]);
    play(true, 2, 1, Late::Tags(600), &[]);
    play(true, 3, 1, Late::All(300), &[]);
    play(false, 3, 1, Late::Tags(300), &[]);
}

#[test]
fn different_images_have_one_winner() {
    play(true, 2, 2, Late::None, &[]);
    play(true, 2, 2, Late::Tags(600), &[]);
    play(true, 3, 3, Late::All(300), &[]);
    play(false, 3, 3, Late::Tags(300), &[]);
}

#[test]
fn updates_deploy_once_and_have_one_winner() {
    const PINNED: &[&str] = &["--identifier", "digest"];
    play(true, 3, 1, Late::All(100), PINNED);
    play(true, 3, 3, Late::All(100), PINNED);
}

#[test]
fn sixteen_runs() {
    play(true, 16, 1, Late::All(100), &[]);
    play(true, 16, 4, Late::None, &[]);
    play(false, 16, 16, Late::None, &[]);
}

#[test]
fn forty_runs() {
    play(true, 40, 1, Late::None, &[]);
    play(true, 40, 40, Late::Tags(600), &[]);
}

/// A run that is killed right after its order, while the status is stale and the operation is not listed: the next follows it.
#[test]
fn killed_run_is_followed_before_its_operation_is_listed() {
    let late = "eventual_consistency: { stale_status_ms: 5000, late_operations_ms: 12000 }\n";
    let mut ground = Ground::with_seed(late, &[]);
    let version = ground.push();
    ground.world.control(Some(&json!({"kind": "script", "hold_ms": 15000, "times": 0})));
    let mut command = ground.command(&version);
    let mut first = command.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(first.stdout.take().unwrap()));
    lines.map(Result::unwrap).find(|line| line.contains("\"released\"")).expect("it is ordered");
    signal(&first, "KILL");
    first.wait().unwrap();
    let ran = ground.run(&version);
    assert_eq!(ran.code, 0, "{}", ran.said());
    ground.assert_deployed(version, "killed with its operation unlisted");
}
