//! Promote: the workload tag points at the digest. The first change anybody can see, so it comes only after copy and
//! verify.

use crate::{
    domain::{
        digest::Digest,
        event::{Emitter, Event},
        manifest::RawManifest,
    },
    registry::{Registry, RegistryError},
};

/// The tag could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("cannot point {repository}:{tag} at {digest}")]
pub struct PromoteError {
    /// `HOST/REPOSITORY`.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// Where it should point.
    pub digest: Digest,
    /// What the registry said.
    #[source]
    pub source: RegistryError,
}

/// What promoting did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promotion {
    /// What the tag pointed at before.
    pub previous: Option<Digest>,
    /// Whether it had to be moved.
    pub moved: bool,
}

/// Points `tag` at `manifest`, unless it does already. Asked first: some registries refuse even the same digest again.
///
/// # Errors
/// [`PromoteError`]; the tag then points where it did.
pub async fn promote(
    registry: &Registry,
    repository: &str,
    tag: &str,
    manifest: &RawManifest,
    events: &Emitter,
) -> Result<Promotion, PromoteError> {
    let name = format!("{}/{repository}", registry.host());
    let failed = |source| PromoteError {
        repository: name.clone(),
        tag: tag.to_owned(),
        digest: manifest.digest.clone(),
        source,
    };
    let previous = registry.head_manifest(repository, tag).await.map_err(failed)?.map(|descriptor| descriptor.digest);
    let moved = previous.as_ref() != Some(&manifest.digest);
    if moved {
        registry.put_manifest(repository, tag, manifest).await.map_err(failed)?;
    }
    events.emit(Event::Promoted {
        repository: name,
        tag: tag.to_owned(),
        previous: previous.clone(),
        digest: manifest.digest.clone(),
    });
    Ok(Promotion { previous, moved })
}
