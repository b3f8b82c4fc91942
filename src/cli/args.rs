//! The command line, as clap reads it. What the flags mean together is `config`'s.

mod ci;
mod copying;
mod doctor;
mod iam;
mod oidc;
mod place;
mod reading;
mod rollback;
#[cfg(feature = "sandbox")]
mod sandbox;
mod sweep;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "sandbox")]
pub use self::sandbox::{DemoArgs, SandboxArgs};
pub use self::{
    ci::CiArgs,
    copying::{CopyArgs, MirrorArgs},
    doctor::DoctorArgs,
    iam::{IamArgs, PartArg, PolicyFormat},
    oidc::OidcArgs,
    place::{PlaceArgs, SecretsArgs},
    reading::{ExportArgs, ExportFormat, InitArgs, LogsArgs, StatusArgs},
    rollback::RollbackArgs,
    sweep::SweepArgs,
};
use shipgate_core::secret::Secret;

/// Takes a container image from a registry account's ECR to a running App Runner service, and lets nothing broken through.
#[derive(Debug, Parser)]
#[command(name = "shipgate", version, max_term_width = 100)]
#[cfg_attr(feature = "sandbox", command(after_help = "Try it without an AWS account: shipgate demo"))]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy, verify, promote, release and follow one image to one service
    Deploy(DeployArgs),
    /// Tell what deploy would do, and what would be different afterwards; nothing is changed
    Plan(DeployArgs),
    /// Take up a deployment that is running and follow it to its verdict
    Wait(WaitArgs),
    /// Deploy the version before the one that serves now, or another image that the workload repository has
    Rollback(Box<RollbackArgs>),
    /// Tell how a service stands: what it deploys from, what is deployed, what ran, what has drifted
    Status(StatusArgs),
    /// Show the lines of a service's log groups, or the groups that deleted services have left
    Logs(LogsArgs),
    /// Print what other tools are to declare of a service
    Export(ExportArgs),
    /// Write a configuration for a service that exists
    Init(InitArgs),
    /// Print the least-privilege policies that the configuration asks for, without asking AWS
    Iam(Box<IamArgs>),
    /// Check one image in a local container under App Runner's rules; without AWS, or with a service's settings
    Verify(VerifyArgs),
    /// Copy one image from any registry to any others
    Copy(CopyArgs),
    /// Copy many images into the registries of several accounts and regions
    Mirror(MirrorArgs),
    /// Tell who this CI job is and whether its roles let it in, with the trust-policy statement of each that does not
    Doctor(DoctorArgs),
    /// Remove what runs that were killed have left in the Docker engine
    Sweep(SweepArgs),
    /// Run the embedded AWS as a server for any AWS client
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
    /// Watch the main job, start to end, on the sandbox and the local Docker engine
    #[cfg(feature = "sandbox")]
    Demo(DemoArgs),
    /// Print the JSON Schema of the configuration file
    Schema {
        /// Of the file of `shipgate mirror` instead
        #[arg(long)]
        mirror: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for every verb
    Man {
        /// The directory to write the pages to, shipgate.1, shipgate-deploy.1 and so on; it is made if it is not there
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// The application that the demo's images run
    #[cfg(feature = "sandbox")]
    #[command(hide = true)]
    DemoApp,
    /// What a sidecar of the local check runs
    #[command(hide = true)]
    ProbeSidecar,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// Where to and what
    #[command(flatten)]
    pub target: TargetArgs,
    /// What it may do to the service
    #[command(flatten)]
    pub release: ReleaseArgs,
    /// What the local check is given
    #[command(flatten)]
    pub secrets: SecretsArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// The operation's id, as `deploy` printed it
    pub operation: String,
    /// Which service it is of
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

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

/// What a container is run with, and how it is probed: App Runner's settings.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings, with App Runner's defaults")]
pub struct SettingsArgs {
    /// The port the application must listen on, also given to it as PORT [default: 8080]
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// The path of an HTTP health check, which passes on 200 alone [default: a TCP health check]
    #[arg(long, value_name = "PATH")]
    pub health_path: Option<String>,
    /// tcp or http [default: http if there is a path, else tcp]
    #[arg(long, value_name = "PROTOCOL")]
    pub health_protocol: Option<String>,
    /// Seconds from one probe to the next, 1 to 20 [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub health_interval: Option<String>,
    /// Seconds a probe may take, 1 to 20 [default: 2]
    #[arg(long, value_name = "SECONDS")]
    pub health_timeout: Option<String>,
    /// Probes in a row that must pass, 1 to 20 [default: 1]
    #[arg(long, value_name = "COUNT")]
    pub healthy_threshold: Option<String>,
    /// Probes in a row that must fail, 1 to 20 [default: 5]
    #[arg(long, value_name = "COUNT")]
    pub unhealthy_threshold: Option<String>,
    /// Replaces the image's command; no shell reads it [default: the image's]
    #[arg(long, value_name = "COMMAND")]
    pub start_command: Option<String>,
    /// vCPU, such as 1 or 0.25 [default: 1]
    #[arg(long, value_name = "VCPU")]
    pub cpu: Option<String>,
    /// GB, such as 2 or 0.5 [default: 2]
    #[arg(long, value_name = "GB")]
    pub memory: Option<String>,
    /// A variable of the container; NAME alone takes the value that it has here
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]", value_parser = secret)]
    pub variables: Vec<Secret>,
    /// A file of variables, NAME=VALUE a line
    #[arg(long = "env-file", value_name = "FILE")]
    pub variable_files: Vec<PathBuf>,
}

/// What the file says, said by flags: a flag takes the place of the file's value.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What and where")]
pub struct TargetArgs {
    /// The configuration [default: shipgate.yaml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The target in the file [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// The image, in the registry account: HOST/REPOSITORY:TAG or @DIGEST
    #[arg(long, value_name = "REF")]
    pub image: Option<String>,
    /// The role that may pull it
    #[arg(long, value_name = "ARN")]
    pub registry_role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID")]
    pub registry_external_id: Option<String>,
    /// The role in the workload account
    #[arg(long, value_name = "ARN")]
    pub role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID")]
    pub external_id: Option<String>,
    /// The App Runner service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The service's region [default: the image's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The workload repository [default: the one the service deploys from, else the image's]
    #[arg(long, value_name = "NAME")]
    pub repository: Option<String>,
    /// The workload tag [default: the one the service deploys from, else its name]
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Create the workload repository if it does not exist
    #[arg(long)]
    pub create_repository: bool,
    /// How the image comes to the repository: copy, or pull-through (ECR fetches it by its cache rule) [default: copy]
    #[arg(long, value_name = "WAY")]
    pub via: Option<String>,
    /// Create the service if it does not exist, with this role to pull its image
    #[arg(long, value_name = "ARN")]
    pub access_role: Option<String>,
    /// A created service: the role its containers run under
    #[arg(long, value_name = "ARN")]
    pub instance_role: Option<String>,
    /// A created service: vCPU, such as 1 or 0.25
    #[arg(long, value_name = "VCPU")]
    pub cpu: Option<String>,
    /// A created service: GB, such as 2 or 0.5
    #[arg(long, value_name = "GB")]
    pub memory: Option<String>,
    /// A created service: the port it listens on [default: 8080]
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// Deploy without the local check
    #[arg(long)]
    pub no_verify: bool,
    /// In the local check, watch the application on for so long once it is healthy, such as 10s [default: 0s]
    #[arg(long, value_name = "DURATION")]
    pub stay: Option<String>,
    /// How long to follow the deployment [default: 35m]
    #[arg(long, value_name = "DURATION")]
    pub gate_timeout: Option<String>,
    /// Have the service's log groups keep their lines for so many days
    #[arg(long, value_name = "DAYS")]
    pub log_retention_days: Option<String>,
    /// Who is asking
    #[command(flatten)]
    pub oidc: OidcArgs,
}

/// What a run may do to the service. Those without a value hold for the run that they are typed for; no file has them.
#[derive(Clone, Default, Debug, Args)]
#[command(next_help_heading = "Release")]
pub struct ReleaseArgs {
    /// Deploy even what is deployed already
    #[arg(long)]
    pub force: bool,
    /// Resume the service first, if it is paused
    #[arg(long)]
    pub resume: bool,
    /// Delete the service and create it anew, if it never came up or could not be deleted: its URL, ARN and log groups change
    #[arg(long)]
    pub recreate: bool,
    /// A service that is busy: wait until it is free, or fail [default: wait]
    #[arg(long, value_name = "WHAT")]
    pub if_busy: Option<String>,
    /// How long to wait for a busy service [default: 20m]
    #[arg(long, value_name = "DURATION")]
    pub busy_timeout: Option<String>,
    /// A service that deploys by itself on every push: follow that deployment, or turn it off first [default: follow]
    #[arg(long, value_name = "WHAT")]
    pub auto_deployments: Option<String>,
    /// How the service names its image: live (as it does now), tag or digest [default: live]
    #[arg(long, value_name = "HOW")]
    pub identifier: Option<String>,
}

/// How a run is told.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// `text` for people, `json` for one event a line on standard output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Also write a report, whatever happens: JSON to a file.json, JUnit XML to a file.xml, Markdown to a file.md, a page to a file.html; may be given several times
    #[arg(long = "report", value_name = "FILE")]
    pub reports: Vec<PathBuf>,
    /// What else a CI system is told
    #[command(flatten)]
    pub ci: CiArgs,
    /// Colour; `auto` heeds `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// Whom the output is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OutputFormat {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// Whether output has colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    /// If a terminal shows it.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

#[expect(clippy::unnecessary_wraps, reason = "clap's parsers may fail")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    if let Some((name, value)) = text.split_once('=') {
        drop(Secret::variable(name, value));
    }
    Ok(Secret::unregistered(text))
}
