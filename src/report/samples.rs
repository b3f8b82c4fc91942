//! Events for the tests of the renderers.

pub(super) mod reading;
pub(super) mod runs;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Moment;
use shipgate_core::{
    digest::Digest,
    event::{BlobArrival, Event, LogSource, Outcome, Stage, WrittenAt},
    exit_code::ExitCode,
    finding::FindingReport,
    health::HealthCheck,
    operation::{OperationId, OperationStatus, Verdict},
};

pub(super) const IMAGE: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v2";
pub(super) const DESTINATION: &str = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/shop/api";
pub(super) const ARN: &str =
    "arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123456789abcdef0123456789abcdef";

/// So many milliseconds into a run that began on 2026-01-02.
pub(super) fn moment(elapsed_ms: u32) -> Moment {
    let began: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    Moment {
        at: began + SignedDuration::from_millis(elapsed_ms.into()),
        since_start: Duration::from_millis(elapsed_ms.into()),
    }
}

pub(super) fn digest() -> Digest {
    Digest::of(b"image")
}

pub(super) fn operation() -> OperationId {
    OperationId::new("17fe9f557e914097b243fcabbb69a4cf")
}

pub(super) fn run_started() -> Event {
    Event::RunStarted {
        verb: "deploy".to_owned(),
        version: "0.1.0".to_owned(),
        image: IMAGE.to_owned(),
        target: Some("prod".to_owned()),
    }
}

pub(super) fn started(stage: Stage) -> Event {
    Event::StageStarted { stage }
}

pub(super) fn finished(stage: Stage, outcome: Outcome, detail: &str, elapsed_ms: u64) -> Event {
    Event::StageFinished { stage, outcome, detail: detail.to_owned(), elapsed_ms }
}

pub(super) fn planned(blobs: u64, bytes: u64, blobs_present: u64, bytes_present: u64) -> Event {
    Event::CopyPlanned { destination: DESTINATION.to_owned(), blobs, bytes, blobs_present, bytes_present }
}

pub(super) fn progress(bytes_done: u64, bytes_total: u64) -> Event {
    Event::CopyProgress { destination: DESTINATION.to_owned(), bytes_done, bytes_total }
}

pub(super) fn blob(content: &str, bytes: u64) -> Event {
    Event::BlobCopied {
        destination: DESTINATION.to_owned(),
        digest: Digest::of(content.as_bytes()),
        bytes,
        how: BlobArrival::Sent,
    }
}

pub(super) fn retrying() -> Event {
    Event::Retrying {
        what: "upload of sha256:e3b0c44298fc".to_owned(),
        cause: "connection reset by peer".to_owned(),
        attempt: 2,
        delay_ms: 400,
    }
}

pub(super) fn copied(bytes_sent: u64, elapsed_ms: u64) -> Event {
    Event::CopyFinished {
        destination: DESTINATION.to_owned(),
        tag: None,
        digest: digest(),
        blobs_copied: 4,
        blobs_mounted: 0,
        blobs_fetched: 0,
        blobs_present: 2,
        referrers: 0,
        changed: bytes_sent > 0,
        bytes_received: bytes_sent,
        bytes_sent,
        requests: 21,
        elapsed_ms,
    }
}

pub(super) fn mirrored() -> Event {
    Event::Mirrored {
        images: 4,
        registries: 3,
        copied: 8,
        present: 3,
        failed: 1,
        bytes_received: 13_000_000,
        bytes_sent: 39_000_000,
        requests: 210,
        elapsed_ms: 9_000,
    }
}

pub(super) fn container(missing_secrets: &[&str]) -> Event {
    Event::ContainerStarted {
        container: "4f5e6d7c8b9a00112233445566778899".to_owned(),
        address: "172.17.0.2:8080".to_owned(),
        way: "dialled from here".to_owned(),
        not_used: Vec::new(),
        health_check: HealthCheck::default(),
        missing_secrets: missing_secrets.iter().map(|&name| name.to_owned()).collect(),
        stubbed_secrets: Vec::new(),
    }
}

