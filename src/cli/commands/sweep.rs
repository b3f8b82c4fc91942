//! `shipgate sweep`: what runs that were killed have left in the Docker engine.

use crate::{
    cli::{args::SweepArgs, console::Console, wire},
    config::environment::Environment,
    pipeline::sweeping,
};
use shipgate_container_check::docker::Engine;
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Removes it.
pub async fn run(args: SweepArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    console.emitter().emit(Event::RunStarted {
        verb: "sweep".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: String::new(),
        target: None,
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            let engine = wire::docker_environment(&environment);
            sweeping::sweep(&run, Engine::connect(&engine)).await
        })
        .await
}
