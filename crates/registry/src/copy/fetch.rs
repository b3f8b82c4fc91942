//! A copy that the destinations make themselves, through their pull-through caches. Each is asked for every manifest by its
//! digest, which makes it fetch them and what they name; then it is waited for until it has all blobs. No byte of a blob
//! comes through here. Only then is a tag written.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use tokio::time::Instant;

use super::{
    commit::{self, Under},
    error::CopyError,
    lane::{self, Lane},
    plan::{self, PlannedBlob},
    presence,
    request::{CopyImage, CopySummary},
    run::Run,
    subject,
    survey::{self, Level},
};
use crate::{
    error::RegistryError,
    retry::{self, Patience},
};
use shipgate_core::{
    digest::Digest, event::Event, manifest::RawManifest, pull_through::Passage, referrers::ReferrersPolicy,
};

/// Manifests asked for at the same time: each may make the destination fetch a whole image.
const MANIFESTS_IN_FLIGHT: usize = 8;

impl Run {
    /// Has every destination fetch the image; for each, what it came to.
    pub(super) async fn have_fetched(
        self,
        image: CopyImage<'_>,
    ) -> Result<Vec<Result<CopySummary, CopyError>>, CopyError> {
        if self.options.referrers != ReferrersPolicy::Skip {
            let message = "signatures, SBOMs and attestations are left out: a pull-through cache fetches images alone";
            self.events.emit(Event::Notice { message: message.to_owned() });
        }
        let (digest, raw) = subject::read(&self.source, image, self.options.platform.as_deref()).await?;
        let raw = match raw {
            Some(raw) => raw,
            None => self.source.must_have(digest.as_str()).await?,
        };
        let all = (0..self.lanes.len()).collect();
        let levels = survey::whole(&self.source, &raw, all).await?;
        let wanted = plan::wanted_blobs(&levels, &self.source)?;
        let (run, levels, wanted) = (&self, &levels, &wanted);
        join_all(lane::open(&self.lanes).map(|(index, lane)| async move {
            if let Err(error) = run.fetch(index, lane, levels, wanted).await {
                lane.fail(error);
            }
        }))
        .await;
        Ok(self.lanes.iter().map(|lane| self.end(lane, &digest)).collect())
    }

    async fn fetch(
        &self,
        index: usize,
        lane: &Lane,
        levels: &[Level],
        wanted: &[PlannedBlob],
    ) -> Result<(), CopyError> {
        let missing = missing(lane, wanted).await;
        lane.tally.plan(index, wanted, &missing);
        self.events.emit(Event::Notice { message: format!("{} fetches it itself from {}", lane.place, self.source) });
        for level in levels {
            stream::iter(level)
                .map(|manifest| self.pull(lane, &manifest.raw))
                .buffer_unordered(MANIFESTS_IN_FLIGHT)
                .try_collect::<Vec<()>>()
                .await?;
        }
        wait_until_all_are_there(lane, missing).await?;
        match levels.first().and_then(|level| level.first()) {
            Some(root) => tag(lane, &root.raw).await,
            None => Ok(()),
        }
    }

    /// Reads a manifest through the cache. What comes has the digest asked for, or it is an error: so it is the source's,
    /// byte for byte. One that is not there may be there a moment later.
    async fn pull(&self, lane: &Lane, raw: &RawManifest) -> Result<(), CopyError> {
        let (registry, repository) = (&lane.place.registry, lane.place.repository.as_str());
        let action = registry.action("fetch manifest", raw.digest.as_str(), repository);
        let mut failed = 0;
        loop {
            match registry.manifest(repository, raw.digest.as_str()).await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(source) => return Err(self.not_fetched(lane, source)),
            }
            failed += 1;
            let absent = RegistryError::ContentNotFound { action: Box::new(action.clone()) };
            retry::pause(registry, &action, failed, absent).await.map_err(|source| self.not_fetched(lane, source))?;
        }
    }

    fn not_fetched(&self, lane: &Lane, source: RegistryError) -> CopyError {
        let passage = Passage {
            source_host: self.source.registry.host().to_owned(),
            source_repository: self.source.repository.clone(),
            host: lane.place.registry.host().to_owned(),
            repository: lane.place.repository.clone(),
        };
        CopyError::NotFetched { passage: Box::new(passage), source }
    }
}

