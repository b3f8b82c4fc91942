//! Going back to the version before: `rollback`, which a user orders, and the return after a smoke test that failed. Both are
//! deployments like any other, of an image that is in the workload repository: the same looks, the same steps, the same gate.

use std::{collections::BTreeMap, future::Future};

use tokio::time::{Instant, sleep};

use super::{
    deploy::{self, Adapters, Resolved, Run},
    failure::{Deployed, Failure, Returned},
    narrator::Told,
    preparing::{self, Look, Ready},
    releasing::Release,
    rolled_back,
};
use crate::{
    config::deployment::{Deployment, Target},
    stages::{
        attempt,
        history::{self, Archive},
        promote::PromoteError,
        release::ReleaseError,
        resolve::{self, ResolvedImage},
    },
    target::DeployTarget,
};
use shipgate_core::{
    access::Access,
    digest::Digest,
    event::{Event, Stage},
    image::ImageReference,
    operation::{OperationId, Verdict},
    pull_through::Via,
    release::{self, AttemptEnd, History, PastOperation, Refusal, ReleaseVerb, WayBack},
    service::{LiveService, ServiceStatus},
    smoke::{OnFailure, SmokeTest},
};

/// Deploys the version before the one that serves now, or the image `to`. No copy is made, for the image is there, and no local
/// check: it has served before.
///
/// # Errors
/// [`Failure`], as of a deployment; [`Failure::NothingBefore`] when no version is known to go back to.
pub async fn rollback<T: DeployTarget>(
    run: &Run,
    target: &Target,
    to: Option<&Digest>,
    connecting: impl Future<Output = Result<Adapters<T>, Failure>>,
) -> Result<Deployed, Failure> {
    let resolving = find(run, target, to, connecting);
    let (deployment, resolved) = run.narrator.reading_stage(Stage::Resolve, resolving).await?;
    let checked = without_arrival(&deployment);
    let checking = deploy::check(run, &checked, &resolved);
    let (course, given) = run.narrator.reading_stage(Stage::Preflight, checking).await?;
    let Resolved { adapters, image, look } = resolved;
    let ready = if deploy::is_begun(&course) {
        Ready { look, verb: course.verb }
    } else {
        preparing::make_ready(run, &deployment, &adapters, &image, &look.plan).await?
    };
    let service = target.service.as_str();
    let if_busy = target.release.consent.if_busy;
    let deadline = Instant::now() + target.gate_timeout;
    let release = Release { run, adapters: &adapters, service, image: &image, ready: &ready, if_busy, deadline };
    // Looked at now, when nothing runs any more: a deployment that ran may have been rolled back meanwhile.
    if !target.release.consent.force && rolled_back::serves_already(&release).await? {
        return rolled_back::restore_tag(&release).await;
    }
    deploy::conclude(run, &deployment, &adapters, &image, ready, &given).await
}

/// Where the image does not have to come from anywhere, there is no rule to check that brings it.
fn without_arrival(deployment: &Deployment) -> Deployment {
    let target = Target { via: Via::Copy, ..deployment.target.clone() };
    Deployment { target, ..deployment.clone() }
}

/// Connects, and finds out which version it goes back to.
async fn find<T: DeployTarget>(
    run: &Run,
    target: &Target,
    to: Option<&Digest>,
    connecting: impl Future<Output = Result<Adapters<T>, Failure>>,
) -> Result<Told<(Deployment, Resolved<T>)>, Failure> {
    let adapters = connecting.await?;
    let live = live_service(&adapters, target).await?;
    takes_versions(target, &live)?;
    let (digest, detail) = if let Some(digest) = to {
        (digest.clone(), format!("to {}, as ordered", digest.short()))
    } else {
        let history = settled_history(run, &adapters, target, &live).await?;
        way_back(run, target, &history)?
    };
    // Someone who goes back is not to be taken forth again by what went wrong before.
    let smoke_test = target.smoke_test.clone().map(|test| SmokeTest { on_failure: OnFailure::Report, ..test });
    let target = Target { smoke_test, ..unchecked(target) };
    let (deployment, image) = of_the_workload(run, target, &adapters, &live, &digest).await?;
    let look = preparing::look(run, &deployment, &adapters, &image, Some(live)).await?;
    Ok(Told::done((deployment, Resolved { adapters, image, look }), detail))
}

async fn live_service<T: DeployTarget>(adapters: &Adapters<T>, target: &Target) -> Result<LiveService, Failure> {
    let service = target.service.to_string();
    match adapters.target.service(&service).await {
        Ok(Some(live)) if live.status != ServiceStatus::Deleted => Ok(live),
        Ok(_) => Err(Failure::NoService { service }),
        Err(source) => Err(Failure::Service { service, source }),
    }
}