pub(super) fn probed(number: u32, passed: bool, detail: &str, at_ms: u64) -> Event {
    Event::Probed { number, passed, detail: detail.to_owned(), at_ms }
}

pub(super) fn verified(healthy: bool, reason: &str, last_lines: &[&str]) -> Event {
    let last_lines = last_lines.iter().map(|&line| line.to_owned()).collect();
    let finding = (!healthy).then(|| FindingReport {
        name: "exited".to_owned(),
        headline: reason.to_owned(),
        hint: "its last lines say why it ended".to_owned(),
        evidence: vec!["limit: 512 MiB".to_owned()],
    });
    let ready_ms = healthy.then_some(1_200);
    Event::Verified { healthy, reason: reason.to_owned(), last_lines, finding, ready_ms, allowed_ms: 25_000 }
}

pub(super) fn promoted() -> Event {
    Event::Promoted {
        repository: DESTINATION.to_owned(),
        tag: "live".to_owned(),
        previous: Some(Digest::of(b"previous")),
        digest: digest(),
    }
}

pub(super) fn released() -> Event {
    Event::Released { verb: "start-deployment".to_owned(), service_arn: ARN.to_owned(), operation: operation() }
}

pub(super) fn observed(status: Option<OperationStatus>, at_ms: u64) -> Event {
    Event::OperationObserved { operation: operation(), status, at_ms }
}

pub(super) fn log(line: &str) -> Event {
    Event::LogLine { source: LogSource::LocalContainer, line: line.to_owned() }
}

pub(super) fn gated(verdict: Verdict, reason: Option<&str>) -> Event {
    Event::Gated { operation: operation(), verdict, reason: reason.map(str::to_owned) }
}

pub(super) fn checked(outcome: Outcome, hint: Option<&str>) -> Event {
    Event::Checked {
        check: "repository-exists".to_owned(),
        outcome,
        detail: "shop/api in 222222222222".to_owned(),
        hint: hint.map(str::to_owned),
    }
}

pub(super) fn misconfigured() -> Event {
    Event::ConfigurationProblem {
        location: "shipgate.yaml:4:3".to_owned(),
        place: Some(WrittenAt { file: "shipgate.yaml".to_owned(), line: 4, column: 3 }),
        message: "unknown key `imgae`".to_owned(),
        hint: Some("did you mean `image`?".to_owned()),
    }
}

pub(super) fn run_finished(exit_code: ExitCode, summary: &str, causes: &[&str], hint: Option<&str>) -> Event {
    Event::RunFinished {
        exit_code,
        summary: summary.to_owned(),
        causes: causes.iter().map(|&cause| cause.to_owned()).collect(),
        hint: hint.map(str::to_owned),
        reason: None,
        service_url: Some("https://abc.eu-west-1.awsapprunner.com".to_owned()),
        digest: Some(digest()),
        elapsed_ms: 185_000,
    }
}

