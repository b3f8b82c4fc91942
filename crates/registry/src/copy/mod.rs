//! The copy engine: one image from one repository to any number of others, by digest and without disk.
//!
//! `subject` finds which image it is and who lacks it, `survey` the manifests that hang on it, `plan` the blobs those
//! name, `presence` which of these are there; `transfer` moves blobs, `commit` writes the manifests, children before their
//! index and the tag last; `referrers` brings what is attached to the image; `fetch` has destinations do all that themselves. Everything below the digest is
//! content-addressed, so a copy that failed or was cancelled has done no harm: the next one goes on where it ended.

mod commit;
mod error;
mod feed;
mod fetch;
mod lane;
mod mount;
mod place;
mod plan;
mod pool;
mod presence;
mod progress;
mod referrers;
mod request;
mod run;
mod subject;
mod survey;
#[cfg(test)]
pub(super) mod tests;
mod transfer;

use tokio_util::sync::CancellationToken;

pub use error::CopyError;
pub use pool::CopyPool;
pub use request::{CopyDestination, CopyImage, CopyOptions, CopyRequest, CopySource, CopySummary, DEFAULT_DEADLINE};

use self::run::Run;
use shipgate_core::{event::Emitter, pull_through::Via};

/// Copies an image: a single manifest, or an index with all it names. What it came to at each destination is told in
/// their order; one that fails does not keep the others from being served.
///
/// # Errors
/// [`CopyError`] when no destination can be served: the source fails, time is over, it was cancelled. What has been
/// copied until then stays where it is, without a tag; a manifest is there only with all its blobs.
pub async fn copy(
    request: &CopyRequest<'_>,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Vec<Result<CopySummary, CopyError>>, CopyError> {
    // Everything the run has started hangs on this future: dropped, it takes connections and tasks with it.
    let run = Run::new(request, events);
    let work = async {
        match request.options.via {
            Via::Copy => run.finish(request.image).await,
            Via::PullThrough => run.have_fetched(request.image).await,
        }
    };
    let deadline = request.options.deadline;
    match cancel.run_until_cancelled(tokio::time::timeout(deadline, work)).await {
        Some(Ok(ended)) => ended,
        Some(Err(_)) => Err(CopyError::DeadlinePassed { after: deadline }),
        None => Err(CopyError::Cancelled),
    }
}
