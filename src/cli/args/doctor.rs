//! The arguments of `doctor`.

use clap::Args;

use super::{OutputArgs, PlaceArgs};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Whose roles are tried
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Look for no Docker engine: nothing is to be checked locally
    #[arg(long)]
    pub no_verify: bool,
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}
