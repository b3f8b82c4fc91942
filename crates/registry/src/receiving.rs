//! Bytes received from a registry, under watch: a connection that moves nothing, or next to nothing, has failed.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::Instant;

use super::{
    client::Registry,
    error::{Action, RegistryError},
    rate::{Lag, RateWatch},
    request::{Reply, Request, connection},
};

/// The next bytes of a body; `None` at its end.
///
/// # Errors
/// [`RegistryError::Connection`], [`RegistryError::Stalled`], [`RegistryError::TooSlow`].
pub(super) async fn next_chunk(
    response: &mut Response,
    watch: &mut RateWatch,
    action: &Action,
) -> Result<Option<Bytes>, RegistryError> {
    let began = Instant::now();
    let Ok(received) = tokio::time::timeout(watch.allowance(), response.chunk()).await else {
        return Err(too_slow(action.clone(), watch.lag()));
    };
    let Some(chunk) = received.map_err(|source| connection(action.clone(), &source))? else { return Ok(None) };
    match watch.moved(began.elapsed(), chunk.len() as u64) {
        Ok(()) => Ok(Some(chunk)),
        Err(lag) => Err(too_slow(action.clone(), lag)),
    }
}

/// What is said of a transfer that fell behind.
pub(super) fn too_slow(action: Action, Lag { moved_bytes, within }: Lag) -> RegistryError {
    let action = Box::new(action);
    match moved_bytes {
        0 => RegistryError::Stalled { action, after: within },
        _ => RegistryError::TooSlow { action, moved_bytes, within },
    }
}

impl Registry {
    /// The answer to a HEAD, or `None` where HEAD is refused: some registries and proxies know GET alone, and an address signed
    /// for GET is good for nothing else. A refusal that another method would meet too is an error.
    ///
    /// # Errors
    /// As [`Registry::send`].
    pub(super) async fn send_head(&self, head: Request) -> Result<Option<Reply>, RegistryError> {
        if self.refuses_head().load(Relaxed) {
            return Ok(None);
        }
        match self.send(head).await {
            Err(error) if self.is_about_head(&error) => {
                let is_for_all = matches!(&error, RegistryError::Refused { answer, .. } if answer.status != 400);
                self.refuses_head().fetch_or(is_for_all, Relaxed);
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// Whether a refused HEAD may be taken as a GET. ECR means what it says with 403.
    fn is_about_head(&self, error: &RegistryError) -> bool {
        let Some(answer) = error.registry_answer() else { return false };
        match (answer.status, &answer.redirected_to) {
            (400 | 405 | 406 | 415 | 501, _) | (401 | 403, Some(_)) => true,
            (403, None) => !self.authentication().is_preemptive(),
            _ => false,
        }
    }
}
