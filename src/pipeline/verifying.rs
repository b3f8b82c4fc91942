//! The local check alone: the engine, the image, the verdict; for a target, under the settings of its service. It changes
//! nothing anywhere but in the engine, which it leaves as it was.

use std::{collections::BTreeMap, future::Future};

use super::{
    checking::{self, Source, judged},
    deploy::Run,
    failure::{Deployed, Failure},
    narrator::Told,
    plan,
};
use crate::{
    config::{
        problem::ConfigError,
        verifying::{Manner, OfTarget, Verifying},
    },
    stages::{
        preflight,
        resolve::{self, ResolveError},
        secrets,
    },
    target::DeployTarget,
};
use shipgate_aws::secrets::Secrets;
use shipgate_container_check::{
    docker::{Engine, EngineError},
    verify::{self, VerifyError, VerifyImage, VerifyRequest},
};
use shipgate_core::{
    credentials::Credentials,
    engine_image::{EngineImage, PullPolicy},
    event::{Emitter, Stage},
    image::ImageReference,
    secret::Secret,
    service::{RunSettings, ServiceStatus},
};
use shipgate_registry::Registry;

/// What is checked, and where: all that the looking has found.
struct Found {
    engine: Engine,
    image: VerifyImage,
    settings: RunSettings,
    compressed_bytes: Option<u64>,
    source: Option<(Registry, ImageReference)>,
}

/// An image's registry, for an engine and for this program.
pub struct Login {
    /// What the registry knows us by.
    pub credentials: Option<Credentials>,
    /// Its client, if there can be one.
    pub registry: Option<Registry>,
}

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
    login: impl AsyncFnOnce(&ImageReference) -> Result<Login, Failure>,
) -> Result<Deployed, Failure> {
    let Verifying { image: named, settings, manner } = verifying;
    let looking = async {
        let engine = connecting.await.map_err(VerifyError::Engine)?;
        let (image, source, detail) = match whence(&engine, named, manner.pull, false).await? {
            Whence::Engine => {
                let (image, detail) = present(named);
                (image, None, detail)
            }
            Whence::Registry(image) => {
                let Login { credentials, registry } = login(image).await?;
                let always = manner.pull == PullPolicy::Always;
                let reference = image.to_string();
                let detail = format!("pulls {reference}");
                let source = registry.map(|registry| (registry, image.clone()));
                (VerifyImage::Pull { reference, credentials, known_as: Vec::new(), always }, source, detail)
            }
        };
        let detail = format!("the engine at {} {detail}", engine.facts().address);
        let settings = settings.clone();
        Ok(Told::done(Found { engine, image, settings, compressed_bytes: None, source }, detail))
    };
    let found = run.narrator.reading_stage(Stage::Resolve, looking).await?;
    conclude(run, named, manner, found).await
}

/// Whether the engine could not pull the image, or found nothing for the platform in it.
#[must_use]
pub fn is_about_the_pull(failure: &Failure) -> bool {
    matches!(failure, Failure::Unverifiable(VerifyError::Engine(EngineError::Pull { .. })))
        || matches!(failure, Failure::Unhealthy { reason, .. } if reason.contains("for other platforms"))
}

/// The failure to report if the registry says that the reference is not an image.
pub async fn what_it_is_instead(registry: Option<Registry>, image: &ImageReference) -> Option<Failure> {
    let registry = registry?;
    let events = Emitter::silent();
    let resolving = resolve::resolve_image(&registry, image, &events);
    match tokio::time::timeout(checking::LOOK_LIMIT, resolving).await {
        Ok(Err(error @ ResolveError::NotAnImage { .. })) => Some(error.into()),
        Ok(_) | Err(_) => None,
    }
}

/// Verifies under the settings of a target's service, as they are; of what it would be created with, if there is none.
/// `connecting` finds the engine and opens the workload account; `opening` the image's registry, if it must be asked.
///
/// # Errors
/// As [`verify()`]; and what keeps the service, or the image, from being looked at. [`Failure::NoService`] when there are no
/// settings to check it under.
pub async fn verify_for_target<T: DeployTarget>(
    run: &Run,
    verifying: &OfTarget,
    connecting: impl Future<Output = Result<(Engine, T, Secrets), Failure>>,
    opening: impl AsyncFnOnce(&ImageReference) -> Result<Source, Failure>,
) -> Result<Deployed, Failure> {
    let OfTarget { image: named, manner, is_configured, .. } = verifying;
    let looking = async {
        let (engine, target, secrets) = connecting.await?;
        let (mut settings, of_what) = settings(verifying, &target).await?;
        let given = give_secrets(run, verifying, &settings, &secrets).await?;
        settings.environment.extend(given);
        let (image, compressed_bytes, detail) = match whence(&engine, named, manner.pull, *is_configured).await? {
            Whence::Engine => {
                let (image, detail) = present(named);
                (image, None, detail)
            }
            Whence::Registry(reference) => {
                let Source { registry, pull } = opening(reference).await?;
                let resolved = resolve::resolve_image(&registry, reference, run.events()).await?;
                let runnable = checking::runnable(&registry, &resolved).await;
                let always = manner.pull == PullPolicy::Always;
                let image = checking::pulled_from(&pull, &resolved, runnable.as_ref(), always);
                let detail = format!("takes {reference}, which is {}", resolved.digest().short());
                (image, runnable.map(|runnable| runnable.compressed_bytes), detail)
            }
        };
        let detail = format!("settings {of_what}; the engine at {} {detail}", engine.facts().address);
        Ok(Told::done(Found { engine, image, settings, compressed_bytes, source: None }, detail))
    };
    let found = run.narrator.reading_stage(Stage::Resolve, looking).await?;
    conclude(run, named, manner, found).await
}

