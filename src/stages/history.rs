//! History: what a service had deployed, read from the record in the workload repository. It changes nothing, and what it cannot read
//! it does not guess.

use std::collections::BTreeMap;

use crate::stages::promote::{self, Place};
use shipgate_aws::{ecr::Ecr, fault::AwsFault};
use shipgate_core::{
    digest::Digest,
    image::ImageReference,
    operation::OperationId,
    release::{self, Attempt, AttemptEnd, History, NOTE_PREFIX, PastOperation, RECORD_PREFIX, deployments, history},
    service::LiveService,
};
use shipgate_registry::{Registry, RegistryError};

/// Where the record of a service is.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    /// The workload registry.
    pub registry: &'a Registry,
    /// The repository in it.
    pub repository: &'a str,
    /// The service's name.
    pub service: &'a str,
}

/// Reads what serves and what served before, as far back as it has to. `serving` is what is certain to serve, `live` the service as
/// it is, `operations` what it lists, newest first.
///
/// # Errors
/// What keeps the registry from telling: a version that cannot be seen must not be passed over as if it were not there.
pub async fn read(
    archive: Archive<'_>,
    live: &LiveService,
    operations: &[PastOperation],
    serving: Option<&Digest>,
) -> Result<History, RegistryError> {
    let deployments = deployments(archive.service, operations);
    let attempt = attempt_of(archive, operations).await?;
    let now = meaning(archive, live).await?;
    let is_pinned = configured(live).is_some_and(|image| image.digest().is_some());
    let (pinned, assumed) = match &attempt {
        None if is_pinned => (now.as_ref(), None),
        None => (None, now.as_ref()),
        // App Runner puts the identifier back that the service had. If it names the failed image all the same, it says nothing, and
        // neither does a tag, which nobody moved back.
        Some(attempt) => {
            let is_restored = is_pinned && attempt.end == AttemptEnd::RolledBack && attempt.digest.is_some();
            (None, now.as_ref().filter(|now| is_restored && attempt.digest.as_ref() != Some(*now)))
        }
    };
    let mut record = BTreeMap::new();
    for deployment in &deployments {
        for tag in &deployment.tags {
            if let Some(digest) = promote::points_at(archive.place(tag)).await? {
                record.insert(tag.clone(), digest);
                break;
            }
        }
        let known = history(&deployments, &record, serving.or(pinned), assumed);
        if known.before.is_some() {
            return Ok(History { attempt, ..known });
        }
    }
    Ok(History { attempt, ..history(&deployments, &record, serving.or(pinned), assumed) })
}

async fn attempt_of(archive: Archive<'_>, operations: &[PastOperation]) -> Result<Option<Attempt>, RegistryError> {
    let Some((operation, end, tag)) = release::attempt(archive.service, operations) else { return Ok(None) };
    let digest = match tag {
        Some(tag) => promote::points_at(archive.place(&tag)).await?,
        None => None,
    };
    Ok(Some(Attempt { operation, end, digest }))
}

/// What served before a deployment, by the record and then by the notes. `operations` are those from before it.
///
/// # Errors
/// What keeps the registry from telling.
pub async fn served_before(
    archive: Archive<'_>,
    operations: &[PastOperation],
) -> Result<Option<Digest>, RegistryError> {
    let deployments = deployments(archive.service, operations);
    for tag in deployments.first().iter().flat_map(|newest| &newest.tags) {
        if let Some(digest) = promote::points_at(archive.place(tag)).await? {
            return Ok(Some(digest));
        }
    }
    Ok(None)
}

/// The failed deployments that were of this image, newest first.
///
/// # Errors
/// What keeps the registry from telling.
pub async fn failures_of(
    archive: Archive<'_>,
    operations: &[PastOperation],
    digest: &Digest,
) -> Result<Vec<OperationId>, RegistryError> {
    let mut failures = Vec::new();
    for (operation, tag) in release::failed_deployments(archive.service, operations) {
        if promote::points_at(archive.place(&tag)).await?.as_ref() == Some(digest) {
            failures.push(operation);
        }
    }
    Ok(failures)
}

/// What the service's identifier means now: its digest, or what its tag points at. `None` where it deploys from elsewhere.
///
/// # Errors
/// What keeps the registry from telling.
pub async fn meaning(archive: Archive<'_>, live: &LiveService) -> Result<Option<Digest>, RegistryError> {
    let Some(image) = configured(live).filter(|image| image.repository() == archive.repository) else {
        return Ok(None);
    };
    match image.digest() {
        Some(digest) => Ok(Some(digest.clone())),
        None => promote::points_at(archive.place(image.manifest_reference())).await,
    }
}

/// A tag of the image's own, for a service that deploys from tags that cannot be moved: by it the service goes back to what it
/// deployed from. `None`: the digest does.
///
/// # Errors
/// What keeps ECR from telling.
pub async fn own_tag(ecr: &Ecr, repository: &str, digest: &Digest) -> Result<Option<String>, AwsFault> {
    let allowed = ecr.repository(repository).await?;
    let Some(allowed) = allowed.filter(|allowed| allowed.immutable || !allowed.exclusions.is_empty()) else {
        return Ok(None);
    };
    let of_the_record = |tag: &str| tag.starts_with(RECORD_PREFIX) || tag.starts_with(NOTE_PREFIX);
    let tags = ecr.tags_of(repository, digest).await?;
    Ok(tags.into_iter().filter(|tag| !of_the_record(tag) && !allowed.lets_move(tag)).min())
}

/// The image that the service is configured with.
#[must_use]
pub fn configured(live: &LiveService) -> Option<ImageReference> {
    live.image_identifier.as_deref().and_then(|identifier| identifier.parse().ok())
}

impl<'a> Archive<'a> {
    fn place(self, tag: &'a str) -> Place<'a> {
        Place { registry: self.registry, repository: self.repository, tag }
    }
}
