//! What keeps a job from being known, each told with how to mend it; and what must not become of its token and bearer.

use serde_json::json;

use super::{
    endpoint::{Behaviour, Endpoint},
    job::{MAIN, endpoint, github, github_claims, github_world, job, run, token, with_program},
};
use crate::{
    said::without_what_varies,
    world::{Ran, World},
};

/// Exit code 3, the words of the snapshot, and a world that nothing happened to.
macro_rules! assert_refused {
    ($world:expr, $ran:expr) => {
        let (world, ran): (&World, &Ran) = (&$world, &$ran);
        assert_eq!(ran.code, 3, "{}", ran.said());
        assert!(world.orders().is_empty() && world.service().is_none());
        insta::assert_snapshot!(without_what_varies(ran));
    };
}

#[test]
fn a_job_of_another_repository_is_not_let_in() {
    let world = github_world();
    let endpoint = endpoint(&world, "repo:somebody/else:ref:refs/heads/main");
    let ran = run(github(&world, &endpoint, &["deploy", "--no-verify"]));
    assert_refused!(world, ran);
}

#[test]
fn a_job_for_another_audience_is_not_let_in() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let ran = run(github(&world, &endpoint, &["status", "--oidc-audience", "shop"]));
    assert_refused!(world, ran);
}

#[test]
fn a_job_without_the_permission_is_told_so() {
    let world = github_world();
    let mut command = job(&world, &["status"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "push");
    assert_refused!(world, run(command));
}

#[test]
fn a_pull_request_is_told_of_forks() {
    let world = github_world();
    let mut command = job(&world, &["status", "--oidc", "always"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "pull_request");
    assert_refused!(world, run(command));
}

#[test]
fn gitlab_without_id_tokens_is_told_what_to_write() {
    let world = github_world();
    let mut command = job(&world, &["status"]);
    command.env("GITLAB_CI", "true");
    assert_refused!(world, run(command));
}

#[test]
fn a_token_for_somebody_else_is_not_even_shown_to_aws() {
    let world = github_world();
    let before = world.calls().len();
    let mut command = job(&world, &["status", "--oidc-audience", "sts.amazonaws.com"]);
    let claims =
        json!({ "iss": "https://gitlab.com", "sub": "project_path:shop/api", "aud": "https://vault.example.com" });
    command.env("GITLAB_CI", "true").env("SHIPGATE_ID_TOKEN", token(&world, &claims));
    let ran = run(command);
    assert_eq!(world.calls().len(), before, "AWS was asked");
    assert_refused!(world, ran);
}

#[test]
fn an_expired_token_is_told_as_one() {
    let world = github_world();
    let mut claims = github_claims(MAIN);
    (claims["iat"], claims["nbf"], claims["exp"]) = (json!(1_000), json!(1_000), json!(1_300));
    let mut command = job(&world, &["status"]);
    command.env("SHIPGATE_ID_TOKEN", token(&world, &claims));
    let ran = run(command);
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(ran.stderr.contains("the job's token has expired"), "{}", ran.stderr);
}

#[test]
fn the_bearer_does_not_follow_a_redirect() {
    let world = github_world();
    let elsewhere = endpoint(&world, MAIN);
    let behaviour =
        Behaviour { redirect: Some(elsewhere.url.replace("127.0.0.1", "localhost")), ..Behaviour::default() };
    let endpoint = Endpoint::new(&world, behaviour);
    let ran = run(github(&world, &endpoint, &["status"]));
    assert!(elsewhere.asked().is_empty(), "{:?}", elsewhere.asked());
    assert_eq!(endpoint.asked().iter().filter(|one| one.authorized).count(), 1, "it is not asked twice");
    assert_refused!(world, ran);
}

#[test]
fn an_endpoint_that_does_not_know_the_job_is_asked_once() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let mut command = github(&world, &endpoint, &["status"]);
    command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "stale");
    let ran = run(command);
    assert_eq!(endpoint.asked().len(), 1);
    assert_refused!(world, ran);
}

#[test]
fn what_is_no_token_goes_no_further() {
    let world = github_world();
    let behaviour = Behaviour { answer: Some(r#"{"value": "hunter2"}"#), ..Behaviour::default() };
    let endpoint = Endpoint::new(&world, behaviour);
    let ran = run(github(&world, &endpoint, &["status"]));
    assert!(!ran.said().contains("hunter2"), "{}", ran.said());
    assert_refused!(world, ran);
}

#[test]
fn an_agent_that_fails_is_told_in_its_words() {
    let world = github_world();
    let mut command = job(&world, &["status"]);
    command.env("BUILDKITE", "true").env("MADE", token(&world, &github_claims(MAIN)));
    with_program(&world, &mut command, "buildkite-agent", r#"echo "fatal: no job for $MADE" >&2; exit 1"#);
    assert_refused!(world, run(command));
}

#[test]
fn a_token_without_a_role_is_of_no_use() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    world.write("no-role.yaml", "targets: { prod: { service: shop-api, region: ap-northeast-1 } }\n");
    let ran = run(github(&world, &endpoint, &["status", "--file", "no-role.yaml"]));
    assert!(endpoint.asked().is_empty());
    assert_refused!(world, ran);
}
