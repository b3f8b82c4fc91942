//! Resolve: the tag becomes a digest, once. Everything after speaks digests.

use crate::{
    domain::{
        digest::Digest,
        event::{Emitter, Event},
        image::ImageReference,
        manifest::{Manifest, ManifestError, RawManifest, platform_of_config},
    },
    registry::{Registry, RegistryError},
};

/// The platform App Runner runs, and the only one.
pub const PLATFORM: &str = "linux/amd64";

/// The source image, pinned.
#[derive(Clone, Debug)]
pub struct ResolvedImage {
    /// As the user wrote it.
    pub reference: ImageReference,
    /// What it points at: an image or an index.
    pub manifest: RawManifest,
    /// The platforms it offers, `os/architecture`.
    pub platforms: Vec<String>,
}

impl ResolvedImage {
    /// The digest everything after resolve speaks.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// Whether App Runner can run it.
    #[must_use]
    pub fn runs_on_app_runner(&self) -> bool {
        self.platforms.iter().any(|platform| platform == PLATFORM)
    }
}

/// The image could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The registry gave no good answer.
    #[error("cannot resolve {reference}")]
    Registry {
        /// The image.
        reference: ImageReference,
        /// What the registry said.
        #[source]
        source: RegistryError,
    },
    /// There is no such image.
    #[error("there is no image {reference}")]
    NotFound {
        /// The image.
        reference: ImageReference,
    },
    /// What is there is not an image.
    #[error("{reference} cannot be used")]
    Manifest {
        /// The image.
        reference: ImageReference,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
}

impl ResolveError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { source, .. } => source.hint(),
            Self::NotFound { reference } => Some(match reference.digest() {
                Some(_) => "check the digest: it must be one of this repository's manifests".to_owned(),
                None => "check the tag, and that the job that pushes it has run before this one".to_owned(),
            }),
            Self::Manifest { .. } => None,
        }
    }
}

/// Asks the registry what `image` points at.
///
/// # Errors
/// [`ResolveError`] when there is no such image, or it is not one this program can handle.
pub async fn resolve_image(
    registry: &Registry,
    image: &ImageReference,
    events: &Emitter,
) -> Result<ResolvedImage, ResolveError> {
    let failed = |source| ResolveError::Registry { reference: image.clone(), source };
    let unusable = |source| ResolveError::Manifest { reference: image.clone(), source };
    let manifest = registry
        .manifest(image.repository(), image.manifest_reference())
        .await
        .map_err(failed)?
        .ok_or_else(|| ResolveError::NotFound { reference: image.clone() })?;
    events.emit(Event::ImageResolved {
        reference: image.to_string(),
        digest: manifest.digest.clone(),
        media_type: manifest.media_type.clone(),
    });
    let platforms = match manifest.parse().map_err(unusable)? {
        Manifest::Index { members } => members.into_iter().filter_map(|member| member.platform).collect(),
        Manifest::Image { config, .. } => {
            let bytes = registry.blob_bytes(image.repository(), &config).await.map_err(failed)?;
            platform_of_config(&bytes).into_iter().collect()
        }
    };
    Ok(ResolvedImage { reference: image.clone(), manifest, platforms })
}

/// The image that App Runner runs: what is resolved, or its member for the platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Runnable {
    /// Its manifest.
    pub manifest: Digest,
    /// Its configuration.
    pub config: Digest,
    /// The bytes that App Runner pulls: its layers as they are in the registry.
    pub compressed_bytes: u64,
}

impl Runnable {
    /// What an engine that has it knows it by, if it was resolved to this.
    #[must_use]
    pub fn known_as(&self, resolved: &Digest) -> Vec<Digest> {
        let mut names = vec![self.config.clone(), self.manifest.clone()];
        names.extend((*resolved != self.manifest).then(|| resolved.clone()));
        names
    }
}

/// What App Runner runs of an image; of an index, its registry is asked for the member. `None` when it cannot be told: no
/// verdict should wait for that.
pub async fn runnable(registry: &Registry, image: &ResolvedImage) -> Option<Runnable> {
    if let Some(itself) = image_of(&image.manifest) {
        return Some(itself);
    }
    let Manifest::Index { members } = image.manifest.parse().ok()? else { return None };
    let member = members.into_iter().find(|member| member.runs_on_app_runner)?;
    let digest = member.descriptor.digest;
    image_of(&registry.manifest(image.reference.repository(), digest.as_str()).await.ok()??)
}

fn image_of(manifest: &RawManifest) -> Option<Runnable> {
    match manifest.parse().ok()? {
        Manifest::Image { config, layers } => Some(Runnable {
            manifest: manifest.digest.clone(),
            config: config.digest,
            compressed_bytes: layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size_bytes)),
        }),
        Manifest::Index { .. } => None,
    }
}
