//! Buildkite: the steps of its example as an agent would run them.

use serde_json::Value;

use super::{
    cloud::{AUDIENCE, Trusted, bearer, token_address},
    github::yaml,
    job::Ended,
    project,
    stage::{Stage, deploys_and_gates, is_refused, lines, pairs},
};

const ISSUER: &str = "https://agent.buildkite.example.com";
const SUBJECTS: [&str; 2] = [
    "organization:shop:pipeline:api:ref:refs/heads/staging:*",
    "organization:shop:pipeline:api:ref:refs/heads/main:commit:*",
];

/// The agent's program: `oidc request-token --audience A`, and annotations into a file.
fn agent(stage: &Stage, subject: &str) {
    let (address, bearer) = (token_address(stage.world.endpoint(), ISSUER, subject), bearer(&stage.world));
    let script = format!(
        r#"#!/bin/sh
case "$1 $2" in
'oidc request-token') curl -fsS -H "{bearer}" "{address}&audience=$4" | sed 's/.*"value":"\([^"]*\)".*/\1/' ;;
annotate*) cat >>annotations.md ;;
*) exit 1 ;;
esac
"#
    );
    stage.program("buildkite-agent", &script);
}

/// Runs the step with this key, with the commit as its version.
fn run(stage: &Stage, key: &str, version: &str, subject: &str) -> Ended {
    let pipeline: Value = yaml(&project().join("pipeline-examples/buildkite/pipeline.yml"));
    let step = pipeline["steps"].as_array().unwrap().iter().find(|step| step["key"] == key).unwrap();
    agent(stage, subject);
    let mut all = stage.variables();
    all.extend(pairs(&pipeline["env"]));
    for (name, value) in [("CI", "true"), ("BUILDKITE", "true"), ("BUILDKITE_COMMIT", version)] {
        all.insert(name.to_owned(), value.to_owned());
    }
    stage.fill_in(&mut all);
    // `buildkite-agent pipeline upload` has taken the second dollar away.
    let script = lines(&step["command"]).join("\n").replace("$$", "$");
    stage.script(&["bash", "-e", "-c"], &script, &all)
}

#[test]
fn the_example_deploys_gates_and_is_refused_elsewhere() {
    let stage = Stage::new(Trusted::Tokens(ISSUER, AUDIENCE, SUBJECTS));
    let main = "organization:shop:pipeline:api:ref:refs/heads/main:commit:0a1b:step:deploy";
    deploys_and_gates(&stage, |version| run(&stage, "deploy", version, main));
    let verified = ["v1", "v2"].map(|version| run(&stage, "verify", version, main).code);
    assert_eq!(verified, [0, 6]);
    is_refused(&stage, |version| run(&stage, "deploy", version, &main.replace("main", "theirs")));
}
