//! Finds the manifests that destinations lack, level by level: the image or index itself, then what an index names. An index
//! may name blobs too, as BuildKit's caches do.

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
use shipgate_core::{
    digest::Digest,
    manifest::{Descriptor, IndexMember, Layer, Manifest, ManifestError, MemberKind, RawManifest},
};

/// As deep as indexes within indexes are followed. Nothing in use goes beyond two.
const MAX_DEPTH: usize = 4;

/// Manifests asked for at the same time.
const MANIFESTS_IN_FLIGHT: usize = 16;

/// A manifest that is to be copied.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) raw: RawManifest,
    /// The blobs it names: configuration and layers; of an index, members that are blobs.
    pub(super) blobs: Vec<Descriptor>,
    /// The members that are or may be manifests.
    members: Vec<IndexMember>,
    /// The destinations that do not have it.
    pub(super) lacking: BTreeSet<usize>,
}

/// Manifests that may be written in any order, once those of the next level are there.
pub(super) type Level = Vec<Surveyed>;

/// What is known of a manifest before it is asked for.
struct Wanted {
    digest: Digest,
    /// What the indexes that name it say of its size.
    said_bytes: BTreeSet<u64>,
    /// The index that names it, if its media type does not say whether it is a manifest or a blob.
    perhaps_blob_of: Option<(Digest, IndexMember)>,
    /// Its content, if it has been read already.
    raw: Option<RawManifest>,
    /// The destinations that lack the index that names it: the others have it too.
    lacking: BTreeSet<usize>,
}

/// The manifests to copy, outermost level first. A destination that has a manifest has all that hangs on it, and is not
/// asked further; a manifest that every destination has is not read.
pub(super) async fn survey(source: &Place, lanes: &Lanes, subject: &Subject) -> Result<Vec<Level>, CopyError> {
    let Subject { digest, raw, lacking } = subject;
    walk(source, Wanted::outermost(digest, raw.clone(), lacking.clone()), Some(lanes)).await
}

/// All manifests of an image, outermost level first, whoever has them. Nobody but the source is asked.
pub(super) async fn whole(
    source: &Place,
    raw: &RawManifest,
    lacking: BTreeSet<usize>,
) -> Result<Vec<Level>, CopyError> {
    walk(source, Wanted::outermost(&raw.digest, Some(raw.clone()), lacking), None).await
}

