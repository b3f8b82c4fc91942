//! What outside judges say of the action and the examples: schemas, zizmor, shellcheck, cfn-lint, terraform.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{
    circleci::{examples, processed},
    covered::files,
    project,
};
use crate::{judges::PYTHON, world::Ran};

/// A program that came with the judges' Python.
fn tool(name: &str) -> Command {
    let mut command = Command::new(Path::new(PYTHON).with_file_name(name));
    command.current_dir(project());
    command
}

fn must_pass(command: &mut Command) -> String {
    let ran: Ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into();
    assert_eq!(ran.code, 0, "{command:?}\n{}", ran.said());
    ran.said()
}

fn schema(name: &str, paths: &[PathBuf]) {
    assert!(!paths.is_empty(), "{name}");
    must_pass(tool("check-jsonschema").args(["--builtin-schema", name]).args(paths));
}

fn below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let all = files(&project().join(folder));
    all.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn files_of_each_ci_are_as_its_schema_says() {
    schema("vendor.github-actions", &[project().join("github-action/action.yml")]);
    schema(
        "vendor.github-workflows",
        &[below("pipeline-examples/github", "yml"), below(".github/workflows", "yml")].concat(),
    );
    schema("vendor.gitlab-ci", &below("pipeline-examples/gitlab", "yml"));
    schema("vendor.buildkite", &below("pipeline-examples/buildkite", "yml"));
    schema("vendor.circle-ci", &[project().join("pipeline-examples/circleci/config.yml")]);
}

/// The schema does not know parameters in the place of a boolean or of steps, so it judges what comes of them.
#[test]
fn what_comes_of_the_orb_is_as_circlecis_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let every = examples();
    let mut all: Vec<Value> = every.as_object().unwrap().values().cloned().collect();
    assert_eq!(all.len(), 2);
    all.push(processed());
    let write = |(number, config): (usize, &Value)| {
        let path = folder.path().join(format!("{number}.json"));
        fs::write(&path, config.to_string()).unwrap();
        path
    };
    schema("vendor.circle-ci", &all.iter().enumerate().map(write).collect::<Vec<_>>());
}

#[test]
fn the_packed_orb_is_what_its_source_packs_to() {
    let packed = Command::new(PYTHON)
        .current_dir(project().join("tests/judges"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["orb.py", "pack", "../../pipeline-examples/circleci/orb/src"])
        .output()
        .unwrap();
    let kept = fs::read_to_string(project().join("pipeline-examples/circleci/orb/orb.yml")).unwrap();
    assert_eq!(String::from_utf8(packed.stdout).unwrap(), kept, "pack it again: tests/judges/orb.py");
}

#[test]
fn zizmor_finds_nothing_in_the_action_and_the_workflows() {
    let mut command = tool("zizmor");
    command.args(["--offline", "--quiet", "--no-progress", "--persona", "pedantic"]);
    let told = must_pass(command.args(["github-action", "pipeline-examples/github", ".github"]));
    assert!(told.contains("No findings to report"), "{told}");
}

#[test]
fn shellcheck_finds_nothing_in_any_script() {
    let mut scripts =
        [below("github-action", "sh"), below("pipeline-examples", "sh"), files(&project().join("scripts"))].concat();
    scripts.push(project().join(".ci/run"));
    assert!(scripts.len() > 10, "{scripts:?}");
    must_pass(Command::new("shellcheck").args(["--severity", "info"]).args(scripts));
}

#[test]
fn cfn_lint_finds_nothing_in_the_templates() {
    let templates = below("pipeline-examples/aws/cloudformation", "yaml");
    assert_eq!(templates.len(), 3);
    must_pass(tool("cfn-lint").args(["--non-zero-exit-code", "informational", "--"]).args(templates));
}
