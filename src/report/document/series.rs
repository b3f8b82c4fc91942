//! How far a copy was at which moment: few enough points for a report, however long the copy took.

use serde::Serialize;

/// More points than this say no more.
const MAX_POINTS: usize = 64;
/// The least time from one point to the next, as long as there is room for that.
const FIRST_GAP_MS: u64 = 200;

/// Points in the order of their time. When there are too many, every second one goes and the time between them doubles.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(in crate::report) struct Series {
    points: Vec<Point>,
    #[serde(skip)]
    gap_ms: u64,
}

/// So many bytes had arrived at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(in crate::report) struct Point {
    /// Since the run began.
    pub(in crate::report) at_ms: u64,
    /// Since the copy began.
    pub(in crate::report) bytes_done: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self { points: Vec::new(), gap_ms: FIRST_GAP_MS }
    }
}

impl Series {
    /// Adds a point, unless it is too close to the one before.
    pub(super) fn add(&mut self, point: Point) {
        if self.points.last().is_some_and(|last| point.at_ms < last.at_ms + self.gap_ms) {
            return;
        }
        if self.points.len() == MAX_POINTS {
            let mut number = 0;
            self.points.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.gap_ms *= 2;
        }
        self.points.push(point);
    }

    /// Adds the last point, which is never left out.
    pub(super) fn end(&mut self, point: Point) {
        self.points.retain(|earlier| earlier.at_ms < point.at_ms);
        self.points.push(point);
    }

    /// The points.
    pub(in crate::report) fn points(&self) -> &[Point] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_POINTS, Point, Series};

    fn of(moments: impl IntoIterator<Item = u64>) -> Series {
        let mut series = Series::default();
        moments.into_iter().for_each(|at_ms| series.add(Point { at_ms, bytes_done: at_ms * 1000 }));
        series
    }

    fn moments(series: &Series) -> Vec<u64> {
        series.points().iter().map(|point| point.at_ms).collect()
    }

    #[test]
    fn points_keep_their_distance() {
        assert_eq!(moments(&of([0, 100, 199, 200, 350, 400, 1000])), [0, 200, 400, 1000]);
    }

    #[test]
    fn an_hour_is_no_longer_than_a_minute() {
        for seconds in [10, 60, 3600, 86_400] {
            let moments = moments(&of((0..seconds * 4).map(|quarter| quarter * 250)));
            assert!((MAX_POINTS / 2..=MAX_POINTS).contains(&moments.len()) || seconds == 10, "{}", moments.len());
            assert_eq!(moments[0], 0);
            assert!(moments.is_sorted() && *moments.last().unwrap() >= seconds * 900, "{moments:?}");
        }
    }

    #[test]
    fn the_end_is_always_there() {
        let mut series = of([0, 200, 390]);
        series.end(Point { at_ms: 391, bytes_done: 7 });
        assert_eq!(moments(&series), [0, 200, 391]);
        series.end(Point { at_ms: 391, bytes_done: 8 });
        assert_eq!(series.points().last().unwrap().bytes_done, 8);
    }
}
