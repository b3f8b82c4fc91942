//! `shipgate man`: the manual page on standard output, or a page for every verb in a directory. They are made of what
//! `--help` says, so that the two cannot differ.

use std::{fs, io, path::Path};

use clap::CommandFactory;

use crate::cli::{args::Cli, console};
use shipgate_core::exit_code::ExitCode;

/// Prints the page, or writes them all.
#[must_use]
pub fn run(directory: Option<&Path>) -> ExitCode {
    match directory {
        None => match page() {
            Ok(page) => console::print_data(page.trim_end()),
            Err(error) => console::complain(&format!("could not make the manual page: {error}")),
        },
        Some(directory) => match write_all(directory) {
            Ok(()) => ExitCode::Success,
            Err(error) => {
                console::complain(&format!("could not write the manual pages to {}: {error}", directory.display()));
                ExitCode::Usage
            }
        },
    }
}

fn page() -> io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn write_all(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)
}
