//! A repository in a registry, held by a copy for as long as it runs.

use std::fmt;

use super::error::CopyError;
use crate::client::Registry;
use shipgate_core::{
    event::Emitter,
    manifest::{Manifest, RawManifest},
};

/// `HOST/REPOSITORY`, with the client to reach it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) registry: Registry,
    pub(super) repository: String,
}

impl Place {
    pub(super) fn new(registry: &Registry, repository: &str, events: &Emitter) -> Self {
        Self { registry: registry.observed_by(events), repository: repository.to_owned() }
    }

    /// A manifest that has to be here.
    pub(super) async fn must_have(&self, reference: &str) -> Result<RawManifest, CopyError> {
        let raw = self.registry.manifest(&self.repository, reference).await?;
        raw.ok_or_else(|| CopyError::SourceMissing { repository: self.to_string(), reference: reference.to_owned() })
    }

    /// What a manifest from here says.
    pub(super) fn parse(&self, raw: &RawManifest) -> Result<Manifest, CopyError> {
        raw.parse().map_err(|source| CopyError::Manifest { repository: self.to_string(), source })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry.host(), self.repository)
    }
}
