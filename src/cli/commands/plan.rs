//! `shipgate plan`: what `shipgate deploy` with the same arguments would do.

use super::deploy::{image_of, overrides, wait_arguments};
use crate::{
    cli::{args::DeployArgs, console::Console, wire},
    config::{self, environment::Environment},
    pipeline::{failure::Failure, planning},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Tells it.
pub async fn run(args: DeployArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let deployment = config::load(&overrides(&args.target, &args.release), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "plan".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: image_of(&args.target, deployment.as_ref().ok()),
        target: deployment.as_ref().ok().map(|deployment| deployment.target.name.clone()),
    });
    console
        .finish_with(async {
            let deployment = deployment.map_err(Failure::Configuration)?;
            let run = console.run(wait_arguments(&args.target, &deployment.target));
            run.progress.only_reads();
            let events = console.emitter();
            let connecting = wire::connect_without_engine(&deployment, &environment, &events);
            Box::pin(planning::plan(&run, &deployment, connecting)).await
        })
        .await
}
