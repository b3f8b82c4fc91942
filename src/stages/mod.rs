//! The stages of a deployment, one file each.

pub mod verify;
