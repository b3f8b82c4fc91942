//! The listeners of a sandbox: the control plane, a registry for each account and region, and the second address of the blobs.

use std::{
    collections::BTreeMap,
    future::{Future, IntoFuture as _},
    iter,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Response, StatusCode},
};
use jiff::{SignedDuration, Timestamp};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    Options, SandboxError, apprunner::AppRunner, budget::Budget, cloud::Cloud, control, control::calls::Call,
    control::calls::Calls, control::token::ControlToken, delays::Delays, directory::Directory,
    ecr::caching::rules::Rules, ecr::lifecycle, ecr::rate::Rate, ecr::store::Store, ecr::tokens::Tokens,
    ecr::upload::Uploads, faults::Faults, hosts::Hosts, identities::Identities, logs::store::LogStore,
    parameters::store::ParameterStore, registry, registry::Registry, registry::links::Links, rest,
    runtime_images::RuntimeImages, runtime_secrets::RuntimeSecrets, secrets_manager::store::SecretStore, seed::Seed,
    state::Keeper, state::life::LIFE, state::life::Life, sts::issuer::Issuer,
};
use shipgate_core::account::{AccountId, Region};

/// The tasks that serve. They end when this is dropped.
pub(crate) struct Listeners {
    tasks: JoinSet<()>,
    keeper: Option<Arc<Keeper>>,
    hosts: Arc<Hosts>,
}

/// How long log lines may wait to be written together.
const LINES_WAIT: Duration = Duration::from_millis(100);

impl Listeners {
    /// Ends them and waits until they have ended.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
    }

    /// Brings log lines to disk, a moment after they were written.
    fn keep_lines(&mut self, cloud: &Arc<Cloud>, are_kept: bool) {
        let cloud = Arc::clone(cloud);
        if are_kept {
            self.tasks.spawn(async move {
                loop {
                    tokio::time::sleep(LINES_WAIT).await;
                    cloud.logs.keep_all();
                }
            });
        }
    }

    /// Expires images by the lifecycle policies of their repositories.
    fn expire_images(&mut self, cloud: &Arc<Cloud>, delays: Delays) {
        let cloud = Arc::clone(cloud);
        let day = SignedDuration::try_from(delays.day).unwrap_or(SignedDuration::MAX);
        self.tasks.spawn(async move {
            loop {
                tokio::time::sleep(delays.lifecycle).await;
                for (id, digest) in lifecycle::run(&cloud.images, Timestamp::now(), day) {
                    cloud.calls.record(Call {
                        at: Timestamp::now(),
                        service: "ecr",
                        // What CloudTrail calls it.
                        action: "PolicyExecutionEvent".to_owned(),
                        account: id.account.to_string(),
                        caller: String::new(),
                        resource: format!("{}@{digest}", id.name),
                        names_nothing: false,
                        status: 200,
                    });
                }
            }
        });
    }

    fn serve<F>(&mut self, listener: TcpListener, answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static)
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let (keeper, hosts) = (self.keeper.clone(), Arc::clone(&self.hosts));
        let router = Router::new().fallback(move |request: Request| {
            let (answer, keeper, hosts) = (answer.clone(), keeper.clone(), Arc::clone(&hosts));
            async move {
                if let Err(misdirected) = hosts.check(request.uri(), request.headers()) {
                    rest::share(request.into_body()).1.read().await;
                    return misdirected.response();
                }
                let answered = answer(request).await;
                // What could not be written down is not to be taken as done.
                match keeper.as_ref().and_then(|keeper| keeper.failure()) {
                    None => answered,
                    Some(failure) => broken(failure),
                }
            }
        });
        let serving = axum::serve(listener, router).into_future();
        self.tasks.spawn(async move {
            // axum's serve never returns: it retries what fails.
            drop(serving.await);
        });
    }
}

fn broken(failure: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("the sandbox's state: {failure}")));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn read_life(keeper: Option<&Keeper>) -> Result<Life, SandboxError> {
    let read = keeper.map(|keeper| keeper.read(LIFE)).transpose()?;
    Ok(read.flatten().unwrap_or_default())
}

/// Opens every listener and puts the sandbox behind them.
pub(crate) async fn open(
    options: &mut Options,
    directory: &Directory,
) -> Result<(Arc<Cloud>, Listeners, SocketAddr), SandboxError> {
    let free = SocketAddr::new(options.listen.ip(), 0);
    let (control_plane, address) = listen(options.listen).await?;
    let keeper = options.state.as_deref().map(Keeper::open).transpose()?.map(Arc::new);
    let mut life = read_life(keeper.as_deref())?;
    life.complete_keys(&mut options.seed);
    let (second, second_address) = listen_again(free, life.second).await?;
    let registries = listen_for_registries(&options.seed, &life, free).await?;
    let addresses = registries.iter().map(|(place, _, address)| (place.clone(), *address)).collect();
    let cloud = Arc::new(build(options, directory, keeper.clone(), &mut life, (second_address, addresses))?);
    if let Some(keeper) = &keeper {
        life.second = second_address.port();
        life.registries.clear();
        life.further_registries.clear();
        for ((account, region), _, address) in &registries {
            life.remember(account, region, &cloud.region, address.port());
        }
        life.former_lives += 1;
        keeper.keep(LIFE, &life);
        cloud.app_runner.restore(keeper).await?;
    }
    cloud.app_runner.sweep();
    let hosts = Arc::new(Hosts::new(options.listen.ip(), &options.allow_hosts));
    let mut listeners = Listeners { tasks: JoinSet::new(), keeper: keeper.clone(), hosts };
    listeners.keep_lines(&cloud, keeper.is_some());
    listeners.expire_images(&cloud, options.delays);
    let shared = Arc::clone(&cloud);
    listeners.serve(control_plane, move |request| control::serve(Arc::clone(&shared), request));
    let shared = Arc::clone(&cloud);
    listeners.serve(second, move |request| {
        let cloud = Arc::clone(&shared);
        async move { registry::links::serve(&cloud, request).await }
    });
    for ((account, region), listener, _) in registries {
        let registry = Registry { cloud: Arc::clone(&cloud), account, region };
        listeners.serve(listener, move |request| registry::serve(registry.clone(), request));
    }
    Ok((cloud, listeners, address))
}

