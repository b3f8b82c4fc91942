//! Names an unhealthy image's trouble, from evidence that is at hand.

use std::{net::SocketAddr, time::Duration};

use super::{
    Exit,
    finding::Finding,
    judge::{Decision, allowed},
    probe::Seen,
    spoken::{Spoken, is_tls_refusal},
};
use shipgate_core::health::HealthCheck;

/// The disk of an App Runner instance (App Runner developer guide, "Developing application code": 3 GB, ephemeral). It
/// holds the image as it is pulled and as it is unpacked.
const DISK_BYTES: u64 = 3_000_000_000;

/// The most that an interval and a threshold can be (App Runner API reference, `HealthCheckConfiguration`).
const MOST: u32 = 20;

/// How container runtimes begin what they say when the kernel does not execute the program: Docker's older init, and crun.
const RUNTIMES: [&str; 2] = ["exec user process", "exec container process"];

/// The exit code of a program whose loader does not find a library (glibc, `elf/dl-main.h`; musl, `ldso/dynlink.c`).
const NOT_LOADED: i64 = 127;

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
    /// What its port speaks instead of HTTP/1, if that was seen.
    pub(super) spoken: Option<Spoken>,
}

/// Names the trouble.
pub(super) fn diagnose(evidence: &Evidence<'_>) -> Finding {
    if let Some(exit) = evidence.exit {
        return ended(exit, evidence);
    }
    if let Some(refusal) = evidence.refusal {
        return of_refusal(refusal);
    }
    if evidence.decision == Some(Decision::Flapping) {
        return Finding::Flaps;
    }
    if let Some(ready) = evidence.late {
        return too_slow(ready, evidence.check);
    }
    match (evidence.spoken, evidence.last_seen) {
        (Some(Spoken::Tls), Some(Seen::NotHttp { .. } | Seen::TimedOut { connected: true, .. })) => {
            return Finding::SpeaksTls;
        }
        // A server that is only slow may speak HTTP/2 besides HTTP/1.1.
        (Some(Spoken::Http2), Some(Seen::NotHttp { .. })) => return Finding::SpeaksHttp2,
        (Some(_) | None, _) => {}
    }
    match evidence.last_seen {
        Some(Seen::Status(answer)) if is_tls_refusal(answer) => Finding::SpeaksTls,
        Some(Seen::Status(answer)) => Finding::AnswersStatus(answer.clone()),
        Some(Seen::TimedOut { connected: true, limit }) => Finding::AnswersTooLate { timeout: *limit },
        Some(Seen::NotHttp { .. }) => Finding::NotHttp,
        Some(Seen::Refused | Seen::NoRoute | Seen::TimedOut { connected: false, .. } | Seen::Accepted) | None => {
            unheard(evidence.port, evidence.listening.unwrap_or_default())
        }
    }
}

/// Names why the engine could not make or start a container of an image.
pub(super) fn of_refusal(refusal: &str) -> Finding {
    unstarted(refusal).unwrap_or(Finding::NotStarted)
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
    if exit.code == NOT_LOADED
        && let Some(library) = evidence.last_lines.iter().find_map(|line| missing_library(line))
    {
        return Finding::MissingLibrary { library };
    }
    // Some engines start their own first process, which then fails to become the application: its words are all the
    // output there is.
    let words = match evidence.last_lines {
        [only] if RUNTIMES.iter().any(|words| only.contains(words)) || only.starts_with("exec ") => only,
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
fn unstarted(refusal: &str) -> Option<Finding> {
    let words = refusal.to_lowercase();
    let says = |text: &str| words.contains(text);
    // The image's own settings come first: their refusals quote paths and names too.
    if let Some(what) = missing_user(&words) {
        return Some(Finding::UserNotFound { what });
    }
    Some(if says("no command specified") || says("no command or entrypoint provided") {
        Finding::NoCommand
    } else if says("cwd must be an absolute path") {
        Finding::BadWorkingDirectory { path: None, why: "is not an absolute path" }
    } else if says("chdir to cwd") && says("permission denied") {
        Finding::BadWorkingDirectory { path: refused_directory(refusal), why: "cannot be entered by its user" }
    } else if is_directory_refusal(&words) {
        Finding::BadWorkingDirectory { path: refused_directory(refusal), why: "is not a directory" }
    } else if says("exec format error") {
        Finding::WrongArchitecture { platform: None }
    } else if says("permission denied") || says("is a directory") {
        Finding::NotExecutable
    } else if (says("executable file") && says("not found"))
        || (says("stat ") && (says("no such file or directory") || says("not a directory") || says("too many levels")))
    {
        Finding::CommandNotFound
    } else if says("no such file or directory") && says("exec") {
        Finding::InterpreterNotFound
    } else {
        return None;
    })
}

/// The library that a loader does not find: `error while loading shared libraries: libpq.so.5: cannot open …` of glibc,
/// `Error loading shared library libpq.so.5: No such file …` of musl.
fn missing_library(line: &str) -> Option<String> {
    let after = |words: &str| line.split_once(words).map(|(_, rest)| rest);
    let rest = after("error while loading shared libraries: ").or_else(|| after("Error loading shared library "))?;
    let name = rest.split(':').next()?.trim();
    (name.contains(".so") && !name.contains(' ')).then(|| name.to_owned())
}

/// The user or group that an engine does not find, as it names it: `unable to find user app: no matching entries in passwd file`.
fn missing_user(words: &str) -> Option<String> {
    if words.contains("uids and gids must be in range") {
        return Some("such user: its number is out of range".to_owned());
    }
    let (_, rest) = words.split_once("unable to find ")?;
    let what = rest.split(':').next()?.trim();
    (what.starts_with("user ") || what.starts_with("group ")).then(|| what.to_owned())
}

/// Whether an engine could not make or enter the working directory: of a path of the command it says `stat` and `exec`.
fn is_directory_refusal(words: &str) -> bool {
    let at_creation = words.contains("not a directory") && !words.contains("exec: ");
    at_creation && ["mkdir", "lstat", "chdir", "workdir", "working directory"].iter().any(|call| words.contains(call))
}

/// The directory that an engine's refusal names.
fn refused_directory(refusal: &str) -> Option<String> {
    let path = refusal.split([' ', '"', '\'']).find(|word| word.starts_with('/'))?.trim_end_matches([':', ',']);
    // Docker names it where its own machine has the container's files.
    let path = path.rsplit_once("/merged").map_or(path, |(_, path)| path);
    Some(path).filter(|path| path.starts_with('/')).map(str::to_owned)
}

fn unheard(port: u16, listening: &[SocketAddr]) -> Finding {
    let on_port = || listening.iter().filter(|socket| socket.port() == port);
    if on_port().any(|socket| !socket.ip().is_loopback() && socket.is_ipv4()) {
        // It began to listen after the last probe.
        return Finding::DoesNotListen { port };
    }
    // Where an IPv6 socket takes IPv4 too, a probe reaches it.
    if on_port().any(|socket| !socket.ip().is_loopback()) {
        return Finding::ListensOnIpv6 { port };
    }
    if on_port().next().is_some() {
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
