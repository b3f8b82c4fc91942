//! `shipgate logs`: the lines of a service's log groups; with `--orphans`, the groups of services that are no more.

use super::deploy::overrides;
use crate::{
    cli::{
        args::{LogsArgs, ReleaseArgs},
        console::{self, Console},
        wire,
    },
    config::{self, environment::Environment, since},
    pipeline::{
        failure::Failure,
        logs::{self, LogsRequest},
        orphans,
    },
};
use shipgate_core::{event::Event, exit_code::ExitCode, log_group::LogGroup, operation::OperationId};

/// Shows them.
pub async fn run(args: LogsArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let target = config::load_target(&overrides(&args.target, &ReleaseArgs::default()), &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "logs".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: String::new(),
        target: target.as_ref().ok().map(|target| target.name.clone()),
    });
    let follows = args.follow;
    let work = async {
        let run = console.run(String::new());
        run.progress.only_reads();
        let target = target.map_err(Failure::Configuration)?;
        let request = request(&args)?;
        let workload = wire::connect_workload(&target, run.events()).await?;
        if args.orphans {
            let consent = args.delete.then_some(async |found: &[LogGroup]| agreed(args.yes, found).await);
            orphans::orphans(&run, &workload.target, &workload.logs, consent).await
        } else {
            logs::logs(&run, &workload.target, &workload.logs, &target, &request).await
        }
    };
    if follows { console.finish_with_endless(work).await } else { console.finish_with(work).await }
}

#[expect(clippy::result_large_err, reason = "made once in a run")]
fn request(args: &LogsArgs) -> Result<LogsRequest, Failure> {
    Ok(LogsRequest {
        service_events: !args.application,
        application: !args.service_events,
        since: since::read(args.since.as_deref()).map_err(Failure::Configuration)?,
        operation: args.operation.as_deref().map(OperationId::new),
        follow: args.follow,
    })
}

async fn agreed(yes: bool, found: &[LogGroup]) -> bool {
    let what = if found.len() == 1 { "this log group".to_owned() } else { format!("these {} log groups", found.len()) };
    yes || console::ask(&format!("Delete {what}, with all lines?")).await
}
