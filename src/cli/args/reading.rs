//! The arguments of the verbs that read: `status`, `logs`, `export`, `init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{OidcArgs, OutputArgs, TargetArgs};

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which service
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct LogsArgs {
    /// Go on with the lines that come, until Ctrl-C
    #[arg(long, conflicts_with = "orphans")]
    pub follow: bool,
    /// App Runner's own words on the service alone
    #[arg(long, conflicts_with_all = ["application", "orphans"])]
    pub service_events: bool,
    /// The application's output alone
    #[arg(long, conflicts_with = "orphans")]
    pub application: bool,
    /// From so long ago on, such as 10m [default: 10m, or the operation's beginning]
    #[arg(long, value_name = "DURATION", conflicts_with = "orphans")]
    pub since: Option<String>,
    /// The lines of this operation's time alone
    #[arg(long, value_name = "ID", conflicts_with = "orphans")]
    pub operation: Option<String>,
    /// List the log groups that deleted services have left in the account and region, instead
    #[arg(long)]
    pub orphans: bool,
    /// Delete them, once that is agreed to
    #[arg(long, requires = "orphans")]
    pub delete: bool,
    /// Agree to that
    #[arg(long, requires = "delete")]
    pub yes: bool,
    /// Which service
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// For which tool
    #[arg(value_enum)]
    pub format: ExportFormat,
    /// Which service
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What `export` can print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ExportFormat {
    /// The service's log groups, declared and imported.
    Terraform,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The App Runner service
    #[arg(long, value_name = "ARN")]
    pub from_service: String,
    /// The image in the registry account: HOST/REPOSITORY, with or without a tag [default: a line to fill in]
    #[arg(long, value_name = "REF")]
    pub registry_image: Option<String>,
    /// The role that may pull it
    #[arg(long, value_name = "ARN")]
    pub registry_role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID", requires = "registry_role")]
    pub registry_external_id: Option<String>,
    /// The role in the service's account
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID", requires = "role")]
    pub external_id: Option<String>,
    /// Who is asking
    #[command(flatten)]
    pub oidc: OidcArgs,
    /// What the target is called in the file
    #[arg(long, value_name = "NAME", default_value = "prod")]
    pub target: String,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "write")]
    pub force: bool,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}
