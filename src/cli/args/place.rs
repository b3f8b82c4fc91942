//! Flags that lead a local check to a service: which one it is, and what its container is given for the service's secrets.

use std::path::PathBuf;

use clap::Args;

use super::OidcArgs;

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
    /// Who is asking
    #[command(flatten)]
    pub oidc: OidcArgs,
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
