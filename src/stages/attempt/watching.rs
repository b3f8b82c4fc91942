//! After the order: tag and record are held until App Runner has pulled, and what was deployed is confirmed. Or nothing was ordered,
//! and they are put back.

use std::{collections::VecDeque, future::Future, pin::pin, time::Duration};

use tokio::time::sleep;

use super::{Attempt, INTERVAL, News, Winner};
use crate::{
    stages::{promote::PromoteError, tags::TagStore},
    target::{DeployTarget, Started},
};
use shipgate_core::{digest::Digest, event::Event, release::record_tag, service::ServiceStatus};
use shipgate_registry::RegistryError;

/// How long the status may stay stale, and some more.
const STATUS_SETTLE: Duration = Duration::from_secs(6);
/// When tag and record are looked at again after an order, while App Runner may not have pulled the image yet.
const WATCH_AFTER: [u64; 5] = [1, 2, 4, 8, 15];

/// What an operation that ended well is known to have deployed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Confirmed {
    /// This image.
    Deployed,
    /// Another run's.
    Overtaken(Winner),
    /// Perhaps another image: the tag points there, or did when App Runner may have pulled.
    TagMoved(Option<Digest>),
}

impl<T: DeployTarget, S: TagStore> Attempt<'_, T, S> {
    /// Makes tag and record name this image, and goes on looking at them while `work` follows the operation. True besides when the
    /// tag was found elsewhere while App Runner may have pulled it.
    pub async fn guard<R>(&self, work: impl Future<Output = R>) -> (R, bool) {
        let (mut work, mut hold) = (pin!(work), pin!(self.hold()));
        // The work first: it says that it follows, and a signal ends it. What is being corrected is finished even then.
        let mut was_elsewhere = tokio::select! {
            biased;
            done = &mut work => return (done, hold.await),
            is_elsewhere = &mut hold => is_elsewhere,
        };
        let mut pauses: VecDeque<u64> = WATCH_AFTER.into();
        while let Some(seconds) = pauses.pop_front() {
            let watching = async {
                sleep(Duration::from_secs(seconds)).await;
                self.watch().await
            };
            tokio::select! {
                done = &mut work => return (done, was_elsewhere),
                is_elsewhere = watching => was_elsewhere |= is_elsewhere,
            }
        }
        (work.await, was_elsewhere)
    }

    /// Whether an operation that ended well deployed this image: the record of it must name the image, and the tag too, unless it
    /// was moved for a later operation. Of an operation that this run ordered (`is_ours`) the record is corrected.
    ///
    /// # Errors
    /// What keeps the registry from saying where the tag points.
    pub async fn confirm(
        &self,
        started: &Started,
        is_ours: bool,
        was_elsewhere: bool,
    ) -> Result<Confirmed, RegistryError> {
        let operations = self.target.recent_operations(&started.service).await.unwrap_or_default();
        let at = operations.iter().position(|one| one.id == started.operation);
        if let Some(at) = at {
            let record = record_tag(self.service, operations.get(at + 1).map(|before| &before.id));
            match self.tags.digest_of(&record).await {
                Ok(Some(digest)) if digest != *self.digest && !is_ours => {
                    return Ok(Confirmed::Overtaken(Winner { digest, operation: started.operation.clone() }));
                }
                Ok(found) if found.as_ref() != Some(self.digest) => {
                    if let Err(error) = self.tags.point(&record, self.digest).await {
                        self.warn_of_record(&error);
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
        let Some(tag) = self.moving_tag() else { return Ok(Confirmed::Deployed) };
        let found = self.tags.digest_of(tag).await?;
        let is_in_place = found.as_ref() == Some(self.digest);
        if !was_elsewhere && (is_in_place || self.is_for_later(started, at, found.as_ref()).await) {
            return Ok(Confirmed::Deployed);
        }
        Ok(Confirmed::TagMoved(found))
    }

    /// Whether a later operation, which is listed or claimed, explains where the tag points. `at` is the place of this one.
    async fn is_for_later(&self, started: &Started, at: Option<usize>, found: Option<&Digest>) -> bool {
        if at.is_some_and(|at| at > 0) {
            return true;
        }
        let claimed = self.tags.digest_of(&record_tag(self.service, Some(&started.operation))).await;
        matches!(claimed, Ok(Some(claimed)) if found == Some(&claimed))
    }

    /// After the service took the order: makes tag and record name this image, should a late write of another run have changed
    /// them. True when the tag pointed elsewhere: App Runner may have pulled that.
    async fn hold(&self) -> bool {
        self.hold_record().await;
        let Some(tag) = self.moving_tag() else { return false };
        match self.tags.digest_of(tag).await {
            Ok(found) if found.as_ref() != Some(self.digest) => {
                let corrected = self.tags.point(tag, self.digest).await;
                self.warn_of_tag(tag, found.as_ref(), corrected.err().as_ref());
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// Makes the record name this image, and says whether the tag points elsewhere, while App Runner may still pull.
    async fn watch(&self) -> bool {
        self.hold_record().await;
        let Some(tag) = self.moving_tag() else { return false };
        matches!(self.tags.digest_of(tag).await, Ok(found) if found.as_ref() != Some(self.digest))
    }

    async fn hold_record(&self) {
        let record = self.record();
        if let Ok(Some(found)) = self.tags.digest_of(&record).await
            && found != *self.digest
        {
            // What cannot be corrected is warned of by whoever relies on it: the next run deploys once more.
            let _corrected = self.tags.point(&record, self.digest).await;
        }
    }

    /// Another run was faster: if the tag still points at this image, because this run moved it, it is pointed at the winner's.
    /// True when it points there now.
    pub async fn yield_to(&self, winner: &Digest) -> bool {
        let Some(tag) = self.moving_tag() else { return false };
        match self.tags.digest_of(tag).await {
            Ok(found) if found.as_ref() == Some(self.digest) => self.tags.point(tag, winner).await.is_ok(),
            Ok(found) => found.as_ref() == Some(winner),
            Err(_) => false,
        }
    }

    /// Whether it is certain that no operation which was ordered for this image runs: the service is free, and has been for as
    /// long as its status may be stale.
    pub async fn is_quiet(&self) -> bool {
        let mut left = STATUS_SETTLE;
        loop {
            match self.news().await {
                Ok(News::None(None | Some(ServiceStatus::Running))) => {}
                Ok(_) | Err(_) => return false,
            }
            if left.is_zero() {
                return true;
            }
            // After a signal there is no time: one look must do.
            if self.cancel.run_until_cancelled(sleep(INTERVAL)).await.is_none() {
                return true;
            }
            left = left.saturating_sub(INTERVAL);
        }
    }

    /// Points the tag and the record back at `previous`, if both still name this image.
    ///
    /// # Errors
    /// [`PromoteError`]; the tag may then still point at this image.
    pub async fn restore(&self, tag: &str, previous: &Digest) -> Result<bool, PromoteError> {
        if !matches!(self.tags.digest_of(tag).await, Ok(Some(found)) if found == *self.digest) {
            return Ok(false);
        }
        self.tags.point(tag, previous).await?;
        let record = self.record();
        if matches!(self.tags.digest_of(&record).await, Ok(Some(found)) if found == *self.digest) {
            let _corrected = self.tags.point(&record, previous).await;
        }
        Ok(true)
    }

    fn warn_of_tag(&self, tag: &str, found: Option<&Digest>, error: Option<&PromoteError>) {
        let found = found.map_or("nothing", Digest::short);
        let now = error.map_or_else(|| "it was moved back".to_owned(), ToString::to_string);
        self.events.emit(Event::Warning {
            message: format!("tag {tag} pointed at {found} when App Runner took the order: {now}"),
        });
    }
}
