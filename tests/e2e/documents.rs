//! The README says what is so: its commands are commands, its files load, its demo is the demo.

use clap::Parser;
use shipgate::{
    cli::args::Cli,
    config::{self, environment::Environment, overrides::Overrides},
};

pub(crate) const README: &str = include_str!("../../README.md");
const MAKEFILE: &str = include_str!("../../Makefile");

/// What each command is for.
const COMMANDS: &str = include_str!("../../docs/commands.md");

/// The fenced blocks of a language, in the README.
pub(crate) fn blocks(language: &str) -> Vec<&'static str> {
    blocks_of(README, language)
}

fn blocks_of(document: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    document.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The words of each command: continuations joined, comments and variables before it left out.
fn commands(document: &'static str) -> Vec<Vec<String>> {
    let joined = blocks_of(document, "sh").join("\n").replace("\\\n", " ");
    let words = |line: &str| {
        let line = line.split(" #").next().unwrap();
        line.split_whitespace().skip_while(|word| word.contains('=')).map(str::to_owned).collect::<Vec<_>>()
    };
    joined.lines().map(words).filter(|words| !words.is_empty()).collect()
}

#[test]
fn every_command_of_the_readme_is_one() {
    let commands = commands(README);
    assert!(commands.len() > 10, "{commands:?}");
    for words in commands {
        match words[0].as_str() {
            "shipgate" => drop(Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"))),
            "make" => assert!(MAKEFILE.contains(&format!("\n{}:\n", words[1])), "{words:?}"),
            "cargo" => assert_eq!(words[1], "install"),
            _ => panic!("what is {words:?}?"),
        }
    }
}

#[test]
fn every_command_of_the_page_is_one_and_every_command_is_on_it() {
    let told = commands(COMMANDS);
    for words in &told {
        drop(Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}")));
    }
    for command in <Cli as clap::CommandFactory>::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert!(told.iter().any(|words| words[1] == name), "{name} is not on the page");
    }
}

#[test]
fn every_file_of_the_readme_loads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shipgate.yaml");
    for block in blocks("yaml") {
        std::fs::write(&file, block).unwrap();
        let overrides = Overrides { file: Some(file.clone()), ..Overrides::default() };
        let deployment = config::load(&overrides, &Environment::from_pairs([("GIT_SHA", "v1")]));
        assert!(deployment.is_ok(), "{block}\n{deployment:?}");
    }
}

/// A line without what differs from run to run.
fn without_numbers(line: &str) -> String {
    line.split_whitespace()
        .map(|word| if word.contains(|c: char| c.is_ascii_digit()) && !word.starts_with('v') { "#" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The lines of the README's demo that a real one did not print.
pub(crate) fn lines_the_demo_did_not_print(printed: &str) -> Vec<&'static str> {
    let printed: Vec<String> = printed.lines().map(without_numbers).collect();
    let told = blocks("text").into_iter().find(|block| block.contains("━━")).expect("the README shows the demo");
    let lines = told.lines().filter(|line| !line.trim().is_empty());
    lines.filter(|line| !printed.contains(&without_numbers(line))).collect()
}
