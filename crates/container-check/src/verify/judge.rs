//! When to probe, what counts, and what it comes to: pure decisions on the time since the container started.
//!
//! App Runner probes every interval. Here the application is also probed at once, and again and again until it first
//! listens; such an early probe can only pass. A failure counts at the end of an interval and no sooner, so that a
//! slow start is given all the time that App Runner's thresholds give it.

use std::time::Duration;

use super::probe::Seen;
use shipgate_core::health::{HealthCheck, Judgement, Tally};

/// From the end of one early probe to the next, at the least and at the most.
const EARLY_PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

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
    /// Enough passed in a row, and while it was watched on, enough failed in a row.
    Relapsed,
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
    /// How long it is watched on once it is healthy.
    stay: Duration,
    /// When it became healthy, once it has.
    healthy_at: Option<Duration>,
    /// When the first of the passes that made it healthy was seen.
    ready_at: Option<Duration>,
    /// Failures in a row since it became healthy.
    failed_since: u32,
    /// Whether it has been watched on for long enough.
    stayed: bool,
}

impl Watch {
    pub(super) fn new(check: &HealthCheck, stay: Duration) -> Self {
        Self {
            check: check.clone(),
            tally: Tally::new(check),
            judgement: None,
            records: Vec::new(),
            reached: false,
            early: true,
            early_at: Duration::ZERO,
            due: check.interval(),
            stay,
            healthy_at: None,
            ready_at: None,
            failed_since: 0,
            stayed: stay.is_zero(),
        }
    }

    /// The next probe to make. An early one ends where the one that counts is due. The last one of a watch that goes
    /// on after the application is healthy is at its end; a failure counts there only if it was due.
    pub(super) fn next(&self) -> Slot {
        if let Some(end) = self.end() {
            Slot { at: self.due.min(end), limit: self.check.timeout(), counts: self.due <= end }
        } else if self.early && self.early_at < self.due {
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
        self.early_at = now + early_pause(now);
        self.stayed |= self.end().is_some_and(|end| slot.at >= end);
        let passed = seen.passes();
        if !passed && !slot.counts {
            return None;
        }
        // After a slow probe the next is due at once, and the missed ones are not made up for.
        self.due = (slot.at + self.check.interval()).max(now);
        self.count(passed, now);
        let number = u32::try_from(self.records.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.records.push(ProbeRecord { number, seen, at: now });
        self.records.last()
    }

    fn count(&mut self, passed: bool, now: Duration) {
        if self.healthy_at.is_some() {
            self.failed_since = if passed { 0 } else { self.failed_since + 1 };
            return;
        }
        self.ready_at = passed.then(|| self.ready_at.unwrap_or(now));
        self.judgement = self.tally.count(passed);
        if self.judgement == Some(Judgement::Healthy) {
            self.healthy_at = Some(now);
        }
    }

    /// Until when it is watched on, once it is healthy.
    fn end(&self) -> Option<Duration> {
        self.healthy_at.map(|at| at + self.stay)
    }

    /// When the application was ready: the first of the passes that made it healthy. `None` while it is not healthy.
    pub(super) fn ready_at(&self) -> Option<Duration> {
        self.healthy_at.and(self.ready_at)
    }

    /// What the probes have come to, if they have.
    pub(super) fn decision(&self) -> Option<Decision> {
        match self.judgement {
            Some(Judgement::Healthy) if self.failed_since >= self.check.unhealthy_threshold.max(1) => {
                Some(Decision::Relapsed)
            }
            Some(Judgement::Healthy) if !self.stayed => None,
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
        let (check, seen) = (&self.check, last.seen.describe(&self.check));
        match decision {
            Decision::Healthy => self.healthy_reason(),
            Decision::Relapsed if check.unhealthy_threshold > 1 => {
                format!("after it was healthy, {} probes in a row failed: {seen}", check.unhealthy_threshold)
            }
            Decision::Relapsed => format!("after it was healthy, a probe failed: {seen}"),
            Decision::Unhealthy | Decision::Silent if check.unhealthy_threshold > 1 => {
                format!("{} probes in a row failed: {seen}", check.unhealthy_threshold)
            }
            Decision::Unhealthy | Decision::Silent => format!("a probe failed: {seen}"),
            Decision::Flapping => format!(
                "it flaps: in {} probes never {} in a row passed nor {} failed",
                last.number, check.healthy_threshold, check.unhealthy_threshold
            ),
        }
    }

    fn healthy_reason(&self) -> String {
        let mut passes = self.records.iter().filter(|record| record.seen.passes());
        let seen = passes.next_back().map_or_else(String::new, |record| record.seen.to_string());
        let ready = self.ready_at().unwrap_or_default();
        let within = format!("ready after {} of {}", seconds(ready), whole_seconds(allowed(&self.check)));
        let seen = match self.check.healthy_threshold {
            0 | 1 => seen,
            several => format!("{several} probes in a row passed ({seen})"),
        };
        if self.stay.is_zero() {
            format!("{seen}, {within}")
        } else {
            format!("{seen}, {within}, and still healthy {} later", whole_seconds(self.stay))
        }
    }

    /// What the last probe that counted saw.
    pub(super) fn last_seen(&self) -> Option<&Seen> {
        self.records.last().map(|record| &record.seen)
    }

    /// Whether the last that was seen may be no more than a start that is too slow.
    pub(super) fn saw_not_yet(&self) -> bool {
        self.records.last().is_some_and(|record| record.seen.is_not_yet())
    }

    /// Whether an application that is healthy was nearly too slow for it.
    pub(super) fn is_near_miss(&self) -> bool {
        self.ready_at().is_some_and(|ready| ready * 5 > allowed(&self.check) * 4)
    }

    pub(super) fn into_records(self) -> Vec<ProbeRecord> {
        self.records
    }
}

/// How long an application may take before it is ready: the last of the failures that decide is an interval's end.
pub(super) fn allowed(check: &HealthCheck) -> Duration {
    check.interval() * check.unhealthy_threshold.max(1)
}

/// Whole seconds without a fraction, all else with one.
pub(super) fn whole_seconds(time: Duration) -> String {
    if time.subsec_nanos() == 0 { format!("{} s", time.as_secs()) } else { seconds(time) }
}

/// From the end of an early probe to the next, so long after the start: most applications listen within a fraction of a
/// second, and whoever waits for one that takes many seconds does not notice a fifth of one.
pub(super) fn early_pause(since_start: Duration) -> Duration {
    (since_start / 8).clamp(EARLY_PAUSES.0, EARLY_PAUSES.1)
}

/// How many probes are made at most.
fn most_probes(check: &HealthCheck) -> u32 {
    FLAP_FACTOR * (check.healthy_threshold.max(1) + check.unhealthy_threshold.max(1))
}

/// The longest a watch can take.
pub(super) fn longest_watch(check: &HealthCheck, stay: Duration) -> Duration {
    (check.interval() + check.timeout()) * most_probes(check) + stay + check.timeout()
}

/// `1.2 s`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests;