/// Every variant at least once, every option filled.
pub(super) fn one_of_each() -> Vec<Event> {
    let arn = "arn:aws:sts::222222222222:assumed-role/deploy/shipgate".to_owned();
    vec![
        run_started(),
        started(Stage::Resolve),
        finished(Stage::Resolve, Outcome::Ok, "start-deployment of shop-api", 410),
        Event::IdentityAssumed { purpose: "prod".to_owned(), account: "222222222222".parse().unwrap(), arn },
        Event::ImageResolved {
            reference: IMAGE.to_owned(),
            digest: digest(),
            media_type: "application/vnd.oci.image.index.v1+json".to_owned(),
        },
        Event::BlobSkipped { destination: DESTINATION.to_owned(), digest: digest(), bytes: 512 },
        Event::Resumed { what: "upload of sha256:e3b0c44298fc".to_owned(), at_bytes: 1 << 20, bytes: 1 << 28 },
        checked(Outcome::Fail, Some("create it with --create-repository")),
        planned(7, 45_000_000, 5, 32_000_000),
        progress(1_000_000, 13_000_000),
        blob("layer", 9_000_000),
        retrying(),
        copied(13_000_000, 8_200),
        Event::CopyFailed {
            destination: format!("{DESTINATION}:v1"),
            reason: "tag v1 is immutable".to_owned(),
            hint: Some("use a new tag".to_owned()),
        },
        Event::RepositoryCreated { repository: DESTINATION.to_owned() },
        mirrored(),
        container(&["DATABASE_URL"]),
        probed(1, false, "connection refused", 20),
        Event::ContainerExited { exit_code: 137, out_of_memory: true },
        Event::Judged { reason: "5 probes in a row failed: connection refused".to_owned(), within_ms: 15_000 },
        verified(false, "the container ended with exit code 137 (out of memory)", &["starting", "loading"]),
        promoted(),
        released(),
        observed(Some(OperationStatus::InProgress), 900),
        log("listening on 8080"),
        Event::LogLine { source: LogSource::Service, line: "[AppRunner] Health check failed".to_owned() },
        Event::LogLine { source: LogSource::Application, line: "missing DATABASE_URL".to_owned() },
        gated(Verdict::RolledBack, Some("missing DATABASE_URL")),
        Event::Planned(Box::new(reading::planned())),
        Event::Status(Box::new(reading::status())),
        Event::Diagnosed(Box::new(reading::diagnosed())),
        reading::logged(LogSource::Application, "listening on 8080"),
        Event::OrphanFound(reading::orphan()),
        Event::LogGroupDeleted { name: reading::orphan().name },
        Event::Printed { what: "terraform", text: "import {\n}\n".to_owned() },
        Event::SmokeTested {
            url: "https://abc.eu-west-1.awsapprunner.com/health".to_owned(),
            passed: true,
            detail: "answered 200".to_owned(),
            at_ms: 120,
        },
        Event::Heartbeat { stage: Stage::Gate, detail: "the operation to end".to_owned(), elapsed_ms: 31_000 },
        Event::Notice { message: "the service deploys this tag by itself".to_owned() },
        Event::Warning { message: "the log group cannot be read".to_owned() },
        misconfigured(),
        run_finished(ExitCode::RolledBack, "rolled back", &["the deployment failed"], Some("read the logs")),
    ]
}

/// A number for each variant, without gaps: a new variant does not compile until it has one here.
fn ordinal(event: &Event) -> usize {
    match event {
        Event::RunStarted { .. } => 0,
        Event::StageStarted { .. } => 1,
        Event::StageFinished { .. } => 2,
        Event::IdentityAssumed { .. } => 3,
        Event::ImageResolved { .. } => 4,
        Event::Checked { .. } => 5,
        Event::CopyPlanned { .. } => 6,
        Event::CopyProgress { .. } => 7,
        Event::BlobCopied { .. } => 8,
        Event::Retrying { .. } => 9,
        Event::CopyFinished { .. } => 10,
        Event::ContainerStarted { .. } => 11,
        Event::Probed { .. } => 12,
        Event::ContainerExited { .. } => 13,
        Event::Verified { .. } => 14,
        Event::Promoted { .. } => 15,
        Event::Released { .. } => 16,
        Event::OperationObserved { .. } => 17,
        Event::LogLine { .. } => 18,
        Event::Gated { .. } => 19,
        Event::Heartbeat { .. } => 20,
        Event::Notice { .. } => 21,
        Event::Warning { .. } => 22,
        Event::RunFinished { .. } => 23,
        Event::BlobSkipped { .. } => 24,
        Event::Resumed { .. } => 25,
        Event::CopyFailed { .. } => 26,
        Event::RepositoryCreated { .. } => 27,
        Event::Mirrored { .. } => 28,
        Event::Diagnosed(_) => 37,
        Event::Status(_) => 29,
        Event::LoggedLine { .. } => 30,
        Event::OrphanFound(_) => 31,
        Event::LogGroupDeleted { .. } => 32,
        Event::Printed { .. } => 33,
        Event::Planned(_) => 34,
        Event::SmokeTested { .. } => 35,
        Event::Judged { .. } => 36,
        Event::ConfigurationProblem { .. } => 38,
    }
}

#[test]
fn the_samples_have_every_variant() {
    let seen: std::collections::BTreeSet<usize> = one_of_each().iter().map(ordinal).collect();
    assert_eq!(seen, (0..39).collect());
}
