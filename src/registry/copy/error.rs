//! Why an image was not copied.

use crate::{
    domain::{digest::Digest, manifest::ManifestError},
    registry::error::RegistryError,
};

/// Why an image was not copied. Whichever it is: at a destination no manifest exists without all its blobs.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A registry did not play its part.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The source has no such manifest.
    #[error("there is no manifest {digest} in {repository}")]
    SourceMissing {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// What was looked for.
        digest: Digest,
    },
    /// The source has a manifest that cannot be copied, such as Docker's schema 1.
    #[error("cannot copy an image of {repository}")]
    Manifest {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// The image has a layer that must not be redistributed, and that registries do not hold.
    #[error("cannot copy image {manifest} of {repository}: layer {layer} is a foreign layer ({media_type})")]
    ForeignLayer {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// The image's manifest.
        manifest: Digest,
        /// The layer.
        layer: Digest,
        /// The layer's media type.
        media_type: String,
    },
    /// Descriptors contradict each other or the content they describe.
    #[error("cannot copy image of {repository}: {digest} is said to have {said} bytes, and has {actual}")]
    SizeConflict {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// The content.
        digest: Digest,
        /// What one descriptor says.
        said: u64,
        /// What another says, or what came.
        actual: u64,
    },
    /// Indexes within indexes, beyond reason.
    #[error("cannot copy {digest} of {repository}: its indexes are nested more than {limit} deep")]
    TooDeep {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// The outermost index.
        digest: Digest,
        /// As deep as is followed.
        limit: usize,
    },
    /// A fault in this program.
    #[error("the transfer of a blob ended unexpectedly")]
    Worker(#[from] tokio::task::JoinError),
    /// Stopped before the end.
    #[error("the copy was cancelled")]
    Cancelled,
}

impl CopyError {
    /// Whether it is a matter of identity or permission.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_denied())
    }

    /// Whether the caller stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::SourceMissing { .. } => {
                Some("push the image again; it may have been deleted (lifecycle policy) or archived".to_owned())
            }
            Self::Manifest { .. } => {
                Some("build and push the image with a current Docker or BuildKit (OCI or Docker schema 2)".to_owned())
            }
            Self::ForeignLayer { .. } => Some(
                "build the image with its base layers included, or from a base that may be redistributed".to_owned(),
            ),
            Self::Cancelled => {
                Some("run the same command again: what has been copied is kept and will be skipped".to_owned())
            }
            Self::SizeConflict { .. } | Self::TooDeep { .. } | Self::Worker(_) => None,
        }
    }
}
