//! Moves blobs: as many at a time as memory allows, each read once and written to every destination that lacks it.

mod blob;
mod upload;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::task::JoinSet;

pub(super) use self::blob::Begun;
use self::blob::Transfer;
use super::{
    error::CopyError,
    feed::WINDOW_BYTES,
    lane::{self, Lanes},
    place::Place,
    plan::PlannedBlob,
    pool::{Claim, CopyPool},
};

/// Blobs moved at the same time. Small ones take a round trip or two and hardly any memory; a hundred uploads a second is
/// what ECR lets begin (Amazon ECR service quotas, InitiateLayerUpload).
const BLOBS_IN_FLIGHT: usize = 48;

/// What all blobs under way may hold in memory: the window of each, and what its two connections read ahead and have not
/// sent yet. A registry takes each upload at its own rate (ECR 20 to 28 MB/s), so that many large blobs at once are faster.
pub(super) const BUDGET_BYTES: usize = 16 * FULL_SHARE_BYTES;

/// What a large blob takes of the budget: its window, and about as much in the buffers of its connections.
const FULL_SHARE_BYTES: usize = 2 * WINDOW_BYTES;

/// What the smallest blob takes: connections have buffers, however little goes through them.
const SMALLEST_SHARE_BYTES: usize = FULL_SHARE_BYTES / 4;

/// How much has been read from the source.
#[derive(Default)]
pub(super) struct Reading(AtomicU64);

impl Reading {
    fn received(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Moves blobs in the order given. A destination that fails takes no part any more; a source that fails ends it all.
pub(super) async fn all(
    source: &Place,
    blobs: Vec<PlannedBlob>,
    lanes: &Lanes,
    reading: &Arc<Reading>,
    pool: &CopyPool,
) -> Result<(), CopyError> {
    let mut running = JoinSet::new();
    for blob in blobs {
        let lanes: Vec<_> =
            lane::still_open(lanes, &blob.lacking).into_iter().map(|index| Arc::clone(&lanes[index])).collect();
        let transfer = Transfer::new(source.clone(), blob.descriptor, Arc::clone(reading));
        // Whichever comes first: room for the next blob, or the end of one before it.
        let share = loop {
            tokio::select! {
                share = Arc::clone(&pool.memory).acquire_many_owned(transfer.share()), if running.len() < BLOBS_IN_FLIGHT => {
                    break share;
                }
                ended = running.join_next(), if !running.is_empty() => heed(ended)?,
            }
        };
        let pool = pool.clone();
        running.spawn(async move {
            let _share = share;
            let (lanes, claims) = pool.claim(lanes, transfer.blob()).await;
            transfer.run(lanes).await?;
            Claim::settle(claims);
            Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

fn heed(ended: Option<Result<Result<(), CopyError>, tokio::task::JoinError>>) -> Result<(), CopyError> {
    ended.map_or(Ok(()), |ended| ended?)
}

impl Transfer {
    /// What it may hold in memory, in bytes of the budget.
    fn share(&self) -> u32 {
        let needed = usize::try_from(self.blob().size_bytes).unwrap_or(usize::MAX);
        u32::try_from(needed.clamp(SMALLEST_SHARE_BYTES, FULL_SHARE_BYTES)).unwrap_or(u32::MAX)
    }
}
