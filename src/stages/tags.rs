//! The tags of a repository of the workload registry, as a release reads and writes them.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::stages::promote::{self, Place, PromoteError};
use shipgate_core::{digest::Digest, manifest::RawManifest};
use shipgate_registry::{Registry, RegistryError};

/// Tags of one repository.
pub trait TagStore {
    /// The digest that a tag points at; `None` when there is no such tag.
    fn digest_of(&self, tag: &str) -> impl Future<Output = Result<Option<Digest>, RegistryError>> + Send;

    /// Points a tag at an image that the repository has.
    fn point(&self, tag: &str, digest: &Digest) -> impl Future<Output = Result<(), PromoteError>> + Send;
}

/// Tags in a registry.
#[derive(Clone, Copy, Debug)]
pub struct RegistryTags<'a> {
    /// The registry.
    pub registry: &'a Registry,
    /// The repository.
    pub repository: &'a str,
    /// The image that is released, which need not be fetched.
    pub image: &'a RawManifest,
    /// Shortens the wait for a write that is under way.
    pub cancel: &'a CancellationToken,
}

impl TagStore for RegistryTags<'_> {
    async fn digest_of(&self, tag: &str) -> Result<Option<Digest>, RegistryError> {
        promote::points_at(Place { registry: self.registry, repository: self.repository, tag }).await
    }

    async fn point(&self, tag: &str, digest: &Digest) -> Result<(), PromoteError> {
        let place = Place { registry: self.registry, repository: self.repository, tag };
        if *digest == self.image.digest {
            return promote::put(place, self.image, self.cancel).await;
        }
        let not_moved = |source| PromoteError::NotMoved { place: place.name(), digest: digest.clone(), source };
        match self.registry.manifest(self.repository, digest.as_str()).await.map_err(not_moved)? {
            Some(manifest) => promote::put(place, &manifest, self.cancel).await,
            None => Err(PromoteError::NoImage { place: place.name(), digest: digest.clone() }),
        }
    }
}