/// The settings that the target's service would run the image under, with the flags over them; and whose they are.
async fn settings<T: DeployTarget>(verifying: &OfTarget, target: &T) -> Result<(RunSettings, String), Failure> {
    let service = verifying.target.service.as_str();
    let live = target.service(service).await;
    let live = live.map_err(|source| Failure::Service { service: service.to_owned(), source })?;
    let live = live.filter(|live| live.status != ServiceStatus::Deleted);
    let of_what = match (&live, &verifying.target.create) {
        (Some(_), _) => format!("of the service {service}"),
        (None, Some(_)) => format!("that {service} would be created with"),
        (None, None) => return Err(Failure::NoService { service: service.to_owned() }),
    };
    let settings = verifying.settings.over(plan::settings(&verifying.target, live.as_ref()));
    let settings = settings.map_err(|problem| Failure::Configuration(ConfigError { problems: vec![problem] }))?;
    Ok((settings, of_what))
}

/// What the container is given for the service's secrets.
async fn give_secrets(
    run: &Run,
    verifying: &OfTarget,
    settings: &RunSettings,
    secrets: &Secrets,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let given = secrets::give(&verifying.target.verify.secrets, settings, secrets).await;
    preflight::tell(given.check.as_slice(), run.events());
    match given.check {
        Some(check) if check.problem.is_some() => Err(Failure::Preflight(vec![check])),
        Some(_) | None => Ok(given.values),
    }
}

/// Makes the check, of which all is known.
async fn conclude(run: &Run, named: &EngineImage, manner: &Manner, found: Found) -> Result<Deployed, Failure> {
    let checking = run.narrator.stage(Stage::Verify, check(run, manner, found));
    match (checking.await, run.narrator.cancellation.signal()) {
        (Err(_), Some(signal)) => Err(Failure::Cancelled { signal, stage: Stage::Verify }),
        (checked, _) => {
            checked.map(|()| Deployed { digest: None, service_url: None, summary: format!("{named} is healthy") })
        }
    }
}

async fn check(run: &Run, manner: &Manner, found: Found) -> Result<Told<()>, Failure> {
    let request = VerifyRequest {
        image: found.image,
        source: found.source.as_ref().map(|(registry, image)| (registry, image)),
        settings: &found.settings,
        run_id: &run.id,
        stay: manner.stay,
        keep: manner.keep,
        compressed_bytes: found.compressed_bytes,
        reach: &manner.reach,
        sidecar: manner.sidecar.as_deref(),
    };
    judged(verify::verify(&found.engine, request, run.events(), run.narrator.cancellation.token()).await?)
}

/// Where the image comes from.
enum Whence<'a> {
    Engine,
    Registry(&'a ImageReference),
}

/// The engine's own image of that name counts, unless the name is the configuration's: its tag may have moved since.
async fn whence<'a>(
    engine: &Engine,
    image: &'a EngineImage,
    pull: PullPolicy,
    is_configured: bool,
) -> Result<Whence<'a>, Failure> {
    let name = image.written();
    let is_here = engine.image(name).await.map_err(VerifyError::Engine)?.is_some();
    let counts = match pull {
        PullPolicy::Missing => is_here && !is_configured,
        PullPolicy::Never => is_here,
        PullPolicy::Always => false,
    };
    match (pull, image.reference()) {
        _ if counts => Ok(Whence::Engine),
        (PullPolicy::Missing | PullPolicy::Always, Some(reference)) => Ok(Whence::Registry(reference)),
        (PullPolicy::Never, _) | (_, None) => {
            Err(VerifyError::Engine(EngineError::Missing { what: format!("image {name}") }).into())
        }
    }
}

fn present(image: &EngineImage) -> (VerifyImage, String) {
    let name = image.written();
    (VerifyImage::Present(name.to_owned()), format!("has {name} already"))
}
