//! Release: the service is told to deploy, and the operation that *we* started is known. App Runner has no client token,
//! so an order whose answer got lost is never given again: it is looked for.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::target::{CreateOrder, DeployTarget, Started, TargetError, UpdateOrder};
use shipgate_aws::fault::AwsFault;
use shipgate_core::{
    arn::ServiceArn,
    event::{Emitter, Event, milliseconds},
    release::{OperationKind, PastOperation, Refusal, come_since},
};

/// How often an order that was throttled is given in all. A throttled order was not taken: nothing can come of it twice.
const ATTEMPTS: u32 = 5;
/// How long a role that App Runner cannot assume is waited for: one that was made a moment ago cannot be for up to a minute
/// (field reports; Terraform's provider waits likewise). Such an order was not taken either.
pub(super) const ROLE_PROPAGATION: Duration = Duration::from_secs(75);
/// From one order to the next in that time.
pub(super) const ROLE_INTERVAL: Duration = Duration::from_secs(5);
/// How long an order without an answer is looked for: operations are listed late.
const SETTLE: Duration = Duration::from_secs(30);
/// From one look to the next.
const SETTLE_INTERVAL: Duration = Duration::from_secs(2);

/// How long the deployment that a push starts is looked for: longer than an order, which has begun when it is answered.
const PUSH_SETTLE: Duration = Duration::from_mins(2);
/// How long it is still looked for after a signal: less than a CI system waits before it kills.
const PUSH_SETTLE_AFTER_SIGNAL: Duration = Duration::from_secs(3);

/// What to do, decided before anything was changed.
#[derive(Clone, Debug)]
pub enum ReleaseOrder {
    /// There is no service: create it like this.
    Create(Box<CreateOrder>),
    /// Deploy what this service's tag points at now.
    Deploy(ServiceArn),
    /// Change the service, which deploys it.
    Update(Box<UpdateOrder>),
    /// Resume it.
    Resume(ServiceArn),
    /// Delete it.
    Delete(ServiceArn),
}

impl ReleaseOrder {
    /// The name in events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create-service",
            Self::Deploy(_) => "start-deployment",
            Self::Update(_) => "update-service",
            Self::Resume(_) => "resume-service",
            Self::Delete(_) => "delete-service",
        }
    }

    /// The kind of operation it begins.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Create(_) => OperationKind::CreateService,
            Self::Deploy(_) => OperationKind::StartDeployment,
            Self::Update(_) => OperationKind::UpdateService,
            Self::Resume(_) => OperationKind::ResumeService,
            Self::Delete(_) => OperationKind::DeleteService,
        }
    }
}

/// Why there is no order to give.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreleasable {
    /// The service takes no deployment as it is.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no service, and not enough is known to create one.
    #[error("there is no service {service}, and to create it the role that may pull its image must be known")]
    NoAccessRole {
        /// The service's name.
        service: String,
    },
    /// It could be deleted, and nothing would know how to create it anew.
    #[error("service {service} cannot be created anew: once it is deleted, nothing knows its settings")]
    NoSettings {
        /// The service's name.
        service: String,
    },
    /// The version that a service begins with is to go unchecked, and nobody has typed that out.
    #[error(
        "the first version of service {service} would go unchecked: if it cannot run, the service ends in CREATE_FAILED and \
         serves nothing"
    )]
    Unchecked {
        /// The service's name.
        service: String,
    },
}

impl Unreleasable {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.hint().to_owned(),
            Self::NoSettings { .. } => {
                "write what it is to be created with into the target's `create` block; or leave \
                 --recreate out: then a service in CREATE_FAILED is rebuilt in place"
                    .to_owned()
            }
            Self::Unchecked { .. } => {
                "let it be checked: leave `verify.skip` out; or type out --no-verify for this run".to_owned()
            }
            Self::NoAccessRole { .. } => "set `create.access_role` of the target, or --access-role, to a role that \
                 build.apprunner.amazonaws.com may assume; or check the service's name and region"
                .to_owned(),
        }
    }
}

