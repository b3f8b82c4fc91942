//! A blob read as a verified stream: over as many connections as it takes, hashed once, and never given away whole
//! unless it is what it should be.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Buf, Bytes};
use sha2::{Digest as _, Sha256};

use super::{
    blobs::OpenBlob,
    client::Registry,
    error::{Action, RegistryError},
    request::connection,
    retry,
};
use crate::domain::{digest::Digest, manifest::Descriptor};

/// The least distance between two checkpoints.
const BETWEEN_CHECKPOINTS: u64 = 8 * 1024 * 1024;

/// States of the hash along a blob, so that a reading that has to begin again somewhere inside can still check the whole.
#[derive(Default)]
pub(super) struct Checkpoints(Mutex<Vec<(u64, Sha256)>>);

impl Checkpoints {
    fn locked(&self) -> MutexGuard<'_, Vec<(u64, Sha256)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the state at an offset, if the last one noted is far enough before.
    fn note(&self, offset: u64, hash: &Sha256) {
        let mut noted = self.locked();
        if offset >= noted.last().map_or(0, |(last, _)| *last) + BETWEEN_CHECKPOINTS {
            noted.push((offset, hash.clone()));
        }
    }

    /// The last state at or before an offset.
    fn before(&self, offset: u64) -> Option<(u64, Sha256)> {
        let noted = self.locked();
        let after = noted.partition_point(|(at, _)| *at <= offset);
        after.checked_sub(1).and_then(|last| noted.get(last).cloned())
    }

    /// What has been noted is wrong.
    pub(super) fn forget(&self) {
        self.locked().clear();
    }
}

/// Reads one blob. The last chunk is withheld until size and digest are known to be right: whoever passes chunks on as
/// they come has then passed on an incomplete blob, not a wrong one. A connection that breaks or stalls is made again
/// from the last byte, with the hash so far kept.
pub struct BlobReader {
    checkpoints: Option<Arc<Checkpoints>>,
    registry: Registry,
    descriptor: Descriptor,
    action: Action,
    open: Option<OpenBlob>,
    hash: Sha256,
    offset: u64,
    withheld: Option<Bytes>,
    /// Failures since the last byte came.
    failed: u32,
    finished: bool,
}

impl BlobReader {
    pub(super) fn new(registry: Registry, repository: &str, descriptor: &Descriptor) -> Self {
        Self {
            checkpoints: None,
            action: registry.blob_action(repository, &descriptor.digest),
            registry,
            descriptor: descriptor.clone(),
            open: None,
            hash: Sha256::new(),
            offset: 0,
            withheld: None,
            failed: 0,
            finished: false,
        }
    }

    /// Begins at the last checkpoint at or before this offset, and notes more of them; says where that is. To be called
    /// before the first chunk is asked for.
    pub(super) fn go_on_from(&mut self, checkpoints: &Arc<Checkpoints>, offset: u64) -> u64 {
        if let Some((offset, hash)) = checkpoints.before(offset) {
            (self.offset, self.hash) = (offset, hash);
        }
        self.checkpoints = Some(Arc::clone(checkpoints));
        self.offset
    }

    /// Makes the connection, if it is not made yet. The first call of [`BlobReader::next_chunk`] does it otherwise.
    ///
    /// # Errors
    /// As [`BlobReader::next_chunk`].
    pub async fn open(&mut self) -> Result<(), RegistryError> {
        while self.open.is_none() && self.offset < self.descriptor.size_bytes {
            let opened = self.registry.open_blob(&self.action.repository, &self.descriptor, self.offset).await;
            match opened {
                Ok(open) => self.open = Some(open),
                Err(failure) => self.survive(failure).await?,
            }
        }
        Ok(())
    }

    /// The next bytes, never empty; `None` after the last. Cancel safe between chunks only: a dropped call may lose one.
    ///
    /// # Errors
    /// [`RegistryError::DigestMismatch`] and [`RegistryError::SizeMismatch`], before the last chunk is given;
    /// [`RegistryError::ContentNotFound`]; and the last failure once patience with the connection has ended.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        while !self.finished {
            let Some(chunk) = self.receive().await? else {
                self.check_digest()?;
                self.finished = true;
                break;
            };
            self.take_in(&chunk)?;
            if let Some(previous) = self.withheld.replace(chunk) {
                return Ok(Some(previous));
            }
        }
        Ok(self.withheld.take())
    }

    fn take_in(&mut self, chunk: &Bytes) -> Result<(), RegistryError> {
        self.offset += chunk.len() as u64;
        self.failed = 0;
        if self.offset > self.descriptor.size_bytes {
            return Err(RegistryError::SizeMismatch {
                action: Box::new(self.action.clone()),
                expected: self.descriptor.size_bytes,
                actual: self.offset,
            });
        }
        self.hash.update(chunk);
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.note(self.offset, &self.hash);
        }
        Ok(())
    }

    fn check_digest(&self) -> Result<(), RegistryError> {
        let actual = Digest::from_hash(&self.hash.clone().finalize());
        if actual == self.descriptor.digest {
            return Ok(());
        }
        Err(RegistryError::DigestMismatch {
            action: Box::new(self.action.clone()),
            expected: self.descriptor.digest.clone(),
            actual,
        })
    }

    /// New bytes from whichever connection it takes; `None` once all that the descriptor promises have come and
    /// nothing follows them.
    async fn receive(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            self.open().await?;
            let complete = self.offset >= self.descriptor.size_bytes;
            let stall = self.registry.patience().stall;
            let Some(open) = &mut self.open else { return Ok(None) };
            match receive_from(open, stall, &self.action).await {
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                // Whatever happens to the connection after the last byte does not matter any more.
                Ok(None) | Err(_) if complete => return Ok(None),
                Ok(None) => self.survive(self.truncated()).await?,
                Err(failure) => self.survive(failure).await?,
            }
        }
    }

    /// A body that ends early without its connection saying so: one without a Content-Length.
    fn truncated(&self) -> RegistryError {
        RegistryError::Truncated {
            action: Box::new(self.action.clone()),
            expected: self.descriptor.size_bytes,
            actual: self.offset,
        }
    }

    async fn survive(&mut self, failure: RegistryError) -> Result<(), RegistryError> {
        if !failure.is_transient() {
            return Err(failure);
        }
        self.open = None;
        self.failed += 1;
        retry::pause(&self.registry, &self.action, self.failed, failure).await
    }
}

/// The next bytes of one connection that have not been seen before.
async fn receive_from(open: &mut OpenBlob, stall: Duration, action: &Action) -> Result<Option<Bytes>, RegistryError> {
    loop {
        let received = tokio::time::timeout(stall, open.response.chunk()).await;
        let received =
            received.map_err(|_| RegistryError::Stalled { action: Box::new(action.clone()), after: stall })?;
        let Some(mut chunk) = received.map_err(|source| connection(action.clone(), source))? else { return Ok(None) };
        let seen = open.to_skip.min(chunk.len() as u64);
        open.to_skip -= seen;
        chunk.advance(usize::try_from(seen).unwrap_or(chunk.len()));
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
    }
}
