//! Release: the service is told to deploy, and the operation that *we* started is known. App Runner has no client token,
//! so an order whose answer got lost is never given again: it is looked for.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    aws::fault::AwsFault,
    domain::{
        arn::ServiceArn,
        event::{Emitter, Event, milliseconds},
        operation::OperationId,
        release::{Refusal, ReleaseVerb},
    },
    target::{CreateOrder, DeployTarget, Started, TargetError},
};

/// How often an order that was throttled is given in all. A throttled order was not taken: nothing can come of it twice.
const ATTEMPTS: u32 = 5;
/// How long an order without an answer is looked for: operations are listed late.
const SETTLE: Duration = Duration::from_secs(30);
/// From one look to the next.
const SETTLE_INTERVAL: Duration = Duration::from_secs(2);

/// What to do, decided before anything was changed.
#[derive(Clone, Debug)]
pub enum ReleaseOrder {
    /// There is no service: create it like this.
    Create(Box<CreateOrder>),
    /// Deploy what this service's tag points at now.
    Deploy(ServiceArn),
}

impl ReleaseOrder {
    /// The verb this order is for.
    #[must_use]
    pub fn verb(&self) -> ReleaseVerb {
        match self {
            Self::Create(_) => ReleaseVerb::CreateService,
            Self::Deploy(_) => ReleaseVerb::StartDeployment,
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
}

impl Unreleasable {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.hint(),
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
    /// No answer came, and no operation of ours was found: one may run.
    #[error("the service gave no answer, and no deployment of this run was found")]
    Unknown(#[source] TargetError),
}

/// Gives the order, once. `latest` is the service's newest operation from before the order, by which ours is told from
/// it should the answer get lost.
///
/// # Errors
/// [`ReleaseError`] says whether nothing runs, or nobody knows.
pub async fn release<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
    latest: Option<&OperationId>,
    events: &Emitter,
) -> Result<Started, ReleaseError> {
    let started = match give(target, order, events).await {
        Ok(started) => started,
        Err(error) if is_refusal(&error) => return Err(ReleaseError::Refused(error)),
        Err(error) => {
            events.emit(Event::Warning {
                message: format!("no answer to the order ({error}); looking for what came of it"),
            });
            look_for_ours(target, order, latest).await.ok_or(ReleaseError::Unknown(error))?
        }
    };
    events.emit(Event::Released {
        verb: order.verb().name().to_owned(),
        service_arn: started.service.to_string(),
        operation: started.operation.clone(),
    });
    Ok(started)
}

async fn give<T: DeployTarget>(target: &T, order: &ReleaseOrder, events: &Emitter) -> Result<Started, TargetError> {
    let mut attempt = 1;
    loop {
        let given = match order {
            ReleaseOrder::Create(order) => target.create(order).await,
            ReleaseOrder::Deploy(service) => target.start_deployment(service).await,
        };
        match given {
            Err(TargetError::Call(fault)) if fault.is_throttling() && attempt < ATTEMPTS => {
                attempt += 1;
                let delay = Duration::from_secs(1 << (attempt - 1)).mul_f64(0.5 + fastrand::f64() * 0.5);
                events.emit(Event::Retrying {
                    what: order.verb().name().to_owned(),
                    cause: fault.to_string(),
                    attempt,
                    delay_ms: milliseconds(delay),
                });
                sleep(delay).await;
            }
            given => return given,
        }
    }
}

/// An answer with an error code of the caller's making is a no. A code of the service's own making, no answer, or one
/// that cannot be read, may hide a yes.
fn is_refusal(error: &TargetError) -> bool {
    match error {
        TargetError::Call(fault) => fault.code.is_some() && !fault.is_internal(),
        TargetError::Answer { .. } => false,
    }
}

async fn look_for_ours<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
    latest: Option<&OperationId>,
) -> Option<Started> {
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline {
        if let Some(started) = newest(target, order).await
            && Some(&started.operation) != latest
        {
            return Some(started);
        }
        sleep(SETTLE_INTERVAL).await;
    }
    None
}

/// The newest operation of the kind that the order would have started.
async fn newest<T: DeployTarget>(target: &T, order: &ReleaseOrder) -> Option<Started> {
    let service = match order {
        ReleaseOrder::Create(order) => target.service(&order.service).await.ok()??.arn,
        ReleaseOrder::Deploy(service) => service.clone(),
    };
    let operation = target.latest_operation(&service, order.verb()).await.ok()??;
    Some(Started { service, operation })
}

/// The service's newest operation of the kind that the order will start, from before it is given.
///
/// # Errors
/// [`TargetError`] when it cannot be told.
pub async fn latest_before<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
) -> Result<Option<OperationId>, TargetError> {
    match order {
        ReleaseOrder::Create(_) => Ok(None),
        ReleaseOrder::Deploy(service) => target.latest_operation(service, order.verb()).await,
    }
}

/// A refusal because App Runner may not assume a role of ours.
#[must_use]
pub fn is_about_a_role(fault: &AwsFault) -> bool {
    fault.message.contains("Error in assuming")
}
