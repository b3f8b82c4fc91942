//! Promote: the workload tag points at the digest. The first change anybody can see, so it comes only after copy and
//! verify; and it is taken back when nothing comes of it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use shipgate_core::{digest::Digest, manifest::RawManifest};
use shipgate_registry::{Registry, RegistryError};

/// How long moving a tag may take, retries included: one small request.
const LIMIT: Duration = Duration::from_mins(1);
/// How long a move that is under way may still take after a signal: less than a CI system waits before it kills.
const LIMIT_AFTER_SIGNAL: Duration = Duration::from_secs(3);

/// A tag of a repository.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The repository.
    pub repository: &'a str,
    /// The tag.
    pub tag: &'a str,
}

/// The tag could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// It points where it did.
    #[error("cannot point {place} at {digest}")]
    NotMoved {
        /// `HOST/REPOSITORY:TAG`.
        place: String,
        /// Where it should point.
        digest: Digest,
        /// What the registry said.
        #[source]
        source: RegistryError,
    },
    /// The repository does not have the image.
    #[error("cannot point {place} at {digest}: the repository does not have that image")]
    NoImage {
        /// `HOST/REPOSITORY:TAG`.
        place: String,
        /// Where it should point.
        digest: Digest,
    },
    /// The move got no answer in time, and nobody can say where it points.
    #[error("{place} was to point at {digest}, and it is not known whether it does")]
    Unknown {
        /// `HOST/REPOSITORY:TAG`.
        place: String,
        /// Where it should point.
        digest: Digest,
        /// What the registry said last, if it said anything.
        #[source]
        source: Option<RegistryError>,
    },
}

impl PromoteError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotMoved { source, .. } => source.hint(),
            Self::NoImage { .. } => None,
            Self::Unknown { place, .. } => Some(format!("look where {place} points, then run the same command again")),
        }
    }
}

/// Points a tag at a manifest that the repository has, and tells nobody: for tags that nothing is deployed from.
///
/// # Errors
/// [`PromoteError`], when it does not point there, or nobody knows.
pub async fn point(place: Place<'_>, manifest: &RawManifest, cancel: &CancellationToken) -> Result<(), PromoteError> {
    match points_at(place).await {
        Ok(Some(digest)) if digest == manifest.digest => Ok(()),
        Ok(_) | Err(_) => put(place, manifest, cancel).await,
    }
}

/// Where the tag points now; `None` also if the repository does not exist. One request.
///
/// # Errors
/// What keeps the registry from telling.
pub async fn points_at(place: Place<'_>) -> Result<Option<Digest>, RegistryError> {
    place.registry.manifest_digest(place.repository, place.tag).await
}

/// A move that was refused, or got no answer, may have been made all the same: the registry is asked before either is
/// believed.
pub(super) async fn put(
    place: Place<'_>,
    manifest: &RawManifest,
    cancel: &CancellationToken,
) -> Result<(), PromoteError> {
    let (name, digest) = (place.name(), manifest.digest.clone());
    let refusal = tokio::select! {
        result = place.registry.put_manifest(place.repository, place.tag, manifest) => match result {
            Ok(()) => return Ok(()),
            Err(error) => Some(error),
        },
        () = patience(cancel) => None,
    };
    let seen = tokio::time::timeout(LIMIT_AFTER_SIGNAL, points_at(place)).await;
    match (seen, refusal) {
        (Ok(Ok(Some(seen))), _) if seen == manifest.digest => Ok(()),
        (Ok(Ok(_)), Some(source)) => Err(PromoteError::NotMoved { place: name, digest, source }),
        (_, source) => Err(PromoteError::Unknown { place: name, digest, source }),
    }
}

async fn patience(cancel: &CancellationToken) {
    let signalled = async {
        cancel.cancelled().await;
        tokio::time::sleep(LIMIT_AFTER_SIGNAL).await;
    };
    tokio::select! {
        () = tokio::time::sleep(LIMIT) => {}
        () = signalled => {}
    }
}

impl Place<'_> {
    /// `HOST/REPOSITORY:TAG`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}:{}", self.registry.host(), self.repository, self.tag)
    }
}
