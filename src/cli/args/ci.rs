//! What a run tells a CI system besides what the system itself asks for.

use std::path::PathBuf;

use clap::Args;

/// What else a CI system is told.
#[derive(Clone, Default, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct CiArgs {
    /// Also write the outputs, whatever happens, as lines SHIPGATE_NAME=value: for GitLab's dotenv reports, and for shells
    #[arg(long, value_name = "FILE")]
    pub dotenv: Option<PathBuf>,
    /// Mark the deployment on CircleCI under this name [default: SHIPGATE_DEPLOY_MARKER, else it is not marked]
    #[arg(long, value_name = "NAME")]
    pub deploy_marker: Option<String>,
}
