//! CodeBuild: the phases of its example in their order, with a service role for an identity.

use serde_json::Value;

use super::{
    cloud::Trusted,
    github::yaml,
    job::{Ended, with_keys},
    project,
    stage::{Stage, deploys_and_gates, lines, pairs},
};

/// Runs the phases until one fails.
fn run(stage: &Stage, version: &str) -> Ended {
    let buildspec: Value = yaml(&project().join("pipeline-examples/codebuild/buildspec.yml"));
    let mut all = stage.variables();
    all.extend(pairs(&buildspec["env"]["variables"]));
    let arn = "arn:aws:codebuild:ap-northeast-1:444444444444:build/shop:0a1b";
    for (name, value) in [("CODEBUILD_BUILD_ARN", arn), ("CODEBUILD_RESOLVED_SOURCE_VERSION", version)] {
        all.insert(name.to_owned(), value.to_owned());
    }
    let keys = with_keys(&stage.world).into_iter().filter(|(name, _)| name.starts_with("AWS_"));
    all.extend(keys);
    stage.fill_in(&mut all);
    let mut whole = Ended { code: 0, log: String::new(), cancelled: false };
    for phase in ["install", "pre_build", "build"] {
        for command in lines(&buildspec["phases"][phase]["commands"]) {
            let ended = stage.script(&["bash", "-c"], &command, &all);
            whole.log.push_str(&ended.log);
            if ended.code != 0 {
                return Ended { code: ended.code, ..whole };
            }
        }
    }
    whole
}

#[test]
fn the_example_deploys_and_gates() {
    let stage = Stage::new(Trusted::Role("arn:aws:iam::444444444444:user/watcher"));
    deploys_and_gates(&stage, |version| run(&stage, version));
}
