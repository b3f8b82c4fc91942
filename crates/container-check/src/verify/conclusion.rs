//! Makes the verdict of how a trial ended, and gathers the evidence when it is a bad one.

use std::{net::SocketAddr, time::Duration};

use tokio::time::timeout;

use super::{
    Exit, Finding, NOT_STARTED, Verification,
    command::{missing_secrets, stubbed_secrets},
    diagnosis::{Evidence, diagnose},
    ending::exit_reason,
    failures::different_failures,
    judge::{Decision, Watch, allowed},
    output::shown,
    program::{Program, is_worth_a_look, refine},
    spoken::Spoken,
    trial::Trial,
};
use shipgate_core::{event::Event, mask::Mask};

/// How many lines of output are kept as evidence.
const LAST_LINES: usize = 20;

/// How long the engine may take to give them.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(5);

/// What was gathered while the container ran.
#[derive(Default)]
pub(super) struct Gathered {
    /// What became of it after the thresholds had decided against it.
    pub(super) late: Option<Late>,
    /// The most memory it was seen to take, in bytes.
    pub(super) peak_bytes: Option<u64>,
    /// What it listens on, if that was seen.
    pub(super) listening: Option<Vec<SocketAddr>>,
    /// What its port speaks instead of HTTP/1, if that was seen.
    pub(super) spoken: Option<Spoken>,
}

/// What became of a container that the thresholds had decided against.
#[derive(Clone, Copy)]
pub(super) enum Late {
    /// It was ready, so long after its start.
    Ready(Duration),
    /// It ended.
    Ended(Exit),
}

/// How the watching ended.
pub(super) enum Ending {
    Judged(Decision),
    Exited(Exit),
    /// The engine's words on a command that it could not start.
    Refused(String),
}

/// The same, taken apart.
struct Ended {
    /// What the probes came to, if they decided.
    decision: Option<Decision>,
    /// How it ended by itself, if it did.
    exit: Option<Exit>,
    /// The engine's words, if it could not start it.
    refusal: Option<String>,
    /// One line on why.
    reason: String,
}

impl Trial<'_> {
    /// Makes the verdict of the ending, and gathers the evidence when it is a bad one.
    pub(super) async fn conclude(
        &self,
        container: &str,
        ending: Ending,
        watch: Watch,
        mask: &Mask,
        gathered: Gathered,
    ) -> Verification {
        let Ended { decision, exit, refusal, reason } = self.ended(ending, &watch, &gathered);
        let mut verification = Verification {
            healthy: decision == Some(Decision::Healthy),
            reason,
            ready: watch.ready_at(),
            allowed: allowed(&self.settings.health_check),
            nearly_too_slow: watch.is_near_miss(),
            probes: watch.into_records(),
            exit,
            last_lines: Vec::new(),
            missing_secrets: missing_secrets(self.settings),
            stubbed_secrets: stubbed_secrets(self.settings),
            finding: None,
            evidence: Vec::new(),
        };
        if verification.healthy {
            return verification;
        }
        verification.last_lines = self.last_lines(container, mask).await;
        let listening = gathered.listening;
        let finding = diagnose(&Evidence {
            port: self.settings.port,
            check: &self.settings.health_check,
            memory_mib: self.settings.memory_mib,
            exit,
            refusal: refusal.as_deref(),
            last_lines: &verification.last_lines,
            decision,
            last_seen: verification.probes.last().map(|record| &record.seen),
            listening: listening.as_deref(),
            peak_bytes: gathered.peak_bytes,
            late: match gathered.late {
                Some(Late::Ready(ready)) => Some(ready),
                Some(Late::Ended(_)) | None => None,
            },
            spoken: gathered.spoken,
        });
        let finding = if is_worth_a_look(&finding) {
            refine(finding, &Program::of_container(self.engine, container).await)
        } else {
            finding
        };
        let is_flapping = finding == Finding::Flaps;
        verification.explain(finding, &listening.unwrap_or_default(), refusal);
        if !is_flapping {
            let failures = different_failures(&verification.probes, &self.settings.health_check);
            verification.evidence.splice(0..0, failures);
        }
        verification
    }

    /// What the ending says by itself.
    fn ended(&self, ending: Ending, watch: &Watch, gathered: &Gathered) -> Ended {
        let (decision, exit, refusal, reason) = match ending {
            Ending::Judged(decision) => match gathered.late {
                Some(Late::Ended(exit)) => {
                    let reason = format!("{}; then: {}", watch.reason(decision), self.exit_reason(exit, false));
                    (Some(decision), Some(exit), None, reason)
                }
                Some(Late::Ready(_)) | None => (Some(decision), None, None, watch.reason(decision)),
            },
            Ending::Exited(exit) => (None, Some(exit), None, self.exit_reason(exit, watch.ready_at().is_some())),
            Ending::Refused(refusal) => (None, None, Some(refusal), NOT_STARTED.to_owned()),
        };
        Ended { decision, exit, refusal, reason }
    }

    fn exit_reason(&self, exit: Exit, healthy_before: bool) -> String {
        exit_reason(exit, self.settings.memory_mib, healthy_before)
    }

    /// The evidence; that it cannot be had is told, and changes no verdict.
    async fn last_lines(&self, container: &str, mask: &Mask) -> Vec<String> {
        let message = match timeout(LAST_LINES_LIMIT, self.engine.last_lines(container, LAST_LINES)).await {
            Ok(Ok(lines)) => return lines.iter().map(|line| shown(line, mask)).collect(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the container's output could not be read within {} s", LAST_LINES_LIMIT.as_secs()),
        };
        self.events.emit(Event::Warning { message });
        Vec::new()
    }
}
