//! Programs run to their end: how long they took, the most memory they had, what they said.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::{
    process::{Child, Command},
    time::{Instant, MissedTickBehavior, interval},
};

/// How often a process is asked for its peak; the kernel keeps it, so that nothing before the last look is missed.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// No copy takes as long; a tool that does hangs.
const DEADLINE: Duration = Duration::from_mins(30);

/// A program and its arguments.
pub(crate) type Line = Vec<String>;

/// Why a program failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// How it ended.
    pub(crate) how: String,
    /// Its last words.
    pub(crate) said: String,
}

/// What a run was.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) wall: Duration,
    /// The sum over programs that ran beside each other; the most over those that ran one after the other.
    pub(crate) peak_bytes: u64,
    pub(crate) failure: Option<Failure>,
}

/// Runs steps one after the other, the lines of a step beside each other, until one fails.
pub(crate) async fn run(steps: &[Vec<Line>], environment: &[(&str, &Path)], folder: &Path) -> Result<Run> {
    let begun = Instant::now();
    let mut run = Run { wall: Duration::ZERO, peak_bytes: 0, failure: None };
    for step in steps {
        let lines = step.iter().enumerate().map(|(at, line)| one(line, environment, folder.join(format!("said-{at}"))));
        let ended = futures_util::future::try_join_all(lines).await?;
        run.peak_bytes = run.peak_bytes.max(ended.iter().map(|(peak, _)| peak).sum());
        run.failure = ended.into_iter().find_map(|(_, failure)| failure);
        if run.failure.is_some() {
            break;
        }
    }
    run.wall = begun.elapsed();
    Ok(run)
}

/// One program: its peak, and why it failed.
async fn one(line: &Line, environment: &[(&str, &Path)], said: PathBuf) -> Result<(u64, Option<Failure>)> {
    let (program, arguments) = line.split_first().context("an empty line")?;
    let output = File::create(&said)?;
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
    let child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    let (peak, failure) = follow(child).await?;
    let failure = failure.map(|how| Failure { how, said: last_words(&said) });
    Ok((peak, failure))
}

async fn follow(mut child: Child) -> Result<(u64, Option<String>)> {
    let id = child.id().context("a program that ended before it began")?;
    let status = format!("/proc/{id}/status");
    let deadline = tokio::time::sleep(DEADLINE);
    tokio::pin!(deadline);
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut peak = 0;
    loop {
        tokio::select! {
            ended = child.wait() => {
                let ended = ended?;
                return Ok((peak, (!ended.success()).then(|| ended.to_string())));
            }
            () = &mut deadline => {
                child.kill().await?;
                return Ok((peak, Some(format!("killed after {} s", DEADLINE.as_secs()))));
            }
            _ = looks.tick() => peak = peak.max(peak_of(&std::fs::read_to_string(&status).unwrap_or_default())),
        }
    }
}

/// The peak in a `/proc/PID/status` (proc(5): `VmHWM: N kB`).
fn peak_of(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// The line that says most: the last with `error` in it, or the last.
fn last_words(said: &Path) -> String {
    let text = std::fs::read(said).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().rfind(|line| line.to_lowercase().contains("error"));
    error.or_else(|| lines().next_back()).unwrap_or("said nothing").to_owned()
}
