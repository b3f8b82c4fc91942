//! Counts what one destination has been sent, and says so a few times a second.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::plan::Amount;
use crate::domain::{
    event::{Emitter, Event},
    manifest::Descriptor,
};

/// The least time between two [`Event::CopyProgress`].
const BETWEEN_EVENTS: Duration = Duration::from_millis(250);

/// What one destination needs, and what it has been sent.
pub(super) struct Tally {
    destination: String,
    wanted: Amount,
    missing: Amount,
    /// Bytes of blobs that are there or on their way.
    done: AtomicU64,
    /// The same, and those of failed attempts.
    sent: AtomicU64,
    copied: AtomicU64,
    told: Mutex<Instant>,
    events: Emitter,
}

impl Tally {
    pub(super) fn new(destination: String, wanted: Amount, missing: Amount, events: Emitter) -> Self {
        Self {
            destination,
            wanted,
            missing,
            done: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            told: Mutex::new(Instant::now()),
            events,
        }
    }

    pub(super) fn announce(&self) {
        self.events.emit(Event::CopyPlanned {
            destination: self.destination.clone(),
            blobs: self.wanted.blobs,
            bytes: self.wanted.bytes,
            blobs_present: self.blobs_present(),
            bytes_present: self.wanted.bytes - self.missing.bytes,
        });
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Relaxed);
        let done = self.done.fetch_add(bytes, Relaxed) + bytes;
        // Whoever finds it taken need not tell: somebody else is telling right now.
        let Ok(mut told) = self.told.try_lock() else { return };
        if told.elapsed() < BETWEEN_EVENTS {
            return;
        }
        *told = Instant::now();
        drop(told);
        self.tell(done);
    }

    /// This blob has come to the destination, or is seen to be there now.
    pub(super) fn blob_copied(&self, blob: &Descriptor, sending: Option<&Sending>) {
        let uncounted = blob.size_bytes.saturating_sub(sending.map_or(0, Sending::bytes));
        let done = self.done.fetch_add(uncounted, Relaxed) + uncounted;
        let copied = self.copied.fetch_add(1, Relaxed) + 1;
        self.events.emit(Event::BlobCopied {
            destination: self.destination.clone(),
            digest: blob.digest.clone(),
            bytes: blob.size_bytes,
        });
        if copied == self.missing.blobs {
            self.tell(done);
        }
    }

    fn tell(&self, bytes_done: u64) {
        let (destination, bytes_total) = (self.destination.clone(), self.missing.bytes);
        self.events.emit(Event::CopyProgress { destination, bytes_done, bytes_total });
    }

    pub(super) fn blobs_copied(&self) -> u64 {
        self.copied.load(Relaxed)
    }

    pub(super) fn blobs_present(&self) -> u64 {
        self.wanted.blobs - self.missing.blobs
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}

/// One attempt to send one blob.
pub(super) struct Sending {
    tally: Arc<Tally>,
    bytes: AtomicU64,
}

impl Sending {
    pub(super) fn new(tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self { tally, bytes: AtomicU64::new(0) })
    }

    /// These bytes have been handed to the connection.
    pub(super) fn sent(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.tally.sent(bytes);
    }

    /// All that was sent was sent in vain.
    pub(super) fn failed(&self) {
        self.tally.done.fetch_sub(self.bytes(), Relaxed);
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}
