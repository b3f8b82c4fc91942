//! Runs an image in a local container under the rules of the service it is for, and judges it: engine discovery, run, reach, probe,
//! verdict. No AWS.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

#[cfg(any(test, feature = "demo"))]
pub mod demo;
pub mod docker;
pub mod packing;
pub mod verify;
