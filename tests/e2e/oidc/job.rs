//! Jobs as each CI system starts them: its variables, its programs, its claims; nothing of AWS but the sandbox's address.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::{Value, json};

use super::endpoint::{BEARER, Behaviour, Endpoint, mint};
use crate::world::{Ran, SEED, World};

/// Whose tokens the roles of [`seed`] take, unless a test says otherwise.
pub(crate) const MAIN: &str = "repo:shop/api:ref:refs/heads/main";
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";
const PULL: &str = "arn:aws:iam::111111111111:role/shipgate-pull";
const DEPLOY: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";

/// Accounts whose two roles take tokens of this issuer, audience and subject; the tests themselves look through the root of
/// the CI account.
pub(crate) fn seed(issuer: &str, audience: &str, subject: &str) -> String {
    [PULL, DEPLOY].iter().fold(format!("{SEED}scripted: true\n"), |seed, role| {
        let open = format!(r#"arn: "{role}", assumed_by: ["arn:aws:iam::333333333333:root"]"#);
        assert!(seed.contains(&open), "the seed has {role}");
        let taking = format!(
            r#"{open}, web_identities: [{{ issuer: "{issuer}", audience: "{audience}", subject: "{subject}" }}]"#
        );
        seed.replace(&open, &taking)
    })
}

/// A world whose roles take tokens of `main`'s jobs on GitHub, with v1 in the registry.
pub(crate) fn github_world() -> World {
    let world = World::with_seed(&seed(GITHUB, "sts.amazonaws.com", MAIN));
    world.push("v1", &[]);
    world
}

/// What GitHub says of a job in a token, for this subject.
pub(crate) fn github_claims(subject: &str) -> Value {
    json!({
        "iss": GITHUB, "sub": subject, "repository": "shop/api", "repository_id": "456789", "repository_owner": "shop",
        "repository_owner_id": "123456", "ref": "refs/heads/main", "event_name": "push", "run_id": "1",
    })
}

pub(crate) fn endpoint(world: &World, subject: &str) -> Endpoint {
    Endpoint::new(world, Behaviour { claims: github_claims(subject), ..Behaviour::default() })
}

/// `shipgate` in a job that was given no credentials.
pub(crate) fn job(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.shipgate();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_SESSION_TOKEN");
    // What an instance's role would give is not this machine's to say.
    command.env("HOME", world.folder()).env("AWS_EC2_METADATA_DISABLED", "true").env("VERSION", "v1");
    command.args(arguments);
    command
}

/// The same on GitHub, where the job may ask this endpoint.
pub(crate) fn github(world: &World, endpoint: &Endpoint, arguments: &[&str]) -> Command {
    let mut command = job(world, arguments);
    command.env("GITHUB_ACTIONS", "true").env("CI", "true");
    command.env("ACTIONS_ID_TOKEN_REQUEST_URL", &endpoint.url).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER);
    command
}

/// Runs it, and holds against what it says that no token and no bearer is in it.
pub(crate) fn run(mut command: Command) -> Ran {
    let ran: Ran = command.output().unwrap().into();
    let said = ran.said();
    assert!(!said.contains(BEARER), "the bearer is shown: {said}");
    assert!(!said.contains("eyJ"), "a token is shown: {said}");
    ran
}

/// A token with these claims.
pub(crate) fn token(world: &World, claims: &Value) -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(mint(&world.into(), claims))
}

/// Puts a program first on the job's PATH.
pub(crate) fn with_program(world: &World, command: &mut Command, name: &str, lines: &str) {
    let folder = world.folder().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.display()));
}

/// How the roles were assumed, in the order of their names; the tests' own looks are not counted.
pub(crate) fn ways_in(world: &World, since: usize) -> Vec<String> {
    let action = |call: &Value| call["action"].as_str().unwrap_or_default().to_owned();
    let mut ways: Vec<String> =
        world.calls().iter().skip(since).map(action).filter(|action| action.starts_with("AssumeRole")).collect();
    ways.sort();
    ways
}
