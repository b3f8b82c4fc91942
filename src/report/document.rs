//! What `--report FILE` holds: the run as one document, put together from its events.

pub(super) mod reading;
pub(super) mod series;
pub(super) mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use self::{
    reading::Reading,
    series::Point,
    shape::{
        Check, ContainerEnd, Copy, Identity, LogEntry, Mirror, Operation, Probe, Problem, Promotion, Request,
        Resumption, Retry, StageEntry, StatusEntry, Verification,
    },
};
use super::{Moment, verdict};
use shipgate_core::{
    digest::Digest,
    event::{Event, LogSource, Outcome, Stage, milliseconds},
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
    pub(super) schema: &'static str,
    pub(super) verdict: &'static str,
    pub(super) exit_code: Option<ExitCode>,
    pub(super) summary: String,
    pub(super) causes: Vec<String>,
    pub(super) hint: Option<String>,
    pub(super) reason: Option<Box<Reason>>,
    pub(super) verb: String,
    pub(super) version: String,
    pub(super) image: String,
    pub(super) digest: Option<Digest>,
    pub(super) target: Option<String>,
    pub(super) service_url: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) elapsed_ms: u64,
    pub(super) identities: Vec<Identity>,
    pub(super) stages: Vec<StageEntry>,
    pub(super) checks: Vec<Check>,
    pub(super) copies: BTreeMap<String, Copy>,
    pub(super) repositories_created: Vec<String>,
    pub(super) mirror: Option<Mirror>,
    pub(super) retries: Vec<Retry>,
    pub(super) resumed: Vec<Resumption>,
    pub(super) verification: Option<Verification>,
    pub(super) promotions: Vec<Promotion>,
    pub(super) operation: Option<Operation>,
    pub(super) smoke: Vec<Request>,
    pub(super) logs: VecDeque<LogEntry>,
    pub(super) notices: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) problems: Vec<Problem>,
    #[serde(flatten)]
    pub(super) reading: Reading,
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
            problems: Vec::new(),
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
                self.stages.push(StageEntry::begun(stage, self.elapsed_ms));
            }
            Event::StageFinished { stage, outcome, detail, elapsed_ms } => {
                self.end_stage(stage, outcome, detail, elapsed_ms);
            }
            Event::IdentityAssumed { purpose, account, arn } => {
                self.identities.push(Identity { purpose, account, arn });
            }
            Event::ImageResolved { digest, .. } => self.digest = Some(digest),
            Event::Checked { check, outcome, detail, hint } => {
                self.checks.push(Check { name: check, outcome, detail, hint });
            }
            Event::Retrying { what, cause, attempt, delay_ms } => {
                self.retries.push(Retry { told_ms: self.elapsed_ms, what, cause, attempt, delay_ms });
            }
            Event::Promoted { repository, tag, previous, digest } => {
                self.promotions.push(Promotion { repository, tag, previous, digest });
            }
            Event::LogLine { source, line } => self.log(source, line, None),
            Event::LoggedLine { source, line, logged_at, .. } => {
                self.log(source, line, Some(format!("{logged_at:.3}")));
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
                let began_ms = Some(self.elapsed_ms);
                *copy = Copy { blobs, bytes, blobs_present, bytes_present, began_ms, ..Copy::default() };
                copy.progress.add(Point { at_ms: self.elapsed_ms, bytes_done: 0 });
            }
            Event::CopyProgress { destination, bytes_done, .. } => {
                let copy = self.copies.entry(destination).or_default();
                copy.bytes_done = bytes_done;
                copy.progress.add(Point { at_ms: self.elapsed_ms, bytes_done });
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
            started @ Event::ContainerStarted { .. } => {
                *self.verification() = Verification::begun(started, self.elapsed_ms);
            }
            Event::SmokeTested { url, passed, detail, at_ms } => {
                self.smoke.push(Request { url, passed, detail, at_ms });
            }
            Event::Probed { number, passed, detail, at_ms } => {
                self.verification().probes.push(Probe { number, passed, detail, at_ms });
            }
            Event::ContainerExited { exit_code, out_of_memory } => {
                let now = self.elapsed_ms;
                let verification = self.verification();
                let at_ms = verification.began_ms.map(|began| now.saturating_sub(began));
                verification.exit = Some(ContainerEnd { exit_code, out_of_memory, at_ms });
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
                let now = self.elapsed_ms;
                let operation = self.operation(operation);
                (operation.verdict, operation.reason, operation.ended_ms) = (Some(verdict), reason, Some(now));
            }
            Event::ConfigurationProblem { location, place, message, hint } => {
                self.problems.push(Problem { location, place, message, hint });
            }
            end @ Event::RunFinished { .. } => self.end(end),
        }
    }

    /// A stage that ends comes after those that ended before, whenever it began.
    fn end_stage(&mut self, stage: Stage, outcome: Outcome, detail: String, elapsed_ms: u64) {
        let is_this = |entry: &StageEntry| entry.stage == stage && entry.outcome.is_none();
        let begun = self.stages.iter().position(is_this).map(|at| self.stages.remove(at));
        let began_ms = begun.map_or_else(|| self.elapsed_ms.saturating_sub(elapsed_ms), |begun| begun.began_ms);
        let (outcome, elapsed_ms, ended_ms) = (Some(outcome), Some(elapsed_ms), Some(self.elapsed_ms));
        self.stages.push(StageEntry { stage, outcome, detail, elapsed_ms, began_ms, ended_ms });
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
            copy.progress.end(Point { at_ms: self.elapsed_ms, bytes_done: copy.bytes_done.max(bytes_sent) });
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

    fn log(&mut self, source: LogSource, line: String, logged_at: Option<String>) {
        if self.logs.len() == MAX_LOG_LINES {
            self.logs.pop_front();
        }
        self.logs.push_back(LogEntry { told_ms: self.elapsed_ms, logged_at, source, line });
    }

    fn verification(&mut self) -> &mut Verification {
        self.verification.get_or_insert_default()
    }

    /// The entry of this operation. Another one than before takes the place of what was known.
    fn operation(&mut self, id: OperationId) -> &mut Operation {
        let known = self.operation.take().filter(|operation| operation.id == id);
        self.operation.insert(known.unwrap_or(Operation {
            id,
            began_ms: self.elapsed_ms,
            ended_ms: None,
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

impl StageEntry {
    /// One that has begun, at this moment of the run.
    fn begun(stage: Stage, began_ms: u64) -> Self {
        Self { stage, outcome: None, detail: String::new(), elapsed_ms: None, began_ms, ended_ms: None }
    }
}

impl Verification {
    /// A check that has begun. Its container takes the place of one before it.
    fn begun(started: Event, began_ms: u64) -> Self {
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
        let (health_check, rest) = (Some(health_check), Self { began_ms: Some(began_ms), ..Self::default() });
        Self { container, address, way, not_used, health_check, missing_secrets, stubbed_secrets, ..rest }
    }

    fn judge(&mut self, verdict: Event) {
        let Event::Verified { healthy, reason, last_lines, finding, ready_ms, allowed_ms } = verdict else { return };
        (self.healthy, self.reason, self.last_lines) = (Some(healthy), Some(reason), last_lines);
        (self.finding, self.ready_ms, self.allowed_ms) = (finding, ready_ms, Some(allowed_ms));
    }
}
