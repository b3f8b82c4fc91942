//! The listeners of a sandbox: the control plane, a registry an account, and the second address of the blobs.

use std::{
    collections::HashMap,
    future::{Future, IntoFuture as _},
    net::SocketAddr,
    sync::Arc,
};

use axum::{Router, body::Body, extract::Request, http::Response};
use jiff::SignedDuration;
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    Options, SandboxError, apprunner::AppRunner, cloud::Cloud, control, control::calls::Calls, directory::Directory,
    ecr::rate::Rate, ecr::store::Store, ecr::tokens::Tokens, ecr::upload::Uploads, faults::Faults,
    identities::Identities, logs::store::LogStore, registry, registry::Registry, registry::links::Links,
    sts::issuer::Issuer,
};
use crate::domain::account::AccountId;

/// The tasks that serve. They end when this is dropped.
pub(crate) struct Listeners(JoinSet<()>);

impl Listeners {
    /// Ends them and waits until they have ended.
    pub(crate) async fn close(mut self) {
        self.0.shutdown().await;
    }

    fn serve<F>(&mut self, listener: TcpListener, answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static)
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let router = Router::new().fallback(answer);
        let serving = axum::serve(listener, router).into_future();
        self.0.spawn(async move {
            // axum's serve never returns: it retries what fails.
            drop(serving.await);
        });
    }
}

/// Opens every listener and puts the sandbox behind them.
pub(crate) async fn open(
    options: &Options,
    directory: &Directory,
) -> Result<(Arc<Cloud>, Listeners, SocketAddr), SandboxError> {
    let free = SocketAddr::new(options.listen.ip(), 0);
    let (control_plane, address) = listen(options.listen).await?;
    let (second, second_address) = listen(free).await?;
    let mut registries: Vec<(AccountId, TcpListener, SocketAddr)> = Vec::new();
    for account in options.seed.all_accounts() {
        let (listener, address) = listen(free).await?;
        registries.push((account, listener, address));
    }
    let addresses = registries.iter().map(|(account, _, address)| (account.clone(), *address)).collect();
    let cloud = Arc::new(build(options, directory, second_address, addresses)?);
    let mut listeners = Listeners(JoinSet::new());
    let shared = Arc::clone(&cloud);
    listeners.serve(control_plane, move |request| control::serve(Arc::clone(&shared), request));
    let shared = Arc::clone(&cloud);
    listeners.serve(second, move |request| {
        let cloud = Arc::clone(&shared);
        async move { registry::links::serve(&cloud, request).await }
    });
    for (account, listener, _) in registries {
        let registry = Registry { cloud: Arc::clone(&cloud), account };
        listeners.serve(listener, move |request| registry::serve(registry.clone(), request));
    }
    Ok((cloud, listeners, address))
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

fn build(
    options: &Options,
    directory: &Directory,
    second_address: SocketAddr,
    registries: HashMap<AccountId, SocketAddr>,
) -> Result<Cloud, SandboxError> {
    let seed = &options.seed;
    let path = directory.path().to_owned();
    let images = Store::new(path.clone(), seed).map_err(|source| SandboxError::Directory { path, source })?;
    let (images, logs) = (Arc::new(images), Arc::new(LogStore::default()));
    let mut app_runner = options.app_runner.clone();
    app_runner.secrets.extend(seed.secrets.clone());
    let app_runner = AppRunner::new(Arc::clone(&images), Arc::clone(&logs), app_runner);
    seed.scripts.iter().for_each(|script| app_runner.add_script(script.clone()));
    Ok(Cloud {
        region: seed.region.clone(),
        ecr_manners: seed.ecr_manners,
        identities: Identities::new(seed).map_err(SandboxError::Trust)?,
        issuer: Issuer::new(),
        role_propagation: SignedDuration::from_secs(seed.role_propagation_seconds.into()),
        images,
        uploads: Uploads::default(),
        rate: Rate::default(),
        tokens: Tokens::default(),
        links: Links::new(second_address, seed.link_lifetime_seconds),
        logs,
        app_runner,
        faults: Faults::new(seed.faults.clone()),
        calls: Calls::default(),
        registries,
    })
}
