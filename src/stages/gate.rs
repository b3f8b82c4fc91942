//! Gate: follows the operation that we started to its verdict. Never "the latest operation", never the service's
//! status alone: both can speak of something else.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    aws::logs::{Logs, Position},
    domain::{
        arn::ServiceArn,
        event::{Emitter, Event, LogSource, milliseconds},
        operation::{OperationId, OperationStatus, Verdict},
        reason,
    },
    target::{DeployTarget, Started, TargetError},
};

/// How many lines of the application's output are shown when a deployment fails.
const LAST_LINES: usize = 20;

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
        /// The status seen last.
        last: Option<OperationStatus>,
    },
    /// The operation cannot be followed; it may still run.
    Lost(TargetError),
    /// The run was cancelled; the operation still runs: App Runner has no call to stop it.
    Cancelled,
}

/// What to do after a look at the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Decision {
    Done(Verdict),
    LookAgainIn(Duration),
    GiveUp,
}

/// Pure: what a look at the operation calls for. Quick looks at first (a refused image ends in seconds), then every
/// five seconds. A missing operation is "not yet", an unknown status is waited out: neither is ever a success.
fn decide(status: Option<&OperationStatus>, elapsed: Duration, timeout: Duration) -> Decision {
    if let Some(verdict) = status.and_then(OperationStatus::verdict) {
        return Decision::Done(verdict);
    }
    if elapsed >= timeout {
        return Decision::GiveUp;
    }
    let interval = if elapsed < Duration::from_secs(15) { Duration::from_secs(1) } else { Duration::from_secs(5) };
    Decision::LookAgainIn(interval.min(timeout.saturating_sub(elapsed)))
}

/// Follows an operation. `known_streams` are the application's log streams from before the release: what is not
/// among them belongs to the new version.
pub async fn follow<T: DeployTarget>(
    target: &T,
    logs: &Logs,
    started: &Started,
    known_streams: &BTreeSet<String>,
    timeout: Duration,
    events: &Emitter,
    cancel: &CancellationToken,
) -> GateEnd {
    let begun = Instant::now();
    let mut seen = None;
    let mut story = Story::new(started);
    loop {
        let status = tokio::select! {
            () = cancel.cancelled() => return GateEnd::Cancelled,
            status = target.operation_status(&started.service, &started.operation) => status,
        };
        let status = match status {
            Ok(status) => status,
            Err(error) if error.is_denied() => return GateEnd::Lost(error),
            Err(error) => {
                events.emit(Event::Warning { message: format!("cannot see the operation just now: {error}") });
                None
            }
        };
        // The lines first: they are what led to the status.
        story.read_on(logs, events).await;
        if status.is_some() && status != seen {
            tell(&started.operation, status.as_ref(), begun.elapsed(), events);
            seen.clone_from(&status);
        }
        match decide(status.as_ref(), begun.elapsed(), timeout) {
            Decision::Done(verdict) => return story.end(verdict, logs, known_streams, events).await,
            Decision::GiveUp => return GateEnd::TimedOut { last: seen },
            Decision::LookAgainIn(interval) => tokio::select! {
                () = cancel.cancelled() => return GateEnd::Cancelled,
                () = tokio::time::sleep(jittered(interval)) => {}
            },
        }
    }
}

fn tell(operation: &OperationId, status: Option<&OperationStatus>, elapsed: Duration, events: &Emitter) {
    events.emit(Event::OperationObserved {
        operation: operation.clone(),
        status: status.cloned(),
        at_ms: milliseconds(elapsed),
    });
}

/// Up to a tenth shorter: many jobs that began together must not ask together for ever.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - fastrand::f64() * 0.1)
}

/// The application's log streams as they are now: taken before a release, to tell the new version's from the old's.
/// A failure to list them leaves the set empty, which only makes the evidence less sharp.
pub async fn application_streams(logs: &Logs, service: &ServiceArn) -> BTreeSet<String> {
    let streams = logs.streams(&service.application_log_group()).await;
    streams.ok().flatten().unwrap_or_default().into_iter().collect()
}

/// What App Runner wrote about our operation, read as it appears.
struct Story<'a> {
    started: &'a Started,
    deployment: Position,
    service: Position,
    /// The `events` stream speaks of all deployments; ours begins with the line that names our operation.
    ours_began: bool,
    lines: Vec<String>,
    told_unreadable: bool,
}

impl<'a> Story<'a> {
    fn new(started: &'a Started) -> Self {
        Self {
            started,
            deployment: Position::default(),
            service: Position::default(),
            ours_began: false,
            lines: Vec::new(),
            told_unreadable: false,
        }
    }

