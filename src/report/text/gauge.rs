//! How fast a copy is, and how long it will take: from the moments its progress is told.

use std::{collections::VecDeque, time::Duration};

use crate::report::quantity;

/// The rate is that of the last so much time: long enough to be calm, short enough to see a stall.
const WINDOW: Duration = Duration::from_secs(10);

/// One destination's progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge {
    blobs_total: u64,
    blobs_done: u64,
    bytes_total: u64,
    samples: VecDeque<(Duration, u64)>,
}

impl Gauge {
    /// A copy that has to bring so much.
    pub(super) fn new(blobs_total: u64, bytes_total: u64, now: Duration) -> Self {
        Self { blobs_total, blobs_done: 0, bytes_total, samples: VecDeque::from([(now, 0)]) }
    }

    /// A blob has arrived.
    pub(super) fn count_blob(&mut self) {
        self.blobs_done += 1;
    }

    /// So many bytes have arrived by now.
    pub(super) fn observe(&mut self, now: Duration, bytes_done: u64, bytes_total: u64) {
        self.bytes_total = bytes_total;
        self.samples.push_back((now, bytes_done));
        // One sample older than the window stays, so that the window is always covered.
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Bytes that have arrived, and that have to.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.samples.back().map_or(0, |(_, bytes)| *bytes), self.bytes_total)
    }

    /// Bytes a second, once there is something to measure. A stall counts: `now` may be later than the last sample.
    fn rate(&self, now: Duration) -> Option<u64> {
        let (from, before) = self.samples.front()?;
        let (_, after) = self.samples.back()?;
        let milliseconds = now.saturating_sub(*from).as_millis();
        let rate = (u128::from(after.saturating_sub(*before)) * 1000).checked_div(milliseconds)?;
        u64::try_from(rate).ok()
    }

    /// `12.3 MiB of 43.1 MiB, 3 of 7 blobs, 5.2 MiB/s, 6 s left`.
    pub(super) fn describe(&self, now: Duration) -> String {
        let (done, total) = self.bytes();
        let blobs = format!("{} of {}", self.blobs_done, quantity::count(self.blobs_total, "blob"));
        let rate = self.rate(now);
        let left = rate.and_then(|rate| total.saturating_sub(done).checked_div(rate));
        let parts = [
            Some(format!("{} of {}", quantity::size(done), quantity::size(total))),
            (self.blobs_total > 0).then_some(blobs),
            rate.map(|rate| format!("{}/s", quantity::size(rate))),
            left.map(|seconds| format!("{} left", quantity::seconds(Duration::from_secs(seconds)))),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Gauge;

    const MIB: u64 = 1 << 20;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn rate_and_time_left() {
        let mut gauge = Gauge::new(3, 100 * MIB, at(5));
        assert_eq!(gauge.describe(at(5)), "0 B of 100.0 MiB, 0 of 3 blobs");
        gauge.observe(at(7), 20 * MIB, 100 * MIB);
        gauge.count_blob();
        assert_eq!(gauge.describe(at(7)), "20.0 MiB of 100.0 MiB, 1 of 3 blobs, 10.0 MiB/s, 8 s left");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut gauge = Gauge::new(0, 1000 * MIB, at(0));
        for second in 1..=60 {
            gauge.observe(at(second), second * MIB * if second > 30 { 2 } else { 1 }, 1000 * MIB);
        }
        assert!(gauge.describe(at(60)).contains(", 2.0 MiB/s,"), "{}", gauge.describe(at(60)));
    }

    #[test]
    fn a_stall_slows_the_rate_down() {
        let mut gauge = Gauge::new(0, 100 * MIB, at(0));
        gauge.observe(at(1), 10 * MIB, 100 * MIB);
        assert!(gauge.describe(at(10)).contains(", 1.0 MiB/s,"), "{}", gauge.describe(at(10)));
        let silent = Gauge::new(0, 100 * MIB, at(0));
        assert_eq!(silent.describe(at(30)), "0 B of 100.0 MiB, 0 B/s");
    }
}
