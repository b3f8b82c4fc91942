//! GitLab: the jobs of its examples as the runner would run them. The engine is this machine's; how it is reached from a container
//! is tested elsewhere.

use serde_json::{Value, json};

use super::{
    cloud::{AUDIENCE, Trusted, token},
    github::yaml,
    job::{Ended, Variables},
    project,
    stage::{Stage, deploys_and_gates, is_refused, lines, pairs},
};

const ISSUER: &str = "https://gitlab.example.com";
const SUBJECTS: [&str; 2] =
    ["project_path:shop/api:ref_type:branch:ref:staging", "project_path:shop/api:ref_type:branch:ref:main"];

fn file(name: &str) -> Value {
    yaml(&project().join("pipeline-examples/gitlab").join(name))
}

/// `over` in the place of what `base` says, mapping by mapping.
fn merged(base: &Value, over: &Value) -> Value {
    let (Some(base), Some(over)) = (base.as_object(), over.as_object()) else { return over.clone() };
    let mut all = base.clone();
    for (key, value) in over {
        let value = all.get(key).map_or_else(|| value.clone(), |below| merged(below, value));
        all.insert(key.clone(), value);
    }
    all.into()
}

/// A job with what it extends.
fn job(file: &Value, name: &str) -> Value {
    let job = &file[name];
    let base = job["extends"].as_str().map_or(json!({}), |base| job_below(file, base));
    merged(&base, job)
}

fn job_below(file: &Value, name: &str) -> Value {
    assert!(name.starts_with('.'), "{name} is a job of its own");
    file[name].clone()
}

/// The job's variables, `$NAME` filled in as GitLab does.
fn variables(stage: &Stage, file: &Value, job: &Value, version: &str) -> Variables {
    let mut all = stage.variables();
    for (name, value) in [("CI", "true"), ("GITLAB_CI", "true"), ("CI_COMMIT_SHA", version), ("CI_JOB_NAME", "deploy")]
    {
        all.insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in pairs(&file["variables"]).into_iter().chain(pairs(&job["variables"])) {
        let value = value.strip_prefix('$').map_or(value.clone(), |name| all.get(name).cloned().unwrap_or_default());
        all.insert(name, value);
    }
    // The service container that they lead to is not here.
    all.retain(|name, _| !name.starts_with("DOCKER_"));
    stage.fill_in(&mut all);
    all
}

/// Runs a job: what comes before and the script in one shell, what comes after in another, whatever came of the first.
fn run(stage: &Stage, file: &Value, name: &str, version: &str, subject: &str) -> Ended {
    let job = job(file, name);
    let mut all = variables(stage, file, &job, version);
    for (name, asked) in job["id_tokens"].as_object().unwrap() {
        all.insert(name.clone(), token(&stage.world, ISSUER, subject, asked["aud"].as_str().unwrap()));
    }
    let shell = ["bash", "-e", "-o", "pipefail", "-c"];
    let script = [lines(&job["before_script"]), lines(&job["script"])].concat().join("\n");
    let mut ended = stage.script(&shell, &script, &all);
    let after = stage.script(&shell, &lines(&job["after_script"]).join("\n"), &all);
    assert_eq!(after.code, 0, "{}", after.log);
    for (kind, name) in pairs(&job["artifacts"]["reports"]) {
        let is_there = stage.workspace().join(&name).exists();
        assert!(is_there || ended.code != 0, "the {kind} report {name} is missing: {}", ended.log);
    }
    ended.log.push_str(&after.log);
    ended
}

fn stage() -> Stage {
    Stage::new(Trusted::Tokens(ISSUER, AUDIENCE, SUBJECTS))
}

#[test]
fn the_example_with_dind_deploys_gates_and_is_refused_elsewhere() {
    let (stage, file) = (stage(), file("dind.gitlab-ci.yml"));
    deploys_and_gates(&stage, |version| run(&stage, &file, "deploy", version, SUBJECTS[1]));
    let verified = run(&stage, &file, "verify", "v1", SUBJECTS[1]);
    assert_eq!(verified.code, 0, "{}", verified.log);
    let unhealthy = run(&stage, &file, "verify", "v2", SUBJECTS[1]);
    assert_eq!(unhealthy.code, 6, "{}", unhealthy.log);
    is_refused(&stage, |version| run(&stage, &file, "deploy", version, SUBJECTS[0]));
}

#[test]
fn the_example_with_the_socket_deploys_gates_and_is_refused_elsewhere() {
    let (stage, file) = (stage(), file("socket.gitlab-ci.yml"));
    deploys_and_gates(&stage, |version| run(&stage, &file, "deploy", version, SUBJECTS[1]));
    is_refused(&stage, |version| {
        run(&stage, &file, "deploy", version, "project_path:somebody/else:ref_type:branch:ref:main")
    });
}
