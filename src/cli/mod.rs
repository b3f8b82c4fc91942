//! The command line: arguments in, exit code out. Everything is wired together here.

pub mod args;
mod ci;
pub mod commands;
mod console;
mod signals;
pub mod wire;

use std::{ffi::OsString, process::ExitCode as ProcessExitCode};

use clap::Parser;

use self::args::{Cli, Command};
use crate::config::environment::Environment;
use shipgate_core::{exit_code::ExitCode, mask};

/// Runs the program with these arguments (the first is its own name) and gives the exit code.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ProcessExitCode {
    console::mask_panics();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let readable = || arguments.iter().filter_map(|argument| argument.to_str());
    // Whatever flag they are given to: a value that a flag refuses is repeated.
    mask::assignments(readable());
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => in_runtime(cli.command),
        Err(error) => {
            // Neither has been read: what is wrong may be that a secret stands in the wrong place.
            drop(Environment::of_process());
            mask::arguments(readable());
            // clap calls `--help` and `--version` errors too; those go to standard output and are none.
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success };
            let code = console::print_usage(&error).map_or(ExitCode::Internal, |()| code);
            if code == ExitCode::Usage {
                ci::tell_of_usage(&first_words(&error));
            }
            code.into()
        }
    }
}

/// What is wrong, without how it would be right: that is in the log.
fn first_words(error: &clap::Error) -> String {
    let told = error.render().to_string();
    let lines = told.lines().take_while(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n").trim_start_matches("error: ").to_owned()
}

/// The verbs that need no runtime are answered without one.
fn in_runtime(command: Command) -> ProcessExitCode {
    match command {
        Command::Schema { mirror } => commands::schema::run(mirror).into(),
        Command::Completions { shell } => commands::completions::run(shell).into(),
        Command::Man { dir } => commands::man::run(dir.as_deref()).into(),
        Command::Deploy(_)
        | Command::Wait(_)
        | Command::Rollback(_)
        | Command::Plan(_)
        | Command::Status(_)
        | Command::Logs(_)
        | Command::Export(_)
        | Command::Init(_)
        | Command::Iam(_)
        | Command::Verify(_)
        | Command::Copy(_)
        | Command::Mirror(_)
        | Command::Doctor(_)
        | Command::Sweep(_)
        | Command::ProbeSidecar => in_new_runtime(command),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(_) | Command::Demo(_) | Command::DemoApp => in_new_runtime(command),
    }
}

fn in_new_runtime(command: Command) -> ProcessExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(dispatch(command)),
        Err(error) => console::complain(&format!("cannot start: {error}")).into(),
    }
}

async fn dispatch(command: Command) -> ProcessExitCode {
    match command {
        Command::Deploy(args) => Box::pin(commands::deploy::run(args)).await.into(),
        Command::Wait(args) => Box::pin(commands::wait::run(args)).await.into(),
        Command::Rollback(args) => Box::pin(commands::rollback::run(*args)).await.into(),
        Command::Plan(args) => Box::pin(commands::plan::run(args)).await.into(),
        Command::Status(args) => Box::pin(commands::status::run(args)).await.into(),
        Command::Logs(args) => Box::pin(commands::logs::run(args)).await.into(),
        Command::Export(args) => Box::pin(commands::export::run(args)).await.into(),
        Command::Init(args) => Box::pin(commands::init::run(args)).await.into(),
        Command::Iam(args) => Box::pin(commands::iam::run(*args)).await.into(),
        Command::Verify(args) => Box::pin(commands::verify::run(args)).await.into(),
        Command::Copy(args) => Box::pin(commands::copy::run(args)).await.into(),
        Command::Mirror(args) => Box::pin(commands::mirror::run(args)).await.into(),
        Command::Doctor(args) => Box::pin(commands::doctor::run(args)).await.into(),
        Command::Sweep(args) => Box::pin(commands::sweep::run(args)).await.into(),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => Box::pin(commands::sandbox::run(args)).await.into(),
        #[cfg(feature = "sandbox")]
        Command::Demo(args) => Box::pin(commands::demo::run(args)).await.into(),
        #[cfg(feature = "sandbox")]
        Command::DemoApp => commands::demo_app::run().await,
        Command::ProbeSidecar => commands::probe_sidecar::run().await,
        Command::Schema { mirror } => commands::schema::run(mirror).into(),
        Command::Completions { shell } => commands::completions::run(shell).into(),
        Command::Man { dir } => commands::man::run(dir.as_deref()).into(),
    }
}
