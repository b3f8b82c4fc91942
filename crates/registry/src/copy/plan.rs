//! Decides which blobs have to be where, and in which order they are moved. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{error::CopyError, place::Place, survey::Level};
use shipgate_core::{digest::Digest, manifest::Descriptor};

/// A blob, and the destinations that (may) lack it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PlannedBlob {
    pub(super) descriptor: Descriptor,
    pub(super) lacking: BTreeSet<usize>,
}

/// How many blobs, and how many bytes they have.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Amount {
    pub(super) blobs: u64,
    pub(super) bytes: u64,
}

/// The distinct blobs of these manifests, configurations included, largest first: the largest takes longest, and
/// whatever is begun last should be over soonest.
pub(super) fn wanted_blobs(levels: &[Level], source: &Place) -> Result<Vec<PlannedBlob>, CopyError> {
    let mut wanted: BTreeMap<Digest, PlannedBlob> = BTreeMap::new();
    for surveyed in levels.iter().flatten() {
        for blob in &surveyed.blobs {
            let planned = wanted
                .entry(blob.digest.clone())
                .or_insert_with(|| PlannedBlob { descriptor: blob.clone(), lacking: BTreeSet::new() });
            refuse_contradiction(&planned.descriptor, blob, source)?;
            planned.lacking.extend(&surveyed.lacking);
        }
    }
    let mut blobs: Vec<PlannedBlob> = wanted.into_values().collect();
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.descriptor.size_bytes));
    Ok(blobs)
}

/// What of these blobs is for one destination.
pub(super) fn amount_for(destination: usize, blobs: &[PlannedBlob]) -> Amount {
    blobs.iter().filter(|blob| blob.lacking.contains(&destination)).fold(Amount::default(), |amount, blob| Amount {
        blobs: amount.blobs + 1,
        bytes: amount.bytes.saturating_add(blob.descriptor.size_bytes),
    })
}

fn refuse_contradiction(one: &Descriptor, other: &Descriptor, source: &Place) -> Result<(), CopyError> {
    if one.size_bytes == other.size_bytes {
        return Ok(());
    }
    Err(CopyError::SizeConflict {
        repository: source.to_string(),
        digest: one.digest.clone(),
        said: one.size_bytes,
        actual: other.size_bytes,
    })
}