/// What of this the destination lacks before it is asked for anything. A repository that is not there yet, or a registry that
/// cannot say, lacks all of it; a blob is not asked for by itself, since that may make the destination fetch it.
async fn missing(lane: &Lane, wanted: &[PlannedBlob]) -> Vec<PlannedBlob> {
    let asked: Vec<&Digest> = wanted.iter().map(|blob| &blob.descriptor.digest).collect();
    let answer = lane.place.registry.check_in_batches(&lane.place.repository, &asked).await;
    let present = answer.and_then(Result::ok).unwrap_or_default();
    wanted.iter().filter(|blob| !present.contains(&blob.descriptor.digest)).cloned().collect()
}

async fn wait_until_all_are_there(lane: &Lane, mut missing: Vec<PlannedBlob>) -> Result<(), CopyError> {
    let patience = *lane.place.registry.patience();
    let (mut quiet_since, mut quiet_rounds) = (Instant::now(), 0);
    loop {
        let asked: Vec<&Digest> = missing.iter().map(|blob| &blob.descriptor.digest).collect();
        let present = presence::present_in(lane, &asked).await?;
        let (arrived, still): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|blob| present.contains(&blob.descriptor.digest));
        for blob in &arrived {
            lane.tally.blob_fetched(&blob.descriptor);
        }
        missing = still;
        if !arrived.is_empty() {
            (quiet_since, quiet_rounds) = (Instant::now(), 0);
        }
        let Some(first) = missing.first() else { return Ok(()) };
        let Some(delay) = delay_before_next_look(&patience, quiet_rounds, quiet_since.elapsed()) else {
            return Err(CopyError::NotArrived {
                repository: lane.place.to_string(),
                missing: missing.len(),
                first: first.descriptor.digest.clone(),
                after: quiet_since.elapsed(),
            });
        };
        tokio::time::sleep(delay).await;
        quiet_rounds += 1;
    }
}

/// How long to wait before looking again for blobs that are on their way, or `None` to give up: the destination has the time
/// that a registry may take over the end of an upload, anew with each blob that comes.
fn delay_before_next_look(patience: &Patience, quiet_rounds: u32, quiet_for: Duration) -> Option<Duration> {
    let delay = patience.first_delay.saturating_mul(1 << quiet_rounds.min(16)).min(patience.longest_delay);
    (quiet_for < patience.commit).then_some(delay)
}

/// The tag, where one is asked for. It is looked at first: some registries refuse even the same digest again.
async fn tag(lane: &Lane, raw: &RawManifest) -> Result<(), CopyError> {
    let Some(tag) = &lane.tag else { return Ok(()) };
    let there = lane.place.registry.manifest_digest(&lane.place.repository, tag).await?;
    if there.as_ref() == Some(&raw.digest) { Ok(()) } else { commit::write(lane, raw, Under::OwnTag).await }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::delay_before_next_look;
    use crate::retry::Patience;

    #[test]
    fn it_is_looked_for_ever_more_seldom_until_nothing_has_come_for_too_long() {
        let patience = Patience::default();
        let table = [
            (0, 0, Some(400)),
            (1, 0, Some(800)),
            (3, 10, Some(3200)),
            (5, 60, Some(10_000)),
            (40, 299, Some(10_000)),
            (40, 300, None),
            (0, 301, None),
        ];
        for (rounds, seconds, expected) in table {
            let delay = delay_before_next_look(&patience, rounds, Duration::from_secs(seconds));
            assert_eq!(delay, expected.map(Duration::from_millis), "{rounds} {seconds}");
        }
    }
}
