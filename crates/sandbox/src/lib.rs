//! An AWS in this process: STS, ECR with its registries, App Runner, CloudWatch Logs, Secrets Manager and SSM's parameters,
//! for any AWS client.
//!
//! It shares no wire code with this program's own clients, so that one mistake cannot cancel itself out.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

pub mod answer;
pub mod apprunner;
mod authorization;
mod budget;
pub mod caller;
mod cloud;
mod control;
pub mod delays;
mod directory;
pub mod ecr;
pub mod faults;
pub mod hosts;
pub mod iam;
mod identities;
mod keys;
mod listening;
mod locking;
pub mod logs;
mod page;
mod parameters;
mod passed_role;
mod random;
mod regions;
mod registry;
mod rest;
mod runtime_images;
mod runtime_secrets;
mod secrets_manager;
pub mod seed;
mod state;
mod sts;
#[cfg(test)]
mod tests;
mod wildcard;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use self::{cloud::Cloud, delays::Delays, directory::Directory, listening::Listeners, seed::Seed};
use shipgate_core::account::{AccountId, Region};

/// How to start a sandbox.
#[derive(Clone)]
pub struct Options {
    /// What there is at the start.
    pub seed: Seed,
    /// The directory that keeps everything across restarts; without one, everything goes with the sandbox.
    pub state: Option<PathBuf>,
    /// Where the control plane listens. The registries take free ports of the same address.
    pub listen: SocketAddr,
    /// Host names under which it answers, in addition to those of the loopback interface and its own address.
    pub allow_hosts: Vec<String>,
    /// How late changes show.
    pub delays: Delays,
    /// How App Runner behaves.
    pub app_runner: apprunner::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: Seed::default(),
            state: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_hosts: Vec::new(),
            delays: Delays::NONE,
            app_runner: apprunner::Options::default(),
        }
    }
}

/// Why a sandbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A role's trust policy in the seed makes no sense.
    #[error("a role of the seed cannot be trusted as it is written")]
    Trust(#[source] iam::policy::InvalidPolicy),
    /// A pull-through cache rule of the seed is none that ECR would create.
    #[error("a pull-through cache rule of the seed is refused: {reason}")]
    CacheRule {
        /// What ECR answered.
        reason: String,
    },
    /// A service of the seed is none that App Runner would create.
    #[error("a service of the seed is refused: {reason}")]
    Service {
        /// What App Runner answered.
        reason: String,
    },
    /// A secret of the seed is none.
    #[error("a secret of the seed is refused: `{arn}` is the ARN of no secret and of no parameter")]
    Secret {
        /// What the seed calls it.
        arn: String,
    },
    /// The key of the OIDC issuer cannot be made.
    #[error("cannot make a key for OIDC tokens: the system gives no randomness")]
    SigningKey,
    /// The directory cannot be made or written to.
    #[error("cannot keep anything in {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another sandbox uses the directory of the state.
    #[error("{} is in use by another sandbox{}", path.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, if it has said so.
        pid: Option<u32>,
    },
    /// A document of the state cannot be read, or its place not be made.
    #[error("the sandbox's state cannot be had from {}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SandboxError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { address, .. } => {
                Some(format!("is something else listening on {address}? port 0 takes any free port"))
            }
            Self::InUse { .. } => Some("each sandbox needs a --state directory of its own".to_owned()),
            Self::State { .. } => {
                Some("put back what was changed in the directory, or start with an empty one".to_owned())
            }
            Self::Directory { .. }
            | Self::SigningKey
            | Self::CacheRule { .. }
            | Self::Secret { .. }
            | Self::Service { .. }
            | Self::Trust(_) => None,
        }
    }
}

/// A running sandbox. Dropping it closes the listeners; [`Sandbox::shutdown`] also ends App Runner's containers.
pub struct Sandbox {
    cloud: Arc<Cloud>,
    endpoint: String,
    environment: Vec<(String, String)>,
    listeners: Listeners,
    directory: Directory,
}

