//! The configuration as its users meet it: files and flags in, a deployment or a list of problems out.

mod documentation;
mod flags;
mod messages;
mod secrets;
mod values;

use std::path::Path;

use super::{deployment::Deployment, environment::Environment, overrides::Overrides, problem::ConfigError};

/// architecture.md's smallest file.
const FOUR_FACTS: &str = "\
image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:${GIT_SHA}
registry_role: arn:aws:iam::111111111111:role/shipgate-pull
targets:
  prod:
    role: arn:aws:iam::222222222222:role/shipgate-deploy
    service: shop-api
";

fn environment() -> Environment {
    Environment::from_pairs([
        ("GIT_SHA", "0a1b2c3"),
        ("EMPTY", ""),
        ("DB_PASSWORD", "hunter2"),
        ("BAD", "no such thing"),
    ])
}

/// Loads a text as `shipgate.yaml`.
fn load_text(text: &str, overrides: &Overrides) -> Result<Deployment, ConfigError> {
    let mut problems = Vec::new();
    match super::tree::parse(Path::new("shipgate.yaml"), text, &mut problems) {
        Some(root) => super::load_tree(root, problems, overrides, &environment()),
        None => Err(ConfigError::new(problems)),
    }
}

/// Loads a text where the environment is another.
pub(in crate::config) fn load_with(
    text: &str,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Deployment, ConfigError> {
    let mut problems = Vec::new();
    let root = super::tree::parse(Path::new("shipgate.yaml"), text, &mut problems).unwrap();
    super::load_tree(root, problems, overrides, environment)
}

/// Loads flags without a file.
fn load_flags(overrides: &Overrides, environment: &Environment) -> Result<Deployment, ConfigError> {
    super::load_tree(super::nothing(), Vec::new(), overrides, environment)
}

fn loaded(text: &str) -> Deployment {
    load_text(text, &Overrides::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The problems of a text as the user sees them.
fn problems_with(text: &str, overrides: &Overrides) -> String {
    let error = load_text(text, overrides).expect_err("there must be problems");
    let shown = error.to_string();
    assert_eq!(shown.lines().count(), error.problems.len(), "one problem a line: {shown}");
    shown
}

fn problems(text: &str) -> String {
    problems_with(text, &Overrides::default())
}
