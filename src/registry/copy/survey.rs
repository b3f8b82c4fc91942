//! Finds the manifests that destinations lack, level by level: the image or index itself, then what an index names.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::try_join_all,
    stream::{self},
};

use super::{error::CopyError, place::Place};
use crate::domain::{
    digest::Digest,
    manifest::{Manifest, RawManifest},
};

/// As deep as indexes within indexes are followed. Nothing in use goes beyond two.
const MAX_DEPTH: usize = 4;

/// Manifests asked for at the same time.
const MANIFESTS_IN_FLIGHT: usize = 16;

/// A manifest that is to be copied.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) raw: RawManifest,
    pub(super) manifest: Manifest,
    /// The destinations that do not have it.
    pub(super) lacking: BTreeSet<usize>,
}

/// Manifests that may be written in any order, once those of the next level are there.
pub(super) type Level = Vec<Surveyed>;

/// What is known of a manifest before it is asked for.
struct Wanted {
    digest: Digest,
    said_bytes: Option<u64>,
    /// The destinations that lack the index that names it: the others have it too.
    lacking: BTreeSet<usize>,
}

/// The manifests to copy, outermost level first. A destination that has a manifest has all that hangs on it, and is not
/// asked further; a manifest that every destination has is not read.
pub(super) async fn survey(source: &Place, destinations: &[Place], digest: &Digest) -> Result<Vec<Level>, CopyError> {
    let mut levels = Vec::new();
    let all = (0..destinations.len()).collect();
    let mut wanted = vec![Wanted { digest: digest.clone(), said_bytes: None, lacking: all }];
    while !wanted.is_empty() {
        if levels.len() == MAX_DEPTH {
            let (repository, digest) = (source.to_string(), digest.clone());
            return Err(CopyError::TooDeep { repository, digest, limit: MAX_DEPTH });
        }
        let level: Vec<Option<Surveyed>> = stream::iter(wanted)
            .map(|wanted| survey_one(source, destinations, wanted))
            .buffered(MANIFESTS_IN_FLIGHT)
            .try_collect()
            .await?;
        let level: Level = level.into_iter().flatten().collect();
        wanted = members(&level);
        levels.push(level);
    }
    Ok(levels)
}

/// What the indexes of a level name, each once.
fn members(level: &[Surveyed]) -> Vec<Wanted> {
    let mut wanted: BTreeMap<&Digest, Wanted> = BTreeMap::new();
    for surveyed in level {
        let Manifest::Index { members } = &surveyed.manifest else { continue };
        for member in members {
            let descriptor = &member.descriptor;
            wanted
                .entry(&descriptor.digest)
                .or_insert_with(|| Wanted {
                    digest: descriptor.digest.clone(),
                    said_bytes: Some(descriptor.size_bytes),
                    lacking: BTreeSet::new(),
                })
                .lacking
                .extend(&surveyed.lacking);
        }
    }
    wanted.into_values().collect()
}

async fn survey_one(source: &Place, destinations: &[Place], wanted: Wanted) -> Result<Option<Surveyed>, CopyError> {
    let lacking = still_lacking(destinations, &wanted).await?;
    if lacking.is_empty() {
        return Ok(None);
    }
    let raw = source.registry.manifest(&source.repository, wanted.digest.as_str()).await?;
    let repository = source.to_string();
    let Some(raw) = raw else { return Err(CopyError::SourceMissing { repository, digest: wanted.digest }) };
    let actual = raw.bytes.len() as u64;
    if let Some(said) = wanted.said_bytes.filter(|said| *said != actual) {
        return Err(CopyError::SizeConflict { repository, digest: wanted.digest, said, actual });
    }
    let manifest = raw.parse().map_err(|source| CopyError::Manifest { repository, source })?;
    Ok(Some(Surveyed { raw, manifest, lacking }))
}

async fn still_lacking(destinations: &[Place], wanted: &Wanted) -> Result<BTreeSet<usize>, CopyError> {
    let answers = try_join_all(wanted.lacking.iter().map(|index| async {
        let place = &destinations[*index];
        let present = place.registry.has_manifest(&place.repository, &wanted.digest).await?;
        Ok::<_, CopyError>((!present).then_some(*index))
    }));
    Ok(answers.await?.into_iter().flatten().collect())
}
