//! shipgate takes a container image from a registry account's ECR to a running App Runner service in a workload
//! account, and lets nothing broken through. This is the module map; `docs/design/architecture.md` is the plan of it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

pub mod cli;
pub mod config;
pub mod pipeline;
pub mod report;
pub mod stages;
pub mod target;
