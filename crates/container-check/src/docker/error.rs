//! What can go wrong with the engine, in words a user can act on.

use std::{error::Error as _, fmt, io, path::PathBuf};

use bollard::errors::Error as BollardError;
use tokio_rustls::rustls;

use super::tls;
use shipgate_core::mask::masked;

/// A socket that was tried, and why it did not serve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// The address, as in `DOCKER_HOST`: `unix:///var/run/docker.sock`.
    pub address: String,
    /// Why not: `no such socket`, `permission denied`.
    pub reason: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.address, self.reason)
    }
}

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// None of the sockets answered a ping.
    #[error("no Docker engine answers ({})", list(tried))]
    NotFound {
        /// Every socket, in the order of trying.
        tried: Vec<Tried>,
    },
    /// The engine's address names a transport this program does not speak.
    #[error("the engine is to be reached at `{host}`, and only unix://, tcp://, https:// and ssh:// are supported")]
    UnsupportedHost {
        /// As it is set.
        host: String,
    },
    /// The engine's address makes no sense.
    #[error("the engine's address `{address}` cannot be used: {reason}")]
    Address {
        /// As it is set, without a password.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A file for TLS with the engine cannot be used.
    #[error("TLS with the engine: {}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The context of the docker command cannot be used.
    #[error("the docker context `{name}` cannot be used: {reason}")]
    Context {
        /// The context.
        name: String,
        /// Why not, with the contexts there are if there is no such.
        reason: String,
    },
    /// The image could not be pulled.
    #[error("the engine could not pull {reference}: {reason}")]
    Pull {
        /// What was to be pulled.
        reference: String,
        /// The engine's words.
        reason: String,
    },
    /// There is no such image, or no such container.
    #[error("the engine has no {what}")]
    Missing {
        /// `image NAME`, `container ID`.
        what: String,
    },
    /// The engine refused or broke off.
    #[error("the engine failed to {attempted}: {reason}")]
    Call {
        /// What was attempted: `create a container of NAME`.
        attempted: String,
        /// The engine's words, or those of the transport.
        reason: String,
        /// The HTTP status, if there was an answer.
        status: Option<u16>,
    },
}

impl EngineError {
    /// Makes the error of a failed call. A 404 becomes [`EngineError::Missing`] only where the caller says so.
    pub(super) fn call(attempted: impl Into<String>, error: &BollardError) -> Self {
        Self::Call { attempted: attempted.into(), reason: reason_of(error), status: status_of(error) }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { tried } if tried.iter().any(|one| one.address.starts_with("ssh://")) => Some(
                "what must work by itself: ssh -o BatchMode=yes HOST docker version".to_owned(),
            ),
            Self::NotFound { tried } if tried.iter().any(|one| one.reason.contains("TLS") || one.reason.contains("certificate")) => Some(
                "docs/engines.md says which variables and files count; docker version, with the same variables, must work too".to_owned(),
            ),
            Self::NotFound { tried } if tried.iter().any(|one| one.reason.contains("permission denied")) => Some(
                "let this user use Docker (sudo usermod -aG docker \"$USER\", then log in again), or run as root".to_owned(),
            ),
            Self::NotFound { .. } => Some(
                "start Docker (sudo systemctl start docker, or Docker Desktop), or set DOCKER_HOST to an engine that answers"
                    .to_owned(),
            ),
            Self::Context { .. } => Some(
                "docker context ls shows what there is; set DOCKER_CONTEXT, or DOCKER_HOST, which counts before it".to_owned(),
            ),
            Self::UnsupportedHost { .. } | Self::Address { .. } => Some(
                "set DOCKER_HOST to unix:///PATH, tcp://HOST:PORT, https://HOST:PORT or ssh://USER@HOST".to_owned(),
            ),
            Self::Tls { .. } => Some(
                "the files are ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH, else in ~/.docker, or those of the context"
                    .to_owned(),
            ),
            Self::Pull { reason, .. } if speaks_https_to_http(reason) => Some(
                "the registry speaks plain HTTP; Docker accepts that from 127.0.0.0/8, or from a host in `insecure-registries` of /etc/docker/daemon.json"
                    .to_owned(),
            ),
            Self::Missing { what } if what.starts_with("image") => {
                Some("build or pull the image first (docker image ls shows what is there)".to_owned())
            }
            Self::Pull { .. } | Self::Missing { .. } | Self::Call { .. } => None,
        }
    }
}

