//! The flags of `shipgate rollback`.

use clap::Args;

use super::{OutputArgs, ReleaseArgs, TargetArgs};
use shipgate_core::digest::Digest;

/// Arguments of `rollback`.
///
/// Without --to it goes to the version before the one that serves now, as the record in the workload repository has it; after that
/// the version before is the other one, and rollback goes forth again. Nothing is copied, for the image is there, and nothing is
/// checked locally: it has served before, and App Runner's own health check gates it as ever.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RollbackArgs {
    /// The image to deploy, by its digest in the workload repository [default: what served before]
    #[arg(long, value_name = "DIGEST")]
    pub to: Option<Digest>,
    /// Which service it is of
    #[command(flatten)]
    pub target: TargetArgs,
    /// What it may do to the service
    #[command(flatten)]
    pub release: BackArgs,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What a run that goes back may do to the service: all that a deployment may, but delete it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Release")]
pub struct BackArgs {
    /// Deploy even what is deployed already
    #[arg(long)]
    pub force: bool,
    /// Resume the service first, if it is paused
    #[arg(long)]
    pub resume: bool,
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

impl From<BackArgs> for ReleaseArgs {
    fn from(args: BackArgs) -> Self {
        Self {
            force: args.force,
            resume: args.resume,
            recreate: false,
            if_busy: args.if_busy,
            busy_timeout: args.busy_timeout,
            auto_deployments: args.auto_deployments,
            identifier: args.identifier,
        }
    }
}
