//! The gate on a target and logs that are made up, with a clock that is wound by hand.

mod cloud;
mod timeline;

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::cloud::{Cloud, EVENTS, NEW, OLD, OPERATION, deployment, ended, fault, running};
use super::{Decision, GateEnd, GateRules, LAST_LOOK, Sight, decide};
use shipgate_core::{
    operation::{OperationStatus, Verdict},
    secret::Secret,
};

const EXIT: &str = "Your application stopped or failed to start. See logs for more information. Container exit code: 1";
const FAILED: &str =
    "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf failed. Failure reason : Health check failed.";

const RULES: GateRules = GateRules { timeout: Duration::from_mins(1), unlisted_grace: Duration::from_secs(30) };

#[test]
fn every_status_has_its_decision() {
    let table = [
        ("PENDING", Decision::GoOn),
        ("IN_PROGRESS", Decision::GoOn),
        ("ROLLBACK_IN_PROGRESS", Decision::GoOn),
        ("SOMETHING_NEW", Decision::GoOn),
        ("SUCCEEDED", Decision::Done(Verdict::Deployed)),
        ("FAILED", Decision::Done(Verdict::Failed)),
        ("ROLLBACK_FAILED", Decision::Done(Verdict::RollbackFailed)),
        ("ROLLBACK_SUCCEEDED", Decision::Done(Verdict::RolledBack)),
    ];
    for (word, decision) in table {
        let status = OperationStatus::from(word.to_owned());
        let sight = Sight::Listed(&status);
        assert_eq!(decide(sight, Duration::from_secs(1), &RULES), decision, "{word}");
        let still_deciding = if matches!(decision, Decision::Done(_)) { decision } else { Decision::GiveUp };
        assert_eq!(decide(sight, RULES.timeout, &RULES), still_deciding, "{word} at the deadline");
    }
}

#[test]
fn only_an_operation_that_was_never_seen_loses_its_grace() {
    let table = [
        (Sight::Unlisted { before: false }, 29, false),
        (Sight::Unlisted { before: false }, 30, true),
        (Sight::Unlisted { before: true }, 30, false),
        (Sight::Nothing, 30, false),
    ];
    for (sight, seconds, gives_up) in table {
        let decision = decide(sight, Duration::from_secs(seconds), &RULES);
        assert_eq!(decision == Decision::NeverListed, gives_up, "{sight:?} after {seconds} s");
    }
}

/// Review finding 9.
#[tokio::test(start_paused = true)]
async fn an_operation_that_does_not_exist_is_waited_for_as_long_as_its_grace() {
    let begun = Instant::now();
    assert!(matches!(Cloud::answering([Ok(None)]).follow(&RULES).await, GateEnd::NeverListed));
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    let patient = GateRules { unlisted_grace: RULES.timeout, ..RULES };
    let end = Cloud::answering([Ok(None)]).follow(&patient).await;
    assert!(matches!(end, GateEnd::TimedOut { last: None }), "{end:?}");
}

/// Review finding 9.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_gone_ends_the_wait() {
    let gone = || Err(fault("ResourceNotFoundException"));
    let begun = Instant::now();
    let end = Cloud::answering([Ok(Some(running())), gone()]).follow(&RULES).await;
    assert!(matches!(&end, GateEnd::Lost(error) if error.is_not_found()), "{end:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // Not known yet is not gone: it was created just now.
    let end = Cloud::answering([gone(), gone(), Ok(Some(ended("SUCCEEDED")))]).follow(&RULES).await;
    assert!(matches!(end, GateEnd::Verdict { verdict: Verdict::Deployed, .. }), "{end:?}");
}

/// Review finding 9.
#[tokio::test(start_paused = true)]
async fn an_unchanged_fault_is_told_once() {
    let throttled = || Err(fault("ThrottlingException"));
    let cloud = Cloud::answering([throttled(), throttled(), throttled(), Err(fault("InternalServiceErrorException"))]);
    let end = cloud.follow(&RULES).await;
    assert!(matches!(end, GateEnd::TimedOut { last: None }), "{end:?}");
    assert_eq!(cloud.warnings().len(), 2, "{:#?}", cloud.warnings());
}

