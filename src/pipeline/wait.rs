//! The end of a deployment, shared by `deploy` and by `wait`, which takes it up again: gate, then aftercare.

use std::time::Duration;

use super::{
    deploy::Run,
    failure::{Deployed, Failure, Returned},
    narrator::Told,
};
use crate::{
    config::deployment::Target,
    stages::{
        aftercare,
        gate::{self, GateEnd, GateRules},
        smoke::{self, SmokeEnd},
    },
    target::{DeployTarget, Started},
};
use shipgate_aws::logs::Logs;
use shipgate_core::{
    event::{Emitter, Event, Outcome, Stage},
    mask::Mask,
    operation::{OperationId, Verdict},
    reason::{Probing, Reason, Serving},
    service::{LiveService, RunSettings, ServiceStatus},
    smoke::{Answer, OnFailure, SmokeTest},
};

/// How long an id that somebody typed may be absent from the list of the service's operations.
const UNLISTED_GRACE: Duration = Duration::from_secs(30);

/// How long the look at the service after a failure may take.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// An operation to follow, and what to do after it.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The operation.
    pub started: Started,
    /// Takes confidential values out of log lines.
    pub mask: Mask,
    /// How long to follow it.
    pub rules: GateRules,
    /// How long the service's log groups shall keep their lines.
    pub log_retention_days: Option<u32>,
}

/// Follows an operation to its verdict and does what comes after one, whatever it is.
///
/// # Errors
/// [`Failure`] when the verdict is not a success, or none could be had.
pub async fn gate_and_aftercare<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    followed: &Followed,
) -> Result<(), Failure> {
    let gated = run.narrator.stage(Stage::Gate, follow(run, target, logs, followed)).await;
    let has_verdict = matches!(gated, Ok(()) | Err(Failure::Deployment { .. }));
    if has_verdict && let Some(days) = followed.log_retention_days {
        let keep = async {
            let kept = aftercare::keep_logs_for_days(logs, &followed.started.service, days, &run.narrator.events).await;
            let detail = format!("{} log groups keep their lines for {days} days", kept.set);
            let outcome = if kept.failed { Outcome::Fail } else { Outcome::Ok };
            Ok(Told { value: (), outcome, detail })
        };
        // A signal drops it where it stands: it can be done by the next run.
        if let Err(failure) = run.narrator.reading_stage(Stage::Aftercare, keep).await {
            run.narrator.events.emit(Event::Warning { message: format!("log retention was not set: {failure}") });
        }
    }
    gated
}

async fn follow<T: DeployTarget>(run: &Run, target: &T, logs: &Logs, followed: &Followed) -> Result<Told<()>, Failure> {
    let Followed { started, mask, rules, .. } = followed;
    let (events, cancellation) = (&run.narrator.events, &run.narrator.cancellation);
    let end = gate::follow(target, logs, started, rules, mask, events, cancellation.token()).await;
    if let GateEnd::Verdict { verdict, .. } = &end {
        run.progress.deployment_ended(*verdict);
    }
    match end {
        GateEnd::Verdict { verdict: Verdict::Deployed, .. } | GateEnd::Verdict { evidence: None, .. } => {
            Ok(Told::done((), "SUCCEEDED"))
        }
        GateEnd::Verdict { verdict, evidence: Some(evidence) } => {
            let live = look_once(run, target, started).await;
            let create_failed = live.as_ref().is_some_and(|live| live.status == ServiceStatus::CreateFailed);
            let serving = serving(run, verdict, live.as_ref());
            let probing = live.map(|LiveService { settings: RunSettings { port, health_check, .. }, .. }| Probing {
                port,
                health_check,
            });
            let reason = Box::new(Reason::of(*evidence, probing, serving));
            Err(Failure::Deployment { verdict, create_failed, reason })
        }
        GateEnd::TimedOut { last } => Err(Failure::GateTimeout { last }),
        GateEnd::NeverListed => Err(Failure::NoOperation { operation: started.operation.clone() }),
        GateEnd::Lost(source) => Err(Failure::GateLost(source)),
        GateEnd::Denied(source) => Err(Failure::GateDenied(source)),
        GateEnd::Cancelled => Err(Failure::cancelled(cancellation.signal(), Stage::Gate)),
    }
}

/// The service as it is after a failure, if it is told soon: the verdict does not wait for it.
async fn look_once<T: DeployTarget>(run: &Run, target: &T, started: &Started) -> Option<LiveService> {
    let look = tokio::time::timeout(LOOK_LIMIT, target.service(started.service.name()));
    tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => None,
        looked = look => looked.ok()?.ok()?,
    }
}

