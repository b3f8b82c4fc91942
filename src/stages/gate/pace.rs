//! How often the gate asks, and whom. Pure: the loop does what this says. Every call counts, to App Runner and to its
//! logs alike, so each beat is one call, and most of them go where the end is told beforehand.
//!
//! App Runner takes about five minutes and says two things on the way (field report, apprunner-roadmap#128): the health
//! check has passed, some 80 s before the end, and the traffic is routed, some 11 s before it. So after quick looks at first
//! (a refused image ends in seconds) the log is read slowly until the first, faster until the second, and from then on
//! the operation is looked at closely. Where no line tells, the time does that this service's deployments took so far.

use std::time::Duration;

use shipgate_core::reason::Outlook;

/// From one call to the next when the end is near: it shall be noticed within five seconds, answer and all.
const CLOSE: Duration = Duration::from_millis(4_800);

/// The quick looks at first are never closer than this.
const QUICKEST: Duration = Duration::from_secs(1);

/// How long they go on.
const QUICK: Duration = Duration::from_secs(45);

/// From one call to the next in the middle of a deployment whose log tells how far it is, and of one whose log does not.
const SLOW: Duration = Duration::from_secs(22);
const BLIND: Duration = Duration::from_mins(1);

/// From one call to the next while App Runner routes the traffic: shorter than from its last line to the end.
const ROUTING: Duration = Duration::from_secs(9);

/// A rollback takes a quarter of an hour and more, and its end is nobody's success: it may be noticed so late.
const ROLLING_BACK: Duration = Duration::from_secs(30);

/// When the end is looked for although nothing tells of it, as a part of the shortest of the last deployments.
const OF_USUAL: f64 = 0.9;

/// By how much later that is where the lines have told that the traffic is being routed: they will tell of its end too.
const WHILE_ROUTING: f64 = 1.1;

/// The same without any: App Runner's five minutes and a tenth where its log would have told, less a tenth elsewhere.
const EXPECTED: Duration = Duration::from_secs(330);
const EXPECTED_BLIND: Duration = Duration::from_secs(270);

/// What throttling may stretch an interval to.
const LONGEST: Duration = Duration::from_mins(1);

/// By how much of itself an interval may be shortened: many jobs that began together must not ask together for ever.
const JITTER: f64 = 0.03;

/// Whom to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// App Runner, for the operation's status.
    Look,
    /// Its log, for one page of lines.
    Read,
    /// Both, the log first.
    Both,
}

/// What the pace depends on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Situation {
    /// Since following began.
    pub(super) elapsed: Duration,
    /// How many beats there were.
    pub(super) beats: u32,
    /// How long the service's deployments took so far, the shortest.
    pub(super) usual: Option<Duration>,
    /// Whether the log can be read.
    pub(super) is_readable: bool,
    /// What lines and status say of the end.
    pub(super) outlook: Outlook,
    /// How long they have said it.
    pub(super) since: Duration,
}

/// What comes next: how long from now, and whom to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Beat {
    pub(super) after: Duration,
    pub(super) call: Call,
}

/// The next beat.
pub(super) fn next(now: &Situation) -> Beat {
    let Situation { elapsed, beats, is_readable, outlook, since, .. } = *now;
    let left = expected(now).saturating_sub(elapsed);
    let (after, call) = match outlook {
        Outlook::RollingBack => {
            (since.mul_f64(0.25).clamp(QUICKEST, ROLLING_BACK), if beats % 4 == 3 { Call::Both } else { Call::Look })
        }
        Outlook::Ending => return close(now),
        Outlook::Open | Outlook::Routing if left.is_zero() => return close(now),
        Outlook::Open | Outlook::Routing if elapsed < QUICK => {
            let reads = beats >= 4 && beats.is_multiple_of(2);
            (elapsed.mul_f64(0.8).clamp(QUICKEST, CLOSE), if reads { Call::Read } else { Call::Look })
        }
        Outlook::Routing => (ROUTING, Call::Read),
        Outlook::Open if is_readable => (SLOW, if beats.is_multiple_of(4) { Call::Look } else { Call::Read }),
        Outlook::Open => (BLIND, Call::Look),
    };
    // The middle ends where the end is expected.
    let after = if outlook == Outlook::RollingBack { after } else { after.min(left.max(QUICKEST)) };
    let call = match call {
        call if is_readable => call,
        // A log that could not be read may be again.
        _ if beats % 8 == 7 => Call::Both,
        Call::Look | Call::Read | Call::Both => Call::Look,
    };
    Beat { after, call }
}

/// When the end is looked for although nothing tells of it, since following began.
fn expected(now: &Situation) -> Duration {
    let expected = match (now.usual, now.is_readable) {
        (Some(usual), _) => usual.mul_f64(OF_USUAL),
        (None, true) => EXPECTED,
        (None, false) => EXPECTED_BLIND,
    };
    let was_told_in_time = now.outlook == Outlook::Routing && now.elapsed.saturating_sub(now.since) < expected;
    if was_told_in_time { expected.mul_f64(WHILE_ROUTING) } else { expected }
}

/// Looks one after the other, close where deployments take minutes and closer where they take seconds.
fn close(now: &Situation) -> Beat {
    let after = now.elapsed.mul_f64(0.25).clamp(QUICKEST / 2, CLOSE);
    Beat { after, call: if now.beats % 12 == 11 { Call::Both } else { Call::Look } }
}

