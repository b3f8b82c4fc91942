//! `shipgate wait OPERATION`: takes up a deployment that is running, as after a gate that timed out or a cancelled job.

use super::deploy::overrides;
use crate::{
    cli::{args::WaitArgs, console::Console, wire},
    config::{self, environment::Environment},
    domain::{event::Event, exit_code::ExitCode, operation::OperationId},
    pipeline::{failure::Failure, wait},
};

/// Follows the operation.
pub async fn run(args: WaitArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let deployment = config::load(&overrides(&args.target), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "wait".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: deployment.as_ref().map(|deployment| deployment.image.to_string()).unwrap_or_default(),
        target: deployment.as_ref().ok().map(|deployment| deployment.target.name.clone()),
    });
    console
        .finish_with(async {
            let deployment = deployment.map_err(Failure::Configuration)?;
            let run = console.run(String::new());
            let workload = wire::connect_workload(&deployment, &console.emitter()).await?;
            let operation = OperationId::new(args.operation);
            wait::wait(&run, &workload.target, &workload.logs, &deployment.target, operation).await
        })
        .await
}
