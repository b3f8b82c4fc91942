//! When to ask next. Pure: from the time so far and what the last answers showed to the next moment, and to what is asked
//! then. Every call counts, of the operation as of its log: a deployment takes minutes, and many jobs share an account's rate.
//! Yet the end must not wait for us: when it is near, the operation is asked for every few seconds.
//!
//! What tells that the end is near is the deployment's own log. Where that cannot be read, or says nothing that is known, it is
//! how long the service's earlier deployments took.

use std::time::Duration;

/// How long an operation takes of which nothing is known (field reports: create, update and deployment ≈ 5 min).
const EXPECTED: Duration = Duration::from_mins(5);

/// The share of that after which the end may come at any moment, in percent.
const NEAR_PERCENT: u32 = 85;

/// From one look to the next when the end is near. What comes between is noticed after this at most, and the answer.
const NEAR_PAUSE: Duration = Duration::from_millis(4_800);

/// The shortest and the longest from one look to the next before that: a refused image ends in seconds, an operation that has
/// lasted a while goes on for a while.
const LOOK_PAUSES: (Duration, Duration) = (Duration::from_millis(1_500), Duration::from_mins(1));

/// Looks while a rollback runs, which takes many minutes (field reports: more than 15) and has no log to go by: its end is
/// noticed after this at most.
const ROLLBACK_PAUSE: Duration = Duration::from_secs(10);

/// The shortest and the longest from one page of the log to the next.
const READ_PAUSES: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(40));

/// The longest pause of a caller that is throttled.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// What the log has told so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Told {
    /// Nothing: it cannot be read, or there is no line in it that is known.
    #[default]
    Nothing,
    /// That the deployment goes on.
    GoingOn,
    /// That its end is near.
    NearEnd,
}

/// What the last answers showed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Signs {
    /// By the log.
    pub(super) told: Told,
    /// Whether the operation is being rolled back.
    pub(super) is_rolling_back: bool,
    /// Whether the log can be read at all.
    pub(super) is_readable: bool,
    /// How many looks in a row were not answered.
    pub(super) faults: u32,
}

/// What is done next, and when, since the gate began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) at: Duration,
    pub(super) looks: bool,
    pub(super) reads: bool,
}

impl Turn {
    /// The first one: a look at once.
    pub(super) const FIRST: Self = Self { at: Duration::ZERO, looks: true, reads: false };
}

/// When what was done last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    expected: Duration,
    looked: Duration,
    read: Duration,
}

impl Pace {
    /// A pace for an operation that takes so long, as far as is known.
    pub(super) fn new(expected: Option<Duration>) -> Self {
        Self { expected: expected.unwrap_or(EXPECTED), looked: Duration::ZERO, read: Duration::ZERO }
    }

    /// Takes note of what a turn did, once it is over.
    pub(super) fn done(&mut self, turn: Turn, now: Duration) {
        if turn.looks {
            self.looked = now;
        }
        if turn.reads {
            self.read = now;
        }
    }

    /// The next turn. What is due within a moment of it is done in the same.
    pub(super) fn next(&self, signs: Signs) -> Turn {
        let look = self.looked + self.look_pause(signs);
        let read = signs.is_readable.then(|| self.read + self.read_pause(signs));
        let at = read.map_or(look, |read| read.min(look));
        let soon = at + Duration::from_millis(500);
        Turn { at, looks: look <= soon, reads: read.is_some_and(|read| read <= soon) }
    }

    fn look_pause(&self, signs: Signs) -> Duration {
        let near = self.expected * NEAR_PERCENT / 100;
        let is_late = signs.told == Told::Nothing && self.looked >= near;
        let pause = if signs.is_rolling_back {
            ROLLBACK_PAUSE
        } else if signs.told == Told::NearEnd || is_late {
            NEAR_PAUSE
        } else {
            let pause = (self.looked * 3 / 4).clamp(LOOK_PAUSES.0, LOOK_PAUSES.1);
            // Not beyond the moment from which the end is expected, where only that tells.
            let until_near = near.saturating_sub(self.looked).max(LOOK_PAUSES.0);
            if signs.told == Told::Nothing { pause.min(until_near) } else { pause }
        };
        match signs.faults {
            0 => pause,
            faults => pause.max(LOOK_PAUSES.0 * 2_u32.saturating_pow(faults.min(8))).min(LONGEST_BACKOFF),
        }
    }

