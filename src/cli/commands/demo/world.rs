//! The demo's world: a sandbox with two accounts, four versions of an application in the registry account, and a look
//! at what is really there.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::{cli::wire, config::environment::Environment, pipeline::cancellation::Signal};
use shipgate_aws::{
    ecr::Ecr,
    fault::AwsFault,
    identity::IdentityError,
    session::{self, AwsEnvironment, Pinned, Session},
};
use shipgate_container_check::{
    docker::{Engine, EngineError},
    packing::{PackError, SelfLayer},
};
use shipgate_core::{
    access::{Access, Hop},
    account::{AccountId, Region},
    digest::Digest,
    exit_code::ExitCode,
    manifest::Descriptor,
    secret::Secret,
};
use shipgate_registry::{Registry, RegistryError};
use shipgate_sandbox as sandbox;
use shipgate_sandbox::{Sandbox, SandboxError, seed::Seed};

/// The two accounts, and the third that the CI job's own identity lives in. None of them exists.
const SEED: &str = include_str!("seed.yaml");
/// The configuration the scenes deploy with.
const CONFIGURATION: &str = include_str!("shipgate.yaml");
/// The repository, in both accounts.
const REPOSITORY: &str = "shop/api";

/// The demo cannot go on. What the story claims and turns out false is not among these.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error("the demo runs containers, and needs a Docker engine for it")]
    Docker(#[source] EngineError),
    #[error("the demo's image cannot be made")]
    Pack(#[source] PackError),
    #[error("the sandbox does not start")]
    Sandbox(#[source] SandboxError),
    #[error("an identity in the sandbox cannot be had")]
    Identity(#[source] IdentityError),
    #[error("the sandbox refused a call")]
    Aws(#[source] AwsFault),
    #[error("the sandbox's registry cannot be used")]
    Registry(#[source] RegistryError),
    #[error("cancelled")]
    Cancelled(Signal),
    #[error("{0}")]
    Setup(String),
    #[error("{what}")]
    Io {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
}

impl DemoError {
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Docker(error) => error.hint(),
            Self::Pack(_)
            | Self::Sandbox(_)
            | Self::Identity(_)
            | Self::Aws(_)
            | Self::Registry(_)
            | Self::Cancelled(_)
            | Self::Setup(_)
            | Self::Io { .. } => None,
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        if matches!(self, Self::Docker(_)) { ExitCode::Unverifiable } else { ExitCode::Internal }
    }
}

/// What a deployment needs of the user's environment.
const KEPT: [&str; 11] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "CI",
    "LANG",
];

/// A version of the application: its tag, and how it is told to behave.
const VERSIONS: [(&str, &[(&str, &str)]); 4] = [
    ("v1", &[("DEMO_VERSION", "v1")]),
    ("v2", &[("DEMO_VERSION", "v2")]),
    ("v3", &[("DEMO_VERSION", "v3"), ("DEMO_FAIL", "status:500")]),
    ("v4", &[("DEMO_VERSION", "v4"), ("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]),
];

/// The world.
pub(super) struct World {
    sandbox: Sandbox,
    folder: PathBuf,
    workload: Registry,
    kept: Environment,
    pub(super) http: reqwest::Client,
}

impl World {
    pub(super) async fn build(environment: &Environment) -> Result<Self, DemoError> {
        Engine::connect(&wire::docker_environment(environment)).await.map_err(DemoError::Docker)?;
        let layer = tokio::task::spawn_blocking(SelfLayer::of_this_executable)
            .await
            .map_err(|error| DemoError::Setup(error.to_string()))?
            .map_err(DemoError::Pack)?;
        let seed = Seed::from_yaml(SEED).map_err(|error| DemoError::Setup(error.to_string()))?;
        let options = sandbox::Options { seed, ..sandbox::Options::default() };
        let sandbox = sandbox::start(options).await.map_err(DemoError::Sandbox)?;
        let build = registry_of(&sandbox, "arn:aws:iam::111111111111:role/shop-build").await?;
        for (tag, settings) in VERSIONS {
            push(&build, &layer, tag, settings).await?;
        }
        let workload = registry_of(&sandbox, "arn:aws:iam::222222222222:role/shipgate-deploy").await?;
        // Everything asked is on this machine, where no proxy leads.
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(|error| DemoError::Setup(error.to_string()))?;
        Ok(Self { folder: write_configuration()?, sandbox, workload, kept: environment.clone(), http })
    }

    /// Stops everything and leaves nothing behind.
    pub(super) async fn end(self) {
        self.sandbox.shutdown().await;
        std::fs::remove_dir_all(&self.folder).ok();
    }

    /// The folder with `shipgate.yaml`.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the sandbox is.
    pub(super) fn endpoint(&self) -> &str {
        self.sandbox.endpoint()
    }

    /// The address of the sandbox's page.
    pub(super) fn page(&self) -> String {
        self.sandbox.page()
    }

    /// What points clients at the sandbox, as lines for a shell.
    pub(super) fn exports(&self) -> String {
        let export = |(name, value): &(String, String)| format!("export {name}={value}\n");
        self.sandbox.environment().iter().map(export).collect::<Vec<_>>().concat()
    }

    /// The whole environment of a deployment in this world: what leads an AWS client to the sandbox, and of the user's own
    /// only what finds the Docker engine and the terminal. Nothing else can then lead a call off this machine.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let none = |name: &str| (name.to_owned(), self.folder.join("no-such-file").display().to_string());
        let kept = KEPT.iter().filter_map(|name| Some(((*name).to_owned(), self.kept.get(name)?.to_owned())));
        let profiles = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].map(none);
        kept.chain(profiles).chain(self.sandbox.environment()).collect()
    }

    /// What a tag of the workload repository points at.
    pub(super) async fn tag(&self, tag: &str) -> Result<Option<Digest>, DemoError> {
        let head = self.workload.head_manifest(REPOSITORY, tag).await.map_err(DemoError::Registry)?;
        Ok(head.map(|descriptor| descriptor.digest))
    }

    /// How many deployments the sandbox's App Runner was asked for.
    pub(super) async fn deployments_asked_for(&self) -> Result<usize, DemoError> {
        let url = format!("{}/_sandbox/calls", self.endpoint());
        let unreadable =
            |error: reqwest::Error| DemoError::Setup(format!("the sandbox does not tell its calls: {error}"));
        let text = self.http.get(url).send().await.map_err(unreadable)?.text().await.map_err(unreadable)?;
        let calls: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| DemoError::Setup(error.to_string()))?;
        // A permission that is tried on an ID which nothing has starts nothing.
        let asked = |call: &&serde_json::Value| {
            call["names_nothing"] != true
                && ["CreateService", "StartDeployment", "UpdateService"].iter().any(|action| call["action"] == *action)
        };
        Ok(calls.as_array().map_or(0, |calls| calls.iter().filter(asked).count()))
    }
}

/// The way into the sandbox, whatever this process's own environment says.
fn way_in(sandbox: &Sandbox) -> Pinned {
    let variables = sandbox.environment();
    let value =
        |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default();
    Pinned {
        endpoint: sandbox.endpoint().to_owned(),
        access_key_id: value("AWS_ACCESS_KEY_ID"),
        secret_access_key: Secret::new(value("AWS_SECRET_ACCESS_KEY")),
    }
}

fn region() -> Result<Region, DemoError> {
    "ap-northeast-1".parse().map_err(|error| DemoError::Setup(format!("{error}")))
}

/// The registry of a role's account, as that role sees it.
async fn registry_of(sandbox: &Sandbox, role: &str) -> Result<Registry, DemoError> {
    let hop = Hop {
        role: role.parse().map_err(|error| DemoError::Setup(format!("{error}")))?,
        external_id: None,
        session_name: "demo".to_owned(),
        duration: None,
    };
    let access = Access { hops: vec![hop], region: region()? };
    let base = session::base(&access.region, AwsEnvironment::default(), Some(&way_in(sandbox))).await;
    let session = Session::open(&base, &access, "demo").await.map_err(DemoError::Identity)?;
    let ecr = Ecr::new(&session);
    let account: &AccountId = session.account();
    let login = ecr.login(account).await.map_err(DemoError::Aws)?;
    wire::ecr_registry(account.as_str(), &login, &ecr, account.clone()).map_err(DemoError::Registry)
}

async fn push(registry: &Registry, layer: &SelfLayer, tag: &str, settings: &[(&str, &str)]) -> Result<(), DemoError> {
    let image = layer.image(settings);
    for (descriptor, bytes) in &image.blobs {
        push_blob(registry, descriptor, bytes.clone()).await.map_err(DemoError::Registry)?;
    }
    registry.put_manifest(REPOSITORY, tag, &image.manifest).await.map_err(DemoError::Registry)
}

async fn push_blob(registry: &Registry, descriptor: &Descriptor, bytes: Bytes) -> Result<(), RegistryError> {
    if registry.has_blob(REPOSITORY, &descriptor.digest).await? {
        return Ok(());
    }
    let session = registry.start_upload(REPOSITORY, &descriptor.digest).await?;
    registry.finish_upload(REPOSITORY, session, descriptor, bytes.into()).await
}

fn write_configuration() -> Result<PathBuf, DemoError> {
    let failed = |source| DemoError::Io { what: "the demo's folder cannot be written", source };
    let folder = std::env::temp_dir().join(format!("shipgate-demo-{:08x}", fastrand::u32(..)));
    std::fs::create_dir(&folder).map_err(failed)?;
    std::fs::write(folder.join("shipgate.yaml"), CONFIGURATION).map_err(failed)?;
    Ok(folder)
}
