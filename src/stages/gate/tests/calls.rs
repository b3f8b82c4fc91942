//! How much is asked over minutes, and how soon the end is seen, on a clock that is wound by hand.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    FAILED, GateEnd, GateRules,
    cloud::{Cloud, deployment, ended, running},
};
use crate::domain::operation::Verdict;

const RULES: GateRules =
    GateRules { timeout: Duration::from_mins(35), unlisted_grace: Duration::from_mins(35), expected: None };

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What App Runner writes over a deployment of six minutes.
const USUAL: [(Duration, &str); 6] = [
    (seconds(1), "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY"),
    (seconds(25), "Successfully pulled your application image from ECR."),
    (seconds(40), "Provisioning instances and deploying image for publicly accessible service."),
    (seconds(170), "Performing health check on protocol `HTTP` [Path: '/'], [Port: '3000']."),
    (seconds(300), "Health check is successful. Routing traffic to application."),
    (seconds(352), "Successfully routed incoming traffic to application."),
];

fn cloud(ends: Duration, status: &str, lines: &[(Duration, &'static str)]) -> Cloud {
    let mut cloud = Cloud::answering([]);
    cloud.course = Some((ends, running(), ended(status)));
    cloud.timeline = lines.to_vec();
    cloud
}

/// Follows, and gives the calls and how late the end was seen.
async fn followed(cloud: &Cloud, rules: &GateRules, ends: Duration) -> (GateEnd, usize, Duration) {
    let begun = Instant::now();
    let end = cloud.follow(rules).await;
    (end, cloud.calls(), begun.elapsed().saturating_sub(ends))
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_six_minutes_takes_at_most_forty_calls_and_its_end_is_seen_within_five_seconds() {
    for ends in [354, 357, 360, 363, 366].map(seconds) {
        let (end, calls, late) = followed(&cloud(ends, "SUCCEEDED", &USUAL), &RULES, ends).await;
        assert!(matches!(end, GateEnd::Verdict { verdict: Verdict::Deployed, .. }), "{end:?}");
        assert!(calls <= 40 && late <= seconds(5), "{ends:?}: {calls} calls, seen {late:?} late");
    }
}

#[tokio::test(start_paused = true)]
async fn logs_that_are_closed_to_us_are_asked_once_and_history_tells_in_their_place() {
    for expected in [None, Some(seconds(340))] {
        let ends = seconds(360);
        let cloud = cloud(ends, "SUCCEEDED", &[]);
        cloud.deny(&deployment());
        let (_, calls, late) = followed(&cloud, &GateRules { expected, ..RULES }, ends).await;
        assert!(calls <= 40 && late <= seconds(5), "{expected:?}: {calls} calls, seen {late:?} late");
    }
}

#[tokio::test(start_paused = true)]
async fn every_line_is_told_although_few_pages_are_read() {
    let ends = seconds(360);
    let cloud = cloud(ends, "SUCCEEDED", &USUAL);
    cloud.follow(&RULES).await;
    assert_eq!(cloud.log_lines().len(), USUAL.len(), "{:#?}", cloud.log_lines());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_announced_is_seen_soon_and_with_its_reason() {
    let ends = seconds(200);
    let lines = [USUAL[0], USUAL[1], USUAL[2], USUAL[3], (seconds(190), FAILED)];
    let (end, _, late) = followed(&cloud(ends, "FAILED", &lines), &RULES, ends).await;
    // The look that sees it, and then the search for the application's lines.
    assert!(late <= seconds(60), "{late:?}");
    let GateEnd::Verdict { verdict: Verdict::Failed, reason, .. } = end else { panic!("{end:?}") };
    assert_eq!(reason.as_deref(), Some("Health check failed"));
}
