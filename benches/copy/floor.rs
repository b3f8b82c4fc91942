//! The time that no copier can be faster than, computed from the image and the wire alone.

use std::time::Duration;

use super::{image::Image, relay::Shape};

/// Round trips that a whole copy cannot do without: set-up and manifest of the source, the question of what is there,
/// start and end of an upload, the manifest.
const ROUND_TRIPS: u32 = 6;
/// With nothing to do: the connection's set-up, and one question.
const ROUND_TRIPS_OF_A_LOOK: u32 = 2;

/// The floor of a copy. The wire bounds every connection alone and all of them together by nothing, so the largest
/// blob's own stream decides, whatever else there is.
pub(crate) fn of_copy(image: &Image, shape: &Shape) -> Duration {
    let rate = shape.up.min(shape.down);
    let largest = Duration::from_secs_f64(image.largest() as f64 / rate as f64);
    largest + shape.round_trip * ROUND_TRIPS
}

/// The floor when everything is there already.
pub(crate) fn of_look(shape: &Shape) -> Duration {
    shape.round_trip * ROUND_TRIPS_OF_A_LOOK
}
