//! The whole pipeline, in order: resolve → preflight → copy beside verify → prepare → promote → release → gate → aftercare.

mod both;
mod bring_up;

use std::{collections::BTreeMap, future::Future};

use tokio_util::sync::CancellationToken;

use self::both::the_failure_that_counts;
pub(super) use self::bring_up::bring_up;
use super::{
    checking::{self, PullAccess, judged},
    failure::{Deployed, Failure},
    narrator::{Narrator, Told},
    permitted,
    plan::{self, Plan},
    preparing::{self, Look, Ready},
    progress::Progress,
    returning, wait,
};
use crate::{
    config::deployment::{Deployment, VerifySettings},
    stages::{
        copy::{self, CopyDestination, CopyImage, CopyOptions, CopyRequest, CopySource, CopySummary},
        preflight::{self, Subject},
        pull_through::PullThrough,
        resolve::{self, ResolvedImage},
        secrets,
    },
    target::DeployTarget,
};
use shipgate_aws::{ecr::Ecr, fault::AwsFault, logs::Logs, secrets::Secrets};
use shipgate_container_check::{
    docker::{Engine, EngineError},
    verify::{self, VerifyRequest},
};
use shipgate_core::{
    account::AccountId,
    event::{Emitter, Event, Stage},
    pull_through::{Passage, Via},
    release::{Course, ReleaseVerb},
    repository::RepositorySettings,
    secret::Secret,
    service_secret::SecretsWay,
};
use shipgate_registry::Registry;

/// Everything outside this process that a deployment talks to.
#[derive(Debug)]
pub struct Adapters<T> {
    /// The source registry.
    pub source: Registry,
    /// How a Docker engine gets at its images.
    pub source_pull: PullAccess,
    /// The workload account.
    pub account: AccountId,
    /// The workload registry.
    pub destination: Registry,
    /// ECR of the workload account.
    pub ecr: Ecr,
    /// Log groups of the workload account.
    pub logs: Logs,
    /// Secrets and parameters, as the workload account's identity may read them.
    pub secrets: Secrets,
    /// Where services run.
    pub target: T,
    /// The local Docker engine; `None` when the local check is skipped.
    pub engine: Option<Result<Engine, EngineError>>,
}

/// What a run is told besides its configuration.
#[derive(Clone, Debug)]
pub struct Run {
    /// Tells stages.
    pub narrator: Narrator,
    /// Marks what this run leaves lying about.
    pub id: String,
    /// What it has changed so far.
    pub progress: Progress,
}

impl Run {
    /// Where its events go.
    #[must_use]
    pub fn events(&self) -> &Emitter {
        &self.narrator.events
    }
}

/// What resolve found out.
pub(super) struct Resolved<T> {
    pub(super) adapters: Adapters<T>,
    pub(super) image: ResolvedImage,
    pub(super) look: Look,
}

/// Deploys. `connecting` opens the sessions and builds the adapters; it is part of resolve.
///
/// # Errors
/// [`Failure`]: what failed, and by its exit code and `world()` what state things are in.
pub async fn deploy<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    connecting: impl Future<Output = Result<Adapters<T>, Failure>>,
) -> Result<Deployed, Failure> {
    let narrator = &run.narrator;
    let resolved = narrator.reading_stage(Stage::Resolve, resolve(run, deployment, connecting)).await?;
    let (course, given) = narrator.reading_stage(Stage::Preflight, check(run, deployment, &resolved)).await?;
    let Resolved { adapters, image, mut look } = resolved;
    let (adapters, image) = (&adapters, &image);
    look.plan.settings.environment.extend(given.clone());
    if is_begun(&course) {
        skip(run, &[Stage::Copy, Stage::Verify]).await?;
        let ready = Ready { look, verb: course.verb };
        return conclude(run, deployment, adapters, image, ready, &given).await;
    }
    let engine = match &adapters.engine {
        None => None,
        Some(Ok(engine)) => Some(engine),
        // Preflight has refused this; should it ever not, an image that was not checked goes nowhere.
        Some(Err(error)) => return Err(Failure::NoEngine(error.to_string())),
    };
    copy_and_verify(run, deployment, adapters, engine, image, &look).await?;
    let ready = preparing::make_ready(run, deployment, adapters, image, &look.plan).await?;
    conclude(run, deployment, adapters, image, ready, &given).await
}

