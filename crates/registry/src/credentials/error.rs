//! Why credentials could not be had. No message holds a byte of a file's values or of what a helper kept.

use std::{io, path::PathBuf};

/// Why the credentials for a registry could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A configuration file is there, or was named, and cannot be read.
    #[error("could not read the credentials in {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A configuration file is not one.
    #[error("{} is no Docker configuration: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, and in which line.
        reason: String,
    },
    /// What the file has for this registry cannot be used.
    #[error("the entry for {key} in {} cannot be used: {reason}", file.display())]
    BadEntry {
        /// The file.
        file: PathBuf,
        /// The entry's key.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The credential helper that the file names is not installed.
    #[error("{program}, which {} names for {host}, is not on PATH", file.display())]
    HelperMissing {
        /// The file.
        file: PathBuf,
        /// The registry's host.
        host: String,
        /// The program: `docker-credential-pass`.
        program: String,
    },
    /// The credential helper failed.
    #[error("{program}, which {} names for {host}, {reason}", file.display())]
    HelperFailed {
        /// The file.
        file: PathBuf,
        /// The registry's host.
        host: String,
        /// The program: `docker-credential-pass`.
        program: String,
        /// What it did: `gave no answer within 30 s`.
        reason: String,
    },
}

impl CredentialError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { file, .. } => format!(
                "let this user read {}, or set DOCKER_CONFIG (a directory) or REGISTRY_AUTH_FILE to what can be read",
                file.display()
            ),
            Self::Malformed { file, .. } => {
                format!("correct {}, or move it away and log in again (docker login)", file.display())
            }
            Self::BadEntry { key, .. } => format!("log in again: docker login {key}"),
            Self::HelperMissing { file, program, .. } => {
                format!("install {program}, or take it out of credHelpers and credsStore in {}", file.display())
            }
            Self::HelperFailed { file, host, program, .. } => format!(
                "log in again (docker login {host}), or take {program} out of credHelpers and credsStore in {}",
                file.display()
            ),
        }
    }
}
