//! `shipgate status`: how a service stands.

use super::deploy::{overrides, wait_arguments};
use crate::{
    cli::{
        args::{ReleaseArgs, StatusArgs},
        console::Console,
        wire,
    },
    config::{self, environment::Environment},
    pipeline::{
        failure::Failure,
        status::{self, Sources},
    },
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Tells it.
pub async fn run(args: StatusArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let target = config::load_target(&overrides(&args.target, &ReleaseArgs::default()), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "status".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: String::new(),
        target: target.as_ref().ok().map(|target| target.name.clone()),
    });
    console
        .finish_with(async {
            let arguments = target.as_ref().map(|target| wait_arguments(&args.target, target)).unwrap_or_default();
            let run = console.run(arguments);
            run.progress.only_reads();
            let target = target.map_err(Failure::Configuration)?;
            let (workload, registry) = wire::connect_workload_and_registry(&target, run.events()).await?;
            let sources = Sources { target: &workload.target, logs: &workload.logs, registry: &registry };
            status::status(&run, sources, &target).await
        })
        .await
}
