//! When bytes have left a link of a certain rate: a token bucket as one pure rule. It does not wait.

use std::time::Duration;

use tokio::time::Instant;

/// How far a link may run behind its rate and still catch up. Timers are late by a millisecond, and by some more on a busy
/// machine: a pace that forgot that would be slower than it says. At 25 MB/s this is 250 kB.
const BURST: Duration = Duration::from_millis(10);

/// The pace of one direction of a link.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes per second; none is no limit.
    rate: Option<u64>,
    free_at: Instant,
}

impl Pace {
    /// A link that takes its first byte at this time.
    pub(crate) const fn new(rate: Option<u64>, free_at: Instant) -> Self {
        Self { rate, free_at }
    }

    /// When the last of these bytes, at hand now, has left. The next bytes may not be taken before.
    pub(crate) fn leaves(&mut self, now: Instant, bytes: usize) -> Instant {
        let begins = self.free_at.max(now.checked_sub(BURST).unwrap_or(now));
        self.free_at = begins + self.rate.map_or(Duration::ZERO, |rate| duration_of(bytes, rate));
        self.free_at.max(now)
    }
}

/// How long so many bytes take at a rate.
fn duration_of(bytes: usize, rate: u64) -> Duration {
    let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}
