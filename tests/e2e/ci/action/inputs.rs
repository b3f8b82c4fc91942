//! Inputs and arguments: one to one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
};

use clap::CommandFactory as _;
use shipgate::cli::args::Cli;

use super::{definition, project};
use crate::world::Ran;

/// What is no flag: which verb, where, and which program.
const OWN: [&str; 6] = ["command", "args", "working-directory", "version", "build-sha256", "downloads"];

/// What is another CI's.
const ELSEWHERE: [&str; 1] = ["deploy-marker"];

/// The flags of `shipgate deploy`, `--file` under the name that the action gives it.
fn flags() -> BTreeSet<String> {
    let cli = Cli::command();
    let deploy = cli.find_subcommand("deploy").unwrap().clone();
    let long = deploy
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .filter(|name| *name != "help" && !ELSEWHERE.contains(name));
    long.map(|name| if name == "file" { "config" } else { name }.to_owned()).collect()
}

#[test]
fn every_flag_of_deploy_is_an_input_and_every_input_a_flag() {
    let action = definition();
    let inputs = action["inputs"].as_object().unwrap().keys().cloned();
    let inputs: BTreeSet<String> = inputs.filter(|name| !OWN.contains(&name.as_str())).collect();
    assert_eq!(inputs, flags());
}

#[test]
fn outputs_are_the_run_steps_own() {
    let action = definition();
    for (name, output) in action["outputs"].as_object().unwrap() {
        assert_eq!(output["value"], format!("${{{{ steps.run.outputs.{name} }}}}"));
    }
}

/// What `run.sh` calls the program with.
fn arguments(command: &str, variables: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::write(&program, "#!/bin/sh\nprintf '[%s]\\n' \"$@\"\nenv | grep -E '^(FLAG|ACTION)_' || true\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut run = Command::new(project().join("github-action/run.sh"));
    run.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("PROGRAM", &program);
    run.env("ACTION_COMMAND", command).env("ACTION_ARGS", "").env("RUNNER_TEMP", folder.path());
    run.envs(variables.iter().copied()).output().unwrap().into()
}

/// The command, the variables of the step, and the arguments that come of them.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn inputs_become_arguments_and_no_shell_reads_them() {
    let table: [Case; 7] = [
        ("deploy", &[("FLAG_REPORT", "a.xml\n\nb c.md\n")], &["deploy", "--report=a.xml", "--report=b c.md"]),
        ("deploy", &[("FLAG_TARGET", ""), ("FLAG_FORCE", "false")], &["deploy"]),
        (
            "deploy",
            &[("FLAG_TARGET", "a b;$(id)"), ("FLAG_NO_VERIFY", "true")],
            &["deploy", "--target=a b;$(id)", "--no-verify"],
        ),
        (
            "deploy",
            &[("FLAG_FILE", "-f"), ("ACTION_ARGS", "--x \"a b\"\n'$HOME'\n")],
            &["deploy", "--file=-f", "--x", "a b", "$HOME"],
        ),
        (
            "verify",
            &[("FLAG_IMAGE", "-shop"), ("ACTION_ARGS", "--stay 1s")],
            &["verify", "--stay", "1s", "--", "-shop"],
        ),
        ("wait", &[("ACTION_ARGS", "0a1b"), ("FLAG_TARGET", "prod")], &["wait", "--target=prod", "0a1b"]),
        ("sweep", &[("ACTION_ARGS", " \n ")], &["sweep"]),
    ];
    for (command, variables, expected) in table {
        let ran = arguments(command, variables);
        let expected = format!("[{}]\n", expected.join("]\n["));
        assert_eq!((ran.code, ran.stdout.as_str()), (0, expected.as_str()), "{variables:?} {}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let table = [
        ("FLAG_IMAGE", "a\n::error::b", "image must be one line"),
        ("FLAG_TARGET", "a\r::add-mask::b", "target must be one line"),
        ("FLAG_FORCE", "true\n::error::b", "force must be true or false"),
        ("FLAG_REPORT", "a.xml\nb\u{1b}[31m.md", "report must be one line"),
        ("ACTION_COMMAND", "deploy\n::error::b", "command must be one line"),
        ("ACTION_ARGS", "--image \u{1b}c", "args must be one line"),
        ("FLAG_FORCE", "yes", "force must be true or false"),
        ("ACTION_ARGS", "--image 'a", "a quote without its other half"),
        ("ACTION_COMMAND", "", "command is empty"),
    ];
    for (name, value, told) in table {
        let ran = arguments("deploy", &[(name, value)]);
        assert_eq!(ran.code, 2, "{}", ran.said());
        assert!(ran.stdout.contains(told) && ran.stdout.starts_with("::error "), "{}", ran.said());
        assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.said());
    }
}

#[test]
fn every_input_is_handed_on() {
    let action = definition();
    let steps = action["runs"]["steps"].as_array().unwrap();
    let handed: BTreeMap<&str, &str> = steps
        .iter()
        .filter_map(|step| step["env"].as_object())
        .flatten()
        .filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
        .collect();
    for name in action["inputs"].as_object().unwrap().keys().filter(|name| *name != "working-directory") {
        let whole = format!("${{{{ inputs.{name} }}}}");
        assert!(handed.values().any(|value| *value == whole), "{name} is asked for and goes nowhere");
    }
}