/// The order came to nothing, or nobody knows to what.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The service said no: nothing runs.
    #[error("the service did not take the deployment")]
    Refused(#[source] TargetError),
    /// The service said no for now, or nothing, until the end of all patience, and it is certain that nothing runs.
    #[error("the service did not take the deployment until the deadline")]
    NotTaken(#[source] TargetError),
    /// The service is busy with something else: nothing of this image runs.
    #[error("the service is busy, and did not take the deployment")]
    Busy(#[source] TargetError),
    /// No answer came, and no operation of ours was found: one may run.
    #[error("the service gave no answer, and no deployment of this run was found")]
    Unknown(#[source] TargetError),
    /// The service took the order and began nothing.
    #[error("the service took {order}, and began no operation")]
    Nothing {
        /// The order's name.
        order: &'static str,
    },
    /// The tag was moved, which begins a deployment of the service, and none was found.
    #[error("the tag was moved, and the deployment that this begins was not found in {} s", PUSH_SETTLE.as_secs())]
    NoPush,
}

/// Gives the order, once. `before` are the service's operations from before the order, by which ours is told from them should
/// the answer get lost. `None`: nothing was begun, and nothing is left to do. An order that was not taken for now (too many calls, a
/// role that is too new) is given again, unless the run is cancelled.
///
/// # Errors
/// [`ReleaseError`] says whether nothing runs, or nobody knows.
pub async fn order<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
    before: &[PastOperation],
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Option<Started>, ReleaseError> {
    match give(target, order, events, cancel).await {
        Ok(started) => Ok(started),
        Err(error) if is_refusal(&error) => Err(ReleaseError::Refused(error)),
        Err(error) => {
            events.emit(Event::Warning {
                message: format!("no answer to the order ({error}); looking for what came of it"),
            });
            look_for_ours(target, order, before).await.ok_or(ReleaseError::Unknown(error))
        }
    }
}

/// Finds the deployment that the push of the service's tag has begun. `before` are the service's operations from before it.
///
/// # Errors
/// [`ReleaseError::NoPush`] when there is none in two minutes: it may still come.
pub async fn find_pushed<T: DeployTarget>(
    target: &T,
    service: &ServiceArn,
    before: &[PastOperation],
    cancel: &CancellationToken,
) -> Result<Started, ReleaseError> {
    let looking = async {
        loop {
            let now = target.operations(service).await.unwrap_or_default();
            if let Some(ours) = come_since(before, &now, OperationKind::StartDeployment) {
                return Started { service: service.clone(), operation: ours.id.clone() };
            }
            sleep(SETTLE_INTERVAL).await;
        }
    };
    let signalled = async {
        cancel.cancelled().await;
        sleep(PUSH_SETTLE_AFTER_SIGNAL).await;
    };
    tokio::select! {
        started = looking => Ok(started),
        () = sleep(PUSH_SETTLE) => Err(ReleaseError::NoPush),
        () = signalled => Err(ReleaseError::NoPush),
    }
}

async fn give<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Option<Started>, TargetError> {
    let begun = Instant::now();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let error = match give_once(target, order).await {
            Ok(started) => return Ok(started),
            Err(error) => error,
        };
        let Some(delay) = not_for_now(&error, attempt, begun.elapsed()) else { return Err(error) };
        events.emit(Event::Retrying {
            what: order.name().to_owned(),
            cause: error.to_string(),
            attempt: attempt + 1,
            delay_ms: milliseconds(delay),
        });
        if cancel.run_until_cancelled(sleep(delay)).await.is_none() {
            return Err(error);
        }
    }
}

/// Gives the order once.
///
/// # Errors
/// [`TargetError`]: [`read_answer`] says what it means.
pub(super) async fn give_once<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
) -> Result<Option<Started>, TargetError> {
    match order {
        ReleaseOrder::Create(order) => target.create(order).await.map(Some),
        ReleaseOrder::Deploy(service) => target.start_deployment(service).await.map(Some),
        ReleaseOrder::Update(order) => target.update(order).await,
        ReleaseOrder::Resume(service) => target.resume(service).await,
        ReleaseOrder::Delete(service) => target.delete(service).await,
    }
}

/// What an answer to an order means that is no success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It was one of too many, and not taken.
    Throttled,
    /// App Runner cannot assume a role of ours, which may only be too new. Not taken.
    RoleTooNew,
    /// The service is not in a state that takes it. Not taken.
    Busy,
    /// Not taken, for good.
    Refused,
    /// It may have been taken: the service failed, gave no answer, or one that cannot be read.
    Unknown,
}

