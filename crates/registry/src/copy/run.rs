//! The order of one copy: what is lacking, blobs, manifests, referrers.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    commit::{self, Under},
    error::CopyError,
    lane::{self, Lane},
    place::Place,
    plan, presence, referrers,
    request::{CopyImage, CopyOptions, CopyRequest, CopySummary},
    subject::{self, Subject},
    survey,
    transfer::{self, Reading},
};
use shipgate_core::{digest::Digest, event::Emitter};

/// One copy on its way.
pub(super) struct Run {
    pub(super) source: Place,
    pub(super) lanes: Vec<Arc<Lane>>,
    pub(super) events: Emitter,
    pub(super) options: CopyOptions,
    reading: Arc<Reading>,
    started: Instant,
}

impl Run {
    pub(super) fn new(request: &CopyRequest<'_>, events: &Emitter) -> Self {
        Self {
            source: Place::new(request.source.registry, request.source.repository, events),
            lanes: request.destinations.iter().map(|destination| Lane::new(destination, events)).collect(),
            events: events.clone(),
            options: request.options.clone(),
            reading: Arc::default(),
            started: Instant::now(),
        }
    }

    /// Copies; for each destination, what it came to.
    pub(super) async fn finish(self, image: CopyImage<'_>) -> Result<Vec<Result<CopySummary, CopyError>>, CopyError> {
        let subject = subject::find(&self.source, image, self.options.platform.as_deref(), &self.lanes).await?;
        self.bring(&subject, Under::OwnTag).await?;
        referrers::follow(&self, &subject, self.options.referrers).await?;
        Ok(self.lanes.iter().map(|lane| self.end(lane, &subject.digest)).collect())
    }

    /// Brings one manifest, with all that hangs on it, to the destinations that lack it.
    pub(super) async fn bring(&self, subject: &Subject, under: Under<'_>) -> Result<(), CopyError> {
        let levels = survey::survey(&self.source, &self.lanes, subject).await?;
        let wanted = plan::wanted_blobs(&levels, &self.source)?;
        let missing = presence::without_present(&wanted, &self.lanes).await;
        for (index, lane) in lane::open(&self.lanes) {
            if levels.iter().flatten().any(|surveyed| surveyed.lacking.contains(&index)) {
                lane.tally.plan(index, &wanted, &missing);
            }
        }
        transfer::all(&self.source, missing, &self.lanes, &self.reading, &self.options.pool).await?;
        commit::commit(&levels, &self.lanes, under).await;
        Ok(())
    }

    /// What it came to at one destination.
    pub(super) fn end(&self, lane: &Lane, digest: &Digest) -> Result<CopySummary, CopyError> {
        if let Some(failure) = lane.take_failure() {
            if self.lanes.len() > 1 {
                self.events.emit(failure.as_event(format!("{lane:?}")));
            }
            return Err(failure);
        }
        let tally = &lane.tally;
        let summary = CopySummary {
            destination: tally.destination().to_owned(),
            tag: lane.tag.clone(),
            digest: digest.clone(),
            blobs_copied: tally.blobs_copied(),
            blobs_mounted: tally.blobs_mounted(),
            blobs_fetched: tally.blobs_fetched(),
            blobs_present: tally.blobs_present(),
            manifests_written: tally.manifests_written(),
            referrers: tally.referrers(),
            bytes_received: self.reading.bytes(),
            bytes_sent: tally.bytes_sent(),
            requests: self.source.registry.own_requests() + lane.place.registry.own_requests(),
            elapsed: self.started.elapsed(),
        };
        summary.announce(&self.events);
        Ok(summary)
    }
}
