//! Credentials that are missing, wrong or expired, through the binary: each is reported as what it is, once, with one hint, by
//! `deploy` and by `doctor`.

use std::process::Command;

use serde_json::json;

use crate::world::{CONFIGURATION, Ran, World};

/// Variables with their values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A run without anybody's credentials but these.
fn with(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command: Command = world.shipgate();
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", world.folder())
        .env("VERSION", "v1")
        .envs(variables.iter().copied())
        .args(arguments);
    command.output().unwrap().into()
}

/// Exit code 3; the message in one `because:` line, one hint, and nothing of the SDK's layers.
fn assert_told(ran: &Ran, message: &str, hint: &str) {
    assert_eq!(ran.code, 3, "{}", ran.said());
    let lines = |start: &str| ran.stderr.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    assert_eq!(lines("· because: "), [format!("· because: {message}")], "{}", ran.stderr);
    let hints = lines("· hint: ");
    assert!(hints.len() == 1 && hints[0].contains(hint), "{}\n{hint}", ran.stderr);
    let debris = ["dispatch failure", "an error occurred while", "was not enabled", "trust policy", "network", "{ "];
    assert!(!debris.iter().any(|piece| ran.said().contains(piece)), "{}", ran.said());
}

const ID: (&str, &str) = ("AWS_ACCESS_KEY_ID", "AKIASANDBOXCI0000000");
const SECRET: (&str, &str) = ("AWS_SECRET_ACCESS_KEY", "sandbox/secret/of/the/ci/user/0000000000");

#[test]
fn wrong_credentials_are_told_once_by_deploy_and_doctor() {
    let world = World::new();
    std::fs::create_dir(world.folder().join(".aws")).unwrap();
    world.write(
        ".aws/config",
        "[profile sso]\nsso_session = corp\nsso_account_id = 333333333333\nsso_role_name = ci\n\
         [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.example.com/start\n\
         [profile process]\ncredential_process = sh -c 'echo locked >&2; exit 3'\n\
         [profile garbage]\ncredential_process = echo hunter2\n\
         [profile a]\nrole_arn = arn:aws:iam::222222222222:role/hub\nsource_profile = b\n\
         [profile b]\nrole_arn = arn:aws:iam::222222222222:role/hub\nsource_profile = a\n",
    );
    let profile = |name| [("AWS_PROFILE", name)];
    let stale = ("AWS_SESSION_TOKEN", "stale");
    let in_variables = "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let table: [(Pairs<'_>, String, &str); 11] = [
        (&[ID], "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not".to_owned(), "export AWS_SECRET_ACCESS_KEY"),
        (&[SECRET], "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not".to_owned(), "export AWS_ACCESS_KEY_ID"),
        (
            &[ID, ("AWS_SECRET_ACCESS_KEY", "wrong")],
            format!("the secret access key does not belong to the access key ID ({in_variables})"),
            "again",
        ),
        (
            &[("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN"), SECRET],
            format!("AWS does not know the access key {in_variables}"),
            "aws iam list-access-keys",
        ),
        (
            &[ID, SECRET, stale],
            "AWS_SESSION_TOKEN is set, but the key in AWS_ACCESS_KEY_ID does not belong to a session".to_owned(),
            "unset AWS_SESSION_TOKEN",
        ),
        (&profile("nobody"), "profile nobody (AWS_PROFILE) does not exist".to_owned(), "aws configure --profile nobody"),
        (&profile("sso"), "there is no SSO session for profile sso".to_owned(), "aws sso login --profile sso"),
        (
            &profile("process"),
            "the credential_process of profile process failed (exit status: 3)".to_owned(),
            "by hand",
        ),
        (
            &profile("garbage"),
            "the credential_process of profile garbage printed something else than the JSON of credentials".to_owned(),
            "by hand",
        ),
        (&profile("a"), "the source_profile settings of a, b form a loop".to_owned(), "source_profile"),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token"), ("AWS_ROLE_ARN", "arn:aws:iam::333333333333:role/ci-job")],
            "the token in /nowhere/token (AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read: No such file or directory (os error 2)"
                .to_owned(),
            "unset AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
    ];
    for (variables, message, hint) in table {
        let deployed = with(&world, variables, &["deploy", "--no-verify"]);
        assert_told(&deployed, &message, hint);
        let printed = ["hunter2", "locked"];
        assert!(!printed.iter().any(|text| deployed.said().contains(text)), "{}", deployed.said());
        let examined = with(&world, variables, &["doctor", "--no-verify"]);
        assert_eq!(examined.code, 3, "{}", examined.said());
        let found = examined.stdout.lines().filter(|line| line.ends_with(&message)).count();
        assert_eq!(found, 1, "{message}\n{}", examined.said());
    }
    assert!(world.orders().is_empty());
}

#[test]
fn answers_of_sts_are_told_as_what_they_are() {
    let world = World::new();
    let answered = |code: &str, status: u16, message: &str| {
        world.fault(&json!({
            "kind": "error", "service": "sts", "action": "AssumeRole", "status": status, "code": code, "message": message,
        }));
        with(&world, &[ID, SECRET], &["deploy", "--no-verify"])
    };
    let expired = answered("ExpiredToken", 403, "The security token included in the request is expired");
    let message = "the AWS credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have expired";
    assert_told(&expired, message, "from a new session");
    let late = "Signature expired: 20261130T100000Z is now earlier than 20261130T101500Z (20261130T102000Z - 5 min.)";
    let clock = "this machine's clock is 20 min behind AWS's; AWS accepts 5 min";
    assert_told(&answered("SignatureDoesNotMatch", 403, late), clock, "timedatectl");
    let large = answered(
        "PackedPolicyTooLarge",
        400,
        "Packed policy consumes 105% of allotted space, please use smaller policy.",
    );
    assert_eq!(large.code, 3, "{}", large.said());
    assert!(large.stderr.contains("hint: pass fewer or shorter session tags"), "{}", large.stderr);
    assert!(!large.stderr.contains("trust policy"), "{}", large.stderr);
}

#[test]
fn a_long_duration_after_a_role_session_names_the_key() {
    let world = World::new();
    let file = world.folder().join("token");
    std::fs::write(&file, world.web_identity_token("repo:shop/api:ref:refs/heads/main")).unwrap();
    let base = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::333333333333:role/ci-job"),
    ];
    let role = "arn:aws:iam::222222222222:role/shipgate-deploy";
    let long = CONFIGURATION.replace(&format!("role: {role}"), &format!("role: {{ arn: '{role}', duration: 2h }}"));
    world.write("shipgate.yaml", &long);
    let ran = with(&world, &base, &["status"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(ran.stderr.contains("1 hour session limit for roles assumed by role chaining"), "{}", ran.stderr);
    let hint = format!("· hint: set `duration` of {role} to 1h or less");
    assert!(ran.stderr.contains(&hint) && !ran.stderr.contains("trust policy"), "{}", ran.stderr);
    world.write("shipgate.yaml", CONFIGURATION);
    let short = with(&world, &base, &["status"]);
    assert_eq!(short.code, 4, "a role session without `duration` is enough: {}", short.said());
}