/// A registry about to be served: whose and where it is, its listener, and the listener's address.
type Opened = ((AccountId, Region), TcpListener, SocketAddr);

/// A listener for each account in each region.
async fn listen_for_registries(seed: &Seed, life: &Life, free: SocketAddr) -> Result<Vec<Opened>, SandboxError> {
    let regions: Vec<Region> = iter::once(seed.region.clone()).chain(seed.further_regions()).collect();
    let mut registries = Vec::new();
    for account in seed.all_accounts() {
        for region in &regions {
            let (listener, address) = listen_again(free, life.port(&account, region, &seed.region)).await?;
            registries.push(((account.clone(), region.clone()), listener, address));
        }
    }
    Ok(registries)
}

/// Listens on a port that was had before, or else on a free one.
async fn listen_again(free: SocketAddr, port: u16) -> Result<(TcpListener, SocketAddr), SandboxError> {
    match listen(SocketAddr::new(free.ip(), port)).await {
        Err(_) if port != 0 => listen(free).await,
        answer => answer,
    }
}

/// Listens, and says under which address clients of this machine reach it.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SandboxError> {
    let failed = |source| SandboxError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let mut reached = listener.local_addr().map_err(failed)?;
    if reached.ip().is_unspecified() {
        reached.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok((listener, reached))
}

fn role_propagation(options: &Options) -> SignedDuration {
    match options.seed.role_propagation_seconds {
        Some(seconds) => SignedDuration::from_secs(seconds.into()),
        None => SignedDuration::try_from(options.delays.new_role).unwrap_or(SignedDuration::MAX),
    }
}

/// Secrets and parameters, those of the seed among them.
fn values(
    seed: &Seed,
    keeper: Option<&Arc<Keeper>>,
    life: &mut Life,
) -> Result<(Arc<SecretStore>, Arc<ParameterStore>), SandboxError> {
    let (secrets, parameters) = (SecretStore::new(keeper.cloned()), ParameterStore::new(keeper.cloned()));
    if let Some(keeper) = keeper {
        secrets.restore(keeper)?;
        parameters.restore(keeper)?;
    }
    for (arn, value) in &seed.secrets {
        let seeded = secrets.seed(arn, value, life).or_else(|| parameters.seed(arn, value, life));
        seeded.ok_or_else(|| SandboxError::Secret { arn: arn.clone() })?;
    }
    Ok((Arc::new(secrets), Arc::new(parameters)))
}

fn build(
    options: &Options,
    directory: &Directory,
    keeper: Option<Arc<Keeper>>,
    life: &mut Life,
    (second_address, registries): (SocketAddr, BTreeMap<(AccountId, Region), SocketAddr>),
) -> Result<Cloud, SandboxError> {
    let seed = &options.seed;
    let path = directory.blobs();
    let images = Store::new(path.clone(), keeper.clone()).map_err(|source| SandboxError::Directory { path, source })?;
    let (images, logs) = (Arc::new(images), Arc::new(LogStore::new(keeper.clone(), options.delays.log_streams)));
    let identities = Arc::new(Identities::new(seed, keeper.clone()).map_err(SandboxError::Trust)?);
    if let Some(keeper) = &keeper {
        images.restore(keeper)?;
        logs.restore(keeper)?;
        identities.restore(keeper)?;
    }
    images.seed(seed, life);
    let cache_rules = Rules::new(seed.pull_through_cache_seconds, keeper.clone());
    if let Some(keeper) = &keeper {
        cache_rules.restore(keeper)?;
    }
    cache_rules.seed(seed, life)?;
    let (secrets, parameters) = values(seed, keeper.as_ref(), life)?;
    let mut app_runner = options.app_runner.clone();
    // The ids of a former life are not given out again.
    app_runner.seed = app_runner.seed.map(|seed| seed.wrapping_add(life.former_lives));
    let reader = RuntimeSecrets {
        secrets: Arc::clone(&secrets),
        parameters: Arc::clone(&parameters),
        identities: Arc::clone(&identities),
    };
    let pulled = RuntimeImages { images: Arc::clone(&images), identities: Arc::clone(&identities) };
    let app_runner = AppRunner::kept(Arc::new(pulled), Arc::clone(&logs), Arc::new(reader), app_runner, keeper);
    seed.scripts.iter().for_each(|script| app_runner.add_script(script.clone()));
    Ok(Cloud {
        region: seed.region.clone(),
        ecr_manners: seed.ecr_manners,
        identities,
        issuer: Issuer::new().map_err(|_| SandboxError::SigningKey)?,
        role_propagation: role_propagation(options),
        images,
        uploads: Uploads::default(),
        cache_rules,
        rate: Rate::default(),
        tokens: Tokens::default(),
        links: Links::new(second_address, seed.link_lifetime_seconds),
        logs,
        secrets,
        parameters,
        app_runner,
        control: ControlToken::new(life.control_token().to_owned(), options.listen.ip().is_loopback()),
        budget: Budget::default(),
        short_pages: seed.short_pages,
        faults: Faults::new(seed.faults.clone()),
        calls: Calls::default(),
        has_former_lives: life.former_lives > 0,
        registries,
    })
}