/// Whether an earlier run has done all that comes before the gate.
pub(super) fn is_begun(course: &Course) -> bool {
    course.first.is_none() && matches!(course.verb, ReleaseVerb::Nothing | ReleaseVerb::Follow(_))
}

/// Stages there is nothing to do in: an earlier run has.
async fn skip(run: &Run, stages: &[Stage]) -> Result<(), Failure> {
    for stage in stages {
        run.narrator.stage(*stage, async { Ok(Told::skipped((), "an earlier run has done it")) }).await?;
    }
    Ok(())
}

/// All that is still to be done once the service takes the call, the smoke test included. `given` are the secrets that this
/// run knows.
pub(super) async fn conclude<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    ready: Ready,
    given: &BTreeMap<String, Secret>,
) -> Result<Deployed, Failure> {
    let service = deployment.target.service.as_str();
    let digest = Some(image.digest().clone());
    if let Some(live) = bring_up(run, deployment, adapters, image, ready, given).await? {
        let summary = format!("already deployed: {} is serving on {service}", image.digest().short());
        let service_url = Some(live.address()).filter(|url| !url.is_empty());
        return Ok(Deployed { digest, service_url, summary });
    }
    let service_url = wait::service_url(&adapters.target, service, run.events()).await;
    let tested = wait::smoke_test(run, deployment.target.smoke_test.as_ref(), service_url.as_deref()).await;
    returning::after_smoke_test(run, deployment, adapters, image.digest(), tested).await?;
    let summary = format!("{} is serving on {service}", image.digest().short());
    Ok(Deployed { digest, service_url, summary })
}

/// Connects, and finds out what is to be deployed and what there is.
pub(super) async fn resolve<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    connecting: impl Future<Output = Result<Adapters<T>, Failure>>,
) -> Result<Told<Resolved<T>>, Failure> {
    let adapters = connecting.await?;
    let service = deployment.target.service.as_str();
    let (image, live) = tokio::join!(
        resolve::resolve_image(&adapters.source, &deployment.image, run.events()),
        adapters.target.service(service),
    );
    let image = image?;
    let live = live.map_err(|source| Failure::Service { service: service.to_owned(), source })?;
    let look = preparing::look(run, deployment, &adapters, &image, live).await?;
    let detail = format!("{} is {}", image.reference, image.digest().short());
    Ok(Told::done(Resolved { adapters, image, look }, detail))
}

/// What is to be done, and the secrets that the local check is given.
pub(super) type Checked = (Course, BTreeMap<String, Secret>);

/// Makes the checks that come before any change.
pub(super) async fn check<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    resolved: &Resolved<T>,
) -> Result<Told<Checked>, Failure> {
    let (adapters, Look { seen, plan }) = (&resolved.adapters, &resolved.look);
    let is_begun = plan.course.as_ref().is_ok_and(is_begun);
    let permitted = permitted::checks(run, deployment, adapters, &resolved.image, &resolved.look);
    let subject = Subject {
        image: &resolved.image,
        service: deployment.target.service.as_str(),
        live: seen.live.as_ref(),
        course: &plan.course,
        identifier: &plan.identifier,
        repository: &seen.repository,
        taken_by: plan.taken_by.as_ref(),
        place: plan::place(&adapters.account, &deployment.target.access.region),
        create_repository: deployment.target.create_repository,
        pull_through: (deployment.target.via == Via::PullThrough && !is_begun).then(|| PullThrough {
            passage: Passage::between(&resolved.image.reference, plan.identifier.reference()),
            tag: plan.tag(),
            source: &adapters.source,
            ecr: Some(&adapters.ecr),
        }),
        engine: adapters.engine.as_ref().filter(|_| !is_begun).ok_or(match (is_begun, deployment.target.verify.skip) {
            (true, _) => "an earlier run has had the image checked",
            (false, true) => "the local check is switched off",
            (false, false) => "the deployment would ask for it",
        }),
    };
    let (mut checks, permitted) = tokio::join!(preflight::preflight(&subject, run.events()), permitted);
    preflight::tell(&permitted, run.events());
    checks.extend(permitted);
    // Nothing is given, and so nothing fetched, where no container is made.
    let makes_none = adapters.engine.is_none() || is_begun;
    let way = if makes_none { &SecretsWay::Skip } else { &deployment.target.verify.secrets };
    let given = secrets::give(way, &plan.settings, &adapters.secrets).await;
    preflight::tell(given.check.as_slice(), run.events());
    checks.extend(given.check);
    match &plan.course {
        Ok(course) if preflight::exit_code(&checks).is_none() => {
            Ok(Told::done((course.clone(), given.values), format!("{} checks passed", checks.len())))
        }
        Ok(_) | Err(_) => Err(Failure::Preflight(checks)),
    }
}

