//! Tests of the whole: the built binary, and the shape of the source.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod architecture;
mod exit_codes;
mod output;
mod refusals;
mod said;
mod scenes;
mod signals;
mod world;
