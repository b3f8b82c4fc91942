//! The one mapping from failures to exit codes, frozen; and what each says the world looks like.

use super::{Failure, Returned, Signal};
use crate::{
    pipeline::progress::{MovedTag, Progress},
    stages::{attempt::Moved, prepare::PrepareError, release::ReleaseError},
    target::{Started, TargetError},
};
use shipgate_aws::{fault::AwsFault, identity::IdentityError};
use shipgate_core::{
    arn::ServiceArn,
    digest::Digest,
    event::Stage,
    exit_code::ExitCode,
    health::{HealthCheck, Protocol},
    operation::{OperationId, OperationStatus, Verdict},
    reason::{self, Cause, Evidence, Finding, Output, Probing, Reason, Serving},
    smoke::Answer,
};

fn fault(code: Option<&str>, message: &str) -> AwsFault {
    AwsFault {
        action: "apprunner:StartDeployment",
        code: code.map(str::to_owned),
        message: message.to_owned(),
        connection: None,
    }
}

fn refused(code: &str, message: &str) -> Failure {
    Failure::Release(ReleaseError::Refused(TargetError::Call(fault(Some(code), message))))
}

fn deployment(verdict: Verdict, create_failed: bool) -> Failure {
    let found = Finding { cause: Cause::Unknown, said: None, exit_code: None };
    let evidence = Evidence { found, output: Output::Unknown, last_lines: Vec::new() };
    Failure::Deployment { verdict, create_failed, reason: Box::new(Reason::of(evidence, None, None)) }
}

fn taken(deployed: bool) -> Failure {
    Failure::TagTaken { tag: "shop-api".to_owned(), wanted: Digest::of(b"ours"), found: None, deployed }
}

fn moved_tag() -> MovedTag {
    MovedTag { tag: "shop-api".to_owned(), moved: Moved { at: jiff::Timestamp::now(), from: None } }
}

fn aws(code: Option<&str>) -> Failure {
    Failure::Aws { doing: "cannot log in".to_owned(), source: fault(code, "no") }
}

fn smoke(returned: Option<Returned>) -> Failure {
    Failure::SmokeTest { url: "https://shop.example.com/".to_owned(), last: Answer::Status(500), returned }
}

fn busy() -> PrepareError {
    PrepareError::StillBusy { what: "operation 1".to_owned(), waited: std::time::Duration::from_secs(1) }
}

/// The failures that can be told apart by their exit code or their words, and what they must end with.
fn table() -> Vec<(Failure, ExitCode, &'static str)> {
    let not_running = "Can't start a deployment on the specified service, because it isn't in RUNNING state.";
    let other_account = IdentityError::OtherAccount {
        purpose: "prod".to_owned(),
        expected: "222222222222".parse().unwrap(),
        actual: "333333333333".to_owned(),
        arn: "arn".to_owned(),
    };
    let unhealthy = Failure::Unhealthy { reason: "it ended".to_owned(), hint: None };
    let lost = || TargetError::Call(fault(None, "no answer"));
    let untouched = "nothing was changed";
    vec![
        (Failure::Identity(vec![other_account]), ExitCode::Identity, untouched),
        (aws(Some("AccessDeniedException")), ExitCode::Identity, untouched),
        (aws(None), ExitCode::Preflight, untouched),
        (Failure::NoService { service: "shop-api".to_owned() }, ExitCode::Preflight, untouched),
        (Failure::NoOperation { operation: OperationId::new("1") }, ExitCode::Preflight, untouched),
        (
            Failure::NothingBefore { service: "shop-api".to_owned(), known: "none".to_owned() },
            ExitCode::Preflight,
            untouched,
        ),
        (smoke(None), ExitCode::SmokeTest, "the new version serves"),
        (smoke(Some(Returned::To(Digest::of(b"old")))), ExitCode::SmokeTest, "serves again, the version before"),
        (smoke(Some(Returned::Not("no".to_owned()))), ExitCode::SmokeTest, "could not be deployed again"),
        (smoke(Some(Returned::Unclear("no".to_owned()))), ExitCode::SmokeTest, "what serves now is not known"),
        (unhealthy, ExitCode::Unhealthy, "no tag was moved and nothing was deployed"),
        (Failure::NoEngine("none".to_owned()), ExitCode::Unverifiable, "no tag was moved and nothing was deployed"),
        (Failure::Changed("paused".to_owned()), ExitCode::Busy, "no tag was moved and nothing was deployed"),
        (
            Failure::Overtaken { digest: Digest::of(b"theirs"), operation: OperationId::new("1") },
            ExitCode::Busy,
            "the other run's image",
        ),
        (Failure::Release(ReleaseError::Busy(lost())), ExitCode::Busy, "nothing was deployed"),
        (Failure::Release(ReleaseError::NotTaken(lost())), ExitCode::DeploymentFailed, "nothing was deployed"),
        (Failure::GateDenied(lost()), ExitCode::Identity, "still runs"),
        (taken(false), ExitCode::Busy, "nothing was deployed"),
        (taken(true), ExitCode::DeploymentFailed, "may have deployed the other image"),
        (refused("InvalidRequestException", not_running), ExitCode::Busy, "nothing was deployed"),
        (refused("InvalidStateException", "paused"), ExitCode::Busy, "nothing was deployed"),
        (refused("AccessDeniedException", "no"), ExitCode::Identity, "nothing was deployed"),
        (refused("InvalidRequestException", "Error in assuming access role x"), ExitCode::Identity, "nothing"),
        (refused("InvalidRequestException", "else"), ExitCode::DeploymentFailed, "nothing was deployed"),
        (Failure::Release(ReleaseError::Unknown(lost())), ExitCode::DeploymentFailed, "may be running"),
        (Failure::Release(ReleaseError::NoPush), ExitCode::DeploymentFailed, "may be running"),
        (Failure::Release(ReleaseError::Nothing { order: "x" }), ExitCode::DeploymentFailed, "nothing was deployed"),
        (Failure::Prepare(busy()), ExitCode::Busy, "no tag was moved and nothing was deployed"),
        (Failure::Prepare(PrepareError::Unseen(lost())), ExitCode::GateTimeout, "no tag was moved"),
        (deployment(Verdict::RolledBack, false), ExitCode::RolledBack, "the old version serves"),
        (deployment(Verdict::Failed, true), ExitCode::DeploymentFailed, "CREATE_FAILED"),
        (deployment(Verdict::Failed, false), ExitCode::DeploymentFailed, "not known"),
        (deployment(Verdict::RollbackFailed, false), ExitCode::DeploymentFailed, "not known"),
        (Failure::GateTimeout { last: None }, ExitCode::GateTimeout, "never listed"),
        (Failure::GateTimeout { last: Some(OperationStatus::Pending) }, ExitCode::GateTimeout, "still runs"),
        (Failure::GateLost(lost()), ExitCode::GateTimeout, "still runs"),
        (cancelled(Signal::Interrupt), ExitCode::Interrupted, "nothing was deployed"),
        (cancelled(Signal::Terminate), ExitCode::Terminated, "nothing was deployed"),
    ]
}

