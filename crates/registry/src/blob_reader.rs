//! A blob read as a verified stream: over as many connections as it takes, hashed once, and never given away whole
//! unless it is what it should be.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use sha2::{Digest as _, Sha256};

use super::{
    blobs::OpenBlob,
    checkpoints::Checkpoints,
    client::Registry,
    error::{Action, RegistryError},
    rate::RateWatch,
    receiving::next_chunk,
    retry,
};
use shipgate_core::{digest::Digest, manifest::Descriptor};

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
    /// Watches the connection.
    watch: RateWatch,
    /// Failures since as much came as a connection has to move.
    failed: u32,
    since_failure_bytes: u64,
    finished: bool,
    /// Ranges are requested when the blob is resumed, until one was of no use.
    with_range: bool,
}

impl BlobReader {
    pub(super) fn new(registry: Registry, repository: &str, descriptor: &Descriptor) -> Self {
        Self {
            checkpoints: None,
            action: registry.blob_action(repository, &descriptor.digest),
            watch: RateWatch::new(registry.patience().stall),
            registry,
            descriptor: descriptor.clone(),
            open: None,
            hash: Sha256::new(),
            offset: 0,
            withheld: None,
            failed: 0,
            since_failure_bytes: 0,
            finished: false,
            with_range: true,
        }
    }

    /// Begins at the last checkpoint at or before this offset, and notes more of them; says where that is. To be called
    /// before the first chunk is asked for.
    pub(super) fn go_on_from(&mut self, checkpoints: &Arc<Checkpoints>, offset: u64) -> u64 {
        (self.offset, self.hash) = checkpoints.before(offset);
        self.checkpoints = Some(Arc::clone(checkpoints));
        self.offset
    }

    /// Makes the connection, if it is not made yet. The first call of [`BlobReader::next_chunk`] does it otherwise.
    ///
    /// # Errors
    /// As [`BlobReader::next_chunk`].
    pub async fn open(&mut self) -> Result<(), RegistryError> {
        while self.open.is_none() && self.offset < self.descriptor.size_bytes {
            let repository = &self.action.repository;
            let opened = self.registry.open_blob(repository, &self.descriptor, self.offset, self.with_range).await;
            match opened {
                Ok(open) => {
                    self.with_range &= !open.is_without_range;
                    self.open = Some(open);
                }
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
        // Bytes that come by drops do not make a connection that breaks again and again a good one.
        self.since_failure_bytes = self.since_failure_bytes.saturating_add(chunk.len() as u64);
        if self.since_failure_bytes >= self.watch.least_bytes() {
            self.failed = 0;
        }
        let end = self.offset.saturating_add(chunk.len() as u64);
        if end > self.descriptor.size_bytes {
            return Err(RegistryError::SizeMismatch {
                action: Box::new(self.action.clone()),
                expected: self.descriptor.size_bytes,
                actual: end,
            });
        }
        let rest = self.hash_to_last_stop(chunk.clone(), end)?;
        self.hash.update(&rest);
        self.offset = end;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.reached(self.offset, &self.hash);
        }
        Ok(())
    }

    /// Hashes as far as the last checkpoint before `end`, and gives back what is left.
    fn hash_to_last_stop(&mut self, mut rest: Bytes, end: u64) -> Result<Bytes, RegistryError> {
        let Some(checkpoints) = &self.checkpoints else { return Ok(rest) };
        while let Some(stop) = checkpoints.next_stop(self.offset, end) {
            let before = rest.split_to(usize::try_from(stop - self.offset).unwrap_or(rest.len()));
            self.hash.update(&before);
            self.offset = stop;
            if !checkpoints.agrees(stop, &self.hash) {
                return Err(RegistryError::Unsteady { action: Box::new(self.action.clone()) });
            }
        }
        Ok(rest)
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
            let Some(open) = &mut self.open else { return Ok(None) };
            match receive_from(open, &mut self.watch, &self.action).await {
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                // Whatever happens to the connection after the last byte does not matter any more.
                Ok(None) | Err(_) if complete => return Ok(None),
                // All of a range that is shorter than the one that was requested.
                Ok(None) if open.has_progressed && self.offset == open.end => self.open = None,
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
        self.watch = RateWatch::new(self.registry.patience().stall);
        self.since_failure_bytes = 0;
        self.failed += 1;
        retry::pause(&self.registry, &self.action, self.failed, failure).await
    }
}

/// The next bytes of one connection that have not been seen before.
async fn receive_from(
    open: &mut OpenBlob,
    watch: &mut RateWatch,
    action: &Action,
) -> Result<Option<Bytes>, RegistryError> {
    loop {
        let Some(mut chunk) = next_chunk(&mut open.response, watch, action).await? else { return Ok(None) };
        let seen = open.to_skip.min(chunk.len() as u64);
        open.to_skip -= seen;
        chunk.advance(usize::try_from(seen).unwrap_or(chunk.len()));
        if !chunk.is_empty() {
            open.has_progressed = true;
            return Ok(Some(chunk));
        }
    }
}
