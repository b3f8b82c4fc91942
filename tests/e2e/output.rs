//! What a run prints, for people and for programs, and that the two say the same.

use serde_json::Value;

use crate::world::{SOURCE, World, shipgate};

#[test]
fn json_is_one_event_a_line_and_ends_with_the_end() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    let ran = world.deploy("v1", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["event"].is_string() && event["at"].is_string()));
    let stages: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "stage-finished")
        .map(|event| event["stage"].as_str().unwrap())
        .collect();
    let place = |stage| stages.iter().position(|told| *told == stage).unwrap();
    let order = ["resolve", "preflight", "copy", "promote", "release", "gate", "aftercare"].map(place);
    assert!(order.is_sorted(), "{stages:?}");
    assert!(place("verify") < place("promote"), "{stages:?}");
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["exit_code"]), (&"run-finished".into(), &0.into()));
    assert_eq!(end["digest"], digest.as_str());
    assert_eq!(end["service_url"], world.service().unwrap().2);
}

#[test]
fn a_report_is_written_whatever_happens() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL", "exit:3")]);
    for (version, code) in [("v1", 0), ("v2", 6)] {
        let path = world.folder().join(format!("{version}.json"));
        let ran = world.deploy(version, &["--report", path.to_str().unwrap()]);
        assert_eq!(ran.code, code, "{}", ran.said());
        let report: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(report["exit_code"], code, "{report:#}");
        assert_eq!(report["target"], "prod");
        if code == 0 {
            assert_eq!(report["digest"], digest.as_str());
        } else {
            assert!(report["causes"].to_string().contains("code 3"), "{report:#}");
        }
    }
}

#[test]
fn secrets_are_nowhere_in_what_is_said() {
    let world = World::new();
    world.push("v1", &[]);
    let report = world.folder().join("report.json");
    let text = world.deploy("v1", &["--report", report.to_str().unwrap()]);
    let json = world.deploy("v1", &["--output", "json"]);
    let written = std::fs::read_to_string(report).unwrap();
    for said in [text.said(), json.said(), written] {
        for secret in ["hunter2", "sandbox/secret/of/the/ci/user", "X-Amz-Signature", "QVdTO"] {
            assert!(!said.contains(secret), "{secret} is in: {said}");
        }
    }
}

#[test]
fn flags_alone_deploy_as_a_file_does() {
    let world = World::new();
    world.push("v1", &[]);
    std::fs::remove_file(world.folder().join("shipgate.yaml")).unwrap();
    let image = format!("{SOURCE}:v1");
    let ran = world.deploy(
        "unused",
        &[
            "--image",
            &image,
            "--registry-role",
            "arn:aws:iam::111111111111:role/shipgate-pull",
            "--role",
            "arn:aws:iam::222222222222:role/shipgate-deploy",
            "--service",
            "shop-api",
            "--access-role",
            "arn:aws:iam::222222222222:role/apprunner-access",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn the_schema_is_json_and_completions_are_scripts() {
    let schema = shipgate().arg("schema").output().unwrap();
    assert!(schema.status.success());
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema["properties"]["targets"].is_object());
    let of_mirror = shipgate().args(["schema", "--mirror"]).output().unwrap();
    let of_mirror: Value = serde_json::from_slice(&of_mirror.stdout).unwrap();
    assert!(of_mirror["properties"]["destinations"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        let script = shipgate().args(["completions", shell]).output().unwrap();
        assert!(script.status.success() && String::from_utf8(script.stdout).unwrap().contains("shipgate"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = shipgate().arg("schema").stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