fn cancelled(signal: Signal) -> Failure {
    Failure::Cancelled { signal, stage: Stage::Copy }
}

#[test]
fn every_failure_has_its_exit_code_and_its_world() {
    for (failure, code, world) in table() {
        assert_eq!(failure.exit_code(), code, "{failure}");
        let said = failure.world(&Progress::default());
        assert!(said.contains(world), "{failure}: {said}");
    }
}

#[test]
fn a_tag_that_was_moved_is_told_whatever_failed() {
    let progress = Progress::default();
    progress.tag_moved(moved_tag());
    let after_promote = |code| !matches!(code, ExitCode::Unhealthy | ExitCode::Unverifiable | ExitCode::Preflight);
    for (failure, code, _) in table().into_iter().filter(|(_, code, _)| after_promote(*code)) {
        assert!(failure.world(&progress).contains("; tag shop-api "), "{code:?} {failure}");
    }
    progress.tag_restored();
    assert!(!cancelled(Signal::Interrupt).world(&progress).contains("tag"));
}

#[test]
fn a_run_that_is_stopped_names_the_operation_and_the_way_back() {
    let progress = Progress::default();
    let service: ServiceArn = "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123".parse().unwrap();
    progress.is_led_to_by(" --service shop-api".to_owned());
    progress.deployment_started(&Started { service, operation: OperationId::new("17fe9f55") });
    for failure in [cancelled(Signal::Terminate), Failure::GateTimeout { last: None }] {
        let hint = failure.hint(&progress).unwrap();
        assert!(hint.ends_with("shipgate wait 17fe9f55 --service shop-api"), "{hint}");
    }
    assert!(cancelled(Signal::Terminate).world(&progress).contains("operation 17fe9f55 goes on"));
}

#[test]
fn what_a_failed_first_deployment_leaves_has_one_command_that_mends_it() {
    let hint = deployment(Verdict::Failed, true).hint(&Progress::default()).unwrap();
    assert!(hint.contains("run the same command again: it rebuilds the service in place"), "{hint}");
}

#[test]
fn a_push_whose_deployment_nobody_has_seen_is_told_of() {
    let progress = Progress::default();
    progress.push_deploys();
    assert!(cancelled(Signal::Interrupt).world(&progress).contains("nothing was deployed"), "the tag has not moved");
    progress.tag_moved(moved_tag());
    assert!(cancelled(Signal::Interrupt).world(&progress).contains("may be running"));
}

