//! When to probe, what counts, and what it comes to: pure decisions on the time since the container started.
//!
//! App Runner probes every interval. Here the application is also probed at once, and again and again until it first
//! listens; such an early probe can only pass. A failure counts at the end of an interval and no sooner, so that a
//! slow start is given all the time that App Runner's thresholds give it.

use std::time::Duration;

use super::probe::Seen;
use crate::domain::health::{HealthCheck, Judgement, Tally};

/// From the end of one early probe to the next.
const EARLY_PAUSE: Duration = Duration::from_millis(200);

/// How many times the thresholds' probes an application may flap before it is called unhealthy for that.
const FLAP_FACTOR: u32 = 10;

/// A probe to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    /// When, since the container started.
    pub(super) at: Duration,
    /// How long it may take.
    pub(super) limit: Duration,
    /// Whether a failure counts.
    pub(super) counts: bool,
}

/// What the probes came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Enough passed in a row.
    Healthy,
    /// Enough failed in a row.
    Unhealthy,
    /// Enough failed in a row, and none of all ever reached the container: nothing is known of the application.
    Silent,
    /// Neither, for far too long.
    Flapping,
}

/// A probe that counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeRecord {
    /// From 1.
    pub number: u32,
    /// What was seen.
    pub seen: Seen,
    /// When it was known, since the container started.
    pub at: Duration,
}

/// The probes so far.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    check: HealthCheck,
    tally: Tally,
    judgement: Option<Judgement>,
    records: Vec<ProbeRecord>,
    reached: bool,
    /// Whether nothing but refusals was seen: the application does not listen yet.
    early: bool,
    early_at: Duration,
    due: Duration,
}

impl Watch {
    pub(super) fn new(check: &HealthCheck) -> Self {
        Self {
            check: check.clone(),
            tally: Tally::new(check),
            judgement: None,
            records: Vec::new(),
            reached: false,
            early: true,
            early_at: Duration::ZERO,
            due: check.interval(),
        }
    }

    /// The next probe to make. An early one ends where the one that counts is due.
    pub(super) fn next(&self) -> Slot {
        if self.early && self.early_at < self.due {
            let limit = self.check.timeout().min(self.due.saturating_sub(self.early_at));
            Slot { at: self.early_at, limit, counts: false }
        } else {
            Slot { at: self.due, limit: self.check.timeout(), counts: true }
        }
    }

