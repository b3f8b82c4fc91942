//! An OCI distribution client: what it takes to read an image from one registry and write it to others.
//!
//! Speaks to any registry that follows the OCI distribution specification, and knows ECR's manners where they differ.
//! Knows nothing of AWS: whoever builds a [`Registry`] brings the address and the credentials.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

pub mod credentials;

mod address;
mod authentication;
mod authorization;
mod bearer;
mod blob_reader;
mod blobs;
mod challenge;
mod checkpoints;
mod client;
pub mod copy;
mod encoding;
mod error;
mod location;
mod manifests;
mod pacing;
mod paging;
mod rate;
mod receiving;
mod redact;
mod referrers;
mod refusal;
mod renewal;
mod request;
mod retry;
mod selection;
mod tags;
#[cfg(test)]
mod tests;
mod token;
mod uploads;

pub use authorization::Authorization;
pub use blob_reader::BlobReader;
pub use client::{BatchCheck, BatchRefusal, Registry};
pub use error::{Action, Answer, RegistryError};
pub use location::NewAddress;
pub use renewal::Renewal;
pub use selection::{SelectedImage, Selection, SelectionError};
pub use uploads::{Mount, UploadSession};
