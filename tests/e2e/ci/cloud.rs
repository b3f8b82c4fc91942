//! The accounts of the examples: what `pipeline-examples/aws` would make, in the sandbox. So its policies are what every other example runs
//! under.

use std::process::Command;

use serde_json::{Value, json};

use super::project;
use crate::{
    judges::PYTHON,
    world::{Ran, World},
};

/// The region of the examples.
pub(super) const REGION: &str = "ap-northeast-1";
/// The audience that the roles ask for.
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";

/// Whom the roles trust.
#[derive(Clone, Copy)]
pub(super) enum Trusted<'a> {
    /// Jobs, by their tokens: issuer, audience, and the subjects for staging and prod.
    Tokens(&'a str, &'a str, [&'a str; 2]),
    /// A role that the job has already.
    Role(&'a str),
}

impl Trusted<'_> {
    /// As parameters of a template, for an account that jobs with these subjects may enter.
    pub(super) fn parameters(self, chosen: &dyn Fn([&str; 2]) -> String) -> Vec<(&'static str, String)> {
        match self {
            Self::Tokens(issuer, audience, subjects) => vec![
                ("Issuer", issuer.trim_start_matches("https://").to_owned()),
                ("Audience", audience.to_owned()),
                ("Subjects", chosen(subjects)),
            ],
            Self::Role(arn) => vec![("TrustedRole", arn.to_owned()), ("CreateProvider", "no".to_owned())],
        }
    }
}

/// What a script of the judges prints.
pub(super) fn judge(arguments: &[&str]) -> Value {
    let ran: Ran = Command::new(PYTHON)
        .current_dir(project().join("tests/judges"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(arguments)
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.said());
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What CloudFormation makes of a template in an account.
pub(super) fn made(template: &str, account: &str, parameters: &[(&str, String)]) -> Value {
    let path = project().join("pipeline-examples/aws/cloudformation").join(template);
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut arguments = vec!["cloudformation.py", path.to_str().unwrap(), account, REGION];
    arguments.extend(pairs.iter().map(String::as_str));
    judge(&arguments)
}

/// The accounts 111111111111, with the images, 222222222222 for prod and 333333333333 for staging.
pub(super) fn seed(trusted: Trusted<'_>) -> String {
    let registry = made("registry-account.yaml", "111111111111", &trusted.parameters(&|both| both.join(",")));
    let prod = made("workload-account.yaml", "222222222222", &trusted.parameters(&|[_, prod]| prod.to_owned()));
    let staging =
        made("workload-account.yaml", "333333333333", &trusted.parameters(&|[staging, _]| staging.to_owned()));
    let together = |key: &str| {
        let all = [&registry, &prod, &staging].into_iter().flat_map(|made| made[key].as_array().unwrap());
        all.cloned().collect::<Vec<_>>()
    };
    let mut roles = together("roles");
    for role in &mut roles {
        let watcher = json!({
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444444444444:root"}, "Action": "sts:AssumeRole",
        });
        // The test looks at the accounts through the same roles, with keys that no job has.
        role["trust_policy"]["Statement"].as_array_mut().unwrap().push(watcher);
    }
    let watcher = ["arn:aws:iam::444444444444:root"];
    roles.push(json!({"arn": "arn:aws:iam::111111111111:role/shop-build", "assumed_by": watcher}));
    roles.push(json!({"arn": "arn:aws:iam::444444444444:role/ci-job", "assumed_by": watcher,
        "web_identities": [{"issuer": "https://ci.example.com", "subject": "repo:shop/api:*"}]}));
    let user = json!({"name": "watcher", "account": "444444444444", "access_key_id": "AKIASANDBOXWATCHER00",
        "secret_access_key": "sandbox/secret/of/the/watcher/0000000000"});
    json!({"region": REGION, "users": [user], "roles": roles, "repositories": together("repositories")}).to_string()
}

/// A token of an issuer, for a job.
pub(super) fn token(world: &World, issuer: &str, subject: &str, audience: &str) -> String {
    let address = format!("{}&audience={audience}", token_address(world.endpoint(), issuer, subject));
    let ran: Ran = Command::new("curl").args(["-fsS", "-H", &bearer(world), &address]).output().unwrap().into();
    let minted: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.said()));
    minted["value"].as_str().unwrap().to_owned()
}

/// The header by which the sandbox knows who may have one.
pub(super) fn bearer(world: &World) -> String {
    format!("Authorization: Bearer {}", world.control_token())
}

/// Where a job gets one, of the shape that GitHub's has.
pub(super) fn token_address(endpoint: &str, issuer: &str, subject: &str) -> String {
    format!("{endpoint}/_sandbox/oidc/token?issuer={issuer}&subject={subject}")
}