/// A session that ended, or a permission that is not known everywhere yet, refuses some looks.
#[tokio::test(start_paused = true)]
async fn only_a_lasting_refusal_ends_the_gate() {
    for code in ["AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException"] {
        let denied = || Err(fault(code));
        let answers = [Ok(Some(running())), denied(), denied(), Ok(Some(ended("SUCCEEDED")))];
        let end = Cloud::answering(answers).follow(&RULES).await;
        assert!(matches!(end, GateEnd::Verdict { verdict: Verdict::Deployed, .. }), "{code}: {end:?}");
        let begun = Instant::now();
        let rules = GateRules { timeout: Duration::from_mins(10), ..RULES };
        let end = Cloud::answering([Ok(Some(running())), denied()]).follow(&rules).await;
        assert!(matches!(&end, GateEnd::Denied(error) if error.is_denied()), "{code}: {end:?}");
        assert!((60..120).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        let soon = GateRules { timeout: Duration::from_secs(5), ..RULES };
        let end = Cloud::answering([denied()]).follow(&soon).await;
        assert!(matches!(end, GateEnd::Denied(_)), "refused until the deadline: {end:?}");
    }
}

/// Review finding 4.
#[tokio::test(start_paused = true)]
async fn logs_that_hang_hold_up_neither_cancellation_nor_deadline() {
    let mut cloud = Cloud::answering([Ok(Some(running()))]);
    cloud.hangs = true;
    let begun = Instant::now();
    let end = cloud.follow(&RULES).await;
    assert!(matches!(end, GateEnd::TimedOut { last: Some(OperationStatus::InProgress) }), "{end:?}");
    assert!(begun.elapsed() <= RULES.timeout + LAST_LOOK, "{:?}", begun.elapsed());

    let (cancel, begun) = (CancellationToken::new(), Instant::now());
    let (end, ()) = tokio::join!(cloud.follow_unless(&RULES, &cancel), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.cancel();
    });
    assert!(matches!(end, GateEnd::Cancelled), "{end:?}");
    assert_eq!(begun.elapsed().as_secs(), 2);
}

/// Review finding 4.
#[tokio::test(start_paused = true)]
async fn a_verdict_is_told_though_the_logs_hang_or_the_search_is_cancelled() {
    let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    cloud.hangs = true;
    let begun = Instant::now();
    let end = cloud.follow(&RULES).await;
    assert_eq!(evidence(end), (None, Vec::new()));
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());

    let cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    let (cancel, begun) = (CancellationToken::new(), Instant::now());
    let (end, ()) = tokio::join!(cloud.follow_unless(&RULES, &cancel), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
    });
    assert!(matches!(end, GateEnd::Verdict { verdict: Verdict::RolledBack, .. }), "{end:?}");
    assert_eq!(begun.elapsed().as_secs(), 5);
}

/// Review finding 8.
#[tokio::test(start_paused = true)]
async fn a_stream_that_cannot_be_read_costs_the_other_no_line() {
    for (closed, open) in [(EVENTS.to_owned(), deployment()), (deployment(), EVENTS.to_owned())] {
        let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
        cloud.write(&open, 1_010, FAILED);
        cloud.write(&open, 1_011, EXIT);
        cloud.refuse(&closed, usize::MAX);
        let (reason, _) = evidence(cloud.follow(&RULES).await);
        assert_eq!(reason.as_deref(), Some(EXIT), "{closed} is closed");
        assert_eq!(cloud.warnings().len(), 1, "{:#?}", cloud.warnings());
    }
}