/// A service that has never come up has no version that served, and what begins it is not unchecked.
#[expect(clippy::result_large_err, reason = "made once in a run")]
fn takes_versions(target: &Target, live: &LiveService) -> Result<(), Failure> {
    let nothing = |known: String| Err(Failure::NothingBefore { service: target.service.to_string(), known });
    if history::configured(live).is_none() {
        return nothing(Refusal::NotAnImage.to_string());
    }
    match live.status {
        ServiceStatus::CreateFailed => nothing("it has never come up (CREATE_FAILED)".to_owned()),
        ServiceStatus::DeleteFailed => nothing("it could not be deleted (DELETE_FAILED)".to_owned()),
        ServiceStatus::Running
        | ServiceStatus::OperationInProgress
        | ServiceStatus::Paused
        | ServiceStatus::Deleted
        | ServiceStatus::Unknown(_) => Ok(()),
    }
}

/// The history, once it is complete. App Runner lists an operation some seconds after it has started; without it, the version that
/// serves would be taken for the one to leave. The service's status shows that one has started. So does the record, if shipgate ordered
/// it.
async fn settled_history<T: DeployTarget>(
    run: &Run,
    adapters: &Adapters<T>,
    target: &Target,
    live: &LiveService,
) -> Result<History, Failure> {
    let deadline = Instant::now() + attempt::SETTLE;
    let mut status = live.status.clone();
    let mut is_noticed = false;
    loop {
        let operations = list_operations(adapters, target, live).await?;
        run.progress.has_seen(operations.first());
        let history = read_history(adapters, target, live, &operations, None).await?;
        let is_listed = release::running(&operations).is_some();
        let is_unlisted = !is_listed
            && (status == ServiceStatus::OperationInProgress
                || claims_another(adapters, target, live, &operations, &history).await?);
        if !is_unlisted || Instant::now() >= deadline {
            return Ok(history);
        }
        if !std::mem::replace(&mut is_noticed, true) {
            let message = "a deployment is about to start, or not listed yet: waiting for its operation".to_owned();
            run.events().emit(Event::Notice { message });
        }
        sleep(attempt::INTERVAL).await;
        status = live_service(adapters, target).await?.status;
    }
}

/// Whether a run has claimed the operation after the newest for another image than the one that serves.
async fn claims_another<T: DeployTarget>(
    adapters: &Adapters<T>,
    target: &Target,
    live: &LiveService,
    operations: &[PastOperation],
    history: &History,
) -> Result<bool, Failure> {
    let service = target.service.as_str();
    let next = release::record_tag(service, operations.first().map(|newest| &newest.id));
    let claimed = adapters.destination.manifest_digest(&repository_of(target, live), &next).await;
    let claimed = claimed.map_err(|source| Failure::History { service: service.to_owned(), source })?;
    Ok(claimed.is_some() && claimed != history.serving)
}

async fn list_operations<T: DeployTarget>(
    adapters: &Adapters<T>,
    target: &Target,
    live: &LiveService,
) -> Result<Vec<PastOperation>, Failure> {
    let operations = adapters.target.operations(&live.arn).await;
    operations.map_err(|source| Failure::Service { service: target.service.to_string(), source })
}

async fn read_history<T: DeployTarget>(
    adapters: &Adapters<T>,
    target: &Target,
    live: &LiveService,
    operations: &[PastOperation],
    serving: Option<&Digest>,
) -> Result<History, Failure> {
    let service = target.service.as_str();
    let repository = repository_of(target, live);
    let archive = Archive { registry: &adapters.destination, repository: &repository, service };
    let read = history::read(archive, live, operations, serving).await;
    read.map_err(|source| Failure::History { service: service.to_owned(), source })
}

/// Where the service's images and their record are.
fn repository_of(target: &Target, live: &LiveService) -> String {
    let of_live = history::configured(live).map(|image| image.repository().to_owned());
    target.repository.clone().or(of_live).unwrap_or_default()
}

/// Which version it is, and why, in one line.
#[expect(clippy::result_large_err, reason = "made once in a run")]
fn way_back(run: &Run, target: &Target, history: &History) -> Result<(Digest, String), Failure> {
    let (serving, attempt) = match history.way_back() {
        Some(WayBack::Serving(serving, attempt)) => (serving, attempt),
        Some(WayBack::Previous { serving, before }) => {
            tell(run, serving, before, &history.unknown);
            return Ok((before.clone(), format!("from {} back to {}", serving.short(), before.short())));
        }
        None => return both_of(target, history).map(|(_, before)| (before.clone(), String::new())),
    };
    let operation = &attempt.operation;
    let (state, detail) = match attempt.end {
        AttemptEnd::RolledBack => ("was rolled back", format!("to {}, which serves", serving.short())),
        AttemptEnd::Running => ("is running", format!("to {}, which serves until that ends", serving.short())),
        AttemptEnd::Failed => ("failed", format!("to {}, which served before it", serving.short())),
    };
    let of = attempt.digest.as_ref().map(|digest| format!(" of {}", digest.short())).unwrap_or_default();
    let before = history.before.as_ref();
    let further = before.map(|before| format!("; to deploy the previous version: --to {before}")).unwrap_or_default();
    run.events().emit(Event::Notice {
        message: format!("the last deployment{of} {state}, so this goes back to {}{further}", serving.short()),
    });
    Ok((serving.clone(), format!("{detail}: operation {operation} {state}")))
}

