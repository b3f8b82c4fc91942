//! Stand-in for the image store.

use std::path::PathBuf;

use crate::domain::digest::Digest;

/// Stand-in.
#[derive(Default, Debug)]
pub struct Store;

/// Stand-in.
pub struct StoredImage {
    /// Of what the identifier names.
    pub digest: Digest,
    /// The configuration blob.
    pub config: Vec<u8>,
    /// Lowest first.
    pub layers: Vec<StoredLayer>,
}

/// Stand-in.
pub struct StoredLayer {
    /// As pushed.
    pub media_type: String,
    /// Of the blob.
    pub digest: Digest,
    /// Of the blob.
    pub size_bytes: u64,
    /// On disk.
    pub path: PathBuf,
}

/// Stand-in.
#[derive(Debug, thiserror::Error)]
pub enum PullFailure {
    /// No such image.
    #[error("image `{identifier}` not found")]
    ImageNotFound {
        /// What was asked for.
        identifier: String,
    },
}

impl Store {
    /// Stand-in.
    pub fn image_for_app_runner(&self, identifier: &str) -> Result<StoredImage, PullFailure> {
        Err(PullFailure::ImageNotFound { identifier: identifier.to_owned() })
    }
}
