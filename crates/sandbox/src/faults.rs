//! Trouble on demand: `POST /_sandbox/faults` replaces the list of faults, `GET` shows what is left of it, and the seed's
//! `faults` is the list at the start. Nothing is left to chance: a fault strikes the next calls that it fits, in their order.
//!
//! The list is JSON. Most kinds choose calls, by `service` (`sts`, `ecr`, `apprunner`, `logs`, `secretsmanager`, `ssm`, `registry` for the OCI side,
//! `layers` for the second address that blobs come from), `action` (as `GET /_sandbox/calls` names it: `PutImage`,
//! `PUT manifest`, `GET layer`; every action when absent), `account` (the caller's; on the registry its own; every account when
//! absent), `skip` (how many calls that fit pass unharmed first; none when absent) and `times` (how many calls are struck then;
//! without end when absent):
//! - `{"kind": "error", "service": "ecr", "action": "PutImage", "status": 500, "code": "ServerException", "times": 2}`
//!   answers with an error; `message` may be named too. Throttling is `"status": 400, "code": "ThrottlingException"`, on the
//!   registry `429` and `TOOMANYREQUESTS`;
//! - `{"kind": "delay", "service": "sts", "milliseconds": 5000}` answers late;
//! - `{"kind": "lost", "service": "apprunner", "action": "StartDeployment"}` cuts the connection before anything is done: the
//!   call has no effect and no answer. A `cut` with 0 bytes is its counterpart: done, and the answer is lost;
//! - `{"kind": "cut", "service": "layers", "after_bytes": 1000}` cuts the connection when so many bytes of the answer's body
//!   are sent; with 0 the answer does not even begin;
//! - `{"kind": "cut-upload", "service": "registry", "action": "PUT upload", "after_bytes": 1000}` cuts the connection when so
//!   many bytes of the request's body have come. A shorter body is taken whole, and only the answer is lost: the client cannot
//!   know whether it was done.
//!
//! Some kinds choose other things:
//! - `{"kind": "corrupt-blob", "digest": "sha256:…"}`: one byte of the blob is flipped in every download;
//! - `{"kind": "expire-links"}`: every address of a blob handed out from now on has expired already;
//! - `{"kind": "expire-sessions"}`: every temporary key there is expires now;
//! - `{"kind": "expire-tokens"}`: every registry token there is expires now.

use std::{panic, sync::Mutex, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    http::Response,
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::locking::lock;
use shipgate_core::digest::Digest;

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Calls are answered with an error.
    Error {
        /// The signing name of the service, `registry` or `layers`.
        service: String,
        /// The action; every action when absent.
        #[serde(default)]
        action: Option<String>,
        /// The account; every account when absent.
        #[serde(default)]
        account: Option<String>,
        /// How many calls are left to pass first.
        #[serde(default)]
        skip: u32,
        /// How many calls are left to be struck; without end when absent.
        #[serde(default)]
        times: Option<u32>,
        /// The HTTP status of the answer.
        status: u16,
        /// The error code of the answer.
        #[serde(default = "internal_failure")]
        code: String,
        /// The message of the answer.
        #[serde(default = "on_demand")]
        message: String,
    },
    /// Calls are answered late.
    Delay {
        /// The signing name of the service, `registry` or `layers`.
        service: String,
        /// The action; every action when absent.
        #[serde(default)]
        action: Option<String>,
        /// The account; every account when absent.
        #[serde(default)]
        account: Option<String>,
        /// How many calls are left to pass first.
        #[serde(default)]
        skip: u32,
        /// How many calls are left to be struck; without end when absent.
        #[serde(default)]
        times: Option<u32>,
        /// How late.
        milliseconds: u64,
    },
    /// The connection is cut before the call is done.
    Lost {
        /// The signing name of the service, `registry` or `layers`.
        service: String,
        /// The action; every action when absent.
        #[serde(default)]
        action: Option<String>,
        /// The account; every account when absent.
        #[serde(default)]
        account: Option<String>,
        /// How many calls are left to pass first.
        #[serde(default)]
        skip: u32,
        /// How many calls are left to be struck; without end when absent.
        #[serde(default)]
        times: Option<u32>,
    },
    /// The connection is cut while the answer is on its way.
    Cut {
        /// The signing name of the service, `registry` or `layers`.
        service: String,
        /// The action; every action when absent.
        #[serde(default)]
        action: Option<String>,
        /// The account; every account when absent.
        #[serde(default)]
        account: Option<String>,
        /// How many calls are left to pass first.
        #[serde(default)]
        skip: u32,
        /// How many calls are left to be struck; without end when absent.
        #[serde(default)]
        times: Option<u32>,
        /// How much of the body is let through.
        after_bytes: u64,
    },
    /// The connection is cut while the request is on its way.
    CutUpload {
        /// `registry`.
        service: String,
        /// The action; every action when absent.
        #[serde(default)]
        action: Option<String>,
        /// The account; every account when absent.
        #[serde(default)]
        account: Option<String>,
        /// How many calls are left to pass first.
        #[serde(default)]
        skip: u32,
        /// How many calls are left to be struck; without end when absent.
        #[serde(default)]
        times: Option<u32>,
        /// How much of the body is let through.
        after_bytes: u64,
    },
    /// A byte of the blob is flipped when it is downloaded.
    CorruptBlob {
        /// The blob.
        digest: Digest,
    },
    /// Temporary keys expire.
    ExpireSessions,
    /// Addresses of blobs have expired when they are handed out.
    ExpireLinks,
    /// Registry tokens expire.
    ExpireTokens,
}

fn internal_failure() -> String {
    "InternalFailure".to_owned()
}

fn on_demand() -> String {
    "an error on demand of the sandbox's control interface".to_owned()
}

