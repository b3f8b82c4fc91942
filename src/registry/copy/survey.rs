//! Finds the manifests that destinations lack, level by level: the image or index itself, then what an index names.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::join_all,
    stream::{self},
};

use super::{
    error::CopyError,
    lane::{self, Lanes},
    place::Place,
    subject::Subject,
};
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
    /// Its content, if it has been read already.
    raw: Option<RawManifest>,
    /// The destinations that lack the index that names it: the others have it too.
    lacking: BTreeSet<usize>,
}

/// The manifests to copy, outermost level first. A destination that has a manifest has all that hangs on it, and is not
/// asked further; a manifest that every destination has is not read.
pub(super) async fn survey(source: &Place, lanes: &Lanes, subject: &Subject) -> Result<Vec<Level>, CopyError> {
    let Subject { digest, raw, lacking } = subject;
    let root = Wanted { digest: digest.clone(), said_bytes: None, raw: raw.clone(), lacking: lacking.clone() };
    walk(source, root, Some(lanes)).await
}

/// All manifests of an image, outermost level first, whoever has them. Nobody but the source is asked.
pub(super) async fn whole(
    source: &Place,
    raw: &RawManifest,
    lacking: BTreeSet<usize>,
) -> Result<Vec<Level>, CopyError> {
    let root = Wanted { digest: raw.digest.clone(), said_bytes: None, raw: Some(raw.clone()), lacking };
    walk(source, root, None).await
}

/// Level by level, without what the destinations have where these are given.
async fn walk(source: &Place, root: Wanted, lanes: Option<&Lanes>) -> Result<Vec<Level>, CopyError> {
    let (mut levels, digest) = (Vec::new(), root.digest.clone());
    let mut wanted = if root.lacking.is_empty() { Vec::new() } else { vec![root] };
    while !wanted.is_empty() {
        if levels.len() == MAX_DEPTH {
            return Err(CopyError::TooDeep { repository: source.to_string(), digest, limit: MAX_DEPTH });
        }
        let level: Vec<Surveyed> =
            stream::iter(wanted).map(|wanted| read(source, wanted)).buffered(MANIFESTS_IN_FLIGHT).try_collect().await?;
        wanted = members(&level);
        if let Some(lanes) = lanes {
            wanted = without_present(wanted, lanes).await;
        }
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
                    raw: None,
                    lacking: BTreeSet::new(),
                })
                .lacking
                .extend(&surveyed.lacking);
        }
    }
    wanted.into_values().collect()
}

/// What of this at least one destination lacks.
async fn without_present(wanted: Vec<Wanted>, lanes: &Lanes) -> Vec<Wanted> {
    let asked: Vec<Wanted> = stream::iter(wanted)
        .map(|wanted| async {
            let lacking = still_lacking(lanes, &wanted).await;
            Wanted { lacking, ..wanted }
        })
        .buffered(MANIFESTS_IN_FLIGHT)
        .collect()
        .await;
    asked.into_iter().filter(|wanted| !wanted.lacking.is_empty()).collect()
}

/// A destination that cannot say takes no part any more.
async fn still_lacking(lanes: &Lanes, wanted: &Wanted) -> BTreeSet<usize> {
    let open = lane::still_open(lanes, &wanted.lacking);
    let answers = join_all(open.into_iter().map(|index| async move {
        let place = &lanes[index].place;
        match place.registry.has_manifest(&place.repository, &wanted.digest).await {
            Ok(present) => (!present).then_some(index),
            Err(error) => {
                lanes[index].fail(error);
                None
            }
        }
    }));
    answers.await.into_iter().flatten().collect()
}

async fn read(source: &Place, wanted: Wanted) -> Result<Surveyed, CopyError> {
    let raw = match wanted.raw {
        Some(raw) => raw,
        None => source.must_have(wanted.digest.as_str()).await?,
    };
    let actual = raw.bytes.len() as u64;
    if let Some(said) = wanted.said_bytes.filter(|said| *said != actual) {
        return Err(CopyError::SizeConflict { repository: source.to_string(), digest: wanted.digest, said, actual });
    }
    Ok(Surveyed { manifest: source.parse(&raw)?, raw, lacking: wanted.lacking })
}