/// Reads an answer. App Runner says "not now" and "I cannot assume that role" under codes it uses for much else, so the words count.
pub(super) fn read_answer(error: &TargetError) -> Answer {
    let TargetError::Call(fault) = error else { return Answer::Unknown };
    if fault.code.is_none() || fault.is_internal() {
        Answer::Unknown
    } else if fault.is_throttling() {
        Answer::Throttled
    } else if is_about_a_role(fault) {
        Answer::RoleTooNew
    } else if is_about_the_state(fault) {
        Answer::Busy
    } else {
        Answer::Refused
    }
}

/// A refusal because of the state that the service is in: another operation runs on it, or one has created it.
#[must_use]
pub fn is_about_the_state(fault: &AwsFault) -> bool {
    let says = |words: &str| fault.message.contains(words);
    fault.has_code("InvalidStateException")
        || says("RUNNING state")
        || says("OPERATION_IN_PROGRESS")
        || says("name already exists")
}

/// When to give the order again that this was the answer to; `None`: not again.
fn not_for_now(error: &TargetError, attempt: u32, elapsed: Duration) -> Option<Duration> {
    match read_answer(error) {
        Answer::Throttled => {
            let doubled = Duration::from_secs(1 << attempt.min(ATTEMPTS));
            (attempt < ATTEMPTS).then(|| doubled.mul_f64(0.5 + fastrand::f64() * 0.5))
        }
        Answer::RoleTooNew => (elapsed < ROLE_PROPAGATION).then_some(ROLE_INTERVAL),
        Answer::Busy | Answer::Refused | Answer::Unknown => None,
    }
}

/// An answer with an error code of the caller's making is a no. A code of the service's own making, no answer, or one
/// that cannot be read, may hide a yes.
fn is_refusal(error: &TargetError) -> bool {
    read_answer(error) != Answer::Unknown
}

/// What came of an order without an answer: an operation, or (of a deletion) no service any more.
async fn look_for_ours<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
    before: &[PastOperation],
) -> Option<Option<Started>> {
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline {
        let (service, gone) = match order {
            ReleaseOrder::Create(order) => (arn_of(target, &order.service).await, false),
            ReleaseOrder::Deploy(service) | ReleaseOrder::Resume(service) => (Some(service.clone()), false),
            ReleaseOrder::Update(order) => (Some(order.service.clone()), false),
            ReleaseOrder::Delete(service) => {
                (Some(service.clone()), matches!(target.service(service.name()).await, Ok(None)))
            }
        };
        if gone {
            return Some(None);
        }
        if let Some(service) = service {
            let now = target.operations(&service).await.unwrap_or_default();
            if let Some(ours) = come_since(before, &now, order.kind()) {
                return Some(Some(Started { service, operation: ours.id.clone() }));
            }
        }
        sleep(SETTLE_INTERVAL).await;
    }
    None
}

async fn arn_of<T: DeployTarget>(target: &T, service: &str) -> Option<ServiceArn> {
    target.service(service).await.ok()?.map(|live| live.arn)
}

/// A refusal that may be none the next time.
#[must_use]
pub fn is_for_now(fault: &AwsFault) -> bool {
    fault.is_throttling() || is_about_a_role(fault)
}

/// A refusal because App Runner may not assume a role of ours.
#[must_use]
pub fn is_about_a_role(fault: &AwsFault) -> bool {
    fault.message.contains("Error in assuming")
}

#[cfg(test)]
mod tests;
