//! Runs that are cancelled, other CI systems, and the files that any of them can read.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::judged::{self, Step};
use crate::world::{Ran, World};

#[test]
fn a_cancelled_run_still_writes_its_outputs() {
    for signals in [&["INT"][..], &["INT", "TERM"]] {
        let world = World::new();
        world.push("v1", &[]);
        world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
        world.deploy_well("v1");
        let step = Step::new(&world);
        let ran = step.cancel_after_orders("v2", 2, signals);
        assert_eq!(ran.code, 130, "{}", ran.said());
        let outputs = step.outputs();
        assert_eq!((&outputs["status"], &outputs["exit-code"]), (&"interrupted".into(), &"130".into()));
        let page = step.summary();
        assert!(page["headings"][0].as_str().unwrap().contains("interrupted"), "{page:#}");
        let log = step.log(&ran);
        assert_eq!(log["left_open"], false, "{log:#}");
        assert!(judged::commands(&log, "error").is_empty(), "a run that is stopped is no error: {log:#}");
        if let Some(operation) = outputs["operation-id"].as_str() {
            assert!(page["rendered"].as_str().unwrap().contains(operation), "{page:#}");
        }
        assert_eq!(world.answer(), "200 v1");
    }
}

fn run_with(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = world.shipgate();
    command.env("CI", "true").envs(variables.iter().copied()).env("VERSION", "v1").args(arguments);
    command.output().unwrap().into()
}

#[test]
fn gitlab_has_sections_and_a_dotenv_report() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    let arguments = ["deploy", "--dotenv", "shipgate.env", "--report", "shipgate.xml"];
    let ran = run_with(&world, &[("GITLAB_CI", "true")], &arguments);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let sections = |what: &str| {
        let mark = format!("\u{1b}[0Ksection_{what}:");
        let marks = ran.stderr.split(&mark).skip(1);
        let name = |rest: &str| rest.split(['[', '\r']).next().unwrap().split_once(':').unwrap().1.to_owned();
        marks.map(name).collect::<Vec<_>>()
    };
    assert_eq!(sections("start"), sections("end"), "{}", ran.stderr);
    assert!(sections("start").len() >= 3, "{}", ran.stderr);
    let text = fs::read_to_string(world.folder().join("shipgate.env")).unwrap();
    let variables = Step::new(&world).judge("dotenv", &text);
    assert_eq!(variables["SHIPGATE_STATUS"], "success");
    assert_eq!(variables["SHIPGATE_IMAGE_DIGEST"], digest.as_str());
    assert_eq!(variables["SHIPGATE_SERVICE_URL"], world.service().unwrap().2);
    assert_eq!(variables["SHIPGATE_REPORT"], "shipgate.xml");
    let mut shell = std::process::Command::new("sh");
    let sourced = shell.args(["-ec", ". ./shipgate.env; echo $SHIPGATE_TAG"]).current_dir(world.folder());
    let sourced = sourced.output().unwrap();
    assert_eq!(String::from_utf8(sourced.stdout).unwrap(), "shop-api\n");
}

#[test]
fn a_dotenv_file_that_cannot_be_written_is_refused_before_anything_is_done() {
    let world = World::new();
    world.push("v1", &[]);
    let ran = world.deploy("v1", &["--dotenv", "missing/shipgate.env"]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    assert_eq!(world.orders(), Vec::<String>::new());
}

/// A program that writes down how it was called, in a folder that is put before the path.
fn program(folder: &Path, name: &str, script: &str) -> String {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let path = programs.join(name);
    fs::write(&path, format!("#!/bin/sh\necho \"$@\" >> {0}/calls\n{script}\n", folder.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap())
}

fn calls(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn buildkite_has_headings_and_an_annotation() {
    let world = World::new();
    world.push("v1", &judged::hostile());
    let keep = format!("cat > {}/annotation.md", world.folder().display());
    let path = program(world.folder(), "buildkite-agent", &keep);
    let ran = run_with(&world, &[("BUILDKITE", "true"), ("PATH", &path)], &["verify", "--target", "prod"]);
    assert_ne!(ran.code, 0, "{}", ran.said());
    let ran = run_with(&world, &[("BUILDKITE", "true"), ("PATH", &path)], &["deploy"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let lines: Vec<&str> = ran.stderr.lines().collect();
    for heading in ["--- copy and verify", "^^^ +++", "+++ unhealthy"] {
        assert!(lines.contains(&heading), "{heading}: {}", ran.stderr);
    }
    let last = calls(world.folder()).pop().unwrap();
    assert_eq!(last, "annotate --style error --context shipgate-deploy-prod");
    let page = fs::read_to_string(world.folder().join("annotation.md")).unwrap();
    judged::assert_shown_as_code(&Step::new(&world).judge("markdown", &page));
}

#[test]
fn an_agent_that_is_missing_or_fails_changes_nothing() {
    let world = World::new();
    world.push("v1", &[]);
    let missing = run_with(&world, &[("BUILDKITE", "true")], &["deploy"]);
    assert_eq!(missing.code, 0, "{}", missing.said());
    assert!(missing.stderr.contains("warning: the build is not annotated: there is no buildkite-agent"));
    let path = program(world.folder(), "buildkite-agent", "echo 'not registered' >&2; exit 1");
    let failing = run_with(&world, &[("BUILDKITE", "true"), ("PATH", &path)], &["deploy", "--force"]);
    assert_eq!(failing.code, 0, "{}", failing.said());
    assert!(failing.stderr.contains("exit status: 1: not registered"), "{}", failing.stderr);
}

#[test]
fn circleci_marks_a_deployment_where_that_is_asked_for() {
    let world = World::new();
    world.push("v1", &[]);
    let path = program(world.folder(), "circleci", "exit 0");
    let system = [("CIRCLECI", "true"), ("PATH", path.as_str()), ("CIRCLE_PROJECT_REPONAME", "shop")];
    let unasked = run_with(&world, &system, &["deploy"]);
    assert_eq!((unasked.code, calls(world.folder())), (0, Vec::new()), "{}", unasked.said());
    let ran = run_with(&world, &system, &["deploy", "--force", "--deploy-marker", "api"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(
        calls(world.folder()),
        [
            "run release plan api --environment-name=prod --component-name=shop --target-version=v1",
            "run release update api --status=RUNNING",
            "run release update api --status=SUCCESS",
        ]
    );
}

#[test]
fn a_deployment_that_cannot_be_marked_is_one_all_the_same() {
    let world = World::new();
    world.push("v1", &[]);
    let path = program(world.folder(), "circleci", "echo 'no such environment' >&2; exit 1");
    let system = [("CIRCLECI", "true"), ("PATH", path.as_str()), ("SHIPGATE_DEPLOY_MARKER", "api")];
    let ran = run_with(&world, &system, &["deploy"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("the deployment is not marked: circleci run ended with"), "{}", ran.stderr);
    assert_eq!(calls(world.folder()).len(), 1, "what was not planned is not updated");
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn a_report_may_be_markdown_and_there_may_be_several() {
    let world = World::new();
    world.push("v1", &judged::hostile());
    let ran = world.deploy("v1", &["--report", "a.md", "--report", "b.xml", "--report", "c.json"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    for (file, text) in [("b.xml", "<testsuites"), ("c.json", "shipgate-report/1")] {
        assert!(fs::read_to_string(world.folder().join(file)).unwrap().contains(text), "{file}");
    }
    let page = fs::read_to_string(world.folder().join("a.md")).unwrap();
    judged::assert_shown_as_code(&Step::new(&world).judge("markdown", &page));
}
