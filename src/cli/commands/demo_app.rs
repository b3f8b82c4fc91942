//! `shipgate demo-app` (hidden): the application in the demo's images. Its exit codes are its own.

use std::process::ExitCode as ProcessExitCode;

use crate::{cli::console, config::environment::Environment};
use shipgate_container_check::demo::app::{self, AppSettings};

/// Serves until it is told to stop.
pub async fn run() -> ProcessExitCode {
    let environment = Environment::of_process();
    match AppSettings::from_lookup(|name| environment.get(name).map(str::to_owned)) {
        Ok(settings) => app::serve(settings).await.into(),
        Err(error) => console::complain(&error.to_string()).into(),
    }
}
