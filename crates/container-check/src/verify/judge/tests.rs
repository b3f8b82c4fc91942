//! When to probe and what it comes to, played with exact times.

use std::time::Duration;

use super::{Decision, HealthCheck, Seen, Watch, longest_watch};

fn check(interval: u32, timeout: u32, healthy: u32, unhealthy: u32) -> HealthCheck {
    HealthCheck {
        interval_seconds: interval,
        timeout_seconds: timeout,
        healthy_threshold: healthy,
        unhealthy_threshold: unhealthy,
        ..HealthCheck::default()
    }
}

/// Plays an application that answers by the time of asking, at once. Gives the decision and when it fell.
fn play(check: &HealthCheck, application: impl Fn(Duration) -> Seen) -> (Decision, Duration, Watch) {
    play_on(check, Duration::ZERO, application)
}

/// The same, watched on for this long once it is healthy.
fn play_on(check: &HealthCheck, stay: Duration, application: impl Fn(Duration) -> Seen) -> (Decision, Duration, Watch) {
    let (mut watch, mut now) = (Watch::new(check, stay), Duration::ZERO);
    loop {
        let slot = watch.next();
        assert!(slot.at >= now, "the next probe is due in the past");
        now = slot.at;
        let _record = watch.take(slot, application(now), now);
        if let Some(decision) = watch.decision() {
            return (decision, now, watch);
        }
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn ready_at_once_is_healthy_at_once() {
    let (decision, at, watch) = play(&check(5, 2, 1, 5), |_| Seen::answered(200));
    assert_eq!((decision, at), (Decision::Healthy, ms(0)));
    assert_eq!(watch.reason(decision), "answered 200, ready after 0.0 s of 25 s");
}

#[test]
fn a_slow_start_passes_as_soon_as_it_listens_and_within_the_thresholds() {
    let ready_at = |ready: u64| move |now| if now >= ms(ready) { Seen::Accepted } else { Seen::Refused };
    let (decision, at, watch) = play(&check(5, 2, 1, 5), ready_at(12_300));
    assert_eq!(decision, Decision::Healthy);
    assert!(at >= ms(12_300) && at < ms(12_600), "{at:?}");
    assert!(watch.reason(decision).starts_with("accepted a connection, ready after 12."));
    // App Runner fails it at the fifth interval's end; a moment before is still in time.
    assert_eq!(play(&check(5, 2, 1, 5), ready_at(24_500)).0, Decision::Healthy);
    assert_eq!(play(&check(5, 2, 1, 5), ready_at(25_500)).0, Decision::Unhealthy);
}

#[test]
fn failures_count_no_faster_than_the_thresholds() {
    for (seen, reason) in [
        (Seen::Refused, "5 probes in a row failed: connection refused"),
        (Seen::answered(404), "5 probes in a row failed: GET / answered 404"),
    ] {
        let (decision, at, watch) = play(&check(5, 2, 1, 5), |_| seen.clone());
        assert_eq!((decision, at), (Decision::Unhealthy, ms(25_000)), "{seen}");
        assert_eq!(watch.reason(decision), reason);
        assert_eq!(watch.into_records().len(), 5);
    }
}

#[test]
fn passes_after_the_first_are_an_interval_apart() {
    let (decision, at, watch) = play(&check(5, 2, 3, 5), |_| Seen::answered(200));
    assert_eq!((decision, at), (Decision::Healthy, ms(10_000)));
    assert_eq!(watch.reason(decision), "3 probes in a row passed (answered 200), ready after 0.0 s of 25 s");
}

#[test]
fn what_was_never_reached_is_not_judged() {
    let limit = Duration::from_secs(2);
    let silent = Seen::TimedOut { connected: false, limit };
    assert_eq!(play(&check(1, 2, 1, 3), |_| silent.clone()).0, Decision::Silent);
    assert_eq!(play(&check(1, 2, 1, 3), |_| Seen::NoRoute).0, Decision::Silent);
    let busy = Seen::TimedOut { connected: true, limit };
    assert_eq!(play(&check(1, 2, 1, 3), |_| busy.clone()).0, Decision::Unhealthy);
}

#[test]
fn flapping_ends_and_within_the_longest_watch() {
    let check = check(1, 1, 2, 2);
    let (decision, at, watch) = play(&check, |now| Seen::answered(if now.as_secs() % 2 == 0 { 200 } else { 500 }));
    assert_eq!(decision, Decision::Flapping);
    assert!(at < longest_watch(&check, Duration::ZERO));
    assert_eq!(watch.reason(decision), "it flaps: in 40 probes never 2 in a row passed nor 2 failed");
}

#[test]
fn an_early_probe_ends_where_the_one_that_counts_is_due() {
    let mut watch = Watch::new(&check(1, 20, 1, 5), Duration::ZERO);
    let first = watch.next();
    assert_eq!((first.at, first.limit, first.counts), (ms(0), ms(1_000), false));
    assert!(watch.take(first, Seen::Refused, ms(1)).is_none());
    let second = watch.next();
    assert_eq!((second.at, second.limit, second.counts), (ms(21), ms(979), false));
    // Something listens now and says no: no more early probes.
    assert!(watch.take(second, Seen::answered(503), ms(300)).is_none());
    let third = watch.next();
    assert_eq!((third.at, third.limit, third.counts), (ms(1_000), Duration::from_secs(20), true));
    // It takes eight seconds: the next is due at once, not eight times.
    assert_eq!(watch.take(third, Seen::answered(503), ms(9_000)).unwrap().number, 1);
    assert_eq!(watch.next().at, ms(9_000));
}

#[test]
fn watched_on_it_is_probed_at_the_interval_and_judged_at_the_end() {
    let stay = |stay: u64, application: &dyn Fn(Duration) -> Seen| {
        let (decision, at, watch) = play_on(&check(5, 2, 1, 3), ms(stay), application);
        (decision, at, watch.reason(decision))
    };
    let well = |_| Seen::answered(200);
    let still = "answered 200, ready after 0.0 s of 15 s, and still healthy 12 s later".to_owned();
    assert_eq!(stay(12_000, &well), (Decision::Healthy, ms(12_000), still));
    assert_eq!(stay(2_500, &well).1, ms(2_500));
    let until = |end: u64| move |now| if now < ms(end) { Seen::answered(200) } else { Seen::answered(500) };
    let relapsed = "after it was healthy, 3 probes in a row failed: GET / answered 500".to_owned();
    assert_eq!(stay(60_000, &until(1)), (Decision::Relapsed, ms(15_000), relapsed.clone()));
    assert_eq!(stay(60_000, &until(11_000)), (Decision::Relapsed, ms(25_000), relapsed));
    // Fewer failures than the threshold by the end, or with a pass between them, are none of App Runner's business.
    assert_eq!(
        stay(14_000, &until(1)),
        (
            Decision::Healthy,
            ms(14_000),
            "answered 200, ready after 0.0 s of 15 s, and still healthy 14 s later".to_owned()
        )
    );
    assert_eq!(stay(15_000, &until(1)).0, Decision::Relapsed);
    let now_and_then = |now: Duration| Seen::answered(if now.as_secs().is_multiple_of(15) { 200 } else { 500 });
    assert_eq!(stay(60_000, &now_and_then).0, Decision::Healthy);
}

#[test]
fn an_early_failure_is_no_start_over() {
    // Two passes are needed. The first is early; a failure between them makes the second pass the first one.
    let (decision, at, watch) = play(&check(5, 2, 2, 5), |now| match now.as_secs() {
        5..10 => Seen::answered(503),
        _ => Seen::answered(200),
    });
    assert_eq!((decision, at, watch.ready_at()), (Decision::Healthy, ms(15_000), Some(ms(10_000))));
}

#[test]
fn nearly_too_slow_is_told_from_slow() {
    let ready =
        |at: u64| play(&check(5, 2, 1, 5), move |now| if now >= ms(at) { Seen::Accepted } else { Seen::Refused }).2;
    assert!(!ready(0).is_near_miss() && !ready(19_500).is_near_miss());
    assert!(ready(20_500).is_near_miss() && ready(24_500).is_near_miss());
    assert!(!ready(26_000).is_near_miss(), "it is not healthy at all");
}
