//! Copy: the image goes from the registry account to every workload repository, by digest. No tag is written, so nothing
//! that anybody deploys from has changed when this stage is over.

use tokio_util::sync::CancellationToken;

use shipgate_core::event::Emitter;
use shipgate_registry as registry;
pub use shipgate_registry::copy::{
    CopyDestination, CopyError, CopyImage, CopyOptions, CopyPool, CopyRequest, CopySource, CopySummary,
};

/// Copies the image to each destination; summaries come in the destinations' order.
///
/// # Errors
/// [`CopyError`] when one of them could not be served; at most unreferenced blobs, and complete images without a tag, are
/// then there.
pub async fn copy(
    request: &CopyRequest<'_>,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Vec<CopySummary>, CopyError> {
    registry::copy::copy(request, events, cancel).await?.into_iter().collect()
}

/// Copies the image to each destination, whatever becomes of the others; what it came to comes in their order.
///
/// # Errors
/// [`CopyError`] when no destination can be served.
pub async fn copy_each(
    request: &CopyRequest<'_>,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Vec<Result<CopySummary, CopyError>>, CopyError> {
    registry::copy::copy(request, events, cancel).await
}
