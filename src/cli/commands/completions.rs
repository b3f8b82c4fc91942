//! `shipgate completions SHELL`: a completion script, on standard output.

use clap::CommandFactory;

use crate::cli::{args::Cli, console};
use shipgate_core::exit_code::ExitCode;

/// Prints it.
#[must_use]
pub fn run(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "shipgate", &mut script);
    console::print_data(String::from_utf8_lossy(&script).trim_end())
}
