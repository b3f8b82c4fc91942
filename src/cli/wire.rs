//! The only place that builds clients. Whatever decides where AWS, a registry or a Docker engine is, decides it here.

mod copying;
mod doctor;
mod mirror;
mod registries;
mod start;

use std::{collections::BTreeSet, future::Future};

pub use self::registries::ecr_registry;
use self::registries::{Opener, log_in};
pub use self::{copying::connect_copy, doctor::patient, mirror::connect_mirror};

use crate::{
    config::{
        deployment::{Deployment, Target},
        environment::Environment,
    },
    pipeline::{
        checking::{PullAccess, Source},
        deploy::Adapters,
        failure::Failure,
    },
    target::apprunner::AppRunner,
};
use shipgate_aws::{
    ecr::Ecr,
    identity::{self, IdentityError},
    logs::Logs,
    secrets::Secrets,
    session::{Base, Session},
};
use shipgate_container_check::{
    docker::{DockerEnvironment, Engine, EngineError},
    verify::VerifyError,
};
use shipgate_core::{
    access::Access,
    credentials::Credentials,
    event::{Emitter, Event},
    image::{EcrHost, ImageReference},
    oidc::Start,
};
use shipgate_registry::Registry;

/// The workload account's side of a deployment.
#[derive(Debug)]
pub struct Workload {
    /// The identity there.
    pub session: Session,
    /// Its services.
    pub target: AppRunner,
    /// Its log groups.
    pub logs: Logs,
}

/// Opens both sessions, logs in to both registries and looks for the Docker engine, side by side.
///
/// # Errors
/// [`Failure::Identity`] when a role cannot be assumed, [`Failure::Aws`] when ECR gives no token.
pub async fn connect(
    deployment: &Deployment,
    environment: &Environment,
    events: &Emitter,
) -> Result<Adapters<AppRunner>, Failure> {
    let engine = async {
        if deployment.target.verify.skip { None } else { Some(Engine::connect(&docker_environment(environment)).await) }
    };
    Box::pin(connect_all(deployment, environment, events, engine)).await
}

/// The same without a Docker engine, for a run that starts no container.
///
/// # Errors
/// As [`connect`].
pub async fn connect_without_engine(
    deployment: &Deployment,
    environment: &Environment,
    events: &Emitter,
) -> Result<Adapters<AppRunner>, Failure> {
    Box::pin(connect_all(deployment, environment, events, std::future::ready(None))).await
}

async fn connect_all(
    deployment: &Deployment,
    environment: &Environment,
    events: &Emitter,
    engine: impl Future<Output = Option<Result<Engine, EngineError>>>,
) -> Result<Adapters<AppRunner>, Failure> {
    let base = start::base(&deployment.registry.region, &deployment.target.start).await;
    let (source, workload, engine) = tokio::join!(
        connect_source(&base, &deployment.image, Some(&deployment.registry), environment),
        connect_destination(&base, &deployment.target),
        engine
    );
    let ((source, session), (workload, ecr, destination)) = both(source, workload)?;
    // Told in one order, whichever came first.
    if let Some(session) = session {
        tell("registry", &session, events);
    }
    tell(&deployment.target.name, &workload.session, events);
    Ok(Adapters {
        source: source.registry,
        source_pull: source.pull,
        account: workload.session.account().clone(),
        destination,
        ecr,
        logs: workload.logs,
        secrets: Secrets::new(&workload.session),
        target: workload.target,
        engine,
    })
}

/// Opens the workload account's session and its registry, for a run whose image is there.
///
/// # Errors
/// As [`connect`].
pub async fn connect_destination_alone(target: &Target, events: &Emitter) -> Result<Adapters<AppRunner>, Failure> {
    let base = start::base(&target.access.region, &target.start).await;
    let (workload, ecr, destination) = connect_destination(&base, target).await?;
    tell(&target.name, &workload.session, events);
    Ok(Adapters {
        source: destination.clone(),
        // Nobody pulls it here: nothing is checked locally.
        source_pull: PullAccess { host: destination.host().to_owned(), credentials: None },
        account: workload.session.account().clone(),
        destination,
        ecr,
        logs: workload.logs,
        secrets: Secrets::new(&workload.session),
        target: workload.target,
        engine: None,
    })
}

/// Opens the workload account's session alone.
///
/// # Errors
/// [`Failure::Identity`] when a role cannot be assumed.
pub async fn connect_workload(target: &Target, events: &Emitter) -> Result<Workload, Failure> {
    let base = start::base(&target.access.region, &target.start).await;
    let workload = open_workload(&base, target).await?;
    tell(&target.name, &workload.session, events);
    Ok(workload)
}

/// Opens the workload account's session, and its registry.
///
/// # Errors
/// [`Failure::Identity`] when a role cannot be assumed, [`Failure::Aws`] when ECR gives no token.
pub async fn connect_workload_and_registry(target: &Target, events: &Emitter) -> Result<(Workload, Registry), Failure> {
    let base = start::base(&target.access.region, &target.start).await;
    let (workload, _, registry) = connect_destination(&base, target).await?;
    tell(&target.name, &workload.session, events);
    Ok((workload, registry))
}

async fn open_workload(base: &Base, target: &Target) -> Result<Workload, Failure> {
    let session = Session::open(base, &target.access, &target.name).await.map_err(identity_failure)?;
    Ok(Workload { target: AppRunner::new(&session), logs: Logs::new(&session), session })
}

