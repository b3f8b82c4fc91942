//! The configuration: flags, a YAML file and the environment in, a validated [`deployment::Deployment`] out, with every
//! problem told at once and each with its place. It reads one file and the environment, and asks nothing of AWS.
//!
//! `tree` (YAML with places) → `overrides` (flags laid over it) → `shape` (typed, key by key; `read`, `scalars`, `role` are
//! how) → `resolve` (defaults, rules between keys). `schema` comes from the types of `shape`. `mirror` is the same for the
//! file of `shipgate mirror`, which has no flags.

pub mod copying;
mod create;
pub mod deployment;
mod dotenv;
pub mod environment;
pub mod identities;
pub mod initial;
mod interpolate;
pub mod mirror;
pub mod oidc;
pub mod overrides;
pub mod problem;
mod read;
mod release;
mod resolve;
mod role;
mod scalars;
pub mod schema;
mod secrets;
mod shape;
pub mod since;
mod sizes;
mod suggest;
#[cfg(test)]
mod tests;
mod tree;
pub mod verifying;

use std::path::{Path, PathBuf};

use deployment::{Deployment, Target};
use environment::Environment;
use overrides::Overrides;
use problem::{ConfigError, Location, Problem};
use read::{Reader, Shape as _};
use suggest::did_you_mean;
use tree::{Kind, Node};

/// What the file is called when it is not named.
const FILES: [&str; 2] = ["shipgate.yaml", "shipgate.yml"];

/// The target's name where no file names one.
const ONLY_TARGET: &str = "default";

/// Reads the configuration: the file that `overrides` names, else `shipgate.yaml` or `shipgate.yml` in the current
/// directory, else flags alone.
///
/// # Errors
/// [`ConfigError`] with every problem. A file that cannot be read or is not YAML is the only problem then.
pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Deployment, ConfigError> {
    let (root, problems) = find_tree(overrides);
    match root {
        Some(root) => load_tree(root, problems, overrides, environment),
        None => Err(ConfigError::new(problems)),
    }
}

/// Reads the configuration for a run that is about every version of the image: its tag or digest is not looked at, so their
/// variables need not be set.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn load_any_version(overrides: &Overrides, environment: &Environment) -> Result<Deployment, ConfigError> {
    let (root, problems) = find_tree(overrides);
    let mut root = root.ok_or_else(|| ConfigError::new(problems.clone()))?;
    root.rewrite("image", any_version);
    load_tree(root, problems, overrides, environment)
}

/// A reference without what says which version is meant.
fn any_version(image: &str) -> String {
    let repository = image.rfind('/').map_or(0, |slash| slash + 1);
    let end = image[repository..].find([':', '@']).map_or(image.len(), |at| repository + at);
    image[..end].to_owned()
}

/// Reads what the configuration says of the target alone: for a run that has no image. What it says of the image is not
/// looked at, so the image's variables need not be set.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn load_target(overrides: &Overrides, environment: &Environment) -> Result<Target, ConfigError> {
    let (root, problems) = find_tree(overrides);
    let root = root.ok_or_else(|| ConfigError::new(problems.clone()))?;
    target_in(root, problems, overrides, environment)
}

/// Reads what a tree, in which `problems` have been found already, says of the target alone.
fn target_in(
    mut root: Node,
    problems: Vec<Problem>,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Target, ConfigError> {
    root.forget(&["image", "registry_role"]);
    let overrides = Overrides { image: None, registry_role: None, registry_external_id: None, ..overrides.clone() };
    let (file, name, mut problems) = read_tree(&mut root, problems, &overrides, environment);
    let mut target = file.and_then(|file| resolve::target(file, name.as_deref(), environment, &mut problems));
    if let Some(target) = &mut target {
        release::agree(&mut target.release, &overrides);
    }
    target.filter(|_| problems.is_empty()).ok_or_else(|| ConfigError::new(problems))
}

/// The file's tree, or an empty one where there is no file. `None` when there is one that cannot be read.
fn find_tree(overrides: &Overrides) -> (Option<Node>, Vec<Problem>) {
    let file = overrides.file.clone().or_else(|| FILES.iter().map(PathBuf::from).find(|path| path.exists()));
    let mut problems = Vec::new();
    let root = match &file {
        Some(path) => open(path, overrides.file.is_some(), &mut problems),
        None => Some(nothing()),
    };
    (root, problems)
}

/// Selects the target, lays the flags over the tree, and reads it.
fn read_tree(
    root: &mut Node,
    mut problems: Vec<Problem>,
    overrides: &Overrides,
    environment: &Environment,
) -> (Option<shape::File>, Option<String>, Vec<Problem>) {
    let target = select(root, overrides.target.as_deref(), &mut problems);
    overrides.lay_over(root, target.as_deref(), &mut problems);
    let mut reader = Reader { variables: environment, target: target.clone(), demands_variables: true, problems };
    let mut file = shape::File::read(root, &mut reader);
    if let Some(file) = &mut file {
        secrets::imply(file, &mut reader.problems);
    }
    (file, target, reader.problems)
}

/// Reads the configuration from a file's tree, in which `problems` have been found already.
fn load_tree(
    mut root: Node,
    problems: Vec<Problem>,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Deployment, ConfigError> {
    let (file, target, mut problems) = read_tree(&mut root, problems, overrides, environment);
    let mut deployment =
        file.and_then(|file| resolve::deployment(file, &root.location, target.as_deref(), environment, &mut problems));
    if let Some(deployment) = &mut deployment {
        release::agree(&mut deployment.target.release, overrides);
    }
    deployment.filter(|_| problems.is_empty()).ok_or_else(|| ConfigError::new(problems))
}

/// The tree where there is no file.
fn nothing() -> Node {
    Node { location: Location::Flag("--image"), kind: Kind::Null }
}

/// The file as a tree.
fn open(path: &Path, named: bool, problems: &mut Vec<Problem>) -> Option<Node> {
    match std::fs::read_to_string(path) {
        Ok(text) => tree::parse(path, &text, problems),
        Err(error) => {
            let start = Location::File { path: path.to_owned(), line: 1, column: 1 };
            let location = if named { Location::Flag("--file") } else { start };
            problems.push(Problem::new(&location, format!("cannot read {}: {error}", path.display())));
            None
        }
    }
}

/// The target that the run is about: the named one, else the only one.
fn select(root: &Node, wanted: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let entries = root.get("targets").and_then(Node::entries).unwrap_or_default();
    let names: Vec<&str> = match entries {
        [] => vec![ONLY_TARGET],
        entries => entries.iter().map(|entry| entry.key.as_str()).collect(),
    };
    let (message, hint) = match (wanted, &names[..]) {
        (None, [only]) => return Some((*only).to_owned()),
        (Some(name), names) if names.contains(&name) => return Some(name.to_owned()),
        (Some(name), names) => {
            (format!("there is no target `{name}`{}", did_you_mean(name, names.iter().copied())), "targets: ")
        }
        (None, _) => (format!("which target? There are {}", names.join(", ")), "name one of them: "),
    };
    let hint = format!("{hint}{}", names.join(", "));
    problems.push(Problem::new(&Location::Flag("--target"), message).with_hint(hint));
    None
}
