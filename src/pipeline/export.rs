//! `export terraform`: the live service's log groups, as Terraform declares and imports them. It reads and changes nothing.

mod terraform;

use self::terraform::Group;
use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use crate::{config::deployment::Target, target::DeployTarget};
use shipgate_aws::logs::Logs;
use shipgate_core::event::Event;

/// Prints the resources and import blocks.
///
/// # Errors
/// [`Failure::NoService`] when there is none, [`Failure::Service`] and [`Failure::Aws`] when it or its groups cannot be looked
/// at.
pub async fn terraform<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    wanted: &Target,
) -> Result<Deployed, Failure> {
    tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            Err(Failure::stopped(run.narrator.cancellation.signal()))
        }
        printed = print(run, target, logs, wanted) => printed,
    }
}

async fn print<T: DeployTarget>(run: &Run, target: &T, logs: &Logs, wanted: &Target) -> Result<Deployed, Failure> {
    let service = wanted.service.as_str();
    let live = target.service(service).await;
    let live = live.map_err(|source| Failure::Service { service: service.to_owned(), source })?;
    let live = live.ok_or_else(|| Failure::NoService { service: service.to_owned() })?;
    let mut groups = Vec::new();
    for (kind, name) in [("service", live.arn.service_log_group()), ("application", live.arn.application_log_group())] {
        let found = logs.group(&name).await;
        let doing = || format!("cannot look at log group {name}");
        let found = found.map_err(|source| Failure::Aws { doing: doing(), source })?;
        if found.is_none() {
            let message = format!("{name} does not exist yet: it is declared, and not imported");
            run.events().emit(Event::Notice { message });
        }
        // What a deployment sets it to counts: the two would undo each other's work.
        let retention_days = wanted.log_retention_days.or(found.as_ref().and_then(|group| group.retention_days));
        groups.push(Group { kind, name, exists: found.is_some(), retention_days });
    }
    run.events().emit(Event::Printed { what: "terraform", text: terraform::file(&live.arn, &groups) });
    let summary = format!("the log groups of {service}, for Terraform 1.5 or later");
    Ok(Deployed { digest: None, service_url: None, summary })
}
