//! What `--report FILE` holds: the run as one document, put together from its events.

mod reading;
mod shape;

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use self::{
    reading::Reading,
    shape::{
        Check, Copy, Exit, Identity, LogEntry, Mirror, Operation, Probe, Promotion, Request, Resumption, Retry,
        StageEntry, StatusEntry, Verification,
    },
};
use super::{Moment, verdict};
use crate::domain::{
    digest::Digest,
    event::{Event, milliseconds},
    exit_code::ExitCode,
    operation::OperationId,
    reason::Reason,
};

/// The name and version of this shape. Fields may be added to it; none changes its meaning.
const SCHEMA: &str = "shipgate-report/1";
/// More lines of the cloud's logs than this stay there.
const MAX_LOG_LINES: usize = 200;

/// A run. `verdict` is `unfinished` and `exit_code` null until [`Event::RunFinished`] was seen.
#[derive(Serialize)]
pub(super) struct Document {
    schema: &'static str,
    verdict: &'static str,
    exit_code: Option<ExitCode>,
    summary: String,
    causes: Vec<String>,
    hint: Option<String>,
    reason: Option<Box<Reason>>,
    verb: String,
    version: String,
    image: String,
    digest: Option<Digest>,
    target: Option<String>,
    service_url: Option<String>,
    started_at: Option<String>,
    elapsed_ms: u64,
    identities: Vec<Identity>,
    stages: Vec<StageEntry>,
    checks: Vec<Check>,
    copies: BTreeMap<String, Copy>,
    repositories_created: Vec<String>,
    mirror: Option<Mirror>,
    retries: Vec<Retry>,
    resumed: Vec<Resumption>,
    verification: Option<Verification>,
    promotions: Vec<Promotion>,
    operation: Option<Operation>,
    smoke: Vec<Request>,
    logs: VecDeque<LogEntry>,
    notices: Vec<String>,
    warnings: Vec<String>,
    #[serde(flatten)]
    reading: Reading,
}

