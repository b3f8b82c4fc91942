//! `shipgate rollback`: the version before the one that serves now is deployed again.

use super::deploy::{overrides, wait_arguments};
use crate::{
    cli::{args::RollbackArgs, console::Console, wire},
    config::{self, environment::Environment},
    pipeline::{failure::Failure, returning},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Goes back.
pub async fn run(args: RollbackArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let RollbackArgs { to, target: words, release, output: _ } = args;
    let target = config::load_target(&overrides(&words, &release.into()), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "rollback".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: to.as_ref().map(ToString::to_string).unwrap_or_default(),
        target: target.as_ref().ok().map(|target| target.name.clone()),
    });
    console
        .finish_with(async {
            let target = target.map_err(Failure::Configuration)?;
            let run = console.run(wait_arguments(&words, &target));
            let events = console.emitter();
            let connecting = wire::connect_destination_alone(&target, &events);
            Box::pin(returning::rollback(&run, &target, to.as_ref(), connecting)).await
        })
        .await
}
