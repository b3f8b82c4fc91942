//! What a copy is asked to do: from where, what, where to, and how.

use std::time::Duration;

use super::pool::CopyPool;
use crate::client::Registry;
use shipgate_core::{
    digest::Digest,
    event::{Emitter, Event, milliseconds},
    manifest::RawManifest,
    pull_through::Via,
    referrers::ReferrersPolicy,
};

/// How long a copy may take in all, unless it is told otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_hours(1);

/// One image, from one repository to any number of others.
#[derive(Clone, Debug)]
pub struct CopyRequest<'a> {
    /// Where it is read.
    pub source: CopySource<'a>,
    /// Which image of that repository.
    pub image: CopyImage<'a>,
    /// Where it is written.
    pub destinations: &'a [CopyDestination<'a>],
    /// How.
    pub options: CopyOptions,
}

/// Where an image is read.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// The registry, with credentials that may read.
    pub registry: &'a Registry,
    /// The repository in it.
    pub repository: &'a str,
}

/// Which image is copied.
#[derive(Clone, Copy, Debug)]
pub enum CopyImage<'a> {
    /// The one of this digest.
    Digest(&'a Digest),
    /// The one whose manifest has been read already.
    Manifest(&'a RawManifest),
    /// The one this tag points at now. The tag is read once; everything after speaks digests.
    Tag(&'a str),
}

/// Where an image is written.
#[derive(Clone, Copy, Debug)]
pub struct CopyDestination<'a> {
    /// The registry, with credentials that may write.
    pub registry: &'a Registry,
    /// The repository in it, which must exist.
    pub repository: &'a str,
    /// The tag that is to point at the image. Without one it is there under its digest alone.
    pub tag: Option<&'a str>,
}

/// How an image is copied.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// Of an index, only the image for this platform (`linux/amd64`), under its own digest. Otherwise all of it.
    pub platform: Option<String>,
    /// Whether it is read and written, or the destinations fetch it themselves.
    pub via: Via,
    /// What becomes of signatures, SBOMs and attestations.
    pub referrers: ReferrersPolicy,
    /// How long it may take in all.
    pub deadline: Duration,
    /// What it shares with the copies beside it. By default that is nothing.
    pub pool: CopyPool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        let pool = CopyPool::default();
        Self { platform: None, via: Via::Copy, referrers: ReferrersPolicy::Skip, deadline: DEFAULT_DEADLINE, pool }
    }
}

/// What a copy to one destination came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopySummary {
    /// `HOST/REPOSITORY`.
    pub destination: String,
    /// The tag that points at the image there, if one was asked for.
    pub tag: Option<String>,
    /// The digest that is there now.
    pub digest: Digest,
    /// Blobs that were sent.
    pub blobs_copied: u64,
    /// Blobs that the registry took over from another of its repositories.
    pub blobs_mounted: u64,
    /// Blobs that the registry itself fetched from its upstream.
    pub blobs_fetched: u64,
    /// Blobs that were there already. When the manifest itself was, its blobs are not counted.
    pub blobs_present: u64,
    /// Manifests that were written, those of referrers included.
    pub manifests_written: u64,
    /// Referrers that are there now, where they were asked for.
    pub referrers: u64,
    /// Bytes of blobs read from the source, for all destinations together, those of failed attempts included.
    pub bytes_received: u64,
    /// Bytes of blobs sent to this destination, those of failed attempts included.
    pub bytes_sent: u64,
    /// Requests made to the source (for all destinations together) and to this destination.
    pub requests: u64,
    /// From the start of the copy until this destination was done.
    pub elapsed: Duration,
}

impl CopySummary {
    /// Whether the destination had everything, its tag included.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.manifests_written + self.blobs_copied + self.blobs_mounted + self.blobs_fetched == 0
    }

    pub(super) fn announce(&self, events: &Emitter) {
        events.emit(Event::CopyFinished {
            destination: self.destination.clone(),
            tag: self.tag.clone(),
            digest: self.digest.clone(),
            blobs_copied: self.blobs_copied,
            blobs_mounted: self.blobs_mounted,
            blobs_fetched: self.blobs_fetched,
            blobs_present: self.blobs_present,
            referrers: self.referrers,
            changed: !self.is_unchanged(),
            bytes_received: self.bytes_received,
            bytes_sent: self.bytes_sent,
            requests: self.requests,
            elapsed_ms: milliseconds(self.elapsed),
        });
    }
}
