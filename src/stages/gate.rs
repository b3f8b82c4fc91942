//! Gate: follows the operation that we started to its verdict. Never "the latest operation", never the service's
//! status alone: both can speak of something else.

mod evidence;
mod pace;
mod story;

#[cfg(test)]
mod tests;

use std::{future::Future, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{
    pace::{Pace, Signs, Turn},
    story::Story,
};
use crate::{
    aws::logs::LogReader,
    domain::{
        event::{Emitter, Event, milliseconds},
        mask::Mask,
        operation::{OperationStatus, Verdict},
    },
    target::{DeployTarget, ObservedOperation, Started, TargetError},
};

/// The look at the deadline itself gets this long.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// A service that was created just now may not be known everywhere for so long.
const UNKNOWN_SERVICE_GRACE: Duration = Duration::from_secs(10);

/// How long the evidence for a bad verdict is gathered at most. What is known then is told.
const EVIDENCE_LIMIT: Duration = Duration::from_secs(25);

/// How patient the gate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateRules {
    /// How long to follow the operation.
    pub timeout: Duration,
    /// How long it may be absent from the list of the service's operations: as long as `timeout` for one that is known to
    /// exist, short for one that somebody typed.
    pub unlisted_grace: Duration,
    /// How long it will take, by what earlier ones of the service took; `None` where that is not known.
    pub expected: Option<Duration>,
}

/// How following ended.
#[derive(Debug)]
pub enum GateEnd {
    /// The operation ended.
    Verdict {
        /// What it came to.
        verdict: Verdict,
        /// Why, when it did not succeed and the logs tell.
        reason: Option<String>,
        /// The last lines of the new version's output, when it did not succeed.
        last_lines: Vec<String>,
    },
    /// The deadline passed; the operation still runs, as far as anybody knows.
    TimedOut {
        /// The status seen last; `None` when it was never listed.
        last: Option<OperationStatus>,
    },
    /// The service lists its operations, and for all of the grace this was not one of them.
    NeverListed,
    /// The operation cannot be followed: it may still run, unless the error says that the service does not exist.
    Lost(TargetError),
    /// The run was cancelled; the operation still runs: App Runner has no call to stop it.
    Cancelled,
}

/// What a look at the operation showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sight<'a> {
    Listed(&'a OperationStatus),
    Unlisted {
        /// Whether an earlier look had shown it.
        before: bool,
    },
    /// No answer.
    Nothing,
}

/// What to do after a look at the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Decision {
    Done(Verdict),
    GoOn,
    GiveUp,
    NeverListed,
}

/// Pure: what a look at the operation calls for. A missing operation is "not yet" for its grace, an unknown status is
/// waited out: neither is ever a success.
fn decide(sight: Sight<'_>, elapsed: Duration, rules: &GateRules) -> Decision {
    if let Sight::Listed(status) = sight
        && let Some(verdict) = status.verdict()
    {
        return Decision::Done(verdict);
    }
    if elapsed >= rules.timeout {
        return Decision::GiveUp;
    }
    if sight == (Sight::Unlisted { before: false }) && elapsed >= rules.unlisted_grace {
        return Decision::NeverListed;
    }
    Decision::GoOn
}

/// Follows an operation. `mask` is applied to every line of the logs before anybody sees it.
pub async fn follow<T: DeployTarget, L: LogReader>(
    target: &T,
    logs: &L,
    started: &Started,
    rules: &GateRules,
    mask: &Mask,
    events: &Emitter,
    cancel: &CancellationToken,
) -> GateEnd {
    let begun = Instant::now();
    let deadline = begun + rules.timeout;
    let mut watch = Watch { started, events, begun, seen: None, fault: None, faults: 0 };
    let mut story = Story::new(logs, started, mask, events);
    let (mut pace, mut turn) = (Pace::new(rules.expected), Turn::FIRST);
    loop {
        if turn.reads {
            // The lines first: they are what led to the status. An interruption is seen to below.
            let _read = within(story.read_a_page(), deadline, cancel).await;
        }
        if turn.looks {
            let last_look = deadline.max(Instant::now() + LAST_LOOK);
            let asking = target.operation(&started.service, &started.operation);
            let observed = match within(asking, last_look, cancel).await {
                Err(Interruption::Cancelled) => return GateEnd::Cancelled,
                Err(Interruption::Late) => return GateEnd::TimedOut { last: watch.seen },
                Ok(Err(error)) if watch.is_final(&error) => return GateEnd::Lost(error),
                Ok(answer) => answer,
            };
            if let Ok(Some(observed)) = &observed {
                story.know_times(observed);
            }
            match decide(watch.take(&observed), begun.elapsed(), rules) {
                Decision::Done(verdict) => return conclude(verdict, story, cancel).await,
                Decision::GiveUp => return GateEnd::TimedOut { last: watch.seen },
                Decision::NeverListed => return GateEnd::NeverListed,
                Decision::GoOn => {}
            }
        }
        pace.done(turn, begun.elapsed());
        turn = watch.bounded(pace.next(watch.signs(&story)), rules);
        tokio::select! {
            () = cancel.cancelled() => return GateEnd::Cancelled,
            () = tokio::time::sleep_until(begun + turn.at) => {}
        }
    }
}

