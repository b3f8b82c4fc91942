//! CircleCI: the orb is packed and its commands expanded by `tests/judges/orb.py`; the steps that come of it are run here.

use std::fs;

use serde_json::Value;

use super::{
    cloud::{Trusted, judge, token},
    job::Ended,
    project,
    stage::{Stage, deploys_and_gates, is_refused, pairs},
};

const ISSUER: &str = "https://oidc.circleci.example.com/org/0a1b";
/// The organization's id.
const AUDIENCE: &str = "0a1b";
const SUBJECTS: [&str; 2] = ["org/0a1b/project/staging/user/*", "org/0a1b/project/2c3d/user/*"];
const ORB: &str = "pipeline-examples/circleci/orb/src";

/// The configuration without an orb.
pub(super) fn processed() -> Value {
    let config = project().join("pipeline-examples/circleci/config.yml");
    judge(&["orb.py", "process", config.to_str().unwrap(), project().join(ORB).to_str().unwrap()])
}

/// The configurations of the orb's own examples, likewise.
pub(super) fn examples() -> Value {
    judge(&["orb.py", "examples", project().join(ORB).to_str().unwrap()])
}

/// Runs a job's steps: after one that fails, only those that always run.
fn run(stage: &Stage, job: &Value, version: &str, subject: &str) -> Ended {
    let mut all = stage.variables();
    let token = token(&stage.world, ISSUER, subject, AUDIENCE);
    let bash_env = stage.workspace().join("bash-env");
    fs::write(&bash_env, "").unwrap();
    for (name, value) in [
        ("CI", "true"),
        ("CIRCLECI", "true"),
        ("CIRCLE_OIDC_TOKEN_V2", token.as_str()),
        ("BASH_ENV", bash_env.to_str().unwrap()),
        ("VERSION", version),
    ] {
        all.insert(name.to_owned(), value.to_owned());
    }
    let mut whole = Ended { code: 0, log: String::new(), cancelled: false };
    for run in job["steps"].as_array().unwrap().iter().map(|step| &step["run"]).filter(|run| run.is_object()) {
        if whole.code != 0 && run["when"] != "always" {
            continue;
        }
        let mut variables = all.clone();
        variables.extend(pairs(&run["environment"]));
        stage.fill_in(&mut variables);
        let ended = stage.script(&["bash", "-eo", "pipefail", "-c"], run["command"].as_str().unwrap(), &variables);
        whole.log.push_str(&ended.log);
        whole.code = if whole.code == 0 { ended.code } else { whole.code };
    }
    whole
}

fn stage() -> Stage {
    Stage::new(Trusted::Tokens(ISSUER, AUDIENCE, SUBJECTS))
}

#[test]
fn the_orbs_jobs_deploy_and_gate_and_are_refused_elsewhere() {
    let (stage, config) = (stage(), processed());
    let ours = "org/0a1b/project/2c3d/user/4e5f";
    deploys_and_gates(&stage, |version| run(&stage, &config["jobs"]["deploy"], version, ours));
    assert!(stage.workspace().join("shipgate-report/shipgate.xml").exists());
    let verified = ["v1", "v2"].map(|version| run(&stage, &config["jobs"]["verify"], version, ours).code);
    assert_eq!(verified, [0, 6]);
    is_refused(&stage, |version| run(&stage, &config["jobs"]["deploy"], version, "org/0a1b/project/9999/user/4e5f"));
}

#[test]
fn a_job_in_a_container_asks_for_an_engine_and_steps_may_bring_an_identity() {
    let config = processed();
    let staging = &config["jobs"]["staging"];
    assert!(staging["docker"].is_array() && staging["machine"].is_null());
    let steps = staging["steps"].as_array().unwrap();
    assert!(steps.contains(&Value::from("setup_remote_docker")), "{steps:?}");
    let names: Vec<&str> = steps.iter().filter_map(|step| step["run"]["name"].as_str()).collect();
    assert_eq!(names, ["Install shipgate", "An identity of your own", "shipgate deploy", "Sweep"]);
    assert!(!config["jobs"]["deploy"]["steps"].as_array().unwrap().contains(&Value::from("setup_remote_docker")));
}
