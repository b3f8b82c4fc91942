//! Tests of the engine against strict local registries. Each asks both what came out and what the destination holds.

mod broken;
mod floor;
mod images;

use tokio_util::sync::CancellationToken;

use super::{CopyDestination, CopyError, CopySource, CopySummary, copy};
use crate::{
    domain::{digest::Digest, event::Emitter},
    registry::{
        Registry,
        tests::{client, fake::FakeRegistry},
    },
};

pub(in crate::registry) async fn pair() -> (FakeRegistry, FakeRegistry) {
    (FakeRegistry::start().await, FakeRegistry::start().await)
}

/// Copies between `shop/api` here and there.
pub(in crate::registry) async fn copy_between(
    from: &Registry,
    to: &[Registry],
    digest: &Digest,
) -> Result<Vec<CopySummary>, CopyError> {
    let destinations: Vec<_> = to.iter().map(|registry| CopyDestination { registry, repository: "shop/api" }).collect();
    let source = CopySource { registry: from, repository: "shop/api" };
    copy(source, digest, &destinations, &Emitter::silent(), &CancellationToken::new()).await
}

pub(in crate::registry) async fn copy_over(
    from: &FakeRegistry,
    to: &FakeRegistry,
    digest: &Digest,
) -> Result<CopySummary, CopyError> {
    let summaries = copy_between(&client(from.address()), &[client(to.address())], digest).await?;
    Ok(summaries.into_iter().next().unwrap())
}