/// Starts a sandbox.
///
/// # Errors
/// [`SandboxError`] when an address or the directory cannot be had.
pub async fn start(mut options: Options) -> Result<Sandbox, SandboxError> {
    let directory = Directory::open(options.state.as_deref())?;
    let (cloud, listeners, address) = listening::open(&mut options, &directory).await?;
    create_services(&cloud, &options.seed).await?;
    let endpoint = format!("http://{address}");
    let environment = environment(&endpoint, &options.seed, cloud.control.token());
    Ok(Sandbox { cloud, endpoint, environment, listeners, directory })
}

async fn create_services(cloud: &Cloud, seed: &Seed) -> Result<(), SandboxError> {
    for service in &seed.services {
        let region = service.region.as_ref().unwrap_or(&seed.region).clone();
        if !regions::have_app_runner(&region) {
            return Err(SandboxError::Service { reason: format!("App Runner is not in {region}") });
        }
        let arn = format!("arn:{}:iam::{}:root", region.partition(), service.account);
        let owner = caller::Caller { account: service.account.clone(), region, arn };
        let created = cloud.app_runner.call(&owner, "CreateService", service.create.clone()).await;
        match created {
            Ok(_) => {}
            // Kept from an earlier run.
            Err(refused) if refused.message.contains("already exists") => {}
            Err(refused) => return Err(SandboxError::Service { reason: refused.to_string() }),
        }
    }
    Ok(())
}

/// Where everything that a sandbox starts listens.
const NOT_PROXIED: &str = "127.0.0.1,localhost";

/// The name of the variable with the control token.
pub const CONTROL_TOKEN: &str = "SHIPGATE_SANDBOX_TOKEN";

fn environment(endpoint: &str, seed: &Seed, control_token: &str) -> Vec<(String, String)> {
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", seed.region.to_string()),
        // The AWS CLI and boto3 read only this one.
        ("AWS_DEFAULT_REGION", seed.region.to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        // A proxy cannot reach this machine's loopback addresses. Some clients read one spelling first, some the other.
        ("NO_PROXY", NOT_PROXIED.to_owned()),
        ("no_proxy", NOT_PROXIED.to_owned()),
        (CONTROL_TOKEN, control_token.to_owned()),
    ];
    if let Some(user) = seed.users.first() {
        variables.extend(user.access_key_id.clone().map(|id| ("AWS_ACCESS_KEY_ID", id)));
        variables.extend(user.secret_access_key.clone().map(|secret| ("AWS_SECRET_ACCESS_KEY", secret)));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Sandbox {
    /// `http://ADDRESS` of the control plane: what `AWS_ENDPOINT_URL` must be.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The address of the page for a browser, with the key that lets it look.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}{}", self.endpoint, self.cloud.control.page())
    }

    /// What calls of the control interface send as a bearer token.
    #[must_use]
    pub fn control_token(&self) -> &str {
        self.cloud.control.token()
    }

    /// Where the registry of an account listens in a region: what stands in the place of `A.dkr.ecr.R.amazonaws.com`.
    #[must_use]
    pub fn registry_address(&self, account: &AccountId, region: &Region) -> Option<SocketAddr> {
        self.cloud.registries.get(&(account.clone(), region.clone())).copied()
    }

    /// The address of each account's registry in each region, by account and region.
    #[must_use]
    pub fn registries(&self) -> &BTreeMap<(AccountId, Region), SocketAddr> {
        &self.cloud.registries
    }

    /// The main region: where things live that name none.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.cloud.region
    }

    /// What an AWS client must find in its environment to use this sandbox as the seed's first user.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    /// Ends everything it started: containers, listeners, and the directory if it was a temporary one.
    pub async fn shutdown(self) {
        self.listeners.close().await;
        self.cloud.app_runner.shutdown().await;
        self.cloud.logs.keep_all();
        drop(self.directory);
    }
}
