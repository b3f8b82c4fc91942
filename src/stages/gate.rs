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
    pace::{Call, Situation},
    story::Story,
};
use crate::{
    stages::prepare::Denials,
    target::{DeployTarget, ObservedOperation, Started, TargetError},
};
use shipgate_aws::logs::LogReader;
use shipgate_core::{
    event::{Emitter, Event, milliseconds},
    mask::Mask,
    operation::{OperationStatus, Verdict},
    reason::{Evidence, Outlook},
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
}

/// How following ended.
#[derive(Debug)]
pub enum GateEnd {
    /// The operation ended.
    Verdict {
        /// What it came to.
        verdict: Verdict,
        /// What the logs tell of it, when it did not succeed.
        evidence: Option<Box<Evidence>>,
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
    /// AWS refuses the looks at the operation, for longer than a new session or permission takes to be known; it may still run.
    Denied(TargetError),
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
        Decision::Done(verdict)
    } else if elapsed >= rules.timeout {
        Decision::GiveUp
    } else if sight == (Sight::Unlisted { before: false }) && elapsed >= rules.unlisted_grace {
        Decision::NeverListed
    } else {
        Decision::GoOn
    }
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
    let mut watch = Watch::new(started, events, rules, begun);
    let mut story = Story::new(logs, started, mask, events);
    let mut call = Call::Look;
    loop {
        if matches!(call, Call::Read | Call::Both) {
            // An interruption is seen to below.
            let _read = within(story.read_page(), deadline, cancel).await;
            watch.foresee(story.outlook());
        }
        if matches!(call, Call::Look | Call::Both) {
            let last_look = deadline.max(Instant::now() + LAST_LOOK);
            let asking = target.operation(&started.service, &started.operation);
            let observed = match within(asking, last_look, cancel).await {
                Err(Interruption::Cancelled) => return GateEnd::Cancelled,
                Err(Interruption::Late) => return GateEnd::TimedOut { last: watch.seen },
                Ok(answer) => answer,
            };
            watch.denials.count(observed.as_ref().err());
            let observed = match observed {
                Err(error) if watch.is_final(&error) => return GateEnd::Lost(error),
                Err(error) if watch.denials.are_lasting() => return GateEnd::Denied(error),
                answer => answer,
            };
            if let Ok(Some(observed)) = &observed {
                story.know_times(observed);
            }
            match decide(watch.take(&observed), begun.elapsed(), rules) {
                Decision::Done(verdict) => return conclude(verdict, story, cancel).await,
                Decision::GiveUp => {
                    return match observed {
                        Err(error) if error.is_denied() => GateEnd::Denied(error),
                        Ok(_) | Err(_) => GateEnd::TimedOut { last: watch.seen },
                    };
                }
                Decision::NeverListed => return GateEnd::NeverListed,
                Decision::GoOn => {}
            }
        }
        let (after, next) = watch.next_beat(story.is_readable());
        call = next;
        tokio::select! {
            () = cancel.cancelled() => return GateEnd::Cancelled,
            () = tokio::time::sleep(after) => {}
        }
    }
}

/// The verdict with what the logs say on it. A cancellation ends the search for evidence, not the verdict.
async fn conclude<L: LogReader>(verdict: Verdict, mut story: Story<'_, L>, cancel: &CancellationToken) -> GateEnd {
    let deadline = Instant::now() + EVIDENCE_LIMIT;
    let evidence = match verdict {
        Verdict::Deployed => {
            let _read = within(story.read_page(), deadline, cancel).await;
            None
        }
        Verdict::RolledBack | Verdict::Failed | Verdict::RollbackFailed => {
            let searching = async {
                story.read_on().await;
                story.search().await;
            };
            let _searched = within(searching, deadline, cancel).await;
            Some(Box::new(story.tell_evidence()))
        }
    };
    let operation = story.started.operation.clone();
    let reason = evidence.as_ref().and_then(|evidence| evidence.found.said.clone());
    story.events.emit(Event::Gated { operation, verdict, reason });
    GateEnd::Verdict { verdict, evidence }
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
    rules: &'a GateRules,
    begun: Instant,
    seen: Option<OperationStatus>,
    fault: Option<String>,
    usual: Option<Duration>,
    outlook: Outlook,
    outlook_since: Instant,
    /// The end was foretold just now.
    is_alarmed: bool,
    beats: u32,
    /// Looks in a row that were refused because there were too many.
    refusals: u32,
    denials: Denials,
}

impl<'a> Watch<'a> {
    fn new(started: &'a Started, events: &'a Emitter, rules: &'a GateRules, begun: Instant) -> Self {
        Self {
            started,
            events,
            rules,
            begun,
            seen: None,
            fault: None,
            usual: None,
            outlook: Outlook::Open,
            outlook_since: begun,
            is_alarmed: false,
            beats: 0,
            refusals: 0,
            denials: Denials::default(),
        }
    }

    /// Takes note of what is foretold. It only comes nearer: lines come late, and are then of before.
    fn foresee(&mut self, outlook: Outlook) {
        if outlook > self.outlook {
            (self.outlook, self.outlook_since) = (outlook, Instant::now());
            self.is_alarmed = outlook == Outlook::Ending;
        }
    }

    /// When to ask again, and whom. The deadline, and that of an operation that is not listed, are looks of their own.
    fn next_beat(&mut self, is_readable: bool) -> (Duration, Call) {
        self.beats += 1;
        if std::mem::take(&mut self.is_alarmed) {
            return (Duration::ZERO, Call::Look);
        }
        let elapsed = self.begun.elapsed();
        let beat = pace::next(&Situation {
            elapsed,
            beats: self.beats,
            usual: self.usual,
            is_readable,
            outlook: self.outlook,
            since: self.outlook_since.elapsed(),
        });
        let after = pace::backed_off(pace::jittered(beat.after, fastrand::f64()), self.refusals, fastrand::f64());
        let unlisted = self.seen.is_none() && elapsed < self.rules.unlisted_grace;
        let limit = if unlisted { self.rules.unlisted_grace.min(self.rules.timeout) } else { self.rules.timeout };
        let left = limit.saturating_sub(elapsed);
        if after < left { (after, beat.call) } else { (left, Call::Look) }
    }

    /// Whether asking again cannot help.
    fn is_final(&self, error: &TargetError) -> bool {
        let is_settled = self.seen.is_some() || self.begun.elapsed() >= UNKNOWN_SERVICE_GRACE;
        error.is_not_found() && is_settled
    }

    /// Tells what is new in an answer: a status, or a fault, each once.
    fn take<'o>(&mut self, answer: &'o Result<Option<ObservedOperation>, TargetError>) -> Sight<'o> {
        let is_refused = matches!(answer, Err(TargetError::Call(fault)) if fault.is_throttling());
        self.refusals = if is_refused { self.refusals + 1 } else { 0 };
        match answer {
            Ok(Some(observed)) => {
                self.fault = None;
                self.usual = observed.usual.or(self.usual);
                if observed.status == OperationStatus::RollbackInProgress {
                    self.foresee(Outlook::RollingBack);
                }
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
                self.fault = None;
                Sight::Unlisted { before: self.seen.is_some() }
            }
            Err(error) => {
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