/// Every way a deployment can end, as its user reads it: exit code, where things are, why, and what to do.
#[test]
fn every_end_is_told() {
    let progress = Progress::default();
    let service: ServiceArn = "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123".parse().unwrap();
    progress.is_led_to_by(" --service shop-api".to_owned());
    progress.deployment_started(&Started { service, operation: OperationId::new("17fe9f55") });
    let told: Vec<String> = ends().iter().map(|(name, failure)| told(name, failure, &progress)).collect();
    insta::assert_snapshot!(told.join("\n"));
}

fn ends() -> Vec<(&'static str, Failure)> {
    let gone = fault(Some("ResourceNotFoundException"), "there is no such service");
    let timed_out = |word: &str| Failure::GateTimeout { last: Some(OperationStatus::from(word.to_owned())) };
    let health = &["Deployment with ID : 17fe9f55 failed. Failure reason : Health check failed."][..];
    let exit = &["Your application stopped or failed to start.  Container exit code: 1"][..];
    let pull = &[
        "Failed to pull your application image.",
        "Rollback started",
        "Invalid Access Role in AuthenticationConfiguration",
    ][..];
    vec![
        ("ROLLBACK_SUCCEEDED, the container ended", failed(Verdict::RolledBack, false, exit, &["no DATABASE_URL"])),
        ("ROLLBACK_SUCCEEDED, unhealthy", failed(Verdict::RolledBack, false, health, &["listening on 3000"])),
        ("ROLLBACK_SUCCEEDED, not pulled", failed(Verdict::RolledBack, false, pull, &[])),
        ("ROLLBACK_FAILED", failed(Verdict::RollbackFailed, false, health, &[])),
        ("FAILED", failed(Verdict::Failed, false, &[], &[])),
        ("FAILED, CREATE_FAILED", failed(Verdict::Failed, true, exit, &[])),
        ("a word nobody knows until the deadline", timed_out("WARMING_UP")),
        ("IN_PROGRESS until the deadline", timed_out("IN_PROGRESS")),
        ("never listed until the deadline", Failure::GateTimeout { last: None }),
        ("never listed", Failure::NoOperation { operation: OperationId::new("17fe9f55") }),
        ("lost", Failure::GateLost(TargetError::Call(fault(None, "no answer")))),
        ("lost, and gone", Failure::GateLost(TargetError::Call(gone))),
        ("overtaken", Failure::Overtaken { digest: Digest::of(b"theirs"), operation: OperationId::new("22aa") }),
        ("denied", Failure::GateDenied(TargetError::Call(fault(Some("AccessDeniedException"), "not allowed")))),
        ("cancelled", Failure::Cancelled { signal: Signal::Terminate, stage: Stage::Gate }),
    ]
}

fn failed(verdict: Verdict, create_failed: bool, lines: &[&str], last_lines: &[&str]) -> Failure {
    let output = if last_lines.is_empty() { Output::NeverCreated } else { Output::Written };
    let last_lines = last_lines.iter().map(|&line| line.to_owned()).collect();
    let evidence = Evidence { found: reason::find(lines.iter().copied()), output, last_lines };
    let check = HealthCheck { protocol: Protocol::Http, path: "/health".to_owned(), ..HealthCheck::default() };
    let url = Some("https://abc.ap-northeast-1.awsapprunner.com".to_owned());
    let serving = Serving { digest: Some(Digest::of(b"before")), url };
    let serving = (verdict == Verdict::RolledBack).then_some(serving);
    let reason = Box::new(Reason::of(evidence, Some(Probing { port: 8080, health_check: check }), serving));
    Failure::Deployment { verdict, create_failed, reason }
}

fn told(name: &str, failure: &Failure, progress: &Progress) -> String {
    let head =
        [format!("{name}: exit code {}", failure.exit_code().number()), format!("  {}", failure.world(progress))];
    let causes = failure.causes().into_iter().map(|cause| format!("  because: {cause}"));
    let hint = failure.hint(progress).unwrap_or_default();
    let hints = hint.lines().map(|hint| format!("  hint: {hint}"));
    let details = failure.reason().map(Reason::details).unwrap_or_default();
    let details = details.iter().map(|detail| format!("  - {detail}"));
    let lines: Vec<String> = head.into_iter().chain(causes).chain(hints).chain(details).collect();
    lines.join("\n") + "\n"
}

#[test]
fn a_run_that_is_stopped_on_its_way_back_does_not_say_that_nothing_was_deployed() {
    let progress = Progress::default();
    progress.tag_moved(moved_tag());
    progress.deployment_succeeded();
    let stopped = |progress: &Progress| cancelled(Signal::Interrupt).world(progress);
    assert_eq!(stopped(&progress), "the new version serves; tag shop-api points at the new image");
    progress.goes_back();
    assert_eq!(stopped(&progress), "the new version serves");
    progress.tag_moved(moved_tag());
    assert_eq!(stopped(&progress), "the new version serves; tag shop-api points at the version before");
}
