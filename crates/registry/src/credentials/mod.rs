//! Docker's credentials: what `docker login` and `podman login` have left on this machine, and the programs that keep
//! secrets for them. Reads files and asks programs; never writes, and shows no secret to anybody but the caller.
//!
//! `key` (which of a file's keys is meant) → `file` (one configuration file) → `program` (a credential helper) →
//! `keychain` (all of them, in order).

mod error;
mod file;
mod key;
mod keychain;
mod program;

pub use error::CredentialError;
pub use keychain::{Keychain, KeychainEnvironment};
