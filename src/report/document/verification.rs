//! The local check in the report: how the container was run, what its probes saw, the verdict.

use serde::Serialize;

use crate::domain::{event::Event, finding::FindingReport, health::HealthCheck};

#[derive(Default, Serialize)]
pub(super) struct Verification {
    healthy: Option<bool>,
    reason: Option<String>,
    container: Option<String>,
    address: Option<String>,
    way: Option<String>,
    not_used: Vec<String>,
    health_check: Option<HealthCheck>,
    missing_secrets: Vec<String>,
    stubbed_secrets: Vec<String>,
    probes: Vec<Probe>,
    exit: Option<Exit>,
    last_lines: Vec<String>,
    finding: Option<FindingReport>,
    ready_ms: Option<u64>,
    allowed_ms: Option<u64>,
}

#[derive(Serialize)]
struct Probe {
    number: u32,
    passed: bool,
    detail: String,
    at_ms: u64,
}

#[derive(Serialize)]
struct Exit {
    exit_code: i64,
    out_of_memory: bool,
}

impl Verification {
    /// Takes in an event of the check; others are none of its business. A container takes the place of one before it.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::ContainerStarted {
                container,
                address,
                way,
                not_used,
                health_check,
                missing_secrets,
                stubbed_secrets,
            } => {
                let (container, address, way) = (Some(container), Some(address), Some(way));
                let (health_check, rest) = (Some(health_check), Self::default());
                *self =
                    Self { container, address, way, not_used, health_check, missing_secrets, stubbed_secrets, ..rest };
            }
            Event::Probed { number, passed, detail, at_ms } => {
                self.probes.push(Probe { number, passed, detail, at_ms });
            }
            Event::ContainerExited { exit_code, out_of_memory } => {
                self.exit = Some(Exit { exit_code, out_of_memory });
            }
            other => self.judge(other),
        }
    }

    fn judge(&mut self, verdict: Event) {
        let Event::Verified { healthy, reason, last_lines, finding, ready_ms, allowed_ms } = verdict else { return };
        (self.healthy, self.reason, self.last_lines) = (Some(healthy), Some(reason), last_lines);
        (self.finding, self.ready_ms, self.allowed_ms) = (finding, ready_ms, Some(allowed_ms));
    }
}
