//! The local check alone: the engine, the image, the verdict. It changes nothing anywhere but in the engine, which it
//! leaves as it was.

use std::future::Future;

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
    narrator::Told,
};
use crate::{
    config::verifying::Verifying,
    docker::{Engine, EngineError},
    domain::{credentials::Credentials, engine_image::PullPolicy, event::Stage, image::ImageReference},
    stages::verify::{self, Verification, VerifyError, VerifyImage, VerifyRequest},
};

/// Verifies. `connecting` finds the engine; `login` says what an image's registry knows us by, and is asked only if the
/// image must be pulled.
///
/// # Errors
/// [`Failure::Unhealthy`] for an image that App Runner would not run; [`Failure::Unverifiable`] when nothing can be said
/// of it.
pub async fn verify(
    run: &Run,
    verifying: &Verifying,
    connecting: impl Future<Output = Result<Engine, EngineError>>,
    login: impl AsyncFnOnce(&ImageReference) -> Result<Option<Credentials>, Failure>,
) -> Result<Deployed, Failure> {
    let looking = async {
        let engine = connecting.await.map_err(VerifyError::Engine)?;
        let (image, detail) = find(&engine, verifying, login).await?;
        let detail = format!("the engine at {} {detail}", engine.facts().address);
        Ok(Told::done((engine, image), detail))
    };
    let (engine, image) = run.narrator.reading_stage(Stage::Resolve, looking).await?;
    let checking = run.narrator.stage(Stage::Verify, check(run, verifying, &engine, image));
    match (checking.await, run.narrator.cancellation.signal()) {
        (Err(_), Some(signal)) => Err(Failure::Cancelled { signal, stage: Stage::Verify }),
        (checked, _) => checked.map(|()| Deployed {
            digest: None,
            service_url: None,
            summary: format!("{} is healthy", verifying.image),
        }),
    }
}

async fn check(run: &Run, verifying: &Verifying, engine: &Engine, image: VerifyImage) -> Result<Told<()>, Failure> {
    let request = VerifyRequest {
        image,
        settings: &verifying.settings,
        run_id: &run.id,
        stay: verifying.stay,
        keep: false,
        compressed_bytes: None,
        reach: &verifying.reach,
        sidecar: verifying.sidecar.as_deref(),
    };
    judged(verify::verify(engine, request, run.events(), run.narrator.cancellation.token()).await?)
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

/// The image as the engine has it, or where it gets it from; and which of the two.
async fn find(
    engine: &Engine,
    verifying: &Verifying,
    login: impl AsyncFnOnce(&ImageReference) -> Result<Option<Credentials>, Failure>,
) -> Result<(VerifyImage, String), Failure> {
    let name = verifying.image.written();
    let is_here = engine.image(name).await.map_err(VerifyError::Engine)?.is_some();
    match (verifying.pull, verifying.image.reference()) {
        (PullPolicy::Missing | PullPolicy::Never, _) if is_here => {
            Ok((VerifyImage::Present(name.to_owned()), format!("has {name} already")))
        }
        (PullPolicy::Missing | PullPolicy::Always, Some(reference)) => {
            let credentials = login(reference).await?;
            let always = verifying.pull == PullPolicy::Always;
            let image = VerifyImage::Pull { reference: reference.to_string(), credentials, always };
            Ok((image, format!("pulls {reference}")))
        }
        (PullPolicy::Never, _) | (_, None) => {
            Err(VerifyError::Engine(EngineError::Missing { what: format!("image {name}") }).into())
        }
    }
}
