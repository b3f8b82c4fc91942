//! Asks destinations which blobs they have, so that those are not sent.

use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};

use super::{error::CopyError, place::Place, plan::PlannedBlob};

/// Blobs asked about at the same time: an answer is small, and nothing is sent before all are in.
const QUESTIONS_IN_FLIGHT: usize = 32;

/// The blobs that at least one destination lacks, in the order given.
pub(super) async fn without_present(
    blobs: Vec<PlannedBlob>,
    destinations: &[Place],
) -> Result<Vec<PlannedBlob>, CopyError> {
    let asked: Vec<PlannedBlob> =
        stream::iter(blobs).map(|blob| ask(blob, destinations)).buffered(QUESTIONS_IN_FLIGHT).try_collect().await?;
    Ok(asked.into_iter().filter(|blob| !blob.lacking.is_empty()).collect())
}

async fn ask(blob: PlannedBlob, destinations: &[Place]) -> Result<PlannedBlob, CopyError> {
    let answers = try_join_all(blob.lacking.iter().map(|index| async {
        let place = &destinations[*index];
        let present = place.registry.has_blob(&place.repository, &blob.descriptor.digest).await?;
        Ok::<_, CopyError>((!present).then_some(*index))
    }))
    .await?;
    Ok(PlannedBlob { lacking: answers.into_iter().flatten().collect(), descriptor: blob.descriptor })
}
