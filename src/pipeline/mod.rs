//! The pipeline: what is going to happen (`plan`), the order it happens in (`deploy`), how it can fail (`failure`), how
//! it is told (`narrator`), how it is stopped (`cancellation`). `copying`, `mirror` and `verifying` are orders of
//! their own; `returning` goes back to the version before; `planning`, `status`, `logs`, `orphans`, `export`, `init` and
//! `doctor` read; `permissions` only writes.

pub mod cancellation;
pub mod checking;
pub mod copying;
pub mod deploy;
pub mod doctor;
pub mod export;
pub mod failure;
mod hcl;
pub mod init;
pub mod logs;
pub mod mirror;
pub mod narrator;
pub mod orphans;
pub mod permissions;
mod permitted;
pub mod plan;
pub mod planning;
mod preparing;
pub mod progress;
mod releasing;
pub mod returning;
mod rolled_back;
pub mod status;
pub mod sweeping;
pub mod verifying;
pub mod wait;
