//! Prepare: what must be over before the service takes the call. A busy service is waited for; the operation of an order of ours
//! is followed to its end. Decides nothing: when it is over, everything is looked at anew.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::target::{DeployTarget, Started, TargetError};
use shipgate_core::{
    event::{Emitter, Event, Stage, milliseconds},
    operation::{OperationId, OperationStatus, Verdict},
    release::running,
    service::ServiceStatus,
};

/// What is waited for is told this often.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Looks in a row that AWS refused. A session that ended and a permission that is not known everywhere yet refuse some; only a
/// lasting refusal means it.
#[derive(Debug, Default)]
pub(super) struct Denials {
    count: u32,
    since: Option<Instant>,
}

impl Denials {
    /// So many refusals, over at least so long, are lasting.
    const LASTING: (u32, Duration) = (4, Duration::from_mins(1));

    /// Takes note of a look.
    pub(super) fn count(&mut self, error: Option<&TargetError>) {
        if error.is_some_and(TargetError::is_denied) {
            self.count += 1;
            self.since.get_or_insert_with(Instant::now);
        } else if error.is_none() {
            *self = Self::default();
        }
    }

    /// Whether no other look can help.
    pub(super) fn are_lasting(&self) -> bool {
        let (count, time) = Self::LASTING;
        self.count >= count && self.since.is_some_and(|since| since.elapsed() >= time)
    }
}

/// The service did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It was busy all the while.
    #[error("the service was still busy after {} s, with {what}", .waited.as_secs())]
    StillBusy {
        /// What it was busy with.
        what: String,
        /// How long that was waited for.
        waited: Duration,
    },
    /// An operation that was to make it ready did not succeed.
    #[error("{what} did not succeed: operation {operation} ended in {status}")]
    Failed {
        /// What was ordered.
        what: &'static str,
        /// Its operation.
        operation: OperationId,
        /// What it ended in.
        status: OperationStatus,
    },
    /// Such an operation did not end in time.
    #[error("{what} did not end in time: operation {operation}")]
    Late {
        /// What was ordered.
        what: &'static str,
        /// Its operation.
        operation: OperationId,
    },
    /// It cannot be seen what becomes of it.
    #[error("cannot see what becomes of the service")]
    Unseen(#[source] TargetError),
    /// The run was stopped.
    #[error("cancelled")]
    Cancelled,
}

/// Waits until no operation and no maintenance keeps the service from taking a call, or until another operation is listed than
/// `known`, the newest: it may be the one that is wanted.
///
/// # Errors
/// [`PrepareError::StillBusy`] at the deadline.
pub async fn wait_until_free<T: DeployTarget>(
    target: &T,
    service: &str,
    known: Option<&OperationId>,
    timeout: Duration,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<(), PrepareError> {
    let begun = Instant::now();
    let mut told: Option<Instant> = None;
    let mut denials = Denials::default();
    loop {
        let busy_with = busy_with(target, service, known, &mut denials);
        let Some(what) = unless(cancel, busy_with).await? else { return Ok(()) };
        if begun.elapsed() >= timeout {
            return Err(PrepareError::StillBusy { what, waited: timeout });
        }
        tell(&mut told, begun, &what, events);
        pause(begun.elapsed(), timeout, cancel).await?;
    }
}

/// What the service is busy with; `None` when it is not, or an operation came. A look that fails tells nothing: the next may.
async fn busy_with<T: DeployTarget>(
    target: &T,
    service: &str,
    known: Option<&OperationId>,
    denials: &mut Denials,
) -> Result<Option<String>, PrepareError> {
    let seen = target.service(service).await;
    denials.count(seen.as_ref().err());
    let live = match seen {
        Ok(None) => return Ok(None),
        Ok(Some(live)) => live,
        Err(error) if denials.are_lasting() => return Err(PrepareError::Unseen(error)),
        Err(error) => return Ok(Some(format!("something that cannot be seen just now ({error})"))),
    };
    let operations = target.recent_operations(&live.arn).await.unwrap_or_default();
    if operations.first().is_some_and(|newest| Some(&newest.id) != known) {
        return Ok(None);
    }
    Ok(match (running(&operations), live.status == ServiceStatus::OperationInProgress) {
        (Some(operation), _) => Some(format!("operation {}", operation.id)),
        (None, true) => Some("AWS's own maintenance, or an operation that is not listed".to_owned()),
        (None, false) => None,
    })
}

/// Follows an operation of ours to its end. A service that is deleted lists none: with it the operation has ended well.
///
/// # Errors
/// [`PrepareError`] when it did not succeed, or nobody can see it.
pub async fn follow<T: DeployTarget>(
    target: &T,
    what: &'static str,
    started: &Started,
    timeout: Duration,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<(), PrepareError> {
    let begun = Instant::now();
    let mut told = None;
    let mut denials = Denials::default();
    let operation = &started.operation;
    loop {
        let looked = async { Ok(target.operation(&started.service, operation).await) };
        let looked = unless(cancel, looked).await?;
        denials.count(looked.as_ref().err());
        match looked {
            Ok(Some(seen)) => match seen.status.verdict() {
                Some(Verdict::Deployed) => return Ok(()),
                Some(Verdict::Failed | Verdict::RolledBack | Verdict::RollbackFailed) => {
                    return Err(PrepareError::Failed { what, operation: operation.clone(), status: seen.status });
                }
                None => {}
            },
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if denials.are_lasting() => return Err(PrepareError::Unseen(error)),
            Ok(None) | Err(_) => {}
        }
        if begun.elapsed() >= timeout {
            return Err(PrepareError::Late { what, operation: operation.clone() });
        }
        tell(&mut told, begun, &format!("{what}, operation {operation}"), events);
        pause(begun.elapsed(), timeout, cancel).await?;
    }
}

fn tell(told: &mut Option<Instant>, begun: Instant, what: &str, events: &Emitter) {
    let detail = format!("waiting for {what}");
    match told {
        None => events.emit(Event::Notice { message: format!("the service is busy: {detail}") }),
        Some(last) if last.elapsed() < HEARTBEAT => return,
        Some(_) => {
            let elapsed_ms = milliseconds(begun.elapsed());
            events.emit(Event::Heartbeat { stage: Stage::Prepare, detail, elapsed_ms });
        }
    }
    *told = Some(Instant::now());
}

/// Quick looks at first, then every five seconds; many jobs that wait for one service must not ask together for ever.
async fn pause(elapsed: Duration, timeout: Duration, cancel: &CancellationToken) -> Result<(), PrepareError> {
    let interval = if elapsed < Duration::from_secs(15) { Duration::from_secs(1) } else { Duration::from_secs(5) };
    let interval = interval.mul_f64(1.0 - fastrand::f64() * 0.1).min(timeout.saturating_sub(elapsed));
    unless(cancel, async {
        sleep(interval).await;
        Ok(())
    })
    .await
}

async fn unless<V>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<V, PrepareError>>,
) -> Result<V, PrepareError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(PrepareError::Cancelled),
        value = work => value,
    }
}

#[cfg(test)]
mod tests;