    async fn read_on(&mut self, logs: &Logs, events: &Emitter) {
        let group = self.started.service.service_log_group();
        let stream = format!("deployment/{}", self.started.operation.without_dashes());
        let deployment = logs.lines_after(&group, &stream, &mut self.deployment).await;
        let service = logs.lines_after(&group, "events", &mut self.service).await;
        match (deployment, service) {
            (Ok(deployment), Ok(service)) => {
                let ours = self.since_ours_began(service);
                self.take(deployment.into_iter().chain(ours), events);
            }
            (Err(fault), _) | (_, Err(fault)) if !self.told_unreadable => {
                self.told_unreadable = true;
                events.emit(Event::Warning { message: format!("the service's logs cannot be read: {fault}") });
            }
            (Err(_), _) | (_, Err(_)) => {}
        }
    }

    fn since_ours_began(&mut self, lines: Vec<String>) -> Vec<String> {
        let id = self.started.operation.without_dashes();
        let mut ours = Vec::new();
        for line in lines {
            self.ours_began |= line.replace('-', "").to_ascii_lowercase().contains(&id);
            if self.ours_began {
                ours.push(line);
            }
        }
        ours
    }

    /// The two streams repeat each other; each line is told once.
    fn take(&mut self, lines: impl Iterator<Item = String>, events: &Emitter) {
        for line in lines {
            if !self.lines.contains(&line) {
                events.emit(Event::LogLine { source: LogSource::Service, line: line.clone() });
                self.lines.push(line);
            }
        }
    }

    async fn end(&self, verdict: Verdict, logs: &Logs, known_streams: &BTreeSet<String>, events: &Emitter) -> GateEnd {
        let (reason, last_lines) = match verdict {
            Verdict::Deployed => (None, Vec::new()),
            Verdict::RolledBack | Verdict::Failed | Verdict::RollbackFailed => {
                let reason = reason::most_telling(self.lines.iter().map(String::as_str));
                (reason, last_application_lines(logs, &self.started.service, known_streams, events).await)
            }
        };
        events.emit(Event::Gated { operation: self.started.operation.clone(), verdict, reason: reason.clone() });
        GateEnd::Verdict { verdict, reason, last_lines }
    }
}

/// The last lines the new version wrote: from the newest stream that was not there before the release.
async fn last_application_lines(
    logs: &Logs,
    service: &ServiceArn,
    known: &BTreeSet<String>,
    events: &Emitter,
) -> Vec<String> {
    let group = service.application_log_group();
    let lines = async {
        let Some(streams) = logs.streams(&group).await? else {
            events.emit(Event::Notice {
                message: format!("{group} was never created: the container never wrote a line"),
            });
            return Ok(Vec::new());
        };
        match streams.into_iter().find(|stream| !known.contains(stream)) {
            Some(stream) => logs.lines_after(&group, &stream, &mut Position::default()).await,
            None => Ok(Vec::new()),
        }
    };
    let mut lines = lines.await.unwrap_or_else(|fault| {
        events.emit(Event::Warning { message: format!("the application's logs cannot be read: {fault}") });
        Vec::new()
    });
    let tail = lines.split_off(lines.len().saturating_sub(LAST_LINES));
    for line in &tail {
        events.emit(Event::LogLine { source: LogSource::Application, line: line.clone() });
    }
    tail
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Decision, decide};
    use crate::domain::operation::{OperationStatus, Verdict};

    #[test]
    fn every_status_has_its_decision() {
        let timeout = Duration::from_mins(1);
        let early = Duration::from_secs(1);
        let look = Decision::LookAgainIn(Duration::from_secs(1));
        let table = [
            (None, look),
            (Some("PENDING"), look),
            (Some("IN_PROGRESS"), look),
            (Some("ROLLBACK_IN_PROGRESS"), look),
            (Some("SOMETHING_NEW"), look),
            (Some("SUCCEEDED"), Decision::Done(Verdict::Deployed)),
            (Some("FAILED"), Decision::Done(Verdict::Failed)),
            (Some("ROLLBACK_FAILED"), Decision::Done(Verdict::RollbackFailed)),
            (Some("ROLLBACK_SUCCEEDED"), Decision::Done(Verdict::RolledBack)),
        ];
        for (word, decision) in table {
            let status = word.map(|word| OperationStatus::from(word.to_owned()));
            assert_eq!(decide(status.as_ref(), early, timeout), decision, "{word:?}");
            let late = decide(status.as_ref(), timeout, timeout);
            let still_deciding = if matches!(decision, Decision::Done(_)) { decision } else { Decision::GiveUp };
            assert_eq!(late, still_deciding, "{word:?} at the deadline");
        }
    }

    #[test]
    fn looks_become_rarer_and_never_pass_the_deadline() {
        let timeout = Duration::from_mins(1);
        assert_eq!(decide(None, Duration::from_secs(30), timeout), Decision::LookAgainIn(Duration::from_secs(5)));
        assert_eq!(decide(None, Duration::from_secs(58), timeout), Decision::LookAgainIn(Duration::from_secs(2)));
    }
}
