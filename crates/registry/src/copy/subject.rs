//! Finds out which image it is, and which destinations lack it: all that has to be asked when there is nothing to do.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};

use super::{
    error::CopyError,
    lane::{self, Lanes},
    place::Place,
    request::CopyImage,
};
use crate::{Selection, SelectionError};
use shipgate_core::{digest::Digest, manifest::RawManifest};

/// The image to copy.
pub(super) struct Subject {
    pub(super) digest: Digest,
    /// Its manifest, if it had to be read to know the digest.
    pub(super) raw: Option<RawManifest>,
    /// The destinations that lack it, or its tag.
    pub(super) lacking: BTreeSet<usize>,
}

/// The source and the destinations are asked at the same time, as far as what to ask the latter is known: a destination
/// with a tag is asked for the tag.
pub(super) async fn find(
    source: &Place,
    image: CopyImage<'_>,
    platform: Option<&str>,
    lanes: &Lanes,
) -> Result<Subject, CopyError> {
    let pinned = match image {
        CopyImage::Digest(digest) if platform.is_none() => Some(digest),
        CopyImage::Manifest(raw) if platform.is_none() => Some(&raw.digest),
        CopyImage::Digest(_) | CopyImage::Manifest(_) | CopyImage::Tag(_) => None,
    };
    let (read, there) = join(read(source, image, platform), digests_at(lanes, pinned)).await;
    let (digest, raw) = read?;
    let (there, digest_ref) = (&there, &digest);
    let asked = join_all(lane::open(lanes).map(|(index, lane)| async move {
        let has = match &there[index] {
            Some(known) => known.as_ref() == Some(digest_ref),
            None => digest_at(lane, digest_ref.as_str()).await.is_some(),
        };
        (!has).then_some(index)
    }));
    let lacking: BTreeSet<usize> = asked.await.into_iter().flatten().collect();
    let lacking = lane::still_open(lanes, &lacking);
    Ok(Subject { digest, raw, lacking })
}

/// For each destination what it answers; `None` where there is nothing to ask it yet, or it does not answer.
async fn digests_at(lanes: &Lanes, pinned: Option<&Digest>) -> Vec<Option<Option<Digest>>> {
    join_all(lanes.iter().map(|lane| async move {
        let reference = lane.tag.as_deref().or(pinned.map(Digest::as_str))?;
        Some(digest_at(lane, reference).await)
    }))
    .await
}

/// The destinations that do not have this digest under this reference.
pub(super) async fn lacking(lanes: &Lanes, reference: &str, digest: &Digest) -> BTreeSet<usize> {
    let asked = join_all(lane::open(lanes).map(|(index, lane)| async move {
        (digest_at(lane, reference).await.as_ref() != Some(digest)).then_some(index)
    }));
    let lacking: BTreeSet<usize> = asked.await.into_iter().flatten().collect();
    lane::still_open(lanes, &lacking)
}

/// The digest a destination has under this reference. One that cannot say takes no part any more.
async fn digest_at(lane: &lane::Lane, reference: &str) -> Option<Digest> {
    match lane.place.registry.manifest_digest(&lane.place.repository, reference).await {
        Ok(digest) => digest,
        Err(error) => {
            lane.fail(error);
            None
        }
    }
}

/// The image's digest, and its manifest if it had to be read to know that.
pub(super) async fn read(
    source: &Place,
    image: CopyImage<'_>,
    platform: Option<&str>,
) -> Result<(Digest, Option<RawManifest>), CopyError> {
    let raw = match (image, platform) {
        (CopyImage::Digest(digest), None) => return Ok((digest.clone(), None)),
        (CopyImage::Digest(digest), Some(_)) => source.must_have(digest.as_str()).await?,
        (CopyImage::Tag(tag), _) => source.must_have(tag).await?,
        (CopyImage::Manifest(raw), _) => raw.clone(),
    };
    match platform {
        None => Ok((raw.digest.clone(), Some(raw))),
        Some(platform) => for_platform(source, raw, platform).await,
    }
}

/// The image of the index that is for this platform; a single image only if it is for it itself.
async fn for_platform(
    source: &Place,
    raw: RawManifest,
    platform: &str,
) -> Result<(Digest, Option<RawManifest>), CopyError> {
    match source.registry.select(&source.repository, &raw, platform).await {
        Ok(Selection::Image(image)) => Ok((image.digest, image.manifest)),
        Ok(Selection::Nothing { offered, instead }) => Err(CopyError::NoSuchPlatform {
            repository: source.to_string(),
            platform: platform.to_owned(),
            offered,
            instead,
        }),
        Err(SelectionError::Registry(source)) => Err(source.into()),
        Err(SelectionError::Manifest(error)) => {
            Err(CopyError::Manifest { repository: source.to_string(), source: error })
        }
    }
}
