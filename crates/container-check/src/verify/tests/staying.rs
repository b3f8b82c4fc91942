//! What is seen after the first pass, and after the last failure: staying, flapping, slowness, the end.

use std::time::Duration;

use crate::verify::{
    Finding,
    tests::bench::{Bench, settings, with_bench},
};
use shipgate_core::event::Event;

#[tokio::test]
async fn what_fails_soon_after_it_was_healthy_is_caught_by_staying() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "crash-after:1500")]);
        assert!(bench.verify(&settings).await.unwrap().healthy, "nobody stayed");
        let verification = bench.verify_staying(&settings, Duration::from_secs(30)).await.unwrap();
        assert!(!verification.healthy);
        assert!(verification.reason.ends_with(", after it was healthy"), "{}", verification.reason);
        assert_eq!(verification.finding, Some(Finding::Exited { code: 1 }));
        settings.environment.insert("DEMO_FAIL".to_owned(), shipgate_core::secret::Secret::new("sicken-after:500"));
        settings.health_check.unhealthy_threshold = 2;
        let verification = bench.verify_staying(&settings, Duration::from_secs(30)).await.unwrap();
        assert_eq!(verification.reason, "after it was healthy, 2 probes in a row failed: GET / answered 500");
        assert_eq!(verification.finding.as_ref().map(Finding::name), Some("answers-status"), "{verification:?}");
        settings.environment.remove("DEMO_FAIL");
        let verification = bench.verify_staying(&settings, Duration::from_secs(1)).await.unwrap();
        assert!(verification.healthy && verification.reason.ends_with("still healthy 1 s later"), "{verification:?}");
    })
    .await;
}

#[tokio::test]
async fn a_start_that_is_too_slow_is_told_with_when_it_was_ready() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "slow:2600")]);
        settings.health_check.unhealthy_threshold = 2;
        let verification = bench.verify(&settings).await.unwrap();
        assert!(!verification.healthy, "it is ready too late, and that it is ready changes nothing");
        let told = "2 probes in a row failed: connection refused: it is ready after ";
        assert!(verification.reason.starts_with(told), "{}", verification.reason);
        assert!(verification.reason.ends_with(", and the health check gives up after 2 s"), "{}", verification.reason);
        assert_eq!(verification.ready, None);
        assert!(verification.hint().unwrap().contains("unhealthy_threshold"), "{verification:?}");
        // The verdict does not wait for that.
        let events = bench.events();
        let at = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
        let judged = |event: &Event| matches!(event, Event::Judged { reason, within_ms: 2_000 } if reason == "2 probes in a row failed: connection refused");
        assert!(at(judged) < at(|event| matches!(event, Event::Verified { .. })), "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn an_end_soon_after_the_verdict_is_told() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "exit-after:2600")]);
        settings.health_check.unhealthy_threshold = 2;
        let verification = bench.verify(&settings).await.unwrap();
        assert!(!verification.healthy, "{verification:?}");
        assert_eq!(verification.probes.len(), 2, "the verdict is that of the probes: {verification:?}");
        let told = "2 probes in a row failed: connection refused; then: exited with code 1 after ";
        assert!(verification.reason.starts_with(told), "{}", verification.reason);
        assert_eq!(verification.finding, Some(Finding::Exited { code: 1 }));
        assert_eq!(verification.last_lines.last().map(String::as_str), Some("ending, as told"));
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    with_bench(async |bench: &Bench| {
        for (failure, name) in [("flap", "flaps"), ("not-http", "not-http"), ("answer-after:60000", "answers-too-late")]
        {
            let mut settings = settings(&[("DEMO_FAIL", failure)]);
            settings.health_check.unhealthy_threshold = 2;
            settings.health_check.healthy_threshold = 2;
            let verification = bench.verify(&settings).await.unwrap();
            assert!(!verification.healthy, "{verification:?}");
            assert_eq!(verification.finding.as_ref().map(Finding::name), Some(name), "{verification:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_application_that_ignores_sigterm_is_healthy_and_told_of_after_the_verdict() {
    with_bench(async |bench: &Bench| {
        let verification = bench.verify(&settings(&[("DEMO_FAIL", "ignore-sigterm")])).await.unwrap();
        assert!(verification.healthy, "{verification:?}");
        assert_eq!(verification.finding.as_ref().map(Finding::name), Some("ignores-sigterm"));
        let events = bench.events();
        let verdict = events.iter().position(|event| matches!(event, Event::Verified { healthy: true, .. })).unwrap();
        let told =
            |event: &Event| matches!(event, Event::Warning { message } if message.starts_with("ignores-sigterm: "));
        assert!(events[verdict..].iter().any(told), "{events:?}");
        let verification = bench.verify(&settings(&[])).await.unwrap();
        assert_eq!(verification.finding, None, "the application ends when it is told to");
    })
    .await;
}

#[tokio::test]
async fn a_near_miss_is_a_notice() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "slow:2500")]);
        settings.health_check.unhealthy_threshold = 3;
        let verification = bench.verify(&settings).await.unwrap();
        // A machine under load may be too slow for the pass; whatever passes has nearly not.
        let told = |event: &Event| matches!(event, Event::Notice { message } if message.contains("gives up after 3 s"));
        assert_eq!(bench.events().iter().any(told), verification.healthy, "{verification:?}");
    })
    .await;
}