async fn copy_and_verify<T>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    engine: Option<&Engine>,
    image: &ResolvedImage,
    look: &Look,
) -> Result<(), Failure> {
    // Either side's bad end makes the other's work pointless, so it stops both. A check that could not be made is not
    // a bad end of the image: the copy then goes on, and its own failure counts more.
    let both = run.narrator.cancellation.token().child_token();
    let copying = async {
        let work = copy_image(deployment, adapters, image, look, run.events(), &both);
        let result = run.narrator.stage(Stage::Copy, work).await;
        if result.is_err() {
            both.cancel();
        }
        result
    };
    let verifying = async {
        let settings = &deployment.target.verify;
        let work = verify_image(run, adapters, engine, image, (&look.plan, settings), &both);
        let result = run.narrator.stage(Stage::Verify, work).await;
        if matches!(result, Err(Failure::Unhealthy { .. })) {
            both.cancel();
        }
        result
    };
    let (copied, verified) = tokio::join!(copying, verifying);
    if let Some(signal) = run.narrator.cancellation.signal() {
        // Of the two stages, the one that had not ended.
        let stage = if copied.is_ok() { Stage::Verify } else { Stage::Copy };
        return Err(Failure::Cancelled { signal, stage });
    }
    the_failure_that_counts(copied.err(), verified.err()).map_or(Ok(()), Err)
}

async fn copy_image<T>(
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    Look { seen, plan }: &Look,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Told<()>, Failure> {
    // ECR creates the repository that it fetches an image into, as its creation template has it. One that is there needs no right
    // to create one.
    let is_there = matches!(seen.repository, Ok(Some(_)));
    if deployment.target.create_repository && deployment.target.via == Via::Copy && !is_there {
        let create = adapters.ecr.create_repository(plan.repository(), &RepositorySettings::default()).await;
        let doing = || format!("cannot create {}", plan.repository());
        if create.map_err(|source: AwsFault| Failure::Aws { doing: doing(), source })? {
            events.emit(Event::Notice { message: format!("repository {} was created", plan.repository()) });
        }
    }
    let source = CopySource { registry: &adapters.source, repository: image.reference.repository() };
    let destination = CopyDestination { registry: &adapters.destination, repository: plan.repository(), tag: None };
    let request = CopyRequest {
        source,
        image: CopyImage::Manifest(&image.manifest),
        destinations: &[destination],
        options: CopyOptions { via: deployment.target.via, ..CopyOptions::default() },
    };
    let summaries = copy::copy(&request, events, cancel).await?;
    Ok(if summaries.iter().all(CopySummary::is_unchanged) {
        Told::skipped((), "the image is there already")
    } else {
        Told::done((), format!("to {}/{}", adapters.destination.host(), plan.repository()))
    })
}

async fn verify_image<T>(
    run: &Run,
    adapters: &Adapters<T>,
    engine: Option<&Engine>,
    image: &ResolvedImage,
    (plan, settings): (&Plan, &VerifySettings),
    cancel: &CancellationToken,
) -> Result<Told<()>, Failure> {
    let Some(engine) = engine else {
        return Ok(Told::skipped((), "the local check is switched off"));
    };
    let looking = checking::runnable(&adapters.source, image);
    let runnable = cancel.run_until_cancelled(looking).await.flatten();
    let request = VerifyRequest {
        image: checking::pulled_from(&adapters.source_pull, image, runnable.as_ref(), false),
        // It has been searched: `pulled_from` names the image itself where an engine would not find it.
        source: None,
        settings: &plan.settings,
        run_id: &run.id,
        stay: settings.stay,
        compressed_bytes: runnable.map(|runnable| runnable.compressed_bytes),
        reach: &settings.reach,
        sidecar: settings.sidecar.as_deref(),
        keep: false,
    };
    judged(verify::verify(engine, request, run.events(), cancel).await?)
}
