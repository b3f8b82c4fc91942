//! The flags of the local check: how it is made, which service's settings it is made under, and what its container is given
//! for that service's secrets.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, SettingsArgs};

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The image: a name or id that the engine has, or a reference to pull [default for a target: the configuration's]
    #[arg(required_unless_present_any = ["file", "target", "service"])]
    pub image: Option<String>,
    /// What the container is run with, and how it is probed
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Whose settings those are otherwise
    #[command(flatten)]
    pub place: PlaceArgs,
    /// What it is given for the secrets of that service
    #[command(flatten)]
    pub secrets: SecretsArgs,
    /// Whether the image is pulled: always, missing or never [default: missing]
    #[arg(long, value_name = "WHEN")]
    pub pull: Option<String>,
    /// Watch it on for so long once it is healthy, such as 10s [default: 0s]
    #[arg(long, value_name = "DURATION")]
    pub stay: Option<String>,
    /// How the container is reached: auto, own-address, same-network, sidecar, or a host [default: auto]
    #[arg(long, value_name = "WAY")]
    pub reach: Option<String>,
    /// Leave the container running once it is judged, and tell how to enter it
    #[arg(long)]
    pub keep: bool,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The target whose service's settings count, as the configuration has it. Any of these makes it a check for a target.
#[derive(Clone, Default, Debug, Args)]
#[command(next_help_heading = "Settings of a live service")]
pub struct PlaceArgs {
    /// The configuration [default: shipgate.yaml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The target in the file: its service's settings count where no flag says otherwise
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// The App Runner service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The service's region [default: the image's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The role in the workload account
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID")]
    pub external_id: Option<String>,
    /// The role that may pull the image
    #[arg(long, value_name = "ARN")]
    pub registry_role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID")]
    pub registry_external_id: Option<String>,
}

/// What the local container is given for the service's secrets.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "The local check")]
pub struct SecretsArgs {
    /// For the service's secrets: skip (nothing), stub (stand-ins), fetch (their values) or file [default: skip]
    #[arg(long, value_name = "WAY")]
    pub secrets: Option<String>,
    /// A file of secrets, NAME=VALUE a line; means --secrets file
    #[arg(long, value_name = "FILE")]
    pub secrets_file: Option<String>,
}
