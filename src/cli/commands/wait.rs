//! `shipgate wait OPERATION`: takes up a deployment that is running, as after a gate that timed out or a cancelled job.

use super::deploy::{overrides, wait_arguments};
use crate::{
    cli::{
        args::{ReleaseArgs, WaitArgs},
        console::Console,
        wire,
    },
    config::{self, environment::Environment},
    pipeline::{failure::Failure, wait},
};
use shipgate_core::{event::Event, exit_code::ExitCode, operation::OperationId};

/// Follows the operation.
pub async fn run(args: WaitArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let target = config::load_target(&overrides(&args.target, &ReleaseArgs::default()), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "wait".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: String::new(),
        target: target.as_ref().ok().map(|target| target.name.clone()),
    });
    console
        .finish_with(async {
            let target = target.map_err(Failure::Configuration)?;
            let run = console.run(wait_arguments(&args.target, &target));
            let workload = wire::connect_workload(&target, &console.emitter()).await?;
            let operation = OperationId::new(args.operation);
            wait::wait(&run, &workload.target, &workload.logs, &target, operation).await
        })
        .await
}
