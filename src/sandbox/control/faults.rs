//! Trouble on demand: `POST /_sandbox/faults` replaces the list of faults, `GET` shows what is left of it.
//!
//! The body is a JSON list. Kinds:
//! - `{"kind": "corrupt-blob", "digest": "sha256:…"}`: one byte of the blob is flipped in every download.
//! - `{"kind": "error", "service": "ecr", "action": "PutImage", "status": 500, "code": "ServerException", "times": 2}`:
//!   the next `times` (default: all) calls of the action (default: every action) are answered with this error.
//!   `service` is `sts`, `ecr`, `apprunner`, `logs` or `registry`; an action of the registry is the method and the kind,
//!   as in the log of calls: `PUT manifest`, `GET blob`, `POST upload`. `message` and `account` may be named too.
//! - `{"kind": "expire-sessions"}`: every temporary key there is expires now.
//! - `{"kind": "expire-links"}`: every address of a blob handed out from now on has expired already.
//! - `{"kind": "expire-tokens"}`: every registry token there is expires now.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::{domain::digest::Digest, sandbox::locking::lock};

/// One fault, as the JSON of the control interface has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// A byte of the blob is flipped when it is downloaded.
    CorruptBlob {
        /// The blob.
        digest: Digest,
    },
    /// Calls are answered with an error.
    Error(ErrorFault),
    /// Temporary keys expire.
    ExpireSessions,
    /// Addresses of blobs have expired when they are handed out.
    ExpireLinks,
    /// Registry tokens expire.
    ExpireTokens,
}

/// Which calls are answered with which error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorFault {
    /// The signing name of the service, or `registry`.
    pub(crate) service: String,
    /// The action; every action when absent.
    #[serde(default)]
    pub(crate) action: Option<String>,
    /// The caller's account (of the registry: its own); every account when absent.
    #[serde(default)]
    pub(crate) account: Option<String>,
    /// The HTTP status of the answer.
    pub(crate) status: u16,
    /// The error code of the answer.
    #[serde(default = "internal_failure")]
    pub(crate) code: String,
    /// The message of the answer.
    #[serde(default = "on_demand")]
    pub(crate) message: String,
    /// How many calls are left to be answered so; without end when absent.
    #[serde(default)]
    pub(crate) times: Option<u32>,
}

fn internal_failure() -> String {
    "InternalFailure".to_owned()
}

fn on_demand() -> String {
    "an error on demand of the sandbox's control interface".to_owned()
}

impl ErrorFault {
    fn concerns(&self, service: &str, action: &str, account: &str) -> bool {
        self.service == service
            && self.action.as_deref().is_none_or(|named| named == action)
            && self.account.as_deref().is_none_or(|named| named == account)
            && self.times != Some(0)
    }
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Puts this list in the place of the last.
    pub(crate) fn replace(&self, faults: Vec<Fault>) {
        *lock(&self.0) = faults;
    }

    /// What is in force.
    pub(crate) fn list(&self) -> Vec<Fault> {
        lock(&self.0).clone()
    }

    /// The error this call is to be answered with, counted down.
    pub(crate) fn error_for(&self, service: &str, action: &str, account: &str) -> Option<ErrorFault> {
        let mut faults = lock(&self.0);
        let found = faults.iter_mut().find_map(|fault| match fault {
            Fault::Error(error) if error.concerns(service, action, account) => Some(error),
            Fault::Error(_)
            | Fault::CorruptBlob { .. }
            | Fault::ExpireSessions
            | Fault::ExpireLinks
            | Fault::ExpireTokens => None,
        })?;
        if let Some(left) = &mut found.times {
            *left -= 1;
        }
        Some(found.clone())
    }

    /// Whether downloads of this blob are to be corrupted.
    pub(crate) fn corrupts(&self, blob: &Digest) -> bool {
        lock(&self.0).iter().any(|fault| matches!(fault, Fault::CorruptBlob { digest } if digest == blob))
    }

    /// Whether addresses of blobs have expired when they are handed out.
    pub(crate) fn links_are_expired(&self) -> bool {
        lock(&self.0).contains(&Fault::ExpireLinks)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults};

    #[test]
    fn errors_are_counted_down_and_then_gone() {
        let list = r#"[{"kind":"error","service":"ecr","action":"PutImage","status":500,"times":2},
                       {"kind":"corrupt-blob","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]"#;
        let faults = Faults::default();
        faults.replace(serde_json::from_str(list).unwrap());
        assert!(faults.error_for("ecr", "ListImages", "1").is_none());
        assert_eq!(faults.error_for("ecr", "PutImage", "1").unwrap().code, "InternalFailure");
        assert!(faults.error_for("ecr", "PutImage", "1").is_some());
        assert!(faults.error_for("ecr", "PutImage", "1").is_none());
        assert!(faults.corrupts(&crate::domain::digest::Digest::of(b"")));
        assert!(!faults.corrupts(&crate::domain::digest::Digest::of(b"x")));
    }

    #[test]
    fn a_misspelt_fault_is_refused() {
        for bad in [r#"[{"kind":"corrupt"}]"#, r#"[{"kind":"error","service":"ecr","status":500,"tims":1}]"#] {
            assert!(serde_json::from_str::<Vec<Fault>>(bad).is_err(), "{bad}");
        }
    }
}
