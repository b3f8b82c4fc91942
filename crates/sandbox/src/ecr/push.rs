//! The push of a manifest, whichever face of ECR it came to.

use jiff::Timestamp;

use super::{
    contents::Contents,
    repository::{Push, PushRefused, Pushed, RepositoryId},
    store::NoRepository,
};
use crate::cloud::Cloud;

/// Why a manifest was not taken.
pub(crate) enum NotPushed {
    /// There is no such repository.
    NoRepository(NoRepository),
    /// Too many at once.
    TooFast,
    /// The repository refused.
    Refused(PushRefused),
}

/// Takes a manifest and tells App Runner when a tag names another digest now.
pub(crate) fn push(cloud: &Cloud, id: &RepositoryId, push: Push) -> Result<Pushed, NotPushed> {
    let tag = push.tag.clone();
    if cloud.ecr_manners && !cloud.rate.admits(id, Timestamp::now()) {
        return Err(NotPushed::TooFast);
    }
    if cloud.ecr_manners {
        refuse_unsupported(&push).map_err(NotPushed::Refused)?;
    }
    let pushed = cloud
        .images
        .with(id, |repository| repository.push(push, Timestamp::now()))
        .map_err(NotPushed::NoRepository)?
        .map_err(NotPushed::Refused)?;
    if let Some(tag) = tag.filter(|_| pushed.tag_moved) {
        cloud.app_runner.image_pushed(&id.account, &id.region, &id.name, &tag);
    }
    Ok(pushed)
}

/// What ECR does not take though the specification has it: fields that it does not know (reported of public tools that write
/// them: apko, kaniko, BuildKit with `oci-artifact=true`), and indexes of anything but manifests, such as BuildKit's caches.
fn refuse_unsupported(push: &Push) -> Result<(), PushRefused> {
    let contents = Contents::read(&push.bytes).map_err(PushRefused::Malformed)?;
    if let Some(field) = contents.unknown_fields.first() {
        return Err(PushRefused::Malformed(format!("unknown field {field}")));
    }
    contents.not_a_manifest.map_or(Ok(()), |digest| Err(PushRefused::NotAManifest(digest)))
}
