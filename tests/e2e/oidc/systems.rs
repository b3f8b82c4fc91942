//! Where each CI system has the token, and what it says of the job there.

use serde_json::{Value, json};

use super::{
    WITH_TOKEN,
    job::{job, run, seed, token, ways_in, with_program},
};
use crate::world::{Ran, World};

/// A system's issuer, its audience and a subject of `main`, and the pattern that a role has for it.
struct System {
    issuer: &'static str,
    audience: &'static str,
    subject: &'static str,
    pattern: &'static str,
}

const GITLAB: System = System {
    issuer: "https://gitlab.com",
    audience: "sts.amazonaws.com",
    subject: "project_path:shop/api:ref_type:branch:ref:main",
    pattern: "project_path:shop/api:ref_type:branch:ref:main",
};

const CIRCLECI: System = System {
    issuer: "https://oidc.circleci.com/org/00000000-0000-4000-8000-000000000001",
    audience: "00000000-0000-4000-8000-000000000001",
    subject: "org/00000000-0000-4000-8000-000000000001/project/00000000-0000-4000-8000-000000000002/user/\
              00000000-0000-4000-8000-000000000003/vcs-origin/github.com/shop/api/vcs-ref/refs/heads/main",
    pattern: "org/00000000-0000-4000-8000-000000000001/project/00000000-0000-4000-8000-000000000002/user/*",
};

const BUILDKITE: System = System {
    issuer: "https://agent.buildkite.com",
    audience: "sts.amazonaws.com",
    subject: "organization:shop:pipeline:api:ref:refs/heads/main:commit:0123456789abcdef:step:deploy",
    pattern: "organization:shop:pipeline:api:ref:refs/heads/main:commit:*:step:*",
};

impl System {
    fn world(&self, audience: &str) -> World {
        let world = World::with_seed(&seed(self.issuer, audience, self.pattern));
        world.push("v1", &[]);
        world
    }

    fn claims(&self, audience: &str) -> Value {
        json!({ "iss": self.issuer, "sub": self.subject, "aud": audience })
    }
}

/// Both accounts' roles were entered by the job's token.
fn assert_entered(world: &World, before: usize, ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(ways_in(world, before), [WITH_TOKEN, WITH_TOKEN]);
}

#[test]
fn gitlab_has_it_in_a_variable_of_the_jobs_choice() {
    let world = GITLAB.world(GITLAB.audience);
    let token = token(&world, &GITLAB.claims(GITLAB.audience));
    for (variable, arguments) in
        [("SHIPGATE_ID_TOKEN", &["plan"][..]), ("AWS_TOKEN", &["plan", "--oidc-token-variable", "AWS_TOKEN"])]
    {
        let before = world.calls().len();
        let mut command = job(&world, arguments);
        command.env("GITLAB_CI", "true").env("CI", "true").env(variable, &token);
        assert_entered(&world, before, &run(command));
    }
}

#[test]
fn circleci_has_it_in_a_variable_for_the_organization() {
    let world = CIRCLECI.world(CIRCLECI.audience);
    let before = world.calls().len();
    let mut command = job(&world, &["plan"]);
    let token = token(&world, &CIRCLECI.claims(CIRCLECI.audience));
    command.env("CIRCLECI", "true").env("CI", "true").env("CIRCLE_OIDC_TOKEN_V2", token);
    assert_entered(&world, before, &run(command));
}

#[test]
fn circleci_makes_one_for_an_audience_that_is_named() {
    let world = CIRCLECI.world("sts.amazonaws.com");
    let before = world.calls().len();
    let mut command = job(&world, &["plan", "--oidc-audience", "sts.amazonaws.com"]);
    let [own, made] = [CIRCLECI.audience, "sts.amazonaws.com"].map(|aud| token(&world, &CIRCLECI.claims(aud)));
    command.env("CIRCLECI", "true").env("CI", "true").env("CIRCLE_OIDC_TOKEN_V2", own).env("MADE", made);
    let lines = r#"[ "$*" = 'run oidc get --claims {"aud":"sts.amazonaws.com"}' ] && echo "$MADE""#;
    with_program(&world, &mut command, "circleci", lines);
    assert_entered(&world, before, &run(command));
}

#[test]
fn buildkites_agent_asks_for_it() {
    let world = BUILDKITE.world(BUILDKITE.audience);
    let before = world.calls().len();
    let mut command = job(&world, &["plan"]);
    command.env("BUILDKITE", "true").env("CI", "true");
    command.env("MADE", token(&world, &BUILDKITE.claims(BUILDKITE.audience)));
    let lines = r#"[ "$*" = 'oidc request-token --audience sts.amazonaws.com' ] && echo "$MADE""#;
    with_program(&world, &mut command, "buildkite-agent", lines);
    assert_entered(&world, before, &run(command));
}

#[test]
fn any_ci_may_hand_it_over_in_the_variable() {
    let world = GITLAB.world(GITLAB.audience);
    let before = world.calls().len();
    let mut command = job(&world, &["plan"]);
    command.env("SHIPGATE_ID_TOKEN", token(&world, &GITLAB.claims(GITLAB.audience)));
    assert_entered(&world, before, &run(command));
}
