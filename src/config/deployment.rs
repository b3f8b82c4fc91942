//! The validated configuration: what the rest of the program is given. Everything in it is well-formed; nothing in it
//! was asked of AWS.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

use serde::Serialize;

use shipgate_core::{
    access::Access,
    arn::RoleArn,
    image::ImageReference,
    oidc::Start,
    pull_through::Via,
    reach::ReachChoice,
    release::{Consent, Naming},
    secret::Secret,
    service::RunSettings,
    service_secret::SecretsWay,
    smoke::SmokeTest,
};

/// One image, and the one target it goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deployment {
    /// The image, as the user wrote it.
    pub image: ImageReference,
    /// The identity that reads the image.
    pub registry: Access,
    /// Where it goes.
    pub target: Target,
}

/// A service in a workload account, and the repository it is fed from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its name in the configuration; `default` where there is no file.
    pub name: String,
    /// The identity that deploys.
    pub access: Access,
    /// Where the roles of every account are come by from.
    pub start: Start,
    /// The App Runner service.
    pub service: ServiceName,
    /// The workload repository's path; absent: the live service's, else the source image's.
    pub repository: Option<String>,
    /// The tag that is moved; absent: the live service's, else the service's name.
    pub tag: Option<String>,
    /// What to create the service with if it does not exist; absent: it must exist.
    pub create: Option<CreateSettings>,
    /// Whether to create the workload repository if it does not exist.
    pub create_repository: bool,
    /// How the image comes to the workload repository.
    pub via: Via,
    /// The local check.
    pub verify: VerifySettings,
    /// How a version is released.
    pub release: ReleaseSettings,
    /// How long to follow a deployment before giving up on its verdict.
    pub gate_timeout: Duration,
    /// Days to keep the service's logs; absent: left alone.
    pub log_retention_days: Option<u32>,
    /// What the service's URL must answer after a deployment; absent: it is not asked.
    pub smoke_test: Option<SmokeTest>,
}

/// What a service is created with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateSettings {
    /// The role App Runner pulls the image with.
    pub access_role: RoleArn,
    /// The role the application runs as.
    pub instance_role: Option<RoleArn>,
    /// What its container is run with. Its `secrets` are those of `secrets`.
    pub run: RunSettings,
    /// Environment variables whose values App Runner fetches: name to ARN.
    pub secrets: BTreeMap<String, String>,
}

/// How a version is released.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReleaseSettings {
    /// What the run may do to the service.
    pub consent: Consent,
    /// How long to wait for a busy service.
    pub busy_timeout: Duration,
    /// How the service's image identifier is to name the image.
    pub naming: Naming,
    /// Whether it was typed out for this run that the image goes unchecked: what a file says is not enough for the version that
    /// a service begins with.
    pub unchecked: bool,
}

/// The local check.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerifySettings {
    /// Variables for the local container, over those of the service.
    pub environment: BTreeMap<String, Secret>,
    /// Whether to leave it out.
    pub skip: bool,
    /// How long a healthy application is watched on.
    pub stay: Duration,
    /// How its container is reached.
    pub reach: ReachChoice,
    /// A Linux executable of shipgate for the sidecar (`SHIPGATE_SIDECAR`); its own where none is named.
    pub sidecar: Option<PathBuf>,
    /// What the local container is given for the service's secrets.
    pub secrets: SecretsWay,
}

/// The name of an App Runner service: 4 to 40 letters, digits, `-` and `_`, beginning with a letter or a digit (App Runner
/// API reference, `ServiceName`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct ServiceName(String);

/// Why a text is not a service name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not an App Runner service name (4 to 40 letters, digits, - and _, beginning with a letter or digit)")]
pub struct InvalidServiceName(String);

impl ServiceName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = InvalidServiceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = (4..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            && !text.starts_with(['-', '_']);
        if well_formed { Ok(Self(text.to_owned())) } else { Err(InvalidServiceName(text.to_owned())) }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ServiceName;

    #[test]
    fn service_names() {
        for good in ["shop", "0123", "shop-api_2", &"a".repeat(40)] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        for bad in ["", "api", "-shop", "_shop", "shop.api", "shop api", "shöp", &"a".repeat(41)] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
    }
}
