//! A repository as a document of the sandbox's state.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    contents::Contents,
    encryption::Encryption,
    mutability::Mutability,
    repository::{Image, Repository, RepositoryId},
};
use crate::{seed::TagMutability, state};
use shipgate_core::{
    account::{AccountId, Region},
    digest::Digest,
};

/// The document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    account: AccountId,
    region: Region,
    name: String,
    created: Timestamp,
    mutability: TagMutability,
    mutability_exclusions: Vec<String>,
    policy: Option<String>,
    labels: BTreeMap<String, String>,
    lifecycle_policy: Option<String>,
    scan_on_push: bool,
    #[serde(default)]
    encryption: Encryption,
    images: Vec<KeptImage>,
    tags: BTreeMap<String, Digest>,
    layers: BTreeMap<Digest, u64>,
}

/// A manifest: JSON, and so text.
#[derive(Serialize, Deserialize)]
struct KeptImage {
    media_type: String,
    pushed: Timestamp,
    manifest: String,
}

/// The name of a repository's document.
pub(super) fn document(id: &RepositoryId) -> String {
    state::document("repositories", &id.arn())
}

impl Kept {
    pub(super) fn new(id: &RepositoryId, repository: &Repository) -> Self {
        let image = |image: &Image| KeptImage {
            media_type: image.media_type.clone(),
            pushed: image.pushed,
            manifest: String::from_utf8_lossy(&image.bytes).into_owned(),
        };
        Self {
            account: id.account.clone(),
            region: id.region.clone(),
            name: id.name.clone(),
            created: repository.created,
            mutability: repository.mutability.kind,
            mutability_exclusions: repository.mutability.exclusions.clone(),
            policy: repository.policy.clone(),
            labels: repository.labels.clone(),
            lifecycle_policy: repository.lifecycle_policy.clone(),
            scan_on_push: repository.scan_on_push,
            encryption: repository.encryption.clone(),
            images: repository.images.values().map(image).collect(),
            tags: repository.tags.clone(),
            layers: repository.layers.clone(),
        }
    }

    /// The repository, or what is wrong with a manifest.
    pub(super) fn restore(self) -> Result<(RepositoryId, Repository), String> {
        let id = RepositoryId { account: self.account, region: self.region, name: self.name };
        let mutability = Mutability { kind: self.mutability, exclusions: self.mutability_exclusions };
        let mut repository = Repository {
            policy: self.policy,
            labels: self.labels,
            lifecycle_policy: self.lifecycle_policy,
            scan_on_push: self.scan_on_push,
            encryption: self.encryption,
            tags: self.tags,
            layers: self.layers,
            ..Repository::new(self.created, mutability)
        };
        for kept in self.images {
            let bytes = Bytes::from(kept.manifest);
            let contents = Contents::read(&bytes)?;
            let image = Image { media_type: kept.media_type, pushed: kept.pushed, contents, bytes };
            repository.images.insert(Digest::of(&image.bytes), image);
        }
        Ok((id, repository))
    }
}
