//! The GitHub Action: where its program comes from, how its inputs become arguments, and how a run of it ends.

mod inputs;
mod program;

use std::{fs, io::Write as _, path::Path, time::Duration};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{
    github::Runner,
    job::{Cut, Standing, with_keys},
    project,
    release::{Downloads, Release},
};
use crate::world::{LIVE, World};

/// A checkout of the action, as the runner downloads it: its folder, and as much of the source as makes it one.
pub(super) struct Checkout(TempDir);

impl Checkout {
    /// One that pins this.
    pub(super) fn with(checksums: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let action = folder.path().join("github-action");
        fs::create_dir_all(&action).unwrap();
        for entry in fs::read_dir(project().join("github-action")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), action.join(entry.file_name())).unwrap();
        }
        for name in ["Cargo.toml", "Cargo.lock", "src/main.rs", "crates/core/src/lib.rs"] {
            let copy = folder.path().join(name);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(project().join(name), copy).unwrap();
        }
        let pins = fs::read_to_string(action.join("checksums.txt")).unwrap();
        fs::write(action.join("checksums.txt"), pins + checksums).unwrap();
        Self(folder)
    }

    /// One that pins the release of the built binary.
    pub(super) fn pinned() -> Self {
        Self::with(&Release::of_the_built_binary().checksum_line())
    }

    pub(super) fn action(&self) -> std::path::PathBuf {
        self.0.path().join("github-action")
    }
}

/// Inputs, with the place of the downloads.
pub(super) fn inputs(downloads: &Downloads, pairs: &[(&str, &str)]) -> Map<String, Value> {
    let place = [("downloads", downloads.address.as_str())];
    pairs.iter().chain(&place).map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

/// A runner with a configuration in its workspace, and the base identity's keys.
fn runner_in(world: &World, version: &str) -> Runner {
    let mut runner = Runner::new(with_keys(world));
    runner.environment.insert("VERSION".to_owned(), version.to_owned());
    fs::copy(world.folder().join("shipgate.yaml"), runner.workspace().join("shipgate.yaml")).unwrap();
    runner
}

fn act(runner: &mut Runner, pairs: &[(&str, &str)]) -> Value {
    let downloads = Downloads::of(Release::of_the_built_binary());
    let outputs = runner.action(&Checkout::pinned().action(), &inputs(&downloads, pairs));
    assert_eq!(downloads.asked().len(), 1, "the program was downloaded once: {}", runner.log);
    outputs
}

fn containers_of_runs() -> String {
    let list = ["ps", "-aq", "--no-trunc", "--filter", "label=shipgate.run"];
    String::from_utf8(std::process::Command::new("docker").args(list).output().unwrap().stdout).unwrap()
}

#[test]
fn a_deployment_is_green() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    let mut runner = runner_in(&world, "v1");
    let outputs = act(&mut runner, &[("target", "prod"), ("report", "report.json")]);
    assert_eq!(runner.standing, Standing::Well, "{}", runner.log);
    assert_eq!(outputs["report"], "report.json");
    assert_eq!(world.answer(), "200 v1");
    assert_eq!(world.tag(LIVE), Some(digest));
    assert_eq!(runner.code("Sweep"), Some(0), "{:?}", runner.codes);
    print_overhead(&runner);
}

/// What the action costs besides shipgate's own time, which is the report's. Past the capture of tests: it is for people, and the test is
/// none of it.
fn print_overhead(runner: &Runner) {
    let report = fs::read_to_string(runner.workspace().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let own = Duration::from_millis(report["elapsed_ms"].as_u64().unwrap());
    let all: Duration = runner.times.iter().map(|(_, time)| *time).sum();
    let steps: Vec<String> =
        runner.times.iter().map(|(name, time)| format!("{name} {:.2} s", time.as_secs_f64())).collect();
    let besides = all.saturating_sub(own).as_secs_f64();
    let told = format!(
        "\nthe action takes {besides:.2} s besides shipgate's own {:.2} s: {}\n",
        own.as_secs_f64(),
        steps.join(", ")
    );
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

#[test]
fn an_unhealthy_image_is_red_and_the_old_version_serves() {
    let world = World::new();
    let old = world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL", "status:500")]);
    world.deploy_well("v1");
    let mut runner = runner_in(&world, "v2");
    let _outputs = act(&mut runner, &[]);
    assert_eq!((runner.standing, runner.code("shipgate")), (Standing::Failed, Some(6)), "{}", runner.log);
    assert_eq!(world.tag(LIVE), Some(old));
    assert_eq!(world.orders(), ["CreateService"]);
    assert_eq!(world.answer(), "200 v1");
    assert_eq!(runner.code("Sweep"), Some(0), "{:?}", runner.codes);
}

/// A run that is cut short when its container has started, and whether that container is still there.
fn cut_short(cut: Cut) -> (Runner, bool) {
    let world = World::new();
    world.push("slow", &[("DEMO_FAIL", "slow:20000")]);
    let mut runner = runner_in(&world, "slow");
    runner.cut = Some(cut);
    let _outputs = act(&mut runner, &[]);
    assert_eq!(runner.standing, Standing::Cancelled, "{}", runner.log);
    assert!(world.orders().is_empty());
    let container = runner.log.lines().find_map(|line| line.split_once("verify     container ")).unwrap().1;
    let container = container.split_whitespace().next().unwrap().to_owned();
    let is_there = containers_of_runs().contains(&container);
    (runner, is_there)
}

#[test]
fn cancellation_arrives_at_the_program_which_cleans_up() {
    let (runner, is_there) = cut_short(Cut::Cancelled("verify     container "));
    assert_eq!(runner.code("shipgate"), Some(130), "{}", runner.log);
    assert!(!is_there && !runner.log.contains("removed container"), "{}", runner.log);
    assert_eq!(runner.code("Sweep"), Some(0), "{:?}", runner.codes);
}

#[test]
fn what_a_killed_run_leaves_the_last_step_removes() {
    let (runner, is_there) = cut_short(Cut::Killed("verify     container "));
    assert_eq!(runner.code("shipgate"), Some(137), "{}", runner.log);
    assert!(!is_there && runner.log.contains("removed container"), "{}", runner.log);
}

/// A file of the action, for those that read it.
pub(super) fn definition() -> Value {
    super::github::yaml(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/github-action/action.yml")))
}
