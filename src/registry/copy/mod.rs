//! The copy engine: one image from one repository to any number of others, by digest, without a tag and without disk.
//!
//! `survey` finds the manifests that destinations lack, `plan` the blobs those name, `presence` which of these are there;
//! `transfer` moves one blob, `commit` writes the manifests, children before their index. Everything below the digest is
//! content-addressed, so a copy that failed or was cancelled has done no harm: the next one goes on where it ended.

mod commit;
mod error;
mod feed;
mod mount;
mod place;
mod plan;
mod presence;
mod progress;
mod survey;
#[cfg(test)]
pub(super) mod tests;
mod transfer;

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

pub use error::CopyError;

use self::{
    place::Place,
    plan::PlannedBlob,
    progress::Tally,
    transfer::{Lane, Transfer},
};
use super::client::Registry;
use crate::domain::{
    digest::Digest,
    event::{Emitter, Event, milliseconds},
};

/// Blobs moved at the same time. A registry takes each upload at its own rate (ECR 20 to 28 MB/s), so more streams are
/// faster, until memory (a few hundred kilobytes each) and the registry's patience speak against it.
const BLOBS_IN_FLIGHT: usize = 16;

/// Where an image is read.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// The registry, with credentials that may read.
    pub registry: &'a Registry,
    /// The repository in it.
    pub repository: &'a str,
}

/// Where an image is written.
#[derive(Clone, Copy, Debug)]
pub struct CopyDestination<'a> {
    /// The registry, with credentials that may write.
    pub registry: &'a Registry,
    /// The repository in it, which must exist.
    pub repository: &'a str,
}

/// What a copy to one destination came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopySummary {
    /// `HOST/REPOSITORY`.
    pub destination: String,
    /// The digest that is there now.
    pub digest: Digest,
    /// Blobs that were sent.
    pub blobs_copied: u64,
    /// Blobs that were there already. When the manifest itself was, its blobs are not counted.
    pub blobs_present: u64,
    /// Bytes sent, those of failed attempts included.
    pub bytes_sent: u64,
    /// Requests made to the source (for all destinations together) and to this destination.
    pub requests: u64,
    /// From the start of the copy until all destinations were done.
    pub elapsed: Duration,
}

/// Copies the image that has this digest: a single manifest, or an index with all it names. Summaries come in the order
/// of the destinations.
///
/// # Errors
/// [`CopyError`], as soon as one destination cannot be served. What has been copied until then stays where it is,
/// without a tag; a manifest is there only with all its blobs.
pub async fn copy(
    source: CopySource<'_>,
    digest: &Digest,
    destinations: &[CopyDestination<'_>],
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Vec<CopySummary>, CopyError> {
    let run = Run {
        digest: digest.clone(),
        source: Place::new(source.registry, source.repository, events),
        destinations: destinations.iter().map(|to| Place::new(to.registry, to.repository, events)).collect(),
        events: events.clone(),
        started: Instant::now(),
    };
    // Everything the run has started hangs on this future: dropped, it takes connections and tasks with it.
    cancel.run_until_cancelled(run.finish()).await.unwrap_or(Err(CopyError::Cancelled))
}

struct Run {
    digest: Digest,
    source: Place,
    destinations: Vec<Place>,
    events: Emitter,
    started: Instant,
}

impl Run {
    async fn finish(self) -> Result<Vec<CopySummary>, CopyError> {
        let levels = survey::survey(&self.source, &self.destinations, &self.digest).await?;
        let wanted = plan::wanted_blobs(&levels, &self.source)?;
        let missing = presence::without_present(wanted.clone(), &self.destinations).await?;
        let lanes = self.lanes(&levels, &wanted, &missing);
        self.transfer(missing, &lanes).await?;
        commit::commit(&levels, &self.destinations).await?;
        Ok(lanes.iter().map(|lane| self.sum_up(lane)).collect())
    }

    /// A lane for each destination, and the announcement of what will be done in it.
    fn lanes(&self, levels: &[survey::Level], wanted: &[PlannedBlob], missing: &[PlannedBlob]) -> Vec<Lane> {
        let lane = |(index, place): (usize, &Place)| {
            let (all, lacking) = (plan::amount_for(index, wanted), plan::amount_for(index, missing));
            let tally = Tally::new(place.to_string(), all, lacking, self.events.clone());
            if levels.iter().flatten().any(|surveyed| surveyed.lacking.contains(&index)) {
                tally.announce();
            }
            Lane { place: place.clone(), tally: Arc::new(tally) }
        };
        self.destinations.iter().enumerate().map(lane).collect()
    }

    /// Moves blobs in the order given, so many at a time.
    async fn transfer(&self, blobs: Vec<PlannedBlob>, lanes: &[Lane]) -> Result<(), CopyError> {
        let mut waiting = blobs.into_iter();
        let mut running = JoinSet::new();
        loop {
            for blob in waiting.by_ref().take(BLOBS_IN_FLIGHT - running.len()) {
                let lanes = blob.lacking.iter().map(|index| lanes[*index].clone()).collect();
                running.spawn(Transfer::new(self.source.clone(), blob.descriptor).run(lanes));
            }
            match running.join_next().await {
                Some(transferred) => transferred??,
                None => return Ok(()),
            }
        }
    }

    fn sum_up(&self, lane: &Lane) -> CopySummary {
        let summary = CopySummary {
            destination: lane.place.to_string(),
            digest: self.digest.clone(),
            blobs_copied: lane.tally.blobs_copied(),
            blobs_present: lane.tally.blobs_present(),
            bytes_sent: lane.tally.bytes_sent(),
            requests: self.source.registry.own_requests() + lane.place.registry.own_requests(),
            elapsed: self.started.elapsed(),
        };
        self.events.emit(Event::CopyFinished {
            destination: summary.destination.clone(),
            digest: summary.digest.clone(),
            bytes_sent: summary.bytes_sent,
            requests: summary.requests,
            elapsed_ms: milliseconds(summary.elapsed),
        });
        summary
    }
}