/// Review finding 8.
#[tokio::test(start_paused = true)]
async fn pages_before_one_that_fails_are_kept_and_none_is_told_twice() {
    let mut cloud = Cloud::answering([Ok(Some(running())), Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    let lines = [EXIT, "two", "three", "four", "five"];
    for line in lines {
        cloud.write(&deployment(), 1_010, line);
    }
    cloud.refuse_later_pages(&deployment(), usize::MAX);
    let (reason, _) = evidence(cloud.follow(&RULES).await);
    assert_eq!(reason.as_deref(), Some(EXIT));

    let mut cloud = Cloud::answering([Ok(Some(running())), Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    for line in lines {
        cloud.write(&deployment(), 1_010, line);
    }
    cloud.refuse_later_pages(&deployment(), 1);
    cloud.follow(&RULES).await;
    assert_eq!(cloud.log_lines(), lines);
}

/// Review finding 8.
#[tokio::test(start_paused = true)]
async fn lines_that_lag_behind_the_verdict_are_waited_for() {
    let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    cloud.lag = Duration::from_secs(10);
    cloud.write(&deployment(), 1_010, EXIT);
    cloud.write(NEW, 1_009, "cannot reach the database");
    let (reason, last_lines) = evidence(cloud.follow(&RULES).await);
    assert_eq!(reason.as_deref(), Some(EXIT));
    assert_eq!(last_lines, ["cannot reach the database"]);

    let begun = Instant::now();
    let silent = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    assert_eq!(evidence(silent.follow(&RULES).await), (None, Vec::new()));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// Review finding 7: the operation ran from 1000 to 1100.
#[tokio::test(start_paused = true)]
async fn nothing_another_version_wrote_is_quoted() {
    let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    let other = "27fe9f557e914097b243fcabbb69a4cf";
    cloud.write(EVENTS, 10, &format!("Deployment with ID : {other} failed. Failure reason : {EXIT}"));
    cloud.write(EVENTS, 1_000, &format!("Deployment with ID : {OPERATION} started. Triggering event : SERVICE_DEPLOY"));
    cloud.write(EVENTS, 1_090, "Health check failed on protocol `TCP` [Port: '8080'].");
    cloud.write(EVENTS, 1_102, &format!("Deployment with ID : {other} started. Triggering event : SERVICE_DEPLOY"));
    cloud.write(EVENTS, 1_150, EXIT);
    cloud.write(OLD, 100, "listening");
    cloud.write(NEW, 1_010, "cannot reach the database");
    cloud.write("instance/later", 1_150, "another version crashes");
    cloud.write(OLD, 2_000, "GET / 200");
    let (reason, last_lines) = evidence(cloud.follow(&RULES).await);
    assert_eq!(reason.as_deref(), Some("Health check failed on protocol `TCP` [Port: '8080']"));
    assert_eq!(last_lines, ["cannot reach the database"]);
    assert!(!cloud.log_lines().iter().any(|line| line.contains(other) || line == EXIT), "{:#?}", cloud.log_lines());
}

/// Review finding 7.
#[tokio::test(start_paused = true)]
async fn without_the_operations_time_no_application_line_is_shown() {
    let mut unknown = ended("ROLLBACK_SUCCEEDED");
    (unknown.started_at, unknown.ended_at) = (None, None);
    let mut cloud = Cloud::answering([Ok(Some(unknown))]);
    cloud.write(OLD, 100, "GET / 200");
    cloud.write(&deployment(), 1_010, EXIT);
    assert_eq!(evidence(cloud.follow(&RULES).await), (Some(EXIT.to_owned()), Vec::new()));
}

/// Review finding 16.
#[tokio::test(start_paused = true)]
async fn values_are_masked_in_every_line() {
    let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    cloud.environment = vec![("DB_URL".to_owned(), Secret::new("postgres://u:hunter2@db/shop"))];
    cloud.write(&deployment(), 1_010, "Failed to pull postgres://u:hunter2@db/shop");
    cloud.write(NEW, 1_010, "DB_URL=postgres://u:hunter2@db/shop");
    let (reason, last_lines) = evidence(cloud.follow(&RULES).await);
    assert_eq!((reason.as_deref(), last_lines.as_slice()), (Some("Failed to pull …"), &["DB_URL=…".to_owned()][..]));
    assert_eq!(cloud.log_lines(), ["Failed to pull …", "DB_URL=…"]);
}

fn evidence(end: GateEnd) -> (Option<String>, Vec<String>) {
    let GateEnd::Verdict { verdict: Verdict::RolledBack, evidence: Some(evidence) } = end else { panic!("{end:?}") };
    (evidence.found.said, evidence.last_lines)
}

/// A service that has been deployed often has many streams, and the list of them is late: the newest is missing, or has no time.
#[tokio::test(start_paused = true)]
async fn last_lines_are_found_among_many_streams() {
    let clouds: [fn(&mut Cloud); 4] = [
        |_| {},
        |cloud| cloud.listed = 3,
        |cloud| cloud.listed_without_times = true,
        |cloud| (cloud.listed, cloud.listed_without_times) = (0, true),
    ];
    for (case, change) in clouds.into_iter().enumerate() {
        let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
        for second in 0..70 {
            cloud.write(&format!("instance/a{second:02}"), 100 + second, "old and gone");
        }
        // The old version goes on writing: it wrote before the operation, and last of all.
        for second in [900, 1_010, 1_095] {
            cloud.write(OLD, second, "old and serving");
        }
        cloud.write(NEW, 1_020, "starting");
        cloud.write(NEW, 1_030, "cannot connect to the database");
        change(&mut cloud);
        let (_, lines) = evidence(cloud.follow(&RULES).await);
        assert_eq!(lines, ["starting", "cannot connect to the database"], "case {case}");
    }
}

#[tokio::test(start_paused = true)]
async fn old_version_is_never_quoted_and_a_denied_search_is_no_fault() {
    let mut cloud = Cloud::answering([Ok(Some(ended("ROLLBACK_SUCCEEDED")))]);
    for second in [900, 1_010] {
        cloud.write(OLD, second, "old and serving");
    }
    cloud.listed_without_times = true;
    assert_eq!(evidence(cloud.follow(&RULES).await).1, [""; 0]);
    cloud.write(NEW, 1_020, "starting");
    cloud.search_is_denied = true;
    assert_eq!(evidence(cloud.follow(&RULES).await).1, [""; 0]);
    assert!(cloud.warnings().is_empty(), "{:?}", cloud.warnings());
}
