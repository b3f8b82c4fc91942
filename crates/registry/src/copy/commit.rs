//! Writes the manifests, the innermost first, so that none is ever there without what it names; the image's own last,
//! under its tag where it is to have one.

use futures_util::{StreamExt as _, stream};

use super::{
    error::CopyError,
    lane::{self, Lane, Lanes},
    survey::Level,
};
use crate::error::RegistryError;
use shipgate_core::manifest::RawManifest;

/// Manifests written to all destinations at the same time.
const WRITES_IN_FLIGHT: usize = 8;

/// What the outermost manifest is written under. All others go under their digests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Under<'a> {
    /// The tag of each destination, where it has one.
    OwnTag,
    /// This tag.
    Tag(&'a str),
    /// Its digest.
    Digest,
}

/// Writes each manifest where it is lacking.
pub(super) async fn commit(levels: &[Level], lanes: &Lanes, under: Under<'_>) {
    for (depth, level) in levels.iter().enumerate().rev() {
        let writes = level.iter().flat_map(|manifest| {
            lane::still_open(lanes, &manifest.lacking).into_iter().map(move |index| (&manifest.raw, index))
        });
        let under = if depth == 0 { under } else { Under::Digest };
        stream::iter(writes)
            .for_each_concurrent(WRITES_IN_FLIGHT, |(raw, index)| async move {
                if let Err(error) = write(&lanes[index], raw, under).await {
                    lanes[index].fail(error);
                }
            })
            .await;
    }
}

/// Writes one manifest to one destination.
pub(super) async fn write(lane: &Lane, raw: &RawManifest, under: Under<'_>) -> Result<(), CopyError> {
    let tag = match under {
        Under::OwnTag => lane.tag.as_deref(),
        Under::Tag(tag) => Some(tag),
        Under::Digest => None,
    };
    let (registry, repository) = (&lane.place.registry, lane.place.repository.as_str());
    let answer = registry.put_manifest(repository, tag.unwrap_or(raw.digest.as_str()), raw).await;
    match (answer, tag) {
        (Err(RegistryError::TagImmutable { .. }), Some(tag)) => settle(lane, tag, raw).await,
        (answer, _) => {
            answer?;
            lane.tally.manifest_written();
            Ok(())
        }
    }
}

/// An immutable tag is as good as written if it points at this image: somebody else was faster, or the answer to our own
/// request was lost.
async fn settle(lane: &Lane, tag: &str, raw: &RawManifest) -> Result<(), CopyError> {
    let there = lane.place.registry.manifest_digest(&lane.place.repository, tag).await?;
    if there.as_ref() == Some(&raw.digest) {
        return Ok(());
    }
    Err(CopyError::TagTaken {
        repository: lane.place.to_string(),
        tag: tag.to_owned(),
        there,
        wanted: raw.digest.clone(),
    })
}
