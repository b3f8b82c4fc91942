//! A source's image checked in the engine: what the engine knows it by, where it is pulled from otherwise, and the verdict
//! as the end of a stage. Which settings it is checked under is decided elsewhere.

use std::time::Duration;

use super::{failure::Failure, narrator::Told};
use crate::stages::resolve::{self, ResolvedImage, Runnable};
use shipgate_container_check::verify::{Verification, VerifyImage};
use shipgate_core::credentials::Credentials;
use shipgate_registry::Registry;

/// How long the source's registry may take to tell which image of an index it is, and how large.
pub(super) const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// A registry that images are read from, by this program and by an engine.
#[derive(Clone, Debug)]
pub struct Source {
    /// For this program.
    pub registry: Registry,
    /// For an engine.
    pub pull: PullAccess,
}

/// How an engine gets at a registry's images.
#[derive(Clone, Debug)]
pub struct PullAccess {
    /// The host that it dials.
    pub host: String,
    /// What the registry knows it by; none where it takes anybody.
    pub credentials: Option<Credentials>,
}

/// What App Runner runs of an image. It sharpens the check, and is not waited for long.
pub(super) async fn runnable(registry: &Registry, image: &ResolvedImage) -> Option<Runnable> {
    tokio::time::timeout(LOOK_LIMIT, resolve::runnable(registry, image)).await.ok().flatten()
}

/// The engine pulls by digest from where the image is for certain: the source. What it has already it does not pull.
pub(super) fn pulled_from(
    pull: &PullAccess,
    image: &ResolvedImage,
    runnable: Option<&Runnable>,
    always: bool,
) -> VerifyImage {
    let (host, repository, pulled) = (&pull.host, image.reference.repository(), image.pulled_as());
    VerifyImage::Pull {
        reference: format!("{host}/{repository}@{pulled}"),
        credentials: pull.credentials.clone(),
        known_as: runnable.map(|runnable| runnable.known_as(image.digest())).unwrap_or_default(),
        always,
    }
}

/// A verdict as the stage's end.
#[expect(clippy::result_large_err, reason = "made once in a run")]
pub(super) fn judged(verification: Verification) -> Result<Told<()>, Failure> {
    if verification.healthy {
        return Ok(Told::done((), verification.reason));
    }
    let hint = verification.hint();
    Err(Failure::Unhealthy { reason: verification.reason, hint })
}
