//! Stand-in.

pub mod store;
