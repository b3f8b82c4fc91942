//! `shipgate export terraform`: what Terraform is to declare of a service.

use super::deploy::overrides;
use crate::{
    cli::{
        args::{ExportArgs, ExportFormat, ReleaseArgs},
        console::Console,
        wire,
    },
    config::{self, environment::Environment},
    pipeline::{export, failure::Failure},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Prints it.
pub async fn run(args: ExportArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let target = config::load_target(&overrides(&args.target, &ReleaseArgs::default()), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "export".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: String::new(),
        target: target.as_ref().ok().map(|target| target.name.clone()),
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            let target = target.map_err(Failure::Configuration)?;
            let workload = wire::connect_workload(&target, run.events()).await?;
            match args.format {
                ExportFormat::Terraform => export::terraform(&run, &workload.target, &workload.logs, &target).await,
            }
        })
        .await
}
