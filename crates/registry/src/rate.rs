//! When a transfer is too slow to go on with: as good as stalled, and made again like one that was cut. Pure.

use std::time::Duration;

/// What a transfer has to move in a second, on average over the time that it may stand still.
const LEAST_BYTES_PER_SECOND: u64 = 1024;

/// Watches one side of a transfer. Only the time that is spent waiting for that side counts, so a fast source is not blamed
/// for a slow destination.
#[derive(Clone, Debug)]
pub(super) struct RateWatch {
    window: Duration,
    least_bytes: u64,
    waited: Duration,
    moved_bytes: u64,
}

/// How a transfer fell behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lag {
    pub(super) moved_bytes: u64,
    pub(super) within: Duration,
}

impl RateWatch {
    /// A watch over a transfer that may stand still this long.
    pub(super) fn new(window: Duration) -> Self {
        let milliseconds = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let least_bytes = (milliseconds / 1000)
            .saturating_mul(LEAST_BYTES_PER_SECOND)
            .saturating_add(milliseconds % 1000 * LEAST_BYTES_PER_SECOND / 1000)
            .max(1);
        Self { window, least_bytes, waited: Duration::ZERO, moved_bytes: 0 }
    }

    /// What has to move in a window.
    pub(super) fn least_bytes(&self) -> u64 {
        self.least_bytes
    }

    /// How much longer the present wait may take.
    pub(super) fn allowance(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }

    /// So many bytes came after a wait of this length. The watch begins again when a window's worth has come.
    ///
    /// # Errors
    /// [`Lag`] when the window is over and too little has come.
    pub(super) fn moved(&mut self, waited: Duration, bytes: u64) -> Result<(), Lag> {
        self.waited = self.waited.saturating_add(waited);
        self.moved_bytes = self.moved_bytes.saturating_add(bytes);
        if self.moved_bytes >= self.least_bytes {
            (self.waited, self.moved_bytes) = (Duration::ZERO, 0);
            return Ok(());
        }
        if self.waited >= self.window { Err(self.lag()) } else { Ok(()) }
    }

    /// What it would be blamed for if the wait were over now.
    pub(super) fn lag(&self) -> Lag {
        Lag { moved_bytes: self.moved_bytes, within: self.window }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Lag, RateWatch};

    const WINDOW: Duration = Duration::from_secs(30);

    /// Chunks of this many bytes, each after so many seconds: how long it takes until they are too few, within an hour.
    fn given_up_after(seconds: u64, bytes: u64) -> Option<u64> {
        let mut watch = RateWatch::new(WINDOW);
        (1..=3600 / seconds).find(|_| watch.moved(Duration::from_secs(seconds), bytes).is_err()).map(|n| n * seconds)
    }

    #[test]
    fn a_trickle_is_given_up_and_a_slow_transfer_is_not() {
        assert_eq!(given_up_after(5, 1), Some(30), "a byte every five seconds");
        assert_eq!(given_up_after(1, 1000), Some(30), "just below the rate");
        assert_eq!(given_up_after(1, 1024), None, "just at the rate");
        assert_eq!(given_up_after(29, 30 * 1024), None, "in bursts");
        assert_eq!(given_up_after(10, 16 * 1024), None);
    }

    #[test]
    fn the_wait_may_take_what_is_left_of_the_window() {
        let mut watch = RateWatch::new(WINDOW);
        assert_eq!(watch.allowance(), WINDOW);
        assert_eq!(watch.moved(Duration::from_secs(12), 10), Ok(()));
        assert_eq!(watch.allowance(), Duration::from_secs(18));
        assert_eq!(watch.moved(Duration::from_secs(1), 1 << 20), Ok(()));
        assert_eq!(watch.allowance(), WINDOW);
        assert_eq!(watch.moved(Duration::MAX, 7), Err(Lag { moved_bytes: 7, within: WINDOW }));
        assert_eq!(watch.moved(Duration::MAX, u64::MAX), Ok(()));
        assert_eq!(watch.allowance(), WINDOW);
    }

    #[test]
    fn windows_of_any_length() {
        for (window, least) in
            [(Duration::ZERO, 1), (Duration::from_millis(500), 512), (WINDOW, 30 * 1024), (Duration::MAX, u64::MAX)]
        {
            assert_eq!(RateWatch::new(window).least_bytes, least, "{window:?}");
        }
    }
}
