//! `logs --orphans`: the log groups of services that are no more, and their deletion where it is consented to.

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use crate::target::{TargetError, apprunner::AppRunner};
use shipgate_aws::logs::Logs;
use shipgate_core::{
    event::Event,
    log_group::{LogGroup, PREFIX},
};

/// Lists the orphans of the account and region, and deletes them if `consent` says so. It is asked once, when they have been
/// shown; absent: nothing is to be deleted.
///
/// # Errors
/// [`Failure::Aws`] and [`Failure::Services`] when they cannot be listed, or one could not be deleted; [`Failure::NoConsent`] when
/// they are to be deleted and nobody agrees.
pub async fn orphans(
    run: &Run,
    target: &AppRunner,
    logs: &Logs,
    consent: Option<impl AsyncFnOnce(&[LogGroup]) -> bool>,
) -> Result<Deployed, Failure> {
    let found = tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            return Err(Failure::stopped(run.narrator.cancellation.signal()));
        }
        found = find(target, logs) => found?,
    };
    for group in &found {
        run.events().emit(Event::OrphanFound(group.clone()));
    }
    let Some(consent) = consent.filter(|_| !found.is_empty()) else {
        return Ok(ended(format!("{} of services that are no more", groups(found.len()))));
    };
    if !consent(&found).await {
        return Err(Failure::NoConsent { what: format!("{} would be deleted", groups(found.len())) });
    }
    let deleted = delete(run, target, logs, &found).await?;
    Ok(ended(format!("{} deleted", groups(deleted))))
}

/// The groups first and the services after them: a group that was seen has a service that was there before it, and is still
/// listed unless it was deleted.
async fn find(target: &AppRunner, logs: &Logs) -> Result<Vec<LogGroup>, Failure> {
    let listed = logs.groups(PREFIX).await;
    let listed = listed.map_err(|source| Failure::Aws { doing: "cannot list log groups".to_owned(), source })?;
    let living = target.living_services().await.map_err(unlisted)?;
    Ok(listed.into_iter().filter(|group| group.is_orphan(&living)).collect())
}

fn unlisted(source: TargetError) -> Failure {
    Failure::Services(source)
}

/// Deletes one after the other, and looks at the services again right before each.
async fn delete(run: &Run, target: &AppRunner, logs: &Logs, found: &[LogGroup]) -> Result<usize, Failure> {
    let (mut deleted, mut failed) = (0, None);
    for group in found {
        if let Some(signal) = run.narrator.cancellation.signal() {
            return Err(Failure::stopped(Some(signal)));
        }
        let living = target.living_services().await.map_err(unlisted)?;
        if !group.is_orphan(&living) {
            let message = format!("{} is left alone: its service is there", group.name);
            run.events().emit(Event::Warning { message });
            continue;
        }
        match logs.delete_group(&group.name).await {
            Ok(was_there) => {
                deleted += usize::from(was_there);
                run.progress.log_group_deleted();
                run.events().emit(Event::LogGroupDeleted { name: group.name.clone() });
            }
            Err(source) => {
                run.events().emit(Event::Warning { message: format!("{} was not deleted: {source}", group.name) });
                let doing = format!("cannot delete {}", group.name);
                failed.get_or_insert(Failure::Aws { doing, source });
            }
        }
    }
    failed.map_or(Ok(deleted), Err)
}

fn groups(count: usize) -> String {
    if count == 1 { "1 log group".to_owned() } else { format!("{count} log groups") }
}

fn ended(summary: String) -> Deployed {
    Deployed { digest: None, service_url: None, summary }
}
