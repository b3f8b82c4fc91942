//! AWS as this program needs it: sessions in accounts, ECR's control plane, log groups. Together with `target`, the
//! only user of the AWS SDK.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

pub mod oidc;

pub mod base_identity;
pub mod clock;
pub mod ecr;
pub mod fault;
mod http;
pub mod identity;
pub mod log_groups;
pub mod log_lines;
pub mod logs;
pub mod pages;
pub mod probe;
pub mod refusal;
pub mod secrets;
pub mod session;
pub mod web_identity;