/// Level by level, without what the destinations have where these are given.
async fn walk(source: &Place, root: Wanted, lanes: Option<&Lanes>) -> Result<Vec<Level>, CopyError> {
    let (mut levels, digest) = (Vec::<Level>::new(), root.digest.clone());
    let mut wanted = if root.lacking.is_empty() { Vec::new() } else { vec![root] };
    while !wanted.is_empty() {
        if levels.len() == MAX_DEPTH {
            return Err(CopyError::TooDeep { repository: source.to_string(), digest, limit: MAX_DEPTH });
        }
        let read: Vec<Content> =
            stream::iter(wanted).map(|wanted| read(source, wanted)).buffered(MANIFESTS_IN_FLIGHT).try_collect().await?;
        let mut level = Level::new();
        for content in read {
            match content {
                Content::Manifest(surveyed) => level.push(*surveyed),
                Content::Blob { index, blob } => add_blob(&mut levels, &index, &blob),
            }
        }
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
        for member in &surveyed.members {
            let is_unknown = member.kind() == MemberKind::Unknown;
            let entry = wanted.entry(&member.digest).or_insert_with(|| Wanted {
                digest: member.digest.clone(),
                said_bytes: BTreeSet::new(),
                perhaps_blob_of: is_unknown.then(|| (surveyed.raw.digest.clone(), member.clone())),
                raw: None,
                lacking: BTreeSet::new(),
            });
            entry.said_bytes.extend(member.size_bytes);
            entry.lacking.extend(&surveyed.lacking);
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

/// The content of a digest.
enum Content {
    Manifest(Box<Surveyed>),
    /// A blob that this index names.
    Blob {
        index: Digest,
        blob: Descriptor,
    },
}

async fn read(source: &Place, wanted: Wanted) -> Result<Content, CopyError> {
    let reference = wanted.digest.as_str();
    let raw = match (wanted.raw, wanted.perhaps_blob_of) {
        (Some(raw), _) => raw,
        (None, None) => source.must_have(reference).await?,
        (None, Some((index, member))) => match source.registry.manifest(&source.repository, reference).await? {
            Some(raw) => raw,
            None => return Ok(Content::Blob { blob: as_blob(source, &index, member).await?, index }),
        },
    };
    let actual = raw.bytes.len() as u64;
    if let Some(said) = wanted.said_bytes.into_iter().find(|said| *said != actual) {
        return Err(CopyError::SizeConflict { repository: source.to_string(), digest: wanted.digest, said, actual });
    }
    let (blobs, members) = match source.parse(&raw)? {
        Manifest::Image { config, layers } => {
            let mut blobs = Vec::from_iter(config);
            for layer in layers {
                refuse_absent_foreign(source, &raw.digest, &layer).await?;
                let Layer { media_type, digest, size_bytes, .. } = layer;
                let size_bytes = known_size(source, &raw.digest, &digest, size_bytes).await?;
                blobs.push(Descriptor { media_type, digest, size_bytes });
            }
            (blobs, Vec::new())
        }
        Manifest::Index { members, unusable } => {
            // An index is copied with all its members.
            if let Some(member) = unusable.into_iter().next() {
                return Err(malformed(source, &raw.digest, member.reason));
            }
            let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
            for member in members {
                match member.kind() {
                    MemberKind::Blob => blobs.push(as_blob(source, &raw.digest, member).await?),
                    MemberKind::Index | MemberKind::Image | MemberKind::Unknown => manifests.push(member),
                }
            }
            (blobs, manifests)
        }
    };
    Ok(Content::Manifest(Box::new(Surveyed { raw, blobs, members, lacking: wanted.lacking })))
}

async fn as_blob(source: &Place, index: &Digest, member: IndexMember) -> Result<Descriptor, CopyError> {
    let IndexMember { media_type, digest, size_bytes, .. } = member;
    let size_bytes = known_size(source, index, &digest, size_bytes).await?;
    Ok(Descriptor { media_type, digest, size_bytes })
}

/// The size that a manifest names, else the one that the source announces.
async fn known_size(source: &Place, manifest: &Digest, blob: &Digest, named: Option<u64>) -> Result<u64, CopyError> {
    let announced = match named {
        Some(_) => named,
        None => source.registry.blob_size(&source.repository, blob).await?,
    };
    announced.ok_or_else(|| {
        let reason = format!("it names no size for {blob}, and the registry announces none");
        malformed(source, manifest, reason)
    })
}

/// A foreign layer that the source has is copied as any other. One without addresses is nowhere else, and is looked for
/// as any other.
async fn refuse_absent_foreign(source: &Place, manifest: &Digest, layer: &Layer) -> Result<(), CopyError> {
    if !layer.is_foreign() || !layer.has_urls || source.registry.has_blob(&source.repository, &layer.digest).await? {
        return Ok(());
    }
    Err(CopyError::ForeignLayer {
        repository: source.to_string(),
        manifest: manifest.clone(),
        layer: layer.digest.clone(),
        media_type: layer.media_type.clone(),
    })
}

fn malformed(source: &Place, manifest: &Digest, reason: String) -> CopyError {
    let source_error = ManifestError::Malformed { digest: manifest.clone(), reason };
    CopyError::Manifest { repository: source.to_string(), source: source_error }
}

/// Every index of this digest has the same members, wherever it is named.
fn add_blob(levels: &mut [Level], index: &Digest, blob: &Descriptor) {
    for surveyed in levels.iter_mut().flatten().filter(|surveyed| surveyed.raw.digest == *index) {
        surveyed.blobs.push(blob.clone());
    }
}

impl Wanted {
    fn outermost(digest: &Digest, raw: Option<RawManifest>, lacking: BTreeSet<usize>) -> Self {
        Self { digest: digest.clone(), said_bytes: BTreeSet::new(), perhaps_blob_of: None, raw, lacking }
    }
}