impl Document {
    /// A run of which nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            schema: SCHEMA,
            verdict: "unfinished",
            exit_code: None,
            summary: String::new(),
            causes: Vec::new(),
            hint: None,
            reason: None,
            verb: String::new(),
            version: String::new(),
            image: String::new(),
            digest: None,
            target: None,
            service_url: None,
            started_at: None,
            elapsed_ms: 0,
            identities: Vec::new(),
            stages: Vec::new(),
            checks: Vec::new(),
            copies: BTreeMap::new(),
            repositories_created: Vec::new(),
            mirror: None,
            retries: Vec::new(),
            resumed: Vec::new(),
            verification: None,
            promotions: Vec::new(),
            operation: None,
            smoke: Vec::new(),
            logs: VecDeque::new(),
            notices: Vec::new(),
            warnings: Vec::new(),
            reading: Reading::default(),
        }
    }

    /// Adds what an event says.
    pub(super) fn add(&mut self, moment: Moment, event: &Event) {
        self.started_at.get_or_insert_with(|| format!("{:.3}", moment.at));
        self.elapsed_ms = milliseconds(moment.since_start);
        match event.clone() {
            Event::RunStarted { verb, version, image, target } => {
                (self.verb, self.version, self.image, self.target) = (verb, version, image, target);
            }
            Event::StageStarted { stage } => {
                self.stages.push(StageEntry { stage, outcome: None, detail: String::new(), elapsed_ms: None });
            }
            Event::StageFinished { stage, outcome, detail, elapsed_ms } => {
                self.stages.retain(|entry| entry.stage != stage || entry.outcome.is_some());
                let (outcome, elapsed_ms) = (Some(outcome), Some(elapsed_ms));
                self.stages.push(StageEntry { stage, outcome, detail, elapsed_ms });
            }
            Event::IdentityAssumed { purpose, account, arn } => {
                self.identities.push(Identity { purpose, account, arn });
            }
            Event::ImageResolved { digest, .. } => self.digest = Some(digest),
            Event::Checked { check, outcome, detail, hint } => {
                self.checks.push(Check { name: check, outcome, detail, hint });
            }
            Event::Retrying { what, cause, attempt, delay_ms } => {
                self.retries.push(Retry { what, cause, attempt, delay_ms });
            }
            Event::Promoted { repository, tag, previous, digest } => {
                self.promotions.push(Promotion { repository, tag, previous, digest });
            }
            Event::LogLine { source, line } | Event::LoggedLine { source, line, .. } => {
                self.log(LogEntry { source, line });
            }
            read @ (Event::Planned(_)
            | Event::Status(_)
            | Event::Diagnosed(_)
            | Event::OrphanFound(_)
            | Event::LogGroupDeleted { .. }
            | Event::Printed { .. }) => self.reading.add(read),
            // The verdict comes with its diagnosis.
            Event::Heartbeat { .. } | Event::BlobSkipped { .. } | Event::Judged { .. } => (),
            Event::Notice { message } => self.notices.push(message),
            Event::Warning { message } => self.warnings.push(message),
            Event::CopyPlanned { destination, blobs, bytes, blobs_present, bytes_present } => {
                let copy = self.copies.entry(destination).or_default();
                *copy = Copy { blobs, bytes, blobs_present, bytes_present, ..Copy::default() };
            }
            Event::CopyProgress { destination, bytes_done, .. } => {
                self.copies.entry(destination).or_default().bytes_done = bytes_done;
            }
            Event::BlobCopied { destination, .. } => self.copies.entry(destination).or_default().blobs_copied += 1,
            Event::Resumed { what, at_bytes, bytes } => self.resumed.push(Resumption { what, at_bytes, bytes }),
            end @ Event::CopyFinished { .. } => self.end_copy(end),
            Event::CopyFailed { destination, reason, hint } => {
                let copy = self.copies.entry(destination).or_default();
                (copy.failure, copy.hint) = (Some(reason), hint);
            }
            Event::RepositoryCreated { repository } => self.repositories_created.push(repository),
            end @ Event::Mirrored { .. } => self.end_mirror(&end),
            started @ Event::ContainerStarted { .. } => *self.verification() = Verification::begun(started),
            Event::SmokeTested { url, passed, detail, at_ms } => {
                self.smoke.push(Request { url, passed, detail, at_ms });
            }
            Event::Probed { number, passed, detail, at_ms } => {
                self.verification().probes.push(Probe { number, passed, detail, at_ms });
            }
            Event::ContainerExited { exit_code, out_of_memory } => {
                self.verification().exit = Some(Exit { exit_code, out_of_memory });
            }
            verdict @ Event::Verified { .. } => self.verification().judge(verdict),
            Event::Released { verb, service_arn, operation } => {
                let operation = self.operation(operation);
                (operation.verb, operation.service_arn) = (Some(verb), Some(service_arn));
            }
            Event::OperationObserved { operation, status, at_ms } => {
                self.operation(operation).statuses.push(StatusEntry { status, at_ms });
            }
            Event::Gated { operation, verdict, reason } => {
                let operation = self.operation(operation);
                (operation.verdict, operation.reason) = (Some(verdict), reason);
            }
            end @ Event::RunFinished { .. } => self.end(end),
        }
    }

    fn end_copy(&mut self, end: Event) {
        if let Event::CopyFinished {
            destination,
            tag,
            digest,
            blobs_copied,
            blobs_mounted,
            blobs_fetched,
            referrers,
            changed,
            bytes_received,
            bytes_sent,
            requests,
            elapsed_ms,
            ..
        } = end
        {
            let copy = self.copies.entry(destination).or_default();
            (copy.tag, copy.digest) = (tag, Some(digest));
            (copy.blobs_copied, copy.blobs_mounted, copy.blobs_fetched) = (blobs_copied, blobs_mounted, blobs_fetched);
            (copy.referrers, copy.changed) = (Some(referrers), Some(changed));
            (copy.bytes_received, copy.bytes_sent) = (Some(bytes_received), Some(bytes_sent));
            (copy.requests, copy.elapsed_ms) = (Some(requests), Some(elapsed_ms));
        }
    }

    fn end_mirror(&mut self, end: &Event) {
        if let &Event::Mirrored {
            images,
            registries,
            copied,
            present,
            failed,
            bytes_received,
            bytes_sent,
            requests,
            elapsed_ms,
        } = end
        {
            self.mirror = Some(Mirror {
                images,
                registries,
                copied,
                present,
                failed,
                bytes_received,
                bytes_sent,
                requests,
                elapsed_ms,
            });
        }
    }

    fn log(&mut self, entry: LogEntry) {
        if self.logs.len() == MAX_LOG_LINES {
            self.logs.pop_front();
        }
        self.logs.push_back(entry);
    }

    fn verification(&mut self) -> &mut Verification {
        self.verification.get_or_insert_default()
    }

    /// The entry of this operation. Another one than before takes the place of what was known.
    fn operation(&mut self, id: OperationId) -> &mut Operation {
        let known = self.operation.take().filter(|operation| operation.id == id);
        self.operation.insert(known.unwrap_or(Operation {
            id,
            verb: None,
            service_arn: None,
            statuses: Vec::new(),
            verdict: None,
            reason: None,
        }))
    }

    fn end(&mut self, event: Event) {
        let Event::RunFinished { exit_code, summary, causes, hint, reason, service_url, digest, elapsed_ms } = event
        else {
            return;
        };
        self.verdict = verdict::word(exit_code);
        self.exit_code = Some(exit_code);
        (self.summary, self.causes, self.hint) = (summary, causes, hint);
        (self.reason, self.service_url, self.elapsed_ms) = (reason, service_url, elapsed_ms);
        self.digest = digest.or(self.digest.take());
    }
}

impl Verification {
    /// A check that has begun. Its container takes the place of one before it.
    fn begun(started: Event) -> Self {
        let Event::ContainerStarted {
            container,
            address,
            way,
            not_used,
            health_check,
            missing_secrets,
            stubbed_secrets,
        } = started
        else {
            return Self::default();
        };
        let (container, address, way) = (Some(container), Some(address), Some(way));
        let (health_check, rest) = (Some(health_check), Self::default());
        Self { container, address, way, not_used, health_check, missing_secrets, stubbed_secrets, ..rest }
    }

    fn judge(&mut self, verdict: Event) {
        let Event::Verified { healthy, reason, last_lines, finding, ready_ms, allowed_ms } = verdict else { return };
        (self.healthy, self.reason, self.last_lines) = (Some(healthy), Some(reason), last_lines);
        (self.finding, self.ready_ms, self.allowed_ms) = (finding, ready_ms, Some(allowed_ms));
    }
}