/// What serves after a failure: after a rollback what served before, which is what the tag pointed at before it was moved.
fn serving(run: &Run, verdict: Verdict, live: Option<&LiveService>) -> Option<Serving> {
    if verdict != Verdict::RolledBack {
        return None;
    }
    let before = run.progress.moved_tag().and_then(|moved| moved.moved.from);
    let url = live.map(LiveService::address).filter(|url| !url.is_empty());
    Some(Serving { digest: before, url })
}

/// Asks the service's URL, if that is wanted and there is one.
///
/// # Errors
/// [`Failure::SmokeTest`] when it does not answer as it should.
pub async fn smoke_test(run: &Run, test: Option<&SmokeTest>, address: Option<&str>) -> Result<(), Failure> {
    let Some(test) = test else { return Ok(()) };
    let asking = async {
        let Some(address) = address else {
            return Ok(Told::skipped((), "the service has no URL that is known"));
        };
        let (events, cancellation) = (&run.narrator.events, &run.narrator.cancellation);
        match smoke::smoke_test(address, test, events, cancellation.token()).await {
            Ok(SmokeEnd::Passed { .. }) => {
                Ok(Told::done((), format!("{address}{} answers {}", test.path, test.status)))
            }
            Ok(SmokeEnd::Failed { last }) => {
                Err(Failure::SmokeTest { url: format!("{address}{}", test.path), last, returned: None })
            }
            Ok(SmokeEnd::Cancelled) => Err(Failure::cancelled(cancellation.signal(), Stage::Smoke)),
            Err(reason) => {
                let last = Answer::None(reason);
                Err(Failure::SmokeTest { url: format!("{address}{}", test.path), last, returned: None })
            }
        }
    };
    run.narrator.stage(Stage::Smoke, asking).await
}

/// Where the service answers, as a URL.
pub async fn service_url<T: DeployTarget>(target: &T, service: &str, events: &Emitter) -> Option<String> {
    match target.service(service).await {
        Ok(live) => live.map(|live| live.address()).filter(|url| !url.is_empty()),
        Err(error) => {
            events.emit(Event::Warning { message: format!("the service's URL is not known: {error}") });
            None
        }
    }
}

/// Takes up an operation again.
///
/// # Errors
/// [`Failure`], as [`gate_and_aftercare`] does; [`Failure::Service`] or [`Failure::NoService`] when there is no such
/// service to look at.
pub async fn wait<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    wanted: &Target,
    operation: OperationId,
) -> Result<Deployed, Failure> {
    let service = wanted.service.as_str();
    let live = target
        .service(service)
        .await
        .map_err(|source| Failure::Service { service: service.to_owned(), source })?
        .ok_or_else(|| Failure::NoService { service: service.to_owned() })?;
    let summary = format!("operation {operation} succeeded on {service}");
    let followed = Followed {
        started: Started { service: live.arn, operation },
        mask: Mask::new(&live.settings.environment),
        rules: GateRules { timeout: wanted.gate_timeout, unlisted_grace: UNLISTED_GRACE },
        log_retention_days: wanted.log_retention_days,
    };
    run.progress.deployment_started(&followed.started);
    let deploys_from_tag = live.image_identifier.as_deref().is_some_and(|identifier| !identifier.contains('@'));
    let gated = gate_and_aftercare(run, target, logs, &followed).await;
    gated.map_err(|failure| if deploys_from_tag { restorable(run, failure) } else { failure })?;
    run.progress.deployment_succeeded();
    let service_url = service_url(target, service, &run.narrator.events).await;
    let test = wanted.smoke_test.as_ref();
    smoke_test(run, test, service_url.as_deref()).await.map_err(|failure| deploys_nothing(failure, test))?;
    Ok(Deployed { digest: None, service_url, summary })
}

/// Which image served before is in the registry, and `wait` has no business there: `rollback` finds it.
fn restorable(run: &Run, mut failure: Failure) -> Failure {
    if let Failure::Deployment { verdict: Verdict::RolledBack, create_failed: false, reason } = &mut failure {
        reason.restore = Some(run.progress.rollback_command());
    }
    failure
}

/// Who waits has no image to deploy, and may have no right to: going back is an order of its own.
fn deploys_nothing(failure: Failure, test: Option<&SmokeTest>) -> Failure {
    match (failure, test.map(|test| test.on_failure)) {
        (Failure::SmokeTest { url, last, returned: None }, Some(OnFailure::Return)) => {
            let reason = "`shipgate wait` deploys nothing; go back with: shipgate rollback".to_owned();
            Failure::SmokeTest { url, last, returned: Some(Returned::Not(reason)) }
        }
        (failure, _) => failure,
    }
}
