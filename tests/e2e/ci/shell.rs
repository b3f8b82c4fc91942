//! Any CI that runs a script: a token in a file, and a role of the job's own that the others trust.

use std::fs;

use super::{
    cloud::{AUDIENCE, Trusted, token},
    job::Ended,
    project,
    stage::{Stage, deploys_and_gates},
};

const JOB: &str = "arn:aws:iam::444444444444:role/ci-job";

fn run(stage: &Stage, version: &str, subject: &str) -> Ended {
    let file = stage.workspace().join("token");
    fs::write(&file, token(&stage.world, "https://ci.example.com", subject, AUDIENCE)).unwrap();
    let mut all = stage.variables();
    let file = file.to_str().unwrap();
    for (name, value) in [("AWS_WEB_IDENTITY_TOKEN_FILE", file), ("AWS_ROLE_ARN", JOB), ("VERSION", version)] {
        all.insert(name.to_owned(), value.to_owned());
    }
    stage.fill_in(&mut all);
    let script = project().join("pipeline-examples/shell/deploy.sh");
    stage.script(&["sh", "-c"], &format!("{} prod", script.display()), &all)
}

#[test]
fn the_script_deploys_and_gates_and_is_refused_elsewhere() {
    let stage = Stage::new(Trusted::Role(JOB));
    deploys_and_gates(&stage, |version| run(&stage, version, "repo:shop/api:ref:refs/heads/main"));
    let refused = run(&stage, "v1", "repo:somebody/else:ref:refs/heads/main");
    assert_eq!(refused.code, 3, "{}", refused.log);
    assert_eq!(stage.world.orders(), ["CreateService"]);
}
