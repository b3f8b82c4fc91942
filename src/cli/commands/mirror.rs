//! `shipgate mirror FILE`: many images into the registries of several accounts and regions.

use crate::{
    cli::{args::MirrorArgs, console::Console, wire},
    config::{self, environment::Environment},
    pipeline::{failure::Failure, mirror},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Mirrors.
pub async fn run(args: MirrorArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    console.emitter().emit(Event::RunStarted {
        verb: "mirror".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: args.file.display().to_string(),
        target: None,
    });
    console
        .finish_with(async {
            let file = config::mirror::load(&args.file, &environment).map_err(Failure::Configuration)?;
            let run = console.run(String::new());
            let connecting = wire::connect_mirror(&file, &environment, run.events());
            Box::pin(mirror::mirror(&run.narrator, &file, connecting)).await
        })
        .await
}