#[expect(clippy::result_large_err, reason = "made once in a run")]
fn both_of<'h>(target: &Target, history: &'h History) -> Result<(&'h Digest, &'h Digest), Failure> {
    let known = match (&history.serving, &history.before) {
        (Some(serving), Some(before)) => return Ok((serving, before)),
        (Some(serving), None) if history.unknown.is_empty() => {
            format!("{} serves, and it is the first that is on record", serving.short())
        }
        (Some(serving), None) => {
            let before = &history.unknown[0];
            format!("{} serves, and it is not on record what operation {before} deployed before it", serving.short())
        }
        (None, _) => match &history.attempt {
            Some(attempt) => format!(
                "it is not on record what serves, and the last deployment, operation {}, did not succeed",
                attempt.operation
            ),
            None => "it is not on record what serves".to_owned(),
        },
    };
    Err(Failure::NothingBefore { service: target.service.to_string(), known })
}

/// Once it has gone back, the version before is the other one: a run that is cut off is gone on with by the digest.
fn tell(run: &Run, serving: &Digest, before: &Digest, unknown: &[OperationId]) {
    if !unknown.is_empty() {
        let operations: Vec<&str> = unknown.iter().map(OperationId::as_str).collect();
        let message =
            format!("it is not on record what was deployed in between, by operation {}", operations.join(", "));
        run.events().emit(Event::Warning { message });
    }
    run.events().emit(Event::Notice {
        message: format!(
            "{} serves, and served after {}; should this run be cut off, go on with --to {before}",
            serving.short(),
            before.short()
        ),
    });
}

/// The target, for an image that has served before.
fn unchecked(target: &Target) -> Target {
    let mut target = target.clone();
    target.verify.skip = true;
    target
}

/// The image as the workload repository has it, and its deployment.
async fn of_the_workload<T: DeployTarget>(
    run: &Run,
    target: Target,
    adapters: &Adapters<T>,
    live: &LiveService,
    digest: &Digest,
) -> Result<(Deployment, ResolvedImage), Failure> {
    let repository = repository_of(&target, live);
    let (account, region) = (&adapters.account, &target.access.region);
    let anywhere = ImageReference::in_ecr_of(account, region, &repository, "latest");
    let pinned = anywhere.with_digest(digest);
    let mut image = resolve::resolve_image(&adapters.destination, &pinned, run.events()).await?;
    match history::own_tag(&adapters.ecr, &repository, digest).await {
        Ok(Some(own)) => image.reference = anywhere.with_tag(&own),
        Ok(None) => {}
        Err(fault) => run.events().emit(Event::Warning {
            message: format!("the image is named by its digest, for its own tag cannot be seen: {fault}"),
        }),
    }
    let registry = Access { hops: Vec::new(), region: region.clone() };
    Ok((Deployment { image: image.reference.clone(), registry, target }, image))
}

/// What a smoke test came to, once the target's choice is followed: the version that served before is deployed again.
///
/// # Errors
/// The test's failure with what became of that; a cancellation in the midst of it.
pub(super) async fn after_smoke_test<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    failed: &Digest,
    tested: Result<(), Failure>,
) -> Result<(), Failure> {
    let choice = deployment.target.smoke_test.as_ref().map(|test| test.on_failure);
    match (tested, choice) {
        (Err(Failure::SmokeTest { url, last, returned: None }), Some(OnFailure::Return)) => {
            let returned = match Box::pin(give_back(run, &deployment.target, adapters, failed)).await {
                Ok(digest) => Returned::To(digest),
                Err(cancelled @ Failure::Cancelled { .. }) => return Err(cancelled),
                Err(failure) => not_returned(&failure),
            };
            Err(Failure::SmokeTest { url, last, returned: Some(returned) })
        }
        (tested, _) => tested,
    }
}

