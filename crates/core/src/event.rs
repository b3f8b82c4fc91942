//! The one stream of events that every renderer reads: the terminal, JSON lines, reports. An event is a fact that has
//! happened, with the evidence for it. Renderers may leave things out; they must not know anything that is not here.

mod emitter;
mod origin;
mod stage;

use jiff::Timestamp;
use serde::Serialize;

pub use self::emitter::{Emitter, milliseconds};
pub use self::origin::{BlobArrival, LogSource, WrittenAt};
pub use self::stage::{Outcome, Stage};
use super::operation::{OperationId, OperationStatus, Verdict};
use super::{
    account::AccountId, diagnosis::Diagnosis, digest::Digest, exit_code::ExitCode, finding::FindingReport,
    forecast::Forecast, health::HealthCheck, log_group::LogGroup, reason::Reason, status::StatusReport,
};

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins. `verb` is the command: `deploy`, `verify`, `copy`.
    RunStarted {
        /// The command.
        verb: String,
        /// The version of shipgate.
        version: String,
        /// What it is about, as the user wrote it: an image reference, or a mirror's file.
        image: String,
        /// The target's name, where there is one.
        target: Option<String>,
    },
    /// A stage begins.
    StageStarted {
        /// Which.
        stage: Stage,
    },
    /// A stage is over.
    StageFinished {
        /// Which.
        stage: Stage,
        /// How it came out.
        outcome: Outcome,
        /// One line on what it came to.
        detail: String,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// A role was assumed and the identity checked.
    IdentityAssumed {
        /// What the identity is for: `registry`, or the target's name.
        purpose: String,
        /// The account it answers for.
        account: AccountId,
        /// The identity's ARN as STS gives it.
        arn: String,
    },
    /// The image's tag was resolved, once.
    ImageResolved {
        /// As the user wrote it.
        reference: String,
        /// The digest everything after speaks.
        digest: Digest,
        /// The media type of the manifest.
        media_type: String,
    },
    /// A preflight check came out.
    Checked {
        /// Its name, stable: `repository-exists`.
        check: String,
        /// How it came out.
        outcome: Outcome,
        /// What was seen.
        detail: String,
        /// How to mend it, when it failed.
        hint: Option<String>,
    },
    /// What a copy has to do.
    CopyPlanned {
        /// `HOST/REPOSITORY` of the destination.
        destination: String,
        /// Distinct blobs, configuration included.
        blobs: u64,
        /// Their bytes.
        bytes: u64,
        /// Of those, the blobs that are there already.
        blobs_present: u64,
        /// And their bytes.
        bytes_present: u64,
    },
    /// How far a copy is. Sent at most a few times a second.
    CopyProgress {
        /// `HOST/REPOSITORY` of the destination.
        destination: String,
        /// Bytes that have arrived there in this run.
        bytes_done: u64,
        /// Bytes that have to.
        bytes_total: u64,
    },
    /// A blob was at the destination before, and is not sent.
    BlobSkipped {
        /// `HOST/REPOSITORY` of the destination.
        destination: String,
        /// Which.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// A blob has come to the destination.
    BlobCopied {
        /// `HOST/REPOSITORY` of the destination.
        destination: String,
        /// Which.
        digest: Digest,
        /// Its size.
        bytes: u64,
        /// How it came there.
        how: BlobArrival,
    },
    /// A transfer that broke off goes on where it ended.
    Resumed {
        /// What is being transferred.
        what: String,
        /// The byte it goes on from.
        at_bytes: u64,
        /// The whole's size.
        bytes: u64,
    },
    /// An attempt failed and will be made again.
    Retrying {
        /// What is being attempted.
        what: String,
        /// Why the last attempt failed.
        cause: String,
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// How long until then.
        delay_ms: u64,
    },
    /// The image is at the destination, under its digest.
    CopyFinished {
        /// `HOST/REPOSITORY` of the destination.
        destination: String,
        /// The tag that points at it there, if one was asked for.
        tag: Option<String>,
        /// The manifest's digest there.
        digest: Digest,
        /// Blobs sent.
        blobs_copied: u64,
        /// Blobs the registry took over from another of its repositories.
        blobs_mounted: u64,
        /// Blobs the registry itself fetched from its upstream.
        blobs_fetched: u64,
        /// Blobs that were there before; not counted when the image itself was.
        blobs_present: u64,
        /// Signatures, SBOMs and attestations that are there too, where they were asked for.
        referrers: u64,
        /// Whether anything was not there before.
        changed: bool,
        /// Bytes of blobs read from the source, for all destinations together.
        bytes_received: u64,
        /// Bytes of blobs sent to this one.
        bytes_sent: u64,
        /// Requests made, to source and destination.
        requests: u64,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// An image did not come to one destination, or to any: the others are served all the same.
    CopyFailed {
        /// `HOST/REPOSITORY:TAG` of the destination; of the source, when it is the source's fault.
        destination: String,
        /// Why: the chain of causes in one line.
        reason: String,
        /// How to mend it.
        hint: Option<String>,
    },
    /// A repository that was missing was created.
    RepositoryCreated {
        /// `HOST/REPOSITORY`.
        repository: String,
    },
    /// What a mirror came to: each image at each destination is counted once.
    Mirrored {
        /// Images that were to be brought.
        images: u64,
        /// Registries that each of them was to be brought to.
        registries: u64,
        /// Images that came to a registry.
        copied: u64,
        /// Images that a registry had.
        present: u64,
        /// Images that did not come to a registry.
        failed: u64,
        /// Bytes of blobs read from sources.
        bytes_received: u64,
        /// Bytes of blobs sent to destinations.
        bytes_sent: u64,
        /// Requests made to registries.
        requests: u64,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// A local container runs the image.
    ContainerStarted {
        /// The container's id.
        container: String,
        /// Where it is probed: `172.17.0.2:8080`; empty when it had ended before.
        address: String,
        /// How it is reached: `dialled from here`.
        way: String,
        /// The ways that are not used, each with its reason.
        not_used: Vec<String>,
        /// The rules.
        health_check: HealthCheck,
        /// Secrets the service is given that the container here is not.
        missing_secrets: Vec<String>,
        /// Secrets that the container here has stand-ins for.
        stubbed_secrets: Vec<String>,
    },
    /// The container was probed.
    Probed {
        /// Counted from 1.
        number: u32,
        /// Whether it passed.
        passed: bool,
        /// What was seen: `200`, `connection refused`, `timeout after 2 s`.
        detail: String,
        /// Since the container started.
        at_ms: u64,
    },
    /// The container ended before it was judged.
    ContainerExited {
        /// Its exit code.
        exit_code: i64,
        /// Whether the kernel killed it for memory.
        out_of_memory: bool,
    },
    /// The image is unhealthy, and more of why is still looked for: [`Event::Verified`] comes with that.
    Judged {
        /// One line on why.
        reason: String,
        /// How long the looking may take.
        within_ms: u64,
    },
    /// The local judgement.
    Verified {
        /// Whether the image is healthy.
        healthy: bool,
        /// One line on why.
        reason: String,
        /// The last lines of the container's output, when it is not.
        last_lines: Vec<String>,
        /// What is wrong, when it is not.
        finding: Option<FindingReport>,
        /// When the application was ready, since its container started.
        ready_ms: Option<u64>,
        /// How long the health check's thresholds give it to be ready.
        allowed_ms: u64,
    },
    /// The tag points at the digest.
    Promoted {
        /// `HOST/REPOSITORY`.
        repository: String,
        /// The tag.
        tag: String,
        /// What it pointed at before, if it existed.
        previous: Option<Digest>,
        /// What it points at now.
        digest: Digest,
    },
    /// The service took the order.
    Released {
        /// What released it: `create-service`, `start-deployment`, `update-service`, `rebuild` or `follow-push`.
        verb: String,
        /// The service's ARN.
        service_arn: String,
        /// The operation to follow.
        operation: OperationId,
    },
    /// The operation's status changed (or was seen for the first time).
    OperationObserved {
        /// Ours.
        operation: OperationId,
        /// As listed; absent while it is not listed yet.
        status: Option<OperationStatus>,
        /// Since the release.
        at_ms: u64,
    },
    /// A line of somebody else's output: untrusted text.
    LogLine {
        /// Whose.
        source: LogSource,
        /// The line, without its end.
        line: String,
    },
    /// What a deployment would do.
    Planned(Box<Forecast>),
    /// How a service stands.
    Status(Box<StatusReport>),
    /// A check of `doctor` came out.
    Diagnosed(Box<Diagnosis>),
    /// A line that a service's log groups hold: untrusted text.
    LoggedLine {
        /// When it was written.
        logged_at: Timestamp,
        /// Whose.
        source: LogSource,
        /// The stream it is in.
        stream: String,
        /// The line, without its end.
        line: String,
    },
    /// A log group of a service that is no more.
    OrphanFound(LogGroup),
    /// A log group was deleted, with all its lines.
    LogGroupDeleted {
        /// Its name.
        name: String,
    },
    /// Text that was asked for: to be piped into a file.
    Printed {
        /// What it is: `terraform`, `configuration`.
        what: &'static str,
        /// The text, lines ended.
        text: String,
    },
    /// The operation ended.
    Gated {
        /// Ours.
        operation: OperationId,
        /// What it came to.
        verdict: Verdict,
        /// Why, when it did not succeed: the most telling line of the logs.
        reason: Option<String>,
    },
    /// The service's URL was asked, after the deployment had succeeded.
    SmokeTested {
        /// What was asked for.
        url: String,
        /// Whether the answer passes.
        passed: bool,
        /// What came: `answered 200`, `no answer: connection refused`.
        detail: String,
        /// Since the first request.
        at_ms: u64,
    },
    /// Still at it: sent when nothing else was for a while.
    Heartbeat {
        /// The stage.
        stage: Stage,
        /// What it is waiting for.
        detail: String,
        /// Since the stage began.
        elapsed_ms: u64,
    },
    /// Worth knowing; nothing failed.
    Notice {
        /// The text.
        message: String,
    },
    /// Something is not as it should be, and the run goes on: a clean-up that failed, a log group that cannot be read.
    Warning {
        /// The text.
        message: String,
    },
    /// The configuration is wrong somewhere, and so nothing is begun.
    ConfigurationProblem {
        /// Where, for people: `shipgate.yaml:3:5`, `--target`.
        location: String,
        /// Where in a file, unless it is a flag's.
        place: Option<WrittenAt>,
        /// What is wrong.
        message: String,
        /// How to mend it.
        hint: Option<String>,
    },
    /// The run is over. Always the last event.
    RunFinished {
        /// The exit code, as a number.
        exit_code: ExitCode,
        /// One line: what the world looks like now.
        summary: String,
        /// Why, when it is not a success: the chain of causes, outermost first.
        causes: Vec<String>,
        /// How to mend it.
        hint: Option<String>,
        /// Why the deployment failed, when it did.
        reason: Option<Box<Reason>>,
        /// The service's URL, where it is known.
        service_url: Option<String>,
        /// The digest that this run was about.
        digest: Option<Digest>,
        /// How long it took.
        elapsed_ms: u64,
    },
}
