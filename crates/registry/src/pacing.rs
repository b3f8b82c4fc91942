//! Keeps to a rate: as many actions in any second as are allowed, and no more. Better than to be refused: a refusal costs a
//! round trip and a random wait.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The time that the rate is about, and a little, since the other side's clock starts later.
const WINDOW: Duration = Duration::from_millis(1050);

/// Lets so many through in any second.
pub(super) struct Pacer {
    limit: usize,
    /// When each of the last so many was let through, or will be.
    last: Mutex<VecDeque<Instant>>,
}

impl Pacer {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, last: Mutex::default() }
    }

    /// Waits for the next place. Places are given in the order of the calls.
    pub(super) async fn wait(&self) {
        tokio::time::sleep_until(self.take_place(Instant::now())).await;
    }

    fn take_place(&self, now: Instant) -> Instant {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match last.len() {
            full if full >= self.limit => last.pop_front().map_or(now, |first| now.max(first + WINDOW)),
            _ => now,
        };
        last.push_back(place);
        place
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Pacer, WINDOW};

    #[test]
    fn no_second_has_more_than_its_share() {
        let (pacer, start) = (Pacer::new(3), Instant::now());
        let places: Vec<Duration> = (0..8).map(|_| pacer.take_place(start) - start).collect();
        let zero = Duration::ZERO;
        assert_eq!(places, [zero, zero, zero, WINDOW, WINDOW, WINDOW, 2 * WINDOW, 2 * WINDOW]);
        assert_eq!(pacer.take_place(start + 10 * WINDOW) - start, 10 * WINDOW);
    }
}
