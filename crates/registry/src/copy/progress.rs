//! Counts what one destination has been sent, and says so a few times a second.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::plan::{self, Amount, PlannedBlob};
use shipgate_core::{
    event::{BlobArrival, Emitter, Event},
    manifest::Descriptor,
};

/// The least time between two [`Event::CopyProgress`].
const BETWEEN_EVENTS: Duration = Duration::from_millis(250);

/// What one destination needs, and what it has been sent. The image and each of its referrers add to it.
pub(super) struct Tally {
    destination: String,
    wanted: Mutex<Amount>,
    missing: Mutex<Amount>,
    /// Bytes of blobs that are there or on their way.
    done: AtomicU64,
    /// The same, and those of failed attempts.
    sent: AtomicU64,
    copied: AtomicU64,
    mounted: AtomicU64,
    fetched: AtomicU64,
    manifests: AtomicU64,
    referrers: AtomicU64,
    told: Mutex<Instant>,
    events: Emitter,
}

impl Tally {
    pub(super) fn new(destination: String, events: Emitter) -> Self {
        Self {
            destination,
            wanted: Mutex::default(),
            missing: Mutex::default(),
            done: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            mounted: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
            manifests: AtomicU64::new(0),
            referrers: AtomicU64::new(0),
            told: Mutex::new(Instant::now()),
            events,
        }
    }

    /// These blobs are wanted at the destination, which is `index` to them, and of those these are missing.
    pub(super) fn plan(&self, index: usize, wanted: &[PlannedBlob], missing: &[PlannedBlob]) {
        let all = add(&self.wanted, plan::amount_for(index, wanted));
        let lacking = add(&self.missing, plan::amount_for(index, missing));
        self.events.emit(Event::CopyPlanned {
            destination: self.destination.clone(),
            blobs: all.blobs,
            bytes: all.bytes,
            blobs_present: all.blobs.saturating_sub(lacking.blobs),
            bytes_present: all.bytes.saturating_sub(lacking.bytes),
        });
        let is_missing = |blob: &PlannedBlob| {
            missing
                .iter()
                .any(|other| other.descriptor.digest == blob.descriptor.digest && other.lacking.contains(&index))
        };
        for blob in wanted.iter().filter(|blob| blob.lacking.contains(&index) && !is_missing(blob)) {
            let (digest, bytes) = (blob.descriptor.digest.clone(), blob.descriptor.size_bytes);
            self.events.emit(Event::BlobSkipped { destination: self.destination.clone(), digest, bytes });
        }
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Relaxed);
        let done = self.done.fetch_add(bytes, Relaxed).saturating_add(bytes);
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
    pub(super) fn blob_arrived(&self, blob: &Descriptor, sending: &Sending, how: BlobArrival) {
        let done = sending.complete(blob.size_bytes);
        let arrived = match how {
            BlobArrival::Mounted => &self.mounted,
            BlobArrival::Fetched => &self.fetched,
            BlobArrival::Sent | BlobArrival::Found => &self.copied,
        };
        arrived.fetch_add(1, Relaxed);
        self.events.emit(Event::BlobCopied {
            destination: self.destination.clone(),
            digest: blob.digest.clone(),
            bytes: blob.size_bytes,
            how,
        });
        if self.blobs_copied() + self.blobs_mounted() == amount(&self.missing).blobs {
            self.tell(done);
        }
    }

    /// The destination has fetched this blob itself.
    pub(super) fn blob_fetched(&self, blob: &Descriptor) {
        let done = self.done.fetch_add(blob.size_bytes, Relaxed).saturating_add(blob.size_bytes);
        self.fetched.fetch_add(1, Relaxed);
        let (destination, digest, bytes) = (self.destination.clone(), blob.digest.clone(), blob.size_bytes);
        self.events.emit(Event::BlobCopied { destination, digest, bytes, how: BlobArrival::Fetched });
        self.tell(done);
    }

    fn tell(&self, bytes_done: u64) {
        let (destination, bytes_total) = (self.destination.clone(), amount(&self.missing).bytes);
        self.events.emit(Event::CopyProgress { destination, bytes_done, bytes_total });
    }

    pub(super) fn manifest_written(&self) {
        self.manifests.fetch_add(1, Relaxed);
    }

    pub(super) fn referrer_copied(&self) {
        self.referrers.fetch_add(1, Relaxed);
    }

    pub(super) fn destination(&self) -> &str {
        &self.destination
    }

    pub(super) fn blobs_copied(&self) -> u64 {
        self.copied.load(Relaxed)
    }

    pub(super) fn blobs_mounted(&self) -> u64 {
        self.mounted.load(Relaxed)
    }

    pub(super) fn blobs_fetched(&self) -> u64 {
        self.fetched.load(Relaxed)
    }

    pub(super) fn blobs_present(&self) -> u64 {
        amount(&self.wanted).blobs.saturating_sub(amount(&self.missing).blobs)
    }

    pub(super) fn manifests_written(&self) -> u64 {
        self.manifests.load(Relaxed)
    }

    pub(super) fn referrers(&self) -> u64 {
        self.referrers.load(Relaxed)
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}

fn amount(of: &Mutex<Amount>) -> Amount {
    *of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(to: &Mutex<Amount>, more: Amount) -> Amount {
    let mut amount = to.lock().unwrap_or_else(PoisonError::into_inner);
    amount.blobs += more.blobs;
    amount.bytes = amount.bytes.saturating_add(more.bytes);
    *amount
}

/// One blob on its way to one destination, over all attempts.
pub(super) struct Sending {
    lane: Arc<super::lane::Lane>,
    /// How many of its bytes are there or on their way.
    bytes: AtomicU64,
    /// It is at the destination.
    arrived: AtomicBool,
}

impl Sending {
    pub(super) fn new(lane: Arc<super::lane::Lane>) -> Arc<Self> {
        Arc::new(Self { lane, bytes: AtomicU64::new(0), arrived: AtomicBool::new(false) })
    }

    pub(super) fn lane(&self) -> &super::lane::Lane {
        &self.lane
    }

    /// Whether the blob is at the destination.
    pub(super) fn has_arrived(&self) -> bool {
        self.arrived.load(Relaxed)
    }

    /// These bytes have been handed to the connection.
    pub(super) fn sent(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.lane.tally.sent(bytes);
    }

    /// What was sent after this many bytes was sent in vain.
    pub(super) fn back_to(&self, bytes: u64) {
        let before = self.bytes.swap(bytes, Relaxed);
        let done = &self.lane.tally.done;
        if before > bytes {
            done.fetch_sub(before - bytes, Relaxed);
        } else {
            done.fetch_add(bytes - before, Relaxed);
        }
    }

    /// The whole blob is there; how many bytes have come to the destination with it.
    fn complete(&self, bytes: u64) -> u64 {
        self.arrived.store(true, Relaxed);
        self.back_to(bytes);
        self.lane.tally.done.load(Relaxed)
    }
}