/// Both, or what keeps either from being had: whoever mends one identity should know of the other.
#[expect(clippy::result_large_err, reason = "made once in a run")]
fn both<A, B>(source: Result<A, Failure>, workload: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (source, workload) {
        (Ok(source), Ok(workload)) => Ok((source, workload)),
        (Err(Failure::Identity(mut errors)), Err(Failure::Identity(more))) => {
            errors.extend(more);
            Err(Failure::Identity(identity::distinct(errors)))
        }
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

fn tell(purpose: &str, session: &Session, events: &Emitter) {
    events.emit(Event::IdentityAssumed {
        purpose: purpose.to_owned(),
        account: session.account().clone(),
        arn: session.arn().to_owned(),
    });
}

/// A source in ECR is logged in to by its role; any other by what its user has for it. The engine's pull is known by the
/// same.
async fn connect_source(
    base: &Base,
    image: &ImageReference,
    access: Option<&Access>,
    environment: &Environment,
) -> Result<(Source, Option<Session>), Failure> {
    let host = image.host().to_owned();
    let (Some(EcrHost { account, .. }), Some(access)) = (image.ecr(), access) else {
        let opener = Opener::new(environment, BTreeSet::new(), Start::default());
        let registry = opener.open_other(&host, image.repository()).await?.registry;
        let credentials = opener.login_of(&host, image.repository()).await?;
        return Ok((Source { registry, pull: PullAccess { host, credentials } }, None));
    };
    let session = Session::open(base, access, "registry").await.map_err(identity_failure)?;
    let ecr = Ecr::new(&session);
    // The image's own registry: an identity without a role there may be of another account, and let in by the repository.
    let login = log_in(&ecr, &account, &host).await?;
    let registry = ecr_registry(&host, &login, &ecr, account).map_err(Failure::Registry)?;
    let by_token = |password| Credentials::Basic { username: "AWS".to_owned(), password };
    let pull = PullAccess { host: login.host().to_owned(), credentials: login.password().map(by_token) };
    Ok((Source { registry, pull }, Some(session)))
}

/// What a check for a target needs: the engine, and the workload account's services and secrets.
///
/// # Errors
/// [`Failure::Identity`] when a role cannot be assumed, [`Failure::Unverifiable`] when there is no engine.
pub async fn connect_check(
    target: &Target,
    environment: &Environment,
    events: &Emitter,
) -> Result<(Engine, AppRunner, Secrets), Failure> {
    let docker = docker_environment(environment);
    let (engine, workload) = tokio::join!(Engine::connect(&docker), connect_workload(target, events));
    let workload = workload?;
    Ok((engine.map_err(VerifyError::Engine)?, workload.target, Secrets::new(&workload.session)))
}

/// Opens the registry of an image, by the access that the configuration has for it, if it has one.
///
/// # Errors
/// [`Failure::Identity`] when a role cannot be assumed, [`Failure::Aws`] when ECR gives no token, [`Failure::Credentials`]
/// when what is kept of a login cannot be read.
pub async fn open_source(
    image: &ImageReference,
    access: Option<&Access>,
    target: &Target,
    environment: &Environment,
    events: &Emitter,
) -> Result<Source, Failure> {
    let region = access.map_or(&target.access.region, |access| &access.region);
    let base = start::base(region, &target.start).await;
    let (source, session) = connect_source(&base, image, access, environment).await?;
    if let Some(session) = session {
        tell("registry", &session, events);
    }
    Ok(source)
}

async fn connect_destination(base: &Base, target: &Target) -> Result<(Workload, Ecr, Registry), Failure> {
    let workload = open_workload(base, target).await?;
    let ecr = Ecr::new(&workload.session);
    let host = EcrHost::host_of(workload.session.account(), &target.access.region);
    let account = workload.session.account().clone();
    let login = log_in(&ecr, &account, &host).await?;
    let registry = ecr_registry(&host, &login, &ecr, account).map_err(Failure::Registry)?;
    Ok((workload, ecr, registry))
}

fn identity_failure(error: IdentityError) -> Failure {
    Failure::Identity(vec![error])
}

/// What whoever has logged in to an image's registry here, with Docker or Podman, is known by.
///
/// # Errors
/// [`Failure::Credentials`] when what is kept cannot be read.
pub async fn login_of(image: &ImageReference, environment: &Environment) -> Result<Option<Credentials>, Failure> {
    Opener::new(environment, BTreeSet::new(), Start::default()).login_of(image.host(), image.repository()).await
}

/// An image's registry, with the credentials of `docker login` if there are any.
///
/// # Errors
/// [`Failure::Credentials`] when what is kept cannot be read.
pub async fn open_as_logged_in(image: &ImageReference, environment: &Environment) -> Result<Registry, Failure> {
    let opener = Opener::new(environment, BTreeSet::new(), Start::default());
    Ok(opener.open_other(image.host(), image.repository()).await?.registry)
}

/// What the environment says about where a Docker engine is.
#[must_use]
pub fn docker_environment(environment: &Environment) -> DockerEnvironment {
    DockerEnvironment {
        docker_host: environment.docker_host().map(str::to_owned),
        docker_tls: environment.docker_tls(),
        docker_tls_verify: environment.docker_tls_verify(),
        docker_cert_path: environment.docker_cert_path().map(Into::into),
        docker_context: environment.docker_context().map(str::to_owned),
        docker_config: environment.docker_config().map(Into::into),
        container_host: environment.container_host().map(str::to_owned),
        colima_home: environment.colima_home().map(Into::into),
        home: environment.home().map(Into::into),
        xdg_runtime_dir: environment.xdg_runtime_dir().map(Into::into),
        path: environment.path().map(Into::into),
    }
}
