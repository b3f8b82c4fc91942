//! An App Runner service as it is now, and the settings its container runs under.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{arn::ServiceArn, health::HealthCheck, secret::Secret, service_secret::SecretSource};

/// The port a service listens on when none is configured (App Runner API reference, `ImageConfiguration.Port`).
pub const DEFAULT_PORT: u16 = 8080;

/// What state a service is in (App Runner API reference, `Service.Status`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServiceStatus {
    /// `CREATE_FAILED`: the first deployment failed; it holds its name, and takes no deployment.
    CreateFailed,
    /// `RUNNING`.
    Running,
    /// `DELETED`: Describe may still answer for it; treat it as absent.
    Deleted,
    /// `DELETE_FAILED`.
    DeleteFailed,
    /// `PAUSED`.
    Paused,
    /// `OPERATION_IN_PROGRESS`: refuses every mutation; AWS maintenance enters it too.
    OperationInProgress,
    /// A word this program does not know: never good enough to deploy to.
    Unknown(String),
}

impl From<&str> for ServiceStatus {
    fn from(text: &str) -> Self {
        match text {
            "CREATE_FAILED" => Self::CreateFailed,
            "RUNNING" => Self::Running,
            "DELETED" => Self::Deleted,
            "DELETE_FAILED" => Self::DeleteFailed,
            "PAUSED" => Self::Paused,
            "OPERATION_IN_PROGRESS" => Self::OperationInProgress,
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

impl fmt::Display for ServiceStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CreateFailed => "CREATE_FAILED",
            Self::Running => "RUNNING",
            Self::Deleted => "DELETED",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::Paused => "PAUSED",
            Self::OperationInProgress => "OPERATION_IN_PROGRESS",
            Self::Unknown(text) => text,
        })
    }
}

impl Serialize for ServiceStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a service's container is run with. Environment values may be confidential, so `Debug` shows names only.
#[derive(Clone, PartialEq, Eq)]
pub struct RunSettings {
    /// The port the application must listen on; also given to it as `PORT`.
    pub port: u16,
    /// Replaces the image's command when set. App Runner splits it into words itself; no shell is involved.
    pub start_command: Option<String>,
    /// CPU in App Runner's units: 1024 is one vCPU.
    pub cpu_units: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// `RuntimeEnvironmentVariables`.
    pub environment: BTreeMap<String, Secret>,
    /// `RuntimeEnvironmentSecrets`: where the values are; they themselves are not known here.
    pub secrets: BTreeMap<String, SecretSource>,
    /// How it is probed.
    pub health_check: HealthCheck,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            port: DEFAULT_PORT,
            start_command: None,
            // App Runner API reference, InstanceConfiguration: 1 vCPU and 2 GB.
            cpu_units: 1024,
            memory_mib: 2048,
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            health_check: HealthCheck::default(),
        }
    }
}

impl fmt::Debug for RunSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunSettings")
            .field("port", &self.port)
            .field("start_command", &self.start_command)
            .field("cpu_units", &self.cpu_units)
            .field("memory_mib", &self.memory_mib)
            .field("environment", &self.environment.keys())
            .field("secrets", &self.secrets.keys())
            .field("health_check", &self.health_check)
            .finish()
    }
}

/// A live service, as far as a deployment cares.
#[derive(Clone, Debug)]
pub struct LiveService {
    /// Its ARN.
    pub arn: ServiceArn,
    /// Its state at the time of asking.
    pub status: ServiceStatus,
    /// Where it answers: a host, as App Runner gives it without a scheme.
    pub url: String,
    /// The image identifier it is configured with, if its source is an image.
    pub image_identifier: Option<String>,
    /// Whether a push of that image's tag deploys by itself.
    pub auto_deployments: bool,
    /// What its container is run with.
    pub settings: RunSettings,
}

impl LiveService {
    /// Where it answers, with a scheme. App Runner gives a bare host, which speaks HTTPS; a loopback address speaks
    /// plain HTTP, as registries on loopback addresses do. Empty when the service has no address.
    #[must_use]
    pub fn address(&self) -> String {
        let host = self.url.split(':').next().unwrap_or_default();
        let loopback = host == "localhost" || host.starts_with("127.");
        match (self.url.is_empty() || self.url.contains("://"), loopback) {
            (true, _) => self.url.clone(),
            (false, true) => format!("http://{}", self.url),
            (false, false) => format!("https://{}", self.url),
        }
    }
}
