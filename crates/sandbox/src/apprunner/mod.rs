//! App Runner as the sandbox imitates it: services that really run as containers on the local Docker engine, blue
//! and green. It shares nothing with the client of App Runner, with the local check, nor with their health rule, so
//! that one mistake cannot cancel itself out.
//!
//! Where App Runner's behaviour is not known for certain, this is what it does here, and a test holds it fast: a resumed
//! service runs the image it ran, not what its tag points at by then; a resume that fails leaves it PAUSED; resuming a
//! running service is answered without an operation; a push while a service is busy deploys nothing; a start command
//! replaces the image's command and leaves its entrypoint. More such things can be chosen in [`Disputed`].
//!
//! `shape` and `model` check inputs; `calls` answers; `states` says which call a state takes; `machine` is the course
//! of an operation and `driver` carries it out on `engine`, `proxy` and `journal`.

mod archive;
mod bring_up;
mod calls;
mod command;
mod config;
mod control;
mod disk;
mod driver;
mod engine;
mod failure;
mod health;
mod identity;
mod ids;
mod instance;
mod journal;
mod machine;
mod model;
mod options;
mod paging;
mod pattern;
mod proxy;
mod record;
mod refusal;
mod render;
mod restore;
mod script;
mod shape;
pub(crate) mod source;
mod states;
#[cfg(test)]
mod tests;
mod word;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::{
    control::{ControlError, Order},
    options::{Consistency, Disputed, Options, Pace},
    script::{Moment, Outcome, Script},
    word::OperationKind,
};
use self::{
    driver::Job,
    engine::Engine,
    identity::SandboxId,
    ids::Ids,
    record::Book,
    script::Scripts,
    source::{Images, LogSink, SecretReader},
};
use super::{answer::ApiError, caller::Caller, logs::store::LogStore, state::Keeper};
use shipgate_core::account::{AccountId, Region};

/// How long operations under way may take to let go of their containers when the sandbox shuts down.
const SHUTDOWN_CAP: Duration = Duration::from_secs(20);

/// The App Runner of a sandbox: all accounts and regions.
pub struct AppRunner {
    app: Arc<App>,
    /// The operations under way; `None` after the shutdown.
    work: Mutex<Option<JoinSet<()>>>,
}

/// What calls and operations share.
struct App {
    book: Book,
    images: Arc<dyn Images>,
    logs: Arc<dyn LogSink>,
    secrets: Arc<dyn SecretReader>,
    options: Options,
    ids: Ids,
    scripts: Scripts,
    create_failed_is_final: AtomicBool,
    /// Cancelled when the sandbox shuts down.
    stopping: CancellationToken,
    engine: Arc<Engine>,
    client: reqwest::Result<reqwest::Client>,
}

impl AppRunner {
    /// An App Runner without services, which are kept if there is a keeper. Docker is not asked for before the first deployment.
    pub(crate) fn kept(
        images: Arc<dyn Images>,
        logs: Arc<LogStore>,
        secrets: Arc<dyn SecretReader>,
        options: Options,
        keeper: Option<Arc<Keeper>>,
    ) -> Arc<Self> {
        Self::on(images, logs, secrets, options, keeper)
    }

    fn on(
        images: Arc<dyn Images>,
        logs: Arc<dyn LogSink>,
        secrets: Arc<dyn SecretReader>,
        options: Options,
        keeper: Option<Arc<Keeper>>,
    ) -> Arc<Self> {
        let engine = Arc::new(Engine::new(SandboxId::of_this_process(), options.docker_host.clone()));
        let ids = Ids::new(options.seed);
        let app = App {
            book: Book::new(keeper),
            images,
            logs,
            secrets,
            ids,
            scripts: Scripts::new(options.seed),
            create_failed_is_final: AtomicBool::new(options.disputed.create_failed_is_final),
            stopping: CancellationToken::new(),
            engine,
            client: proxy::plain_client(),
            options,
        };
        Arc::new(Self { app: Arc::new(app), work: Mutex::new(Some(JoinSet::new())) })
    }

    /// Answers a call whose caller has been established. `action` is an operation's name, such as `CreateService`.
    ///
    /// # Errors
    /// [`ApiError`], named and worded as App Runner does.
    pub async fn call(self: &Arc<Self>, caller: &Caller, action: &str, input: Value) -> Result<Value, ApiError> {
        calls::call(self, caller, action, input).await
    }

    /// Whether an account has or has had a service.
    pub(crate) fn has_had_service(&self, account: &AccountId) -> bool {
        self.app.book.look(|services| services.iter().any(|service| service.account == *account))
    }

    /// A tag of an account's repository points at a new digest: deploys the running services that follow it.
    pub fn image_pushed(self: &Arc<Self>, account: &AccountId, region: &Region, repository: &str, tag: &str) {
        for job in calls::automatic_deployments(&self.app, account, region, repository, tag) {
            self.begin(job);
        }
    }

    /// Ends the operations under way, closes every service URL, and removes every container and image that was
    /// brought to the engine. Gives, in words, what the engine would not remove; the next sandbox on this machine
    /// sweeps it.
    pub async fn shutdown(&self) -> Vec<String> {
        self.app.stopping.cancel();
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            // Whoever is at a container finishes with it, so that it is known when all of them are removed; tasks
            // still there after the cap are aborted with their set.
            let _ = tokio::time::timeout(SHUTDOWN_CAP, work.join_all()).await;
        }
        self.app.book.with(|services| services.iter_mut().for_each(|service| service.proxy = None));
        self.app.engine.remove_all().await
    }

    /// Begins to carry out an operation that has been written down.
    fn begin(&self, job: Job) {
        let app = Arc::clone(&self.app);
        self.spawn(async move { driver::run(&app, &job).await });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(work) = self.work.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            while work.try_join_next().is_some() {}
            work.spawn(task);
        }
    }

    /// Waits until nothing is under way.
    #[cfg(test)]
    async fn settle(&self) {
        let work = self.work.lock().unwrap().replace(JoinSet::new());
        if let Some(work) = work {
            work.join_all().await;
        }
    }
}
