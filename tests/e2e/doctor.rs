//! `shipgate doctor` in the jobs of CI systems: what it finds there, and that what it advises lets the job in.

mod advice;
mod surroundings;

use serde_json::Value;

use crate::{
    oidc::{
        endpoint::{Behaviour, Endpoint},
        job::{MAIN, endpoint, github, github_claims, github_world, job, run},
    },
    said::without_what_varies,
    world::{Ran, World},
};

/// What was found, by the checks' names, in their order.
fn found(ran: &Ran) -> Vec<Value> {
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event a line"));
    events.filter(|event| event["event"] == "diagnosed").collect()
}

fn check(ran: &Ran, name: &str) -> Value {
    let found = found(ran);
    found.iter().find(|one| one["check"] == name).unwrap_or_else(|| panic!("{name} in {found:?}")).clone()
}

/// A run as snapshots have it: the times in a token differ.
fn told(ran: &Ran) -> String {
    let varies = |line: &str| ["iat", "nbf", "exp", "jti"].iter().any(|name| line.trim_start().starts_with(name));
    let lines = |text: &str| {
        let kept = text.lines().filter(|line| !(line.starts_with("    ") && varies(line)));
        kept.map(|line| format!("{line}\n")).collect::<Vec<_>>().concat()
    };
    without_what_varies(&Ran { code: ran.code, stdout: lines(&ran.stdout), stderr: lines(&ran.stderr) })
}

#[test]
fn a_job_that_every_role_lets_in_is_well() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let ran = run(github(&world, &endpoint, &["doctor", "--no-verify"]));
    assert_eq!(ran.code, 0, "{}", ran.said());
    insta::assert_snapshot!(told(&ran));
}

#[test]
fn a_job_of_another_branch_is_told_what_would_let_it_in() {
    let world = github_world();
    let endpoint = endpoint(&world, "repo:shop@123456/api@456789:environment:prod");
    let ran = run(github(&world, &endpoint, &["doctor", "--no-verify", "--target", "prod"]));
    assert_eq!(ran.code, 3, "{}", ran.said());
    insta::assert_snapshot!(told(&ran));
}

#[test]
fn a_job_without_the_permission_has_nothing_to_begin_with() {
    let world = github_world();
    let mut command = job(&world, &["doctor", "--no-verify"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "pull_request");
    let ran = run(command);
    assert_eq!(ran.code, 3, "{}", ran.said());
    insta::assert_snapshot!(told(&ran));
}

#[test]
fn json_says_all_that_the_text_says() {
    let world = github_world();
    let endpoint = endpoint(&world, "repo:shop/api:pull_request");
    let text = run(github(&world, &endpoint, &["doctor", "--no-verify"]));
    let json = run(github(&world, &endpoint, &["doctor", "--no-verify", "--output", "json"]));
    assert_eq!((text.code, json.code), (3, 3));
    let heads: Vec<&str> = text.stdout.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads.len(), found(&json).len(), "{}", text.stdout);
    for (head, one) in heads.iter().zip(found(&json)) {
        let (check, detail) = (one["check"].as_str().unwrap(), one["detail"].as_str().unwrap());
        assert!(head[4..].starts_with(check) && head.ends_with(detail), "{head}: {one}");
        for fact in one["facts"].as_array().unwrap() {
            assert!(text.stdout.contains(fact["name"].as_str().unwrap()), "{fact}");
        }
        for hint in one["hint"].as_str().unwrap_or_default().lines() {
            assert!(text.stdout.contains(&format!("    hint: {hint}\n")), "{hint}");
        }
        if let Some(statement) = one["statement"].as_object() {
            let shown = serde_json::to_string_pretty(statement).unwrap().replace('\n', "\n    ");
            assert!(text.stdout.contains(&shown), "{shown}\n{}", text.stdout);
        }
    }
}

#[test]
fn a_report_has_the_checks() {
    let world = github_world();
    let endpoint = endpoint(&world, "repo:somebody/else:ref:refs/heads/main");
    for name in ["report.json", "report.xml"] {
        let ran = run(github(&world, &endpoint, &["doctor", "--no-verify", "--report", name]));
        assert_eq!(ran.code, 3, "{}", ran.said());
        let report = std::fs::read_to_string(world.folder().join(name)).unwrap();
        for expected in ["role-registry", "role-prod", "sts:AssumeRoleWithWebIdentity", "repo:somebody/else"] {
            assert!(report.contains(expected), "{name} has no {expected}: {report}");
        }
        assert!(!report.contains("eyJ"), "{name} has a token");
    }
}

#[test]
fn an_issuer_that_the_account_does_not_know_is_told_so() {
    let (world, elsewhere) = (github_world(), World::new());
    // Signed by somebody whose keys AWS is not told of.
    let behaviour = Behaviour { claims: github_claims(MAIN), ..Behaviour::default() };
    let endpoint = Endpoint::new(&elsewhere, behaviour);
    let ran = run(github(&world, &endpoint, &["doctor", "--no-verify", "--output", "json"]));
    assert_eq!(ran.code, 3, "{}", ran.said());
    let role = check(&ran, "role-prod");
    let hint = role["hint"].as_str().unwrap();
    let command = "aws iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com \
                   --client-id-list sts.amazonaws.com";
    assert!(hint.contains(command) && hint.contains("222222222222"), "{hint}");
}
