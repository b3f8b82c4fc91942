//! Why a deployment failed, read from the lines App Runner and the application left: its operations carry no reason.

mod cause;
mod chapter;
mod outlook;

use serde::Serialize;

pub use self::{
    cause::{Cause, Finding, find},
    chapter::Chapter,
    outlook::{Outlook, foretold},
};
use super::{digest::Digest, health::HealthCheck};

/// What became of the application's own log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The new version wrote lines.
    Written,
    /// The log group is there, and the new version wrote nothing to it.
    Silent,
    /// There is no log group: the container never started.
    NeverCreated,
    /// It could not be read, or nobody can tell which lines are the new version's.
    Unknown,
}

/// What the logs tell of a deployment that failed. Its texts are untrusted: some are the application's own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// What it failed of.
    pub found: Finding,
    /// What became of the application's log.
    pub output: Output,
    /// The last lines of the new version, oldest first.
    pub last_lines: Vec<String>,
}

/// How the service was probed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Probing {
    /// The port.
    pub port: u16,
    /// The rules.
    #[serde(flatten)]
    pub health_check: HealthCheck,
}

/// What serves now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Serving {
    /// Its digest, where that is known.
    pub digest: Option<Digest>,
    /// Where it answers.
    pub url: Option<String>,
}

/// Why a deployment failed, with all that helps to mend it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reason {
    /// What it failed of.
    pub cause: Cause,
    /// The most telling line of the logs, without App Runner's boilerplate.
    pub said: Option<String>,
    /// What the container ended with, where the lines tell.
    pub exit_code: Option<i64>,
    /// What became of the application's log.
    pub application_log: Output,
    /// The last lines of the new version, oldest first.
    pub last_lines: Vec<String>,
    /// How the service was probed, where that is known.
    pub probing: Option<Probing>,
    /// What serves now, where that is known.
    pub serving: Option<Serving>,
    /// The command that points the service's tag back at what serves, where it still points at the image that failed.
    pub restore: Option<String>,
    /// What to do.
    pub next: String,
}

/// A line of App Runner without its prefix `[AppRunner] `, which every line of a real service log has. Exported logs have a time before it.
#[must_use]
pub fn without_prefix(line: &str) -> &str {
    const PREFIX: &str = "[AppRunner]";
    let is_time = |c: char| c.is_ascii_digit() || " -/:.,+TZAPM".contains(c);
    match line.split_once(PREFIX) {
        Some((before, rest)) if before.chars().all(is_time) => rest.trim_start(),
        Some(_) | None => line,
    }
}

/// What it means that an application has no log group.
#[must_use]
pub fn never_created(group: &str, exit_code: Option<i64>) -> String {
    let why = if exit_code.is_some() { "the container wrote nothing" } else { "the container never started" };
    format!("{group} was never created: {why}")
}

impl Reason {
    /// What the evidence comes to.
    #[must_use]
    pub fn of(evidence: Evidence, probing: Option<Probing>, serving: Option<Serving>) -> Self {
        let Evidence { found: Finding { cause, said, exit_code }, output, last_lines } = evidence;
        let next = cause::next(cause, exit_code, probing.as_ref());
        Self { cause, said, exit_code, application_log: output, last_lines, probing, serving, restore: None, next }
    }

    /// What it was concluded from and what is so now, a line each: for whoever reads on.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some(Probing { port, health_check }) = &self.probing {
            details.push(format!("the health check: port {port}, {health_check}"));
        }
        if self.application_log == Output::NeverCreated {
            details.push(never_created("the log group `/application`", self.exit_code));
        }
        if let Some(Serving { digest, url }) = &self.serving {
            let digest = digest.as_ref().map_or("not known".to_owned(), |digest| digest.short().to_owned());
            let url = url.as_ref().map_or_else(String::new, |url| format!(", at {url}"));
            details.push(format!("what serves now: {digest}{url}"));
        }
        details.extend(self.restore_line());
        details
    }

    /// The command for the tag, with what it does: which version serves is known only after a rollback.
    #[must_use]
    pub fn restore_line(&self) -> Option<String> {
        let is_known = self.serving.as_ref().is_some_and(|serving| serving.digest.is_some());
        let purpose =
            if is_known { "to point the tag back at what serves" } else { "to deploy the last version that succeeded" };
        self.restore.as_ref().map(|command| format!("{purpose}: {command}"))
    }
}
