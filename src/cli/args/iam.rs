//! The arguments of `iam`.

use clap::{Args, ValueEnum};

use super::{OutputArgs, ReleaseArgs, SecretsArgs, TargetArgs};
use crate::pipeline::permissions::Language;
use shipgate_core::permissions::Part;

/// Arguments of `iam`.
#[derive(Debug, Args)]
pub struct IamArgs {
    /// Only these policies [default: all that the configuration asks for]
    #[arg(value_enum, value_name = "POLICY")]
    pub parts: Vec<PartArg>,
    /// How they are written
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json)]
    pub format: PolicyFormat,
    /// Where to and what
    #[command(flatten)]
    pub target: TargetArgs,
    /// What runs may do to the service
    #[command(flatten)]
    pub release: ReleaseArgs,
    /// What the local check is given
    #[command(flatten)]
    pub secrets: SecretsArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A policy's purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PartArg {
    /// Of the identity that the CI job begins with
    Caller,
    /// Of roles on the way to others
    Hop,
    /// Of the role that pulls the image from the registry account
    RegistryPull,
    /// Of the role in the workload account, for a service that exists
    WorkloadDeploy,
    /// Of the same role, while the service may have to be created
    WorkloadCreate,
    /// Of the role that App Runner pulls the image with
    AccessRole,
    /// Of the role that the application runs as
    InstanceRole,
    /// Of the source repository
    RepositoryPolicy,
}

impl From<PartArg> for Part {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Caller => Self::Caller,
            PartArg::Hop => Self::Hop,
            PartArg::RegistryPull => Self::RegistryPull,
            PartArg::WorkloadDeploy => Self::WorkloadDeploy,
            PartArg::WorkloadCreate => Self::WorkloadCreate,
            PartArg::AccessRole => Self::AccessRole,
            PartArg::InstanceRole => Self::InstanceRole,
            PartArg::RepositoryPolicy => Self::RepositoryPolicy,
        }
    }
}

/// How policies are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PolicyFormat {
    /// One document with every policy
    Json,
    /// A template with the roles and their policies
    #[value(name = "cloudformation")]
    CloudFormation,
    /// A module with the roles and their policies
    Terraform,
}

impl From<PolicyFormat> for Language {
    fn from(format: PolicyFormat) -> Self {
        match format {
            PolicyFormat::Json => Self::Json,
            PolicyFormat::CloudFormation => Self::CloudFormation,
            PolicyFormat::Terraform => Self::Terraform,
        }
    }
}
