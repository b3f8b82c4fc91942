//! The stages of a deployment, one file each: what `domain` decides, done through the adapters.

pub mod copy;
