//! Resolve: the tag becomes a digest, once. Everything after speaks digests.

use shipgate_core::{
    digest::Digest,
    event::{Emitter, Event},
    image::ImageReference,
    manifest::{Manifest, ManifestError, RawManifest},
};
use shipgate_registry::{Registry, RegistryError, SelectedImage, Selection, SelectionError};

/// The platform App Runner runs, and the only one.
pub const PLATFORM: &str = "linux/amd64";

/// The source image, pinned.
#[derive(Clone, Debug)]
pub struct ResolvedImage {
    /// As the user wrote it.
    pub reference: ImageReference,
    /// What it points at: an image or an index.
    pub manifest: RawManifest,
    /// The platforms it offers where [`PLATFORM`] is not among them: `os/architecture[/variant]`.
    pub platforms: Vec<String>,
    /// The image in it that App Runner runs, if there is one.
    pub runs: Option<SelectedImage>,
}

impl ResolvedImage {
    /// The digest everything after resolve speaks.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// The digest that an engine pulls. Not every engine searches indexes within indexes, or members that name no platform:
    /// then it is that of the image itself.
    #[must_use]
    pub fn pulled_as(&self) -> &Digest {
        match &self.runs {
            Some(image) if !image.is_obvious => &image.digest,
            Some(_) | None => self.digest(),
        }
    }

    /// Whether App Runner can run it.
    #[must_use]
    pub fn runs_on_app_runner(&self) -> bool {
        self.runs.is_some()
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
    /// It is an artifact, such as a build cache.
    #[error("{reference} is {what}, not an image")]
    NotAnImage {
        /// What was named.
        reference: ImageReference,
        /// What it is.
        what: String,
    },
    /// The manifest cannot be read.
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
            Self::NotAnImage { .. } => Some("name the tag of an image that can be run".to_owned()),
            Self::Manifest { source, .. } => source.hint().map(str::to_owned),
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
    let selection = registry.select(image.repository(), &manifest, PLATFORM).await.map_err(|error| match error {
        SelectionError::Registry(source) => failed(source),
        SelectionError::Manifest(source) => unusable(source),
    })?;
    match selection {
        Selection::Image(runs) => {
            Ok(ResolvedImage { reference: image.clone(), manifest, platforms: Vec::new(), runs: Some(runs) })
        }
        Selection::Nothing { instead: Some(what), .. } => {
            Err(ResolveError::NotAnImage { reference: image.clone(), what })
        }
        Selection::Nothing { offered, instead: None } => {
            Ok(ResolvedImage { reference: image.clone(), manifest, platforms: offered, runs: None })
        }
    }
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
    let selected = image.runs.as_ref()?;
    let read = match &selected.manifest {
        Some(manifest) => manifest.clone(),
        None => registry.manifest(image.reference.repository(), selected.digest.as_str()).await.ok()??,
    };
    image_of(&read)
}

fn image_of(manifest: &RawManifest) -> Option<Runnable> {
    match manifest.parse().ok()? {
        Manifest::Image { config, layers } => Some(Runnable {
            manifest: manifest.digest.clone(),
            config: config?.digest,
            compressed_bytes: layers
                .iter()
                .fold(0, |sum, layer| sum.saturating_add(layer.size_bytes.unwrap_or_default())),
        }),
        Manifest::Index { .. } => None,
    }
}