/// The interval with some luck, from 0 to 1, taken off it.
pub(super) fn jittered(interval: Duration, luck: f64) -> Duration {
    interval.mul_f64(1.0 - JITTER * luck)
}

/// The interval after so many answers in a row that said "too often": twice as long for each, and then, by luck from 0
/// to 1, up to half of what was added less.
pub(super) fn backed_off(interval: Duration, refusals: u32, luck: f64) -> Duration {
    let factor = f64::from(1_u32 << refusals.min(6));
    interval.mul_f64(1.0 + (factor - 1.0) * (1.0 - luck / 2.0)).min(LONGEST.max(interval))
}

#[cfg(test)]
mod tests {
    use super::{Beat, CLOSE, Call, Duration, LONGEST, Outlook, Situation, backed_off, jittered, next};

    fn at(seconds: u64, beats: u32, outlook: Outlook) -> Situation {
        let elapsed = Duration::from_secs(seconds);
        Situation { elapsed, beats, usual: None, is_readable: true, outlook, since: Duration::ZERO }
    }

    fn beat(milliseconds: u64, call: Call) -> Beat {
        Beat { after: Duration::from_millis(milliseconds), call }
    }

    #[test]
    fn every_situation_has_its_pace() {
        let usual = |seconds, now| Situation { usual: Some(Duration::from_secs(seconds)), ..now };
        let blind = |now| Situation { is_readable: false, ..now };
        let rolling = |since| Situation { since: Duration::from_secs(since), ..at(600, 30, Outlook::RollingBack) };
        let table = [
            ("at once", at(0, 1, Outlook::Open), beat(1_000, Call::Look)),
            ("a refused image", at(2, 3, Outlook::Open), beat(1_600, Call::Look)),
            ("the first lines", at(4, 4, Outlook::Open), beat(3_200, Call::Read)),
            ("still quick", at(40, 13, Outlook::Open), beat(4_800, Call::Look)),
            ("in the middle", at(100, 15, Outlook::Open), beat(22_000, Call::Read)),
            ("a look in the middle", at(100, 16, Outlook::Open), beat(22_000, Call::Look)),
            ("the middle's end", at(320, 21, Outlook::Open), beat(10_000, Call::Read)),
            ("overdue", at(330, 22, Outlook::Open), beat(4_800, Call::Look)),
            ("long overdue", at(1_500, 22, Outlook::Routing), beat(4_800, Call::Look)),
            (
                "routing, and overdue",
                Situation { since: Duration::from_secs(20), ..at(340, 22, Outlook::Routing) },
                beat(9_000, Call::Read),
            ),
            (
                "routing, told when it was overdue",
                Situation { since: Duration::from_secs(5), ..at(340, 22, Outlook::Routing) },
                beat(4_800, Call::Look),
            ),
            ("routing", at(200, 20, Outlook::Routing), beat(9_000, Call::Read)),
            ("the end is told", at(200, 20, Outlook::Ending), beat(4_800, Call::Look)),
            ("told in the first seconds", at(2, 3, Outlook::Ending), beat(500, Call::Look)),
            ("a slow service", usual(600, at(400, 20, Outlook::Open)), beat(22_000, Call::Look)),
            ("a fast service", usual(60, at(54, 16, Outlook::Open)), beat(4_800, Call::Look)),
            ("a very fast one", usual(2, at(3, 4, Outlook::Open)), beat(750, Call::Look)),
            ("no log", blind(at(100, 16, Outlook::Open)), beat(60_000, Call::Look)),
            ("no log, once more", blind(at(100, 15, Outlook::Open)), beat(60_000, Call::Both)),
            ("no log, the middle's end", blind(at(240, 20, Outlook::Open)), beat(30_000, Call::Look)),
            ("no log, expected", blind(at(270, 20, Outlook::Open)), beat(4_800, Call::Look)),
            ("no log, no quick reading", blind(at(20, 8, Outlook::Open)), beat(4_800, Call::Look)),
            ("rolling back", rolling(0), beat(1_000, Call::Look)),
            ("rolling back for long", rolling(900), beat(30_000, Call::Look)),
            ("rolling back, with its lines", Situation { beats: 31, ..rolling(900) }, beat(30_000, Call::Both)),
        ];
        for (name, now, wanted) in table {
            assert_eq!(next(&now), wanted, "{name}");
        }
    }

    #[test]
    fn intervals_are_shortened_and_never_stretched() {
        assert_eq!(jittered(CLOSE, 0.0), CLOSE);
        assert!(jittered(CLOSE, 1.0) < CLOSE && jittered(CLOSE, 1.0) > CLOSE.mul_f64(0.9));
    }

    #[test]
    fn throttling_stretches_exponentially_and_only_so_far() {
        let second = Duration::from_secs(1);
        let stretched: Vec<u64> = (0..8).map(|refusals| backed_off(second, refusals, 0.0).as_secs()).collect();
        assert_eq!(stretched, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backed_off(second, 3, 1.0), Duration::from_millis(4_500));
        assert_eq!(backed_off(LONGEST * 2, 1, 0.0), LONGEST * 2);
    }
}