/// Deploys again what served before `failed`. Its own smoke test is not made: whatever that came to, there is nowhere else to go.
async fn give_back<T: DeployTarget>(
    run: &Run,
    target: &Target,
    adapters: &Adapters<T>,
    failed: &Digest,
) -> Result<Digest, Failure> {
    let cancellation = &run.narrator.cancellation;
    let before = tokio::select! {
        () = cancellation.token().cancelled() => return Err(Failure::cancelled(cancellation.signal(), Stage::Smoke)),
        found = find_before(run, target, adapters, failed) => found?,
    };
    let Before { deployment, image, look } = before;
    run.progress.goes_back();
    let ready = preparing::make_ready(run, &deployment, adapters, &image, &look.plan).await?;
    if ready.verb != ReleaseVerb::Nothing {
        // Nothing is checked locally, so no secret was fetched.
        deploy::bring_up(run, &deployment, adapters, &image, ready, &BTreeMap::new()).await?;
    }
    Ok(image.digest().clone())
}

/// The version to return to.
struct Before {
    deployment: Deployment,
    image: ResolvedImage,
    look: Look,
}

async fn find_before<T: DeployTarget>(
    run: &Run,
    target: &Target,
    adapters: &Adapters<T>,
    failed: &Digest,
) -> Result<Before, Failure> {
    let live = live_service(adapters, target).await?;
    let operations = list_operations(adapters, target, &live).await?;
    let history = read_history(adapters, target, &live, &operations, Some(failed)).await?;
    let (_, before) = both_of(target, &history)?;
    run.events().emit(Event::Notice {
        message: format!("the smoke test failed: {}, which served before, is deployed again", before.short()),
    });
    let (deployment, image) = of_the_workload(run, as_it_was(target), adapters, &live, before).await?;
    let look = preparing::look(run, &deployment, adapters, &image, Some(live)).await?;
    Ok(Before { deployment, image, look })
}

/// The target of a return: what the run consented to was for the new version, and so was its name for the tag.
fn as_it_was(target: &Target) -> Target {
    let mut target = Target { tag: None, log_retention_days: None, smoke_test: None, ..unchecked(target) };
    let consent = &mut target.release.consent;
    (consent.resume, consent.recreate, consent.force) = (false, false, false);
    target
}

/// Pure: what a return that failed leaves.
fn not_returned(failure: &Failure) -> Returned {
    let mut why = failure.causes().join(": ");
    if let Failure::Deployment { reason, .. } = failure {
        why.extend(reason.restore_line().map(|line| format!("; {line}")));
    }
    let rolled_back = matches!(failure, Failure::Deployment { verdict: Verdict::RolledBack, .. });
    let unclear = matches!(
        failure,
        Failure::Deployment { .. }
            | Failure::GateTimeout { .. }
            | Failure::GateLost(_)
            | Failure::GateDenied(_)
            | Failure::Overtaken { .. }
            | Failure::NoOperation { .. }
            | Failure::Promote(PromoteError::Unknown { .. })
            | Failure::Release(ReleaseError::Unknown(_) | ReleaseError::NoPush | ReleaseError::Nothing { .. })
            | Failure::TagTaken { deployed: true, .. }
            | Failure::TagUnseen { deployed: true, .. }
    );
    if unclear && !rolled_back { Returned::Unclear(why) } else { Returned::Not(why) }
}

#[cfg(test)]
mod tests {
    use super::{Failure, PromoteError, ReleaseError, Returned, Verdict, not_returned};
    use crate::target::TargetError;
    use shipgate_core::{
        digest::Digest,
        reason::{Cause, Evidence, Finding, Output, Reason},
    };

    fn ended(verdict: Verdict) -> Failure {
        let found = Finding { cause: Cause::Unknown, said: None, exit_code: None };
        let evidence = Evidence { found, output: Output::Unknown, last_lines: Vec::new() };
        Failure::Deployment { verdict, create_failed: false, reason: Box::new(Reason::of(evidence, None, None)) }
    }

    #[test]
    fn a_return_that_came_to_nothing_leaves_the_new_version_and_any_other_a_doubt() {
        let lost = || TargetError::Answer { action: "apprunner:StartDeployment", reason: "empty".to_owned() };
        let unknown = PromoteError::Unknown { place: "a:b".to_owned(), digest: Digest::of(b"a"), source: None };
        let table = [
            (Failure::NothingBefore { service: "shop".to_owned(), known: "none".to_owned() }, false),
            (Failure::Changed("paused".to_owned()), false),
            (Failure::Release(ReleaseError::Refused(lost())), false),
            (ended(Verdict::RolledBack), false),
            (ended(Verdict::Failed), true),
            (ended(Verdict::RollbackFailed), true),
            (Failure::Release(ReleaseError::Unknown(lost())), true),
            (Failure::Release(ReleaseError::NoPush), true),
            (Failure::Promote(unknown), true),
            (Failure::GateTimeout { last: None }, true),
            (Failure::GateLost(lost()), true),
            (Failure::GateDenied(lost()), true),
        ];
        for (failure, expected) in table {
            let returned = not_returned(&failure);
            assert_eq!(matches!(returned, Returned::Unclear(_)), expected, "{failure}: {returned:?}");
        }
    }
}
