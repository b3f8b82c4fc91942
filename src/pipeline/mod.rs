//! The pipeline: what is going to happen (`plan`), the order it happens in (`deploy`), how it can fail (`failure`), how
//! it is told (`narrator`), how it is stopped (`cancellation`). `copying`, `mirror` and `verifying` are orders of
//! their own; `returning` goes back to the version before.

pub mod cancellation;
pub mod copying;
pub mod deploy;
pub mod failure;
pub mod mirror;
pub mod narrator;
pub mod plan;
mod preparing;
pub mod progress;
mod releasing;
pub mod returning;
pub mod verifying;
pub mod wait;
