//! The arguments of `copy` and `mirror`.

use std::path::PathBuf;

use clap::Args;

use super::{OidcArgs, OutputArgs};

/// Arguments of `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The image: `HOST/REPOSITORY[:TAG][@DIGEST]`
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Where it goes: `HOST/REPOSITORY[:TAG]`, of one or more registries [default tag: the source's]
    #[arg(value_name = "DST", required = true)]
    pub destinations: Vec<String>,
    /// Of an index, only the image for this platform, such as linux/amd64 [default: all of it]
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// How it goes: copy, or pull-through (from ECR to ECR, which fetches it by its cache rule) [default: copy]
    #[arg(long, value_name = "WAY")]
    pub via: Option<String>,
    /// Signatures, SBOMs and attestations: require, best-effort or skip [default: skip]
    #[arg(long, value_name = "POLICY")]
    pub referrers: Option<String>,
    /// How long it may take in all [default: 1h]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// A host to connect to without TLS; loopback addresses may speak either
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
    /// ECR: the role that may pull the image [default: the identity in the environment]
    #[arg(long, value_name = "ARN")]
    pub src_role: Option<String>,
    /// The external id that role asks for
    #[arg(long, value_name = "ID")]
    pub src_external_id: Option<String>,
    /// ECR: the role that may push; one for all, or one for each account [default: the identity in the environment]
    #[arg(long, value_name = "ARN")]
    pub dst_role: Vec<String>,
    /// The external id those roles ask for
    #[arg(long, value_name = "ID")]
    pub dst_external_id: Option<String>,
    /// Who is asking
    #[command(flatten)]
    pub oidc: OidcArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `mirror`.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// Which images go where (YAML)
    pub file: PathBuf,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}
