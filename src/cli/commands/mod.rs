//! The verbs, a file each.

pub mod completions;
pub mod copy;
#[cfg(feature = "sandbox")]
pub mod demo;
#[cfg(feature = "sandbox")]
pub mod demo_app;
pub mod deploy;
pub mod doctor;
pub mod export;
pub mod iam;
pub mod init;
pub mod logs;
pub mod man;
pub mod mirror;
pub mod plan;
pub mod probe_sidecar;
pub mod rollback;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod schema;
pub mod status;
pub mod sweep;
pub mod verify;
pub mod wait;
