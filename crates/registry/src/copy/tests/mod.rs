//! Tests of the engine against strict local registries. Each asks both what came out and what the destination holds.

mod broken;
mod fetch;
mod floor;
mod images;
mod odd;
pub(crate) mod parts;
mod referrers;
mod referrers_odd;
mod tags;

use tokio_util::sync::CancellationToken;

use super::{CopyDestination, CopyError, CopyImage, CopyOptions, CopyRequest, CopySource, CopySummary, copy};
use crate::{
    Registry,
    tests::{client, fake::FakeRegistry, impatient_client},
};
use shipgate_core::{digest::Digest, event::Emitter};

pub(crate) async fn pair() -> (FakeRegistry, FakeRegistry) {
    (FakeRegistry::start().await, FakeRegistry::start().await)
}

/// `shop/api` there, without a tag.
pub(crate) fn at(registry: &Registry) -> CopyDestination<'_> {
    CopyDestination { registry, repository: "shop/api", tag: None }
}

/// A copy from `shop/api` here.
pub(crate) fn request<'a>(
    from: &'a Registry,
    image: CopyImage<'a>,
    destinations: &'a [CopyDestination<'a>],
) -> CopyRequest<'a> {
    let source = CopySource { registry: from, repository: "shop/api" };
    CopyRequest { source, image, destinations, options: CopyOptions::default() }
}

/// Makes the copy; the first failure of a destination is its own.
pub(crate) async fn made(request: &CopyRequest<'_>) -> Result<Vec<CopySummary>, CopyError> {
    told(request, &Emitter::silent()).await
}

/// Makes it and listens.
pub(crate) async fn told(request: &CopyRequest<'_>, events: &Emitter) -> Result<Vec<CopySummary>, CopyError> {
    // On the heap: every test would carry the whole of it.
    Box::pin(copy(request, events, &CancellationToken::new())).await?.into_iter().collect()
}

/// Copies between `shop/api` here and there.
pub(crate) async fn copy_between(
    from: &Registry,
    to: &[Registry],
    digest: &Digest,
) -> Result<Vec<CopySummary>, CopyError> {
    let destinations: Vec<_> = to.iter().map(at).collect();
    made(&request(from, CopyImage::Digest(digest), &destinations)).await
}

pub(crate) async fn copy_over(
    from: &FakeRegistry,
    to: &FakeRegistry,
    digest: &Digest,
) -> Result<CopySummary, CopyError> {
    let summaries = copy_between(&client(from.address()), &[client(to.address())], digest).await?;
    Ok(summaries.into_iter().next().unwrap())
}

/// The same from a server that stalls.
pub(crate) async fn copy_impatiently(
    from: &FakeRegistry,
    to: &FakeRegistry,
    digest: &Digest,
) -> Result<CopySummary, CopyError> {
    let (source, destination) = (impatient_client(from.address()), impatient_client(to.address()));
    Ok(copy_between(&source, &[destination], digest).await?.into_iter().next().unwrap())
}
