//! The parts of the report, as they are written.

use serde::Serialize;

use super::series::Series;
use shipgate_core::{
    account::AccountId,
    digest::Digest,
    event::{LogSource, Outcome, Stage, WrittenAt},
    finding::FindingReport,
    health::HealthCheck,
    operation::{OperationId, OperationStatus, Verdict},
};

#[derive(Serialize)]
pub(in crate::report) struct Identity {
    pub(in crate::report) purpose: String,
    pub(in crate::report) account: AccountId,
    pub(in crate::report) arn: String,
}

/// `outcome`, `elapsed_ms` and `ended_ms` are null for a stage that was begun and not ended. `began_ms` and `ended_ms` are
/// since the run began.
#[derive(Serialize)]
pub(in crate::report) struct StageEntry {
    pub(in crate::report) stage: Stage,
    pub(in crate::report) outcome: Option<Outcome>,
    pub(in crate::report) detail: String,
    pub(in crate::report) elapsed_ms: Option<u64>,
    pub(in crate::report) began_ms: u64,
    pub(in crate::report) ended_ms: Option<u64>,
}

#[derive(Serialize)]
pub(in crate::report) struct Check {
    #[serde(rename = "check")]
    pub(in crate::report) name: String,
    pub(in crate::report) outcome: Outcome,
    pub(in crate::report) detail: String,
    pub(in crate::report) hint: Option<String>,
}

/// A copy, under its destination. `began_ms` and the moments of `progress` are since the run began. `digest` and what
/// follows is null until it is finished.
#[derive(Default, Serialize)]
pub(in crate::report) struct Copy {
    pub(in crate::report) blobs: u64,
    pub(in crate::report) bytes: u64,
    pub(in crate::report) blobs_present: u64,
    pub(in crate::report) bytes_present: u64,
    pub(in crate::report) blobs_copied: u64,
    pub(in crate::report) bytes_done: u64,
    pub(in crate::report) began_ms: Option<u64>,
    pub(in crate::report) progress: Series,
    pub(in crate::report) digest: Option<Digest>,
    pub(in crate::report) blobs_mounted: u64,
    pub(in crate::report) blobs_fetched: u64,
    pub(in crate::report) tag: Option<String>,
    pub(in crate::report) referrers: Option<u64>,
    pub(in crate::report) changed: Option<bool>,
    pub(in crate::report) bytes_received: Option<u64>,
    pub(in crate::report) bytes_sent: Option<u64>,
    pub(in crate::report) requests: Option<u64>,
    pub(in crate::report) elapsed_ms: Option<u64>,
    pub(in crate::report) failure: Option<String>,
    pub(in crate::report) hint: Option<String>,
}

/// What a mirror came to.
#[derive(Serialize)]
pub(in crate::report) struct Mirror {
    pub(in crate::report) images: u64,
    pub(in crate::report) registries: u64,
    pub(in crate::report) copied: u64,
    pub(in crate::report) present: u64,
    pub(in crate::report) failed: u64,
    pub(in crate::report) bytes_received: u64,
    pub(in crate::report) bytes_sent: u64,
    pub(in crate::report) requests: u64,
    pub(in crate::report) elapsed_ms: u64,
}

/// A request of the smoke test.
#[derive(Serialize)]
pub(in crate::report) struct Request {
    pub(in crate::report) url: String,
    pub(in crate::report) passed: bool,
    pub(in crate::report) detail: String,
    pub(in crate::report) at_ms: u64,
}

#[derive(Serialize)]
pub(in crate::report) struct Resumption {
    pub(in crate::report) what: String,
    pub(in crate::report) at_bytes: u64,
    pub(in crate::report) bytes: u64,
}

#[derive(Serialize)]
pub(in crate::report) struct Retry {
    /// Since the run began.
    pub(in crate::report) told_ms: u64,
    pub(in crate::report) what: String,
    pub(in crate::report) cause: String,
    pub(in crate::report) attempt: u32,
    pub(in crate::report) delay_ms: u64,
}

/// `began_ms` is when its container started, since the run began; the moments of probes and of the exit are since then.
#[derive(Default, Serialize)]
pub(in crate::report) struct Verification {
    pub(in crate::report) began_ms: Option<u64>,
    pub(in crate::report) healthy: Option<bool>,
    pub(in crate::report) reason: Option<String>,
    pub(in crate::report) container: Option<String>,
    pub(in crate::report) address: Option<String>,
    pub(in crate::report) way: Option<String>,
    pub(in crate::report) not_used: Vec<String>,
    pub(in crate::report) health_check: Option<HealthCheck>,
    pub(in crate::report) missing_secrets: Vec<String>,
    pub(in crate::report) stubbed_secrets: Vec<String>,
    pub(in crate::report) probes: Vec<Probe>,
    pub(in crate::report) exit: Option<ContainerEnd>,
    pub(in crate::report) last_lines: Vec<String>,
    pub(in crate::report) finding: Option<FindingReport>,
    pub(in crate::report) ready_ms: Option<u64>,
    pub(in crate::report) allowed_ms: Option<u64>,
}

#[derive(Serialize)]
pub(in crate::report) struct Probe {
    pub(in crate::report) number: u32,
    pub(in crate::report) passed: bool,
    pub(in crate::report) detail: String,
    pub(in crate::report) at_ms: u64,
}

#[derive(Serialize)]
pub(in crate::report) struct ContainerEnd {
    pub(in crate::report) exit_code: i64,
    pub(in crate::report) out_of_memory: bool,
    pub(in crate::report) at_ms: Option<u64>,
}

#[derive(Serialize)]
pub(in crate::report) struct Promotion {
    pub(in crate::report) repository: String,
    pub(in crate::report) tag: String,
    pub(in crate::report) previous: Option<Digest>,
    pub(in crate::report) digest: Digest,
}

/// `began_ms` (it was released, or first seen) and `ended_ms` (it came to its verdict) are since the run began; the moments of
/// its statuses are since the release.
#[derive(Serialize)]
pub(in crate::report) struct Operation {
    pub(in crate::report) id: OperationId,
    pub(in crate::report) began_ms: u64,
    pub(in crate::report) ended_ms: Option<u64>,
    pub(in crate::report) verb: Option<String>,
    pub(in crate::report) service_arn: Option<String>,
    pub(in crate::report) statuses: Vec<StatusEntry>,
    pub(in crate::report) verdict: Option<Verdict>,
    pub(in crate::report) reason: Option<String>,
}

#[derive(Serialize)]
pub(in crate::report) struct StatusEntry {
    pub(in crate::report) status: Option<OperationStatus>,
    pub(in crate::report) at_ms: u64,
}

/// `told_ms` is when it was read here, since the run began; `logged_at` when it was written, where that is asked for.
#[derive(Serialize)]
pub(in crate::report) struct LogEntry {
    pub(in crate::report) told_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) logged_at: Option<String>,
    pub(in crate::report) source: LogSource,
    pub(in crate::report) line: String,
}

/// Something that is wrong in the configuration. `place` is null for a flag.
#[derive(Serialize)]
pub(in crate::report) struct Problem {
    pub(in crate::report) location: String,
    pub(in crate::report) place: Option<WrittenAt>,
    pub(in crate::report) message: String,
    pub(in crate::report) hint: Option<String>,
}
