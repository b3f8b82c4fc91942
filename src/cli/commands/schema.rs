//! `shipgate schema`: the JSON Schema of a configuration file, on standard output.

use crate::{cli::console, config::schema};
use shipgate_core::exit_code::ExitCode;

/// Prints that of `shipgate.yaml`, or that of a mirror's file.
#[must_use]
pub fn run(mirror: bool) -> ExitCode {
    let schema = if mirror { schema::mirror_schema() } else { schema::schema() };
    console::print_data(&format!("{schema:#}"))
}