/// The verdict with what the logs say on it. A cancellation ends the search for evidence, not the verdict.
async fn conclude<L: LogReader>(verdict: Verdict, mut story: Story<'_, L>, cancel: &CancellationToken) -> GateEnd {
    let (reason, last_lines) = match verdict {
        Verdict::Deployed => {
            let _read = within(story.read_a_page(), Instant::now() + EVIDENCE_LIMIT, cancel).await;
            (None, Vec::new())
        }
        Verdict::RolledBack | Verdict::Failed | Verdict::RollbackFailed => {
            let searching = async {
                story.read_on().await;
                story.search().await;
            };
            let _searched = within(searching, Instant::now() + EVIDENCE_LIMIT, cancel).await;
            story.tell_evidence()
        }
    };
    let operation = story.started.operation.clone();
    story.events.emit(Event::Gated { operation, verdict, reason: reason.clone() });
    GateEnd::Verdict { verdict, reason, last_lines }
}

/// Why work was not waited for.
enum Interruption {
    Cancelled,
    Late,
}

async fn within<T>(
    work: impl Future<Output = T>,
    deadline: Instant,
    cancel: &CancellationToken,
) -> Result<T, Interruption> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Interruption::Cancelled),
        value = work => Ok(value),
        () = tokio::time::sleep_until(deadline) => Err(Interruption::Late),
    }
}

/// What was seen of the operation so far, and told.
struct Watch<'a> {
    started: &'a Started,
    events: &'a Emitter,
    begun: Instant,
    seen: Option<OperationStatus>,
    fault: Option<String>,
    /// How many looks in a row were not answered.
    faults: u32,
}

impl Watch<'_> {
    /// What is known for the pace.
    fn signs<L: LogReader>(&self, story: &Story<'_, L>) -> Signs {
        Signs {
            told: story.told(),
            is_rolling_back: self.seen == Some(OperationStatus::RollbackInProgress),
            is_readable: story.is_readable(),
            faults: self.faults,
        }
    }

    /// A turn with its jitter, which ends where a decision is due.
    fn bounded(&self, turn: Turn, rules: &GateRules) -> Turn {
        let now = self.begun.elapsed();
        let turn = Turn { at: now + jittered(turn.at.saturating_sub(now)), ..turn };
        let grace = Some(rules.unlisted_grace).filter(|grace| self.seen.is_none() && *grace > now);
        let due = grace.unwrap_or(rules.timeout).min(rules.timeout);
        if turn.at < due { turn } else { Turn { at: due, looks: true, ..turn } }
    }

    /// Whether asking again cannot help.
    fn is_final(&self, error: &TargetError) -> bool {
        let is_settled = self.seen.is_some() || self.begun.elapsed() >= UNKNOWN_SERVICE_GRACE;
        error.is_denied() || (error.is_not_found() && is_settled)
    }

    /// Tells what is new in an answer: a status, or a fault, each once.
    fn take<'o>(&mut self, answer: &'o Result<Option<ObservedOperation>, TargetError>) -> Sight<'o> {
        match answer {
            Ok(Some(observed)) => {
                (self.fault, self.faults) = (None, 0);
                if self.seen.as_ref() != Some(&observed.status) {
                    self.seen = Some(observed.status.clone());
                    self.events.emit(Event::OperationObserved {
                        operation: self.started.operation.clone(),
                        status: self.seen.clone(),
                        at_ms: milliseconds(self.begun.elapsed()),
                    });
                }
                Sight::Listed(&observed.status)
            }
            Ok(None) => {
                (self.fault, self.faults) = (None, 0);
                Sight::Unlisted { before: self.seen.is_some() }
            }
            Err(error) => {
                self.faults += 1;
                let message = format!("cannot see the operation just now: {error}");
                if self.fault.as_ref() != Some(&message) {
                    self.events.emit(Event::Warning { message: message.clone() });
                    self.fault = Some(message);
                }
                Sight::Nothing
            }
        }
    }
}

/// Up to a twentieth shorter: many jobs that began together must not ask together for ever.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - fastrand::f64() * 0.05)
}
