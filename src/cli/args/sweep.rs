//! The arguments of `sweep`.

use clap::Args;

use super::OutputArgs;

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// How to tell
    #[command(flatten)]
    pub output: OutputArgs,
}
