//! The local check alone: no AWS, no deployment, nothing but an image and an engine.

use std::future::Future;

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
    narrator::Told,
};
use crate::{
    config::verifying::{PullPolicy, Verifying},
    docker::{Engine, EngineError},
    domain::{event::Stage, secret::Secret},
    stages::verify::{self, Verification, VerifyError, VerifyImage, VerifyRequest},
};

/// What a registry is shown when an engine pulls from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Checks. `connecting` finds the engine, `logging_in` what the image's registry is shown; that is asked only if the image has to
/// be pulled.
///
/// # Errors
/// [`Failure::Unhealthy`] with the finding, [`Failure::Unverifiable`] or [`Failure::NoEngine`] when nothing is known of the
/// image's health.
pub async fn verify(
    run: &Run,
    verifying: &Verifying,
    connecting: impl Future<Output = Result<Engine, EngineError>>,
    logging_in: impl Future<Output = Result<Option<Login>, Failure>>,
) -> Result<Deployed, Failure> {
    let engine = async {
        let engine = connecting.await.map_err(VerifyError::from)?;
        let image = image(&engine, verifying, logging_in).await?;
        let whence = match &image {
            VerifyImage::Present(_) => "has it",
            VerifyImage::Pull { .. } => "pulls it",
        };
        let detail = format!("the engine at {} {whence}", engine.facts().address);
        Ok(Told::done((engine, image), detail))
    };
    let (engine, image) = run.narrator.reading_stage(Stage::Resolve, engine).await?;
    let check = async {
        let request = VerifyRequest {
            image,
            settings: &verifying.settings,
            run_id: &run.id,
            stay: verifying.stay,
            compressed_bytes: None,
            reach: &verifying.reach,
            sidecar: verifying.sidecar.as_deref(),
        };
        let cancel = run.narrator.cancellation.token();
        let verification: Verification = verify::verify(&engine, request, run.events(), cancel).await?;
        if verification.healthy {
            Ok(Told::done((), verification.reason))
        } else {
            let hint = verification.hint();
            Err(Failure::Unhealthy { reason: verification.reason, hint })
        }
    };
    run.narrator.stage(Stage::Verify, check).await?;
    Ok(Deployed { digest: None, service_url: None, summary: format!("{} is healthy", verifying.image) })
}

async fn image(
    engine: &Engine,
    verifying: &Verifying,
    logging_in: impl Future<Output = Result<Option<Login>, Failure>>,
) -> Result<VerifyImage, Failure> {
    let name = verifying.image.clone();
    let pulls = match verifying.pull {
        PullPolicy::Always => true,
        PullPolicy::Never => false,
        PullPolicy::Missing => engine.image(&name).await.map_err(VerifyError::from)?.is_none(),
    };
    if !pulls {
        return Ok(VerifyImage::Present(name));
    }
    let login = logging_in.await?.unwrap_or_else(|| Login { username: String::new(), password: Secret::new("") });
    Ok(VerifyImage::Pull { reference: name, username: login.username, password: login.password })
}