    /// Takes what a probe saw, and the time it was seen. Gives the record if the probe counted.
    pub(super) fn take(&mut self, slot: Slot, seen: Seen, now: Duration) -> Option<&ProbeRecord> {
        self.reached |= seen.reached();
        self.early &= seen == Seen::Refused;
        self.early_at = now + EARLY_PAUSE;
        let passed = seen.passes();
        if !passed && !slot.counts {
            return None;
        }
        // After a slow probe the next is due at once, and the missed ones are not made up for.
        self.due = (slot.at + self.check.interval()).max(now);
        self.judgement = self.tally.count(passed);
        let number = u32::try_from(self.records.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.records.push(ProbeRecord { number, seen, at: now });
        self.records.last()
    }

    /// What the probes have come to, if they have.
    pub(super) fn decision(&self) -> Option<Decision> {
        match self.judgement {
            Some(Judgement::Healthy) => Some(Decision::Healthy),
            Some(Judgement::Unhealthy) if self.reached => Some(Decision::Unhealthy),
            Some(Judgement::Unhealthy) => Some(Decision::Silent),
            None if self.records.len() >= most_probes(&self.check) as usize => Some(Decision::Flapping),
            None => None,
        }
    }

    /// One line on why, for a decision that was reached.
    pub(super) fn reason(&self, decision: Decision) -> String {
        let Some(last) = self.records.last() else { return "no probe was made".to_owned() };
        let check = &self.check;
        match decision {
            Decision::Healthy if check.healthy_threshold > 1 => format!(
                "{} probes in a row passed ({}), the last after {}",
                check.healthy_threshold,
                last.seen,
                seconds(last.at)
            ),
            Decision::Healthy if last.number == 1 => {
                format!("{} on the first probe after {}", last.seen, seconds(last.at))
            }
            Decision::Healthy => format!("{} on probe {} after {}", last.seen, last.number, seconds(last.at)),
            Decision::Unhealthy | Decision::Silent if check.unhealthy_threshold > 1 => {
                format!("{} probes in a row failed: {}", check.unhealthy_threshold, last.seen)
            }
            Decision::Unhealthy | Decision::Silent => format!("a probe failed: {}", last.seen),
            Decision::Flapping => format!(
                "it flaps: in {} probes never {} in a row passed nor {} failed",
                last.number, check.healthy_threshold, check.unhealthy_threshold
            ),
        }
    }

    pub(super) fn into_records(self) -> Vec<ProbeRecord> {
        self.records
    }
}

/// How many probes are made at most.
fn most_probes(check: &HealthCheck) -> u32 {
    FLAP_FACTOR * (check.healthy_threshold.max(1) + check.unhealthy_threshold.max(1))
}

/// The longest a watch can take.
pub(super) fn longest_watch(check: &HealthCheck) -> Duration {
    (check.interval() + check.timeout()) * most_probes(check)
}

/// How a container that ended by itself is told of.
pub(super) fn exit_reason(exit_code: i64, out_of_memory: bool, memory_mib: u32, after: Duration) -> String {
    let after = seconds(after);
    if out_of_memory {
        return format!("out of memory: killed at its limit of {memory_mib} MiB after {after}");
    }
    match signal_name(exit_code) {
        Some(signal) => format!("exited with code {exit_code} ({signal}) after {after}"),
        None => format!("exited with code {exit_code} after {after}"),
    }
}

/// The signal in an exit code above 128 (signal(7), the numbers of x86).
fn signal_name(exit_code: i64) -> Option<&'static str> {
    Some(match exit_code - 128 {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => return None,
    })
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Decision, HealthCheck, Seen, Watch, exit_reason, longest_watch};

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
        let (mut watch, mut now) = (Watch::new(check), Duration::ZERO);
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
        let (decision, at, watch) = play(&check(5, 2, 1, 5), |_| Seen::Status(200));
        assert_eq!((decision, at), (Decision::Healthy, ms(0)));
        assert_eq!(watch.reason(decision), "answered 200 on the first probe after 0.0 s");
    }

    #[test]
    fn a_slow_start_passes_as_soon_as_it_listens_and_within_the_thresholds() {
        let ready_at = |ready: u64| move |now| if now >= ms(ready) { Seen::Accepted } else { Seen::Refused };
        let (decision, at, watch) = play(&check(5, 2, 1, 5), ready_at(12_300));
        assert_eq!(decision, Decision::Healthy);
        assert!(at >= ms(12_300) && at < ms(12_600), "{at:?}");
        assert!(watch.reason(decision).starts_with("accepted a connection on probe 3 after 12."));
        // App Runner fails it at the fifth interval's end; a moment before is still in time.
        assert_eq!(play(&check(5, 2, 1, 5), ready_at(24_500)).0, Decision::Healthy);
        assert_eq!(play(&check(5, 2, 1, 5), ready_at(25_500)).0, Decision::Unhealthy);
    }

    #[test]
    fn failures_count_no_faster_than_the_thresholds() {
        for (seen, reason) in [
            (Seen::Refused, "5 probes in a row failed: connection refused"),
            (Seen::Status(404), "5 probes in a row failed: answered 404"),
        ] {
            let (decision, at, watch) = play(&check(5, 2, 1, 5), |_| seen.clone());
            assert_eq!((decision, at), (Decision::Unhealthy, ms(25_000)), "{seen}");
            assert_eq!(watch.reason(decision), reason);
            assert_eq!(watch.into_records().len(), 5);
        }
    }

    #[test]
    fn passes_after_the_first_are_an_interval_apart() {
        let (decision, at, watch) = play(&check(5, 2, 3, 5), |_| Seen::Status(200));
        assert_eq!((decision, at), (Decision::Healthy, ms(10_000)));
        assert_eq!(watch.reason(decision), "3 probes in a row passed (answered 200), the last after 10.0 s");
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
        let (decision, at, watch) = play(&check, |now| Seen::Status(if now.as_secs() % 2 == 0 { 200 } else { 500 }));
        assert_eq!(decision, Decision::Flapping);
        assert!(at < longest_watch(&check));
        assert_eq!(watch.reason(decision), "it flaps: in 40 probes never 2 in a row passed nor 2 failed");
    }

    #[test]
    fn an_early_probe_ends_where_the_one_that_counts_is_due() {
        let mut watch = Watch::new(&check(1, 20, 1, 5));
        let first = watch.next();
        assert_eq!((first.at, first.limit, first.counts), (ms(0), ms(1_000), false));
        assert!(watch.take(first, Seen::Refused, ms(1)).is_none());
        let second = watch.next();
        assert_eq!((second.at, second.limit, second.counts), (ms(201), ms(799), false));
        // Something listens now and says no: no more early probes.
        assert!(watch.take(second, Seen::Status(503), ms(300)).is_none());
        let third = watch.next();
        assert_eq!((third.at, third.limit, third.counts), (ms(1_000), Duration::from_secs(20), true));
        // It takes eight seconds: the next is due at once, not eight times.
        assert_eq!(watch.take(third, Seen::Status(503), ms(9_000)).unwrap().number, 1);
        assert_eq!(watch.next().at, ms(9_000));
    }

    #[test]
    fn ends_are_told_in_one_line() {
        assert_eq!(exit_reason(1, false, 512, ms(300)), "exited with code 1 after 0.3 s");
        assert_eq!(exit_reason(139, false, 512, ms(300)), "exited with code 139 (SIGSEGV) after 0.3 s");
        assert_eq!(exit_reason(137, true, 512, ms(1_234)), "out of memory: killed at its limit of 512 MiB after 1.2 s");
    }
}
