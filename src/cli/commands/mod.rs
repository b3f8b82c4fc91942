//! The verbs, a file each.

pub mod completions;
pub mod copy;
pub mod demo;
pub mod demo_app;
pub mod deploy;
pub mod mirror;
pub mod probe_sidecar;
pub mod rollback;
pub mod sandbox;
pub mod schema;
pub mod verify;
pub mod wait;
