//! Tests of the client against strict local servers: what they do not expect, they complain of, and every test ends by
//! asking for complaints.

mod blobs;
mod challenges;
mod encodings;
mod ending;
pub(super) mod fake;
mod hidden;
pub(super) mod image;
mod listing;
mod manifests;
mod methods;
mod ranges;
pub(super) mod relay;
mod renewal;
pub(super) mod scripted;
mod selection;
pub(super) mod serve;
pub(super) mod sessions;
pub(super) mod store;
mod strangers;
mod tags;
mod token_service;
mod tokens;
mod unreached;

use std::time::Duration;

use super::{Authorization, Registry, retry::Patience};
use shipgate_core::secret::Secret;

/// `u:p`, as the fake registry demands it.
pub(super) const CREDENTIALS: &str = "dTpw";

/// `v:q`, which it demands once those have expired.
pub(super) const NEW_CREDENTIALS: &str = "djpx";

/// What token services take, and nobody else may see.
pub(super) const REFRESH_TOKEN: &str = "r3fr+sh";

/// A client that retries at once.
pub(super) fn client(address: &str) -> Registry {
    let authorization = Authorization::Basic(Secret::new(CREDENTIALS));
    Registry::new("registry.test", address, authorization)
        .unwrap()
        .with_preemptive_basic()
        .with_patience(retries_at_once())
}

/// A client for servers that stall: it gives them up soon.
pub(super) fn impatient_client(address: &str) -> Registry {
    client(address).with_patience(impatient())
}

/// Retries at once, and does not take a busy machine for a stalled one.
pub(super) fn retries_at_once() -> Patience {
    Patience { first_delay: Duration::from_millis(1), longest_delay: Duration::from_millis(2), ..Patience::default() }
}

/// Takes half a second without progress for a stall, which on a busy machine it may not be.
pub(super) fn impatient() -> Patience {
    Patience { stall: Duration::from_millis(500), ..retries_at_once() }
}