fn speaks_https_to_http(reason: &str) -> bool {
    reason.contains("server gave HTTP response to HTTPS client")
}

fn list(tried: &[Tried]) -> String {
    tried.iter().map(Tried::to_string).collect::<Vec<_>>().join("; ")
}

/// The HTTP status in an engine's answer, if there was one.
pub(super) fn status_of(error: &BollardError) -> Option<u16> {
    if let BollardError::DockerResponseServerError { status_code, .. } = error { Some(*status_code) } else { None }
}

/// What is said of a port with TLS that was spoken to without. Whatever is there, it does not speak HTTP.
const WITHOUT_TLS: &str =
    "it does not speak plain HTTP; if it speaks TLS, set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH";

/// One line on why a call failed: the engine's own message, or the innermost cause of a broken transport.
pub(super) fn reason_of(error: &BollardError) -> String {
    if let BollardError::DockerResponseServerError { message, status_code } = error {
        if message.contains("HTTP request to an HTTPS server") {
            return WITHOUT_TLS.to_owned();
        }
        return if message.is_empty() { format!("status {status_code}") } else { one_line(message) };
    }
    if let BollardError::DockerStreamError { error } = error {
        return one_line(error);
    }
    if matches!(error, BollardError::SocketNotFoundError(_)) {
        return "no such socket".to_owned();
    }
    if spoken_to_without_tls(error) {
        return WITHOUT_TLS.to_owned();
    }
    let mut innermost = error.source();
    while let Some(deeper) = innermost.and_then(std::error::Error::source) {
        innermost = Some(deeper);
    }
    let Some(cause) = innermost else { return one_line(&error.to_string()) };
    cause.downcast_ref::<io::Error>().map_or_else(|| one_line(&cause.to_string()), io_reason)
}

/// Whether an engine behind TLS was spoken to without: Go's servers say so, others answer with a record of TLS or hang up.
fn spoken_to_without_tls(error: &BollardError) -> bool {
    let mut cause = error.source();
    while let Some(one) = cause {
        if one.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        cause = one.source();
    }
    false
}

/// The plain words for a failed connection.
fn io_reason(error: &io::Error) -> String {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls::words(error);
    }
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "no such socket".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else if kind == io::ErrorKind::ConnectionRefused {
        "connection refused (nothing listens)".to_owned()
    } else {
        one_line(&error.to_string())
    }
}

/// The most characters of somebody else's message that are passed on.
const MESSAGE_CHARACTERS: usize = 500;

fn one_line(text: &str) -> String {
    masked(text).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MESSAGE_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::{BollardError, EngineError, Tried, reason_of};

    #[test]
    fn not_found_lists_every_socket_with_its_reason() {
        let tried = |address: &str, reason: &str| Tried { address: address.to_owned(), reason: reason.to_owned() };
        let error = EngineError::NotFound {
            tried: vec![tried("unix:///a.sock", "no such socket"), tried("unix:///b.sock", "permission denied")],
        };
        let text = error.to_string();
        assert!(text.contains("unix:///a.sock: no such socket; unix:///b.sock: permission denied"), "{text}");
        assert!(error.hint().unwrap().contains("usermod"));
        let stopped = EngineError::NotFound { tried: vec![tried("unix:///a.sock", "no such socket")] };
        assert!(stopped.hint().unwrap().contains("systemctl start docker"));
    }

    #[test]
    fn an_engines_long_message_is_one_capped_line() {
        let message = format!("first\nsecond {}", "x".repeat(10_000));
        let reason = reason_of(&BollardError::DockerResponseServerError { status_code: 500, message });
        assert!(reason.starts_with("first second xxx") && reason.len() == 500, "{reason}");
    }
}
