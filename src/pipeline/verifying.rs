//! The local check alone: the engine, the image, the verdict. It changes nothing anywhere but in the engine, which it
//! leaves as it was.

use std::{future::Future, time::Duration};

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
    narrator::Told,
};
use crate::{
    config::verifying::Verifying,
    docker::{Engine, EngineError},
    domain::{
        credentials::Credentials,
        engine_image::PullPolicy,
        event::{Event, Stage},
        image::ImageReference,
    },
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
    let checking = run.narrator.stage(Stage::Verify, check(run, verifying, connecting, login));
    match (checking.await, run.narrator.cancellation.signal()) {
        (Err(_), Some(signal)) => Err(Failure::Cancelled { signal, stage: Stage::Verify }),
        (checked, _) => checked.map(|()| Deployed {
            digest: None,
            service_url: None,
            summary: format!("{} is healthy", verifying.image),
        }),
    }
}

async fn check(
    run: &Run,
    verifying: &Verifying,
    connecting: impl Future<Output = Result<Engine, EngineError>>,
    login: impl AsyncFnOnce(&ImageReference) -> Result<Option<Credentials>, Failure>,
) -> Result<Told<()>, Failure> {
    let cancel = run.narrator.cancellation.token();
    let looking = async {
        let engine = connecting.await.map_err(VerifyError::Engine)?;
        let image = find(run, &engine, verifying, login).await?;
        Ok((engine, image))
    };
    let (engine, image) = tokio::select! {
        () = cancel.cancelled() => Err(Failure::Unverifiable(VerifyError::Cancelled)),
        found = looking => found,
    }?;
    let request = VerifyRequest {
        image,
        settings: &verifying.settings,
        run_id: &run.id,
        stay: Duration::ZERO,
        compressed_bytes: None,
    };
    judged(verify::verify(&engine, request, run.events(), cancel).await?)
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

/// The image as the engine has it, or where it gets it from.
async fn find(
    run: &Run,
    engine: &Engine,
    verifying: &Verifying,
    login: impl AsyncFnOnce(&ImageReference) -> Result<Option<Credentials>, Failure>,
) -> Result<VerifyImage, Failure> {
    let name = verifying.image.written();
    let is_here = engine.image(name).await.map_err(VerifyError::Engine)?.is_some();
    let tell = |message| run.events().emit(Event::Notice { message });
    match (verifying.pull, verifying.image.reference()) {
        (PullPolicy::Missing | PullPolicy::Never, _) if is_here => {
            tell(format!("{name} is in the engine already"));
            Ok(VerifyImage::Present(name.to_owned()))
        }
        (PullPolicy::Missing | PullPolicy::Always, Some(reference)) => {
            let credentials = login(reference).await?;
            tell(format!("the engine pulls {reference}"));
            let always = verifying.pull == PullPolicy::Always;
            Ok(VerifyImage::Pull { reference: reference.to_string(), credentials, always })
        }
        (PullPolicy::Never, _) | (_, None) => {
            Err(VerifyError::Engine(EngineError::Missing { what: format!("image {name}") }).into())
        }
    }
}
