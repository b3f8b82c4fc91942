//! Names an unhealthy image's trouble, from evidence that is at hand.

use std::{net::SocketAddr, time::Duration};

use super::{
    Exit,
    finding::Finding,
    judge::{Decision, allowed},
    probe::Seen,
};
use crate::domain::health::HealthCheck;

/// The disk of an App Runner instance (App Runner developer guide, "Developing application code": 3 GB, ephemeral). It
/// holds the image as it is pulled and as it is unpacked.
const DISK_BYTES: u64 = 3_000_000_000;

/// The most that an interval and a threshold can be (App Runner API reference, `HealthCheckConfiguration`).
const MOST: u32 = 20;

/// What is known of a container that was found unhealthy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    /// The service's port.
    pub(super) port: u16,
    /// The service's health check.
    pub(super) check: &'a HealthCheck,
    /// The service's memory.
    pub(super) memory_mib: u32,
    /// How it ended, if it did.
    pub(super) exit: Option<Exit>,
    /// The engine's words, if it could not start it.
    pub(super) refusal: Option<&'a str>,
    /// The last lines of its output.
    pub(super) last_lines: &'a [String],
    /// What the probes came to, if they decided.
    pub(super) decision: Option<Decision>,
    /// What the last probe saw.
    pub(super) last_seen: Option<&'a Seen>,
    /// What it listens on, if that could be seen.
    pub(super) listening: Option<&'a [SocketAddr]>,
    /// The most memory it was seen to take.
    pub(super) peak_bytes: Option<u64>,
    /// When it was ready after all, if it was.
    pub(super) late: Option<Duration>,
}

/// Names the trouble.
pub(super) fn diagnose(evidence: &Evidence<'_>) -> Finding {
    if let Some(exit) = evidence.exit {
        return ended(exit, evidence);
    }
    if let Some(refusal) = evidence.refusal {
        return unstarted(refusal).unwrap_or(Finding::NotStarted);
    }
    if evidence.decision == Some(Decision::Flapping) {
        return Finding::Flaps;
    }
    if let Some(ready) = evidence.late {
        return too_slow(ready, evidence.check);
    }
    match evidence.last_seen {
        Some(Seen::Status(answer)) => Finding::AnswersStatus(answer.clone()),
        Some(Seen::TimedOut { connected: true, limit }) => Finding::AnswersTooLate { timeout: *limit },
        Some(Seen::NotHttp(_)) => Finding::NotHttp,
        Some(Seen::Refused | Seen::NoRoute | Seen::TimedOut { connected: false, .. } | Seen::Accepted) | None => {
            unheard(evidence.port, evidence.listening.unwrap_or_default())
        }
    }
}

/// The disk is held against the image before any container is made.
pub(super) fn fits(unpacked_bytes: u64, compressed_bytes: Option<u64>) -> Result<(), Finding> {
    if unpacked_bytes.saturating_add(compressed_bytes.unwrap_or_default()) > DISK_BYTES {
        Err(Finding::TooLarge { unpacked_bytes, compressed_bytes })
    } else {
        Ok(())
    }
}

fn ended(exit: Exit, evidence: &Evidence<'_>) -> Finding {
    if exit.out_of_memory {
        return Finding::OutOfMemory { limit_mib: evidence.memory_mib, peak_bytes: evidence.peak_bytes };
    }
    // Some engines start their own first process, which then fails to become the application: its words are all the
    // output there is.
    let words = match evidence.last_lines {
        [only] if only.starts_with("exec ") || only.contains("exec user process") => only,
        _ => return Finding::Exited { code: exit.code },
    };
    match unstarted(words) {
        // Whether the command itself was there has been looked at before by then.
        Some(Finding::CommandNotFound) => Finding::InterpreterNotFound,
        Some(finding) => finding,
        None => Finding::Exited { code: exit.code },
    }
}

/// The kernel's errors of execve(2), in the words of container runtimes.
fn unstarted(words: &str) -> Option<Finding> {
    let words = words.to_lowercase();
    let says = |text: &str| words.contains(text);
    Some(if says("exec format error") {
        Finding::WrongArchitecture { platform: None }
    } else if says("permission denied") || says("is a directory") {
        Finding::NotExecutable
    } else if (says("executable file") && says("not found")) || (says("stat ") && says("no such file or directory")) {
        Finding::CommandNotFound
    } else if says("no such file or directory") && says("exec") {
        Finding::InterpreterNotFound
    } else {
        return None;
    })
}

fn unheard(port: u16, listening: &[SocketAddr]) -> Finding {
    if listening.iter().any(|socket| socket.port() == port && socket.ip().is_loopback()) {
        return Finding::ListensLocally { port };
    }
    let mut ports: Vec<u16> =
        listening.iter().filter(|socket| !socket.ip().is_loopback()).map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() { Finding::DoesNotListen { port } } else { Finding::ListensElsewhere { expected: port, ports } }
}

fn too_slow(ready: Duration, check: &HealthCheck) -> Finding {
    Finding::TooSlow { ready, allowed: allowed(check), enough: enough(ready, check.interval_seconds) }
}

/// The settings nearest to the service's own that give an application a quarter more time than it took.
fn enough(ready: Duration, interval_seconds: u32) -> Option<(u32, u32)> {
    let wanted = u32::try_from((ready * 5 / 4).as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let interval = interval_seconds.max(1).max(wanted.div_ceil(MOST));
    (interval <= MOST).then(|| (interval, wanted.div_ceil(interval)))
}

#[cfg(test)]
mod tests;
