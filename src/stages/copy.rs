//! Copy: the image goes from the registry account to every workload repository, by digest. No tag is written, so nothing
//! that anybody deploys from has changed when this stage is over.

use tokio_util::sync::CancellationToken;

pub use crate::registry::copy::{CopyDestination, CopyError, CopySource, CopySummary};
use crate::{
    domain::{digest::Digest, event::Emitter},
    registry,
};

/// Copies the image that has this digest to each destination; summaries come in the destinations' order.
///
/// # Errors
/// [`CopyError`]; at most unreferenced blobs, and complete images without a tag, are then at the destinations.
pub async fn copy(
    source: CopySource<'_>,
    digest: &Digest,
    destinations: &[CopyDestination<'_>],
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Vec<CopySummary>, CopyError> {
    registry::copy::copy(source, digest, destinations, events, cancel).await
}
