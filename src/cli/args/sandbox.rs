//! The arguments of the verbs that need no AWS account: `sandbox`, `demo`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::OutputFormat;
use shipgate_sandbox::hosts;

/// Arguments of `sandbox`.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// The address to listen on
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    /// Also answer under this host name; can be repeated [default: loopback names and the address it listens on]
    #[arg(long, value_name = "NAME", value_parser = hosts::read_name)]
    pub allow_host: Vec<String>,
    /// How much faster than App Runner: 1 is its real minutes [default: as fast as containers start]
    #[arg(long, value_name = "X", value_parser = positive)]
    pub time_scale: Option<f64>,
    /// What it holds at the start: accounts, roles, repositories, services (YAML) [default: two accounts to play with]
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Keep everything in this directory, and go on from it at the next start
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Whom the output is for
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave the sandbox and its services running at the end, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    if number > 0.0 && number.is_finite() { Ok(number) } else { Err("it must be more than 0".to_owned()) }
}
