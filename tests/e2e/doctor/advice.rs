//! The loop: a job is refused, doctor names the statement, the statement is put into the role's trust policy, and the job is let
//! in.

use serde_json::{Value, json};

use super::check;
use crate::{
    oidc::job::{endpoint, github, github_world, job, run, token, with_program},
    world::World,
};

/// Adds a statement to the trust policy of a role, beside the one that lets the tests in.
fn trust(world: &World, role: &str, statement: &Value) {
    let tests = json!({
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::333333333333:root" }, "Action": "sts:AssumeRole",
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [tests, statement] });
    assert!(world.make_role(&json!({ "arn": role, "trust_policy": policy })));
}

/// Follows the advice for both roles of the configuration.
fn follow(world: &World, ran: &crate::world::Ran) {
    for (name, role) in [
        ("role-registry", "arn:aws:iam::111111111111:role/shipgate-pull"),
        ("role-prod", "arn:aws:iam::222222222222:role/shipgate-deploy"),
    ] {
        let found = check(ran, name);
        assert_eq!(found["outcome"], "fail", "{found}");
        assert!(found["hint"].as_str().unwrap().contains(role), "{found}");
        trust(world, role, &found["statement"]);
    }
}

const DOCTOR: &[&str] = &["doctor", "--no-verify", "--output", "json"];

#[test]
fn what_is_advised_on_github_lets_that_job_in_and_no_other() {
    let world = github_world();
    let job = endpoint(&world, "repo:shop/api:environment:prod");
    let refused = run(github(&world, &job, DOCTOR));
    assert_eq!(refused.code, 3, "{}", refused.said());
    let deployed = run(github(&world, &job, &["deploy", "--no-verify"]));
    assert_eq!(deployed.code, 3, "{}", deployed.said());
    assert!(world.service().is_none());

    follow(&world, &refused);
    let well = run(github(&world, &job, DOCTOR));
    assert_eq!(well.code, 0, "{}", well.said());
    let deployed = run(github(&world, &job, &["deploy", "--no-verify"]));
    assert_eq!(deployed.code, 0, "{}", deployed.said());
    let other = endpoint(&world, "repo:shop/api:environment:staging");
    let refused = run(github(&world, &other, &["status"]));
    assert_eq!(refused.code, 3, "{}", refused.said());
}

#[test]
fn what_is_advised_on_buildkite_lets_the_next_commit_in_too() {
    let world = github_world();
    let agent = |commit: &str, branch: &str, arguments: &[&str]| {
        let subject = format!("organization:shop:pipeline:api:ref:refs/heads/{branch}:commit:{commit}:step:deploy");
        let claims = json!({ "iss": "https://agent.buildkite.com", "aud": "sts.amazonaws.com", "sub": subject });
        let mut command = job(&world, arguments);
        command.env("BUILDKITE", "true").env("MADE", token(&world, &claims));
        with_program(&world, &mut command, "buildkite-agent", r#"echo "$MADE""#);
        run(command)
    };
    let refused = agent("0123abcd", "main", DOCTOR);
    assert_eq!(refused.code, 3, "{}", refused.said());
    follow(&world, &refused);
    let next = agent("4567cdef", "main", DOCTOR);
    assert_eq!(next.code, 0, "{}", next.said());
    let branch = agent("4567cdef", "other", DOCTOR);
    assert_eq!(branch.code, 3, "{}", branch.said());
}

#[test]
fn what_is_advised_on_circleci_lets_another_user_in_too() {
    let world = github_world();
    let organization = "00000000-0000-4000-8000-000000000001";
    let by = |user: &str, project: &str| {
        let claims = json!({
            "iss": format!("https://oidc.circleci.com/org/{organization}"), "aud": organization,
            "sub": format!("org/{organization}/project/{project}/user/{user}/vcs-origin/github.com/shop/api/vcs-ref/main"),
        });
        let mut command = job(&world, DOCTOR);
        command.env("CIRCLECI", "true").env("CIRCLE_OIDC_TOKEN_V2", token(&world, &claims));
        run(command)
    };
    let refused = by("a", "p");
    assert_eq!(refused.code, 3, "{}", refused.said());
    follow(&world, &refused);
    assert_eq!(by("b", "p").code, 0);
    assert_eq!(by("b", "q").code, 3);
}

#[test]
fn what_is_advised_for_a_user_with_an_external_id_lets_that_user_in() {
    let world = World::new();
    let closed = "arn:aws:iam::222222222222:role/closed";
    let doctor = || {
        let mut command = world.shipgate();
        command.args(DOCTOR).args(["--role", closed, "--external-id", "open-sesame"]).env("VERSION", "v1");
        run(command)
    };
    let refused = doctor();
    assert_eq!(refused.code, 3, "{}", refused.said());
    let found = check(&refused, "role-prod");
    let expected = json!({
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::333333333333:user/ci" },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "open-sesame" } },
    });
    assert_eq!(found["statement"], expected);
    trust(&world, closed, &found["statement"]);
    let well = doctor();
    assert_eq!(well.code, 0, "{}", well.said());
}

#[test]
fn the_second_role_of_a_chain_is_told_to_trust_the_first() {
    let world = github_world();
    let job = endpoint(&world, crate::oidc::job::MAIN);
    let chain =
        "role: { arn: arn:aws:iam::222222222222:role/closed, via: [arn:aws:iam::222222222222:role/shipgate-deploy] }";
    let configuration =
        crate::world::CONFIGURATION.replace("role: arn:aws:iam::222222222222:role/shipgate-deploy", chain);
    world.write("shipgate.yaml", &configuration);
    let refused = run(github(&world, &job, DOCTOR));
    assert_eq!(refused.code, 3, "{}", refused.said());
    let found = check(&refused, "role-prod");
    assert_eq!(found["statement"]["Principal"]["AWS"], "arn:aws:iam::222222222222:role/shipgate-deploy");
    trust(&world, "arn:aws:iam::222222222222:role/closed", &found["statement"]);
    let well = run(github(&world, &job, DOCTOR));
    assert_eq!(well.code, 0, "{}", well.said());
}
