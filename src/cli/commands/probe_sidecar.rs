//! `shipgate probe-sidecar` (hidden): what a sidecar of the local check runs. It talks to the shipgate that started it, over
//! standard input and output, and to nobody else.

use std::process::ExitCode as ProcessExitCode;

use crate::cli::console;
use shipgate_container_check::verify;
use shipgate_core::exit_code::ExitCode;

/// Answers until nobody asks any more.
pub async fn run() -> ProcessExitCode {
    match verify::serve_sidecar().await {
        Ok(()) => ExitCode::Success.into(),
        Err(error) => console::complain(&error.to_string()).into(),
    }
}
