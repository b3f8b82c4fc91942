//! The smoke test: the service's URL is asked once the deployment has succeeded, and its failure is told for what it is.

use serde_json::Value;

use crate::world::{CONFIGURATION, LIVE, World};

/// A world whose deployments are followed by a smoke test like this.
fn world(smoke_test: &str) -> World {
    let world = World::new();
    world.write("shipgate.yaml", &format!("{CONFIGURATION}    smoke_test: {smoke_test}\n"));
    world
}

#[test]
fn a_url_that_answers_is_told_and_the_run_succeeds() {
    let world = world("{ times: 3 }");
    world.push("v1", &[]);
    let ran = world.deploy("v1", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let asked: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] == "smoke-tested")
        .collect();
    assert!(asked.len() >= 3, "{asked:?}");
    assert!(asked.iter().rev().take(3).all(|event| event["passed"] == true), "{asked:?}");
}

#[test]
fn a_url_that_does_not_answer_as_it_should_is_an_exit_code_of_its_own_and_the_new_version_serves() {
    let world = world("{ path: /nowhere, within: 1s }");
    world.push("v1", &[]);
    let new = world.push("v2", &[]);
    let first = world.deploy("v1", &[]);
    assert_eq!(first.code, 12, "{}", first.said());
    let ran = world.deploy("v2", &["--report", "report.json"]);
    assert_eq!(ran.code, 12, "{}", ran.said());
    let said = ran.said();
    assert!(said.contains("/nowhere answered 404") && said.contains("the new version serves"), "{said}");
    assert!(said.contains("smoke_test.on_failure: return"), "{said}");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    let report = std::fs::read_to_string(world.folder().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["exit_code"], &report["smoke"][0]["passed"]), (&Value::from(12), &Value::Bool(false)));
}