/// What strikes one call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Trouble {
    error: Option<OnDemand>,
    lost: bool,
    delay: Duration,
    cut: Option<u64>,
    cut_upload: Option<u64>,
}

/// The error a call is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OnDemand {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The error code.
    pub(crate) code: String,
    /// The message.
    pub(crate) message: String,
}

impl Fault {
    /// Whether it strikes this call; counts down if so.
    fn strikes(&mut self, call: [&str; 3]) -> bool {
        let (wanted, skip, times) = match self {
            Self::Error { service, action, account, skip, times, .. }
            | Self::Delay { service, action, account, skip, times, .. }
            | Self::Lost { service, action, account, skip, times }
            | Self::Cut { service, action, account, skip, times, .. }
            | Self::CutUpload { service, action, account, skip, times, .. } => {
                ([Some(&*service), action.as_ref(), account.as_ref()], skip, times)
            }
            Self::CorruptBlob { .. } | Self::ExpireSessions | Self::ExpireLinks | Self::ExpireTokens => return false,
        };
        let fits = wanted.iter().zip(call).all(|(wanted, actual)| wanted.is_none_or(|wanted| wanted == actual));
        if !fits || *times == Some(0) {
            return false;
        }
        if *skip > 0 {
            *skip -= 1;
            return false;
        }
        if let Some(left) = times {
            *left -= 1;
        }
        true
    }
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// These faults.
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(Mutex::new(faults))
    }

    /// Puts this list in the place of the last.
    pub(crate) fn replace(&self, faults: Vec<Fault>) {
        *lock(&self.0) = faults;
    }

    /// What is in force.
    pub(crate) fn list(&self) -> Vec<Fault> {
        lock(&self.0).clone()
    }

    /// What strikes this call, counted down: of each kind the first that fits.
    pub(crate) fn trouble(&self, service: &str, action: &str, account: &str) -> Trouble {
        let mut trouble = Trouble::default();
        for fault in lock(&self.0).iter_mut() {
            let taken = match fault {
                Fault::Error { .. } => trouble.error.is_some(),
                Fault::Delay { .. } => !trouble.delay.is_zero(),
                Fault::Lost { .. } => trouble.lost,
                Fault::Cut { .. } => trouble.cut.is_some(),
                Fault::CutUpload { .. } => trouble.cut_upload.is_some(),
                Fault::CorruptBlob { .. } | Fault::ExpireSessions | Fault::ExpireLinks | Fault::ExpireTokens => true,
            };
            if !taken && fault.strikes([service, action, account]) {
                trouble.add(fault);
            }
        }
        trouble
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

impl Trouble {
    fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::Error { status, code, message, .. } => {
                self.error = Some(OnDemand { status: *status, code: code.clone(), message: message.clone() });
            }
            Fault::Delay { milliseconds, .. } => self.delay = Duration::from_millis(*milliseconds),
            Fault::Lost { .. } => self.lost = true,
            Fault::Cut { after_bytes, .. } => self.cut = Some(*after_bytes),
            Fault::CutUpload { after_bytes, .. } => self.cut_upload = Some(*after_bytes),
            Fault::CorruptBlob { .. } | Fault::ExpireSessions | Fault::ExpireLinks | Fault::ExpireTokens => {}
        }
    }

    /// Waits as long as the answer is to be late, and says with which error, if any. Does not return when the call is lost.
    pub(crate) async fn begin(&self) -> Option<OnDemand> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if self.lost {
            hang_up();
        }
        self.error.clone()
    }

    /// The body of the request as far as it is let through.
    pub(crate) fn upload(&self, body: Body) -> Body {
        match self.cut_upload {
            Some(after_bytes) => cut(body, after_bytes),
            None => body,
        }
    }

    /// The answer as far as it is let through. Does not return when none of it is.
    pub(crate) fn end(&self, response: Response<Body>) -> Response<Body> {
        match self.cut {
            _ if self.cut_upload.is_some() => hang_up(),
            None => response,
            Some(0) => hang_up(),
            Some(after_bytes) => {
                let (head, body) = response.into_parts();
                Response::from_parts(head, cut(body, after_bytes))
            }
        }
    }
}

/// Ends the task of the connection, and with it the connection. An answer could only be complete or an error; unwinding
/// without a panic message is the one way out of a handler that leaves the client without an answer.
pub(super) fn hang_up() -> ! {
    panic::resume_unwind(Box::new("the connection is cut on demand"))
}

/// The body until so many bytes; then an error, upon which the server cuts the connection. A shorter body stays whole.
fn cut(body: Body, after_bytes: u64) -> Body {
    if body.size_hint().exact().is_some_and(|size| size <= after_bytes) {
        return body;
    }
    let mut left = usize::try_from(after_bytes).unwrap_or(usize::MAX);
    let mut over = false;
    let chunks = body.into_data_stream().flat_map(move |chunk| {
        let mut out: Vec<Result<Bytes, axum::Error>> = Vec::new();
        match chunk {
            _ if over => {}
            Ok(bytes) if bytes.len() <= left => {
                left -= bytes.len();
                out.push(Ok(bytes));
            }
            Ok(bytes) => {
                over = true;
                out.push(Ok(bytes.slice(..left)));
                out.push(Err(axum::Error::new("cut on demand")));
            }
            Err(error) => out.push(Err(error)),
        }
        futures_util::stream::iter(out)
    });
    Body::from_stream(chunks.then(async |chunk: Result<Bytes, axum::Error>| {
        if chunk.is_err() {
            // The server writes what it has when the body makes it wait; else the error would swallow the bytes before it.
            tokio::task::yield_now().await;
        }
        chunk
    }))
}

#[cfg(test)]
mod tests;