    fn read_pause(&self, signs: Signs) -> Duration {
        if signs.told == Told::NearEnd { LOOK_PAUSES.1 } else { self.read.clamp(READ_PAUSES.0, READ_PAUSES.1) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pace, Signs, Told};

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Plays an operation that ends at a moment, with a log that tells its end beforehand. Gives the calls and how late the end was
    /// noticed.
    fn play(expected: Option<u64>, ends: u64, log: Option<&[(u64, Told)]>) -> (usize, Duration) {
        let (mut pace, mut calls) = (Pace::new(expected.map(seconds)), 1);
        let mut signs = Signs { is_readable: log.is_some(), ..Signs::default() };
        loop {
            let turn = pace.next(signs);
            if turn.reads {
                calls += 1;
                let mut lines = log.into_iter().flatten();
                signs.told = lines.rfind(|(at, _)| seconds(*at) <= turn.at).map_or(signs.told, |line| line.1);
            }
            if turn.looks {
                calls += 1;
                if turn.at >= seconds(ends) {
                    return (calls, turn.at.saturating_sub(seconds(ends)));
                }
            }
            pace.done(turn, turn.at);
        }
    }

    #[test]
    fn six_minutes_take_few_calls_and_the_end_is_noticed() {
        use Told::{GoingOn, NearEnd};
        let usual: &[(u64, Told)] = &[(2, GoingOn), (20, GoingOn), (180, GoingOn), (300, NearEnd), (355, NearEnd)];
        let table = [
            ("a log that tells", None, Some(usual)),
            ("a log that tells, and history", Some(330), Some(usual)),
            ("no log, and history", Some(350), None),
            ("no log, no history", None, None),
            ("a log of unknown words", None, Some(&[] as &[(u64, Told)])),
        ];
        for (title, expected, log) in table {
            // A little sooner and a little later too: the end must not be lucky.
            for ends in [352, 355, 358, 360, 362, 364] {
                let (calls, late) = play(expected, ends, log);
                assert!(late <= seconds(5), "{title}, {ends} s: noticed {late:?} late");
                let most = if log.is_some_and(<[_]>::is_empty) { 52 } else { 40 };
                assert!(calls <= most, "{title}, {ends} s: {calls} calls");
            }
        }
    }

    #[test]
    fn what_ends_in_seconds_is_noticed_in_seconds() {
        for ends in [0, 1, 2, 3, 5, 8] {
            let (_, late) = play(None, ends, None);
            assert!(late <= seconds(5), "{ends} s: {late:?}");
        }
        // Where earlier ones took seconds, so may this one.
        for ends in 4..60 {
            let (_, late) = play(Some(5), ends, None);
            assert!(late <= seconds(5), "{ends} s: {late:?}");
        }
    }

    #[test]
    fn a_failure_that_the_log_tells_is_noticed_soon_after() {
        let (_, late) = play(None, 45, Some(&[(2, Told::GoingOn), (40, Told::NearEnd)]));
        assert!(late <= seconds(35), "{late:?}");
    }

    #[test]
    fn whoever_is_throttled_asks_less_and_less_and_recovers() {
        let mut pace = Pace::new(None);
        let turn = pace.next(Signs::default());
        pace.done(turn, seconds(250));
        let pause = |faults| {
            let signs = Signs { faults, told: Told::NearEnd, ..Signs::default() };
            pace.next(signs).at.saturating_sub(seconds(250))
        };
        assert!(pause(1) >= pause(0) && pause(3) > pause(1) && pause(5) > pause(3));
        assert_eq!(pause(30), seconds(60));
        assert!(pause(0) < seconds(5));
    }

    #[test]
    fn a_rollback_is_looked_at_every_ten_seconds() {
        let pace = Pace::new(None);
        let signs = Signs { is_rolling_back: true, is_readable: false, ..Signs::default() };
        assert_eq!(pace.next(signs).at, seconds(10));
    }
}
