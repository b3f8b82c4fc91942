//! Asks destinations which blobs they have, so that those are not sent: ECR a hundred at a time, any other registry one
//! by one.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};

use super::{
    lane::{self, Lane, Lanes},
    plan::PlannedBlob,
};
use crate::error::RegistryError;
use shipgate_core::{digest::Digest, event::Event};

/// Blobs asked about at the same time: an answer is small, and nothing is sent before all are in.
const QUESTIONS_IN_FLIGHT: usize = 32;

/// The blobs that at least one destination lacks, in the order given.
pub(super) async fn without_present(blobs: &[PlannedBlob], lanes: &Lanes) -> Vec<PlannedBlob> {
    let present = join_all(lane::open(lanes).map(|(index, lane)| async move {
        let asked: Vec<&Digest> =
            blobs.iter().filter(|blob| blob.lacking.contains(&index)).map(|blob| &blob.descriptor.digest).collect();
        let present = present_in(lane, &asked).await.unwrap_or_else(|error| {
            lane.fail(error);
            BTreeSet::new()
        });
        (index, present)
    }));
    let present: BTreeMap<usize, BTreeSet<Digest>> = present.await.into_iter().collect();
    let lacks = |index: &usize, digest: &Digest| present.get(index).is_some_and(|present| !present.contains(digest));
    let lacking = blobs.iter().map(|blob| PlannedBlob {
        lacking: blob.lacking.iter().copied().filter(|index| lacks(index, &blob.descriptor.digest)).collect(),
        descriptor: blob.descriptor.clone(),
    });
    lacking.filter(|blob| !blob.lacking.is_empty()).collect()
}

/// Those of these blobs that a destination has.
pub(super) async fn present_in(lane: &Lane, asked: &[&Digest]) -> Result<BTreeSet<Digest>, RegistryError> {
    let (registry, repository) = (&lane.place.registry, lane.place.repository.as_str());
    match registry.check_in_batches(repository, asked).await {
        Some(Ok(present)) => return Ok(present.into_iter().collect()),
        Some(Err(reason)) => registry
            .events()
            .emit(Event::Notice { message: format!("blobs of {} are asked for one by one: {reason}", lane.place) }),
        None => {}
    }
    stream::iter(asked.iter().copied())
        .map(|digest| async move {
            let present = registry.has_blob(repository, digest).await?;
            Ok(present.then(|| digest.clone()))
        })
        .buffered(QUESTIONS_IN_FLIGHT)
        .try_filter_map(|present| async { Ok(present) })
        .try_collect()
        .await
}
