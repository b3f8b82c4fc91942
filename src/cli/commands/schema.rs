//! `shipgate schema`: the JSON Schema of the configuration file, on standard output.

use crate::{cli::console, config, domain::exit_code::ExitCode};

/// Prints it.
#[must_use]
pub fn run() -> ExitCode {
    console::print_data(&format!("{:#}", config::schema::schema()))
}
