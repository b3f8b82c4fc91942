//! One attempt to deploy an image, while other runs may attempt the same or something else.
//!
//! App Runner takes one operation at a time: that is the only lock there is. What an operation deploys is decided by a tag, which
//! anyone can move. So the runs agree on who may move it, by the record in the workload repository: the tag that names the image of
//! the operation after the newest is claimed before anything changes (`claim`), and the order is given by the holder of the claim
//! (`ordering`). After the order the holder makes tag and record true once more: a late write of another run may have hit them.

mod claim;
mod ordering;
#[cfg(test)]
mod tests;
mod watching;

pub use self::{claim::Claim, watching::Confirmed};

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{release::ReleaseError, tags::TagStore};
use crate::target::{DeployTarget, Started, TargetError};
use shipgate_core::{
    arn::ServiceArn,
    digest::Digest,
    event::{Emitter, Event},
    image::ImageReference,
    operation::OperationId,
    release::{Identifier, PastOperation, newcomer, record_tag},
    service::{LiveService, ServiceStatus},
};
use shipgate_registry::RegistryError;

/// How long a change may stay unseen: App Runner lists operations up to 20 s late, and its status is 5 s stale (field reports).
pub const SETTLE: Duration = Duration::from_secs(30);
/// How many seconds the clocks of App Runner and of this machine may differ. Operations' times are rounded down to a second.
const CLOCKS: i64 = 2;
/// From one look to the next.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// An attempt.
#[derive(Clone, Copy)]
pub struct Attempt<'a, T, S> {
    /// Where services run.
    pub target: &'a T,
    /// The tags of the workload repository.
    pub tags: &'a S,
    /// The service's name.
    pub service: &'a str,
    /// The service; `None` where it is to be created.
    pub arn: Option<&'a ServiceArn>,
    /// The image.
    pub digest: &'a Digest,
    /// What the service deploys from, or is to.
    pub identifier: &'a Identifier,
    /// The service's operations when it was decided to deploy, newest first.
    pub before: &'a [PastOperation],
    /// When this run began.
    pub began: Timestamp,
    /// When this run moved the tag, if it did, and from where.
    pub moved: Option<&'a Moved>,
    /// Whether this run has claimed the same operation before, in an earlier attempt.
    pub has_claimed: bool,
    /// The image whose claim counts as none: the one that the service serves.
    pub neutral: Option<&'a Digest>,
    /// Where events go.
    pub events: &'a Emitter,
    /// What stops the run.
    pub cancel: &'a CancellationToken,
}

/// A tag that this run has moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The moment before, by this machine's clock.
    pub at: Timestamp,
    /// Where the tag pointed.
    pub from: Option<Digest>,
}

/// The run that was faster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Winner {
    /// Its image.
    pub digest: Digest,
    /// Its operation.
    pub operation: OperationId,
}

/// How an attempt ends.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The service took this run's order.
    Started(Started),
    /// An operation of another run deploys the same image.
    Follow(Started),
    /// Another run deploys another image.
    Overtaken(Winner),
    /// The service has changed, in a way that says nothing of this image: decide again.
    Again,
    /// This operation was ordered by another tool before the tag was moved: what it deploys is not this image, whatever the record
    /// says. Wait for it and decide again.
    Foreign(OperationId),
}

/// What has come since it was decided to deploy.
#[derive(Clone, Debug)]
enum News {
    /// Nothing is listed; the service, if there is one, is in this state.
    None(Option<ServiceStatus>),
    /// This came of it.
    Came(Outcome),
    /// An operation came, and tag and record do not agree on what it deploys; they may the next moment.
    Unclear,
}

/// The attempt could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The order came to nothing, or nobody knows to what.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The service was busy with something else when it was given the order. Nothing of this image runs.
    #[error("the service is busy")]
    Busy(#[source] TargetError),
    /// The service cannot be seen.
    #[error("cannot look at the service")]
    Unseen(#[source] TargetError),
    /// The tag points elsewhere although this run holds the claim.
    #[error("the tag was moved")]
    TagTaken(Option<Digest>),
    /// It cannot be seen where the tag points.
    #[error("cannot see where the tag points")]
    TagUnseen(#[source] RegistryError),
    /// The run was stopped.
    #[error("cancelled")]
    Cancelled,
}

impl<T: DeployTarget, S: TagStore> Attempt<'_, T, S> {
    /// The tag of the record that names the image of the next operation.
    #[must_use]
    pub fn record(&self) -> String {
        record_tag(self.service, self.before.first().map(|newest| &newest.id))
    }

    /// The tag that is moved for this image; `None` where the service's identifier can only mean one image.
    #[must_use]
    pub fn moving_tag(&self) -> Option<&str> {
        if self.identifier.is_fixed() { None } else { self.identifier.tag() }
    }

    async fn news(&self) -> Result<News, TargetError> {
        let Some(live) = self.target.service(self.service).await? else { return Ok(News::None(None)) };
        let now = self.target.recent_operations(&live.arn).await?;
        self.read_news(&live, &now).await
    }

    async fn read_news(&self, live: &LiveService, now: &[PastOperation]) -> Result<News, TargetError> {
        if self.arn.is_some_and(|arn| *arn != live.arn) {
            return Ok(News::Came(Outcome::Again));
        }
        match newcomer(self.before, now) {
            Some((operation, predecessor)) => Ok(self.judge(live, operation, predecessor).await),
            None => Ok(News::None(Some(live.status.clone()))),
        }
    }

    /// What an operation means that this run has not ordered.
    async fn judge(&self, live: &LiveService, operation: &PastOperation, predecessor: Option<&PastOperation>) -> News {
        if !operation.kind.deploys() {
            return News::Came(Outcome::Again);
        }
        let record = record_tag(self.service, predecessor.map(|before| &before.id));
        let Ok(recorded) = self.tags.digest_of(&record).await else { return News::Unclear };
        let tagged = match self.moving_tag() {
            Some(tag) => match self.tags.digest_of(tag).await {
                Ok(found) => found,
                Err(_) => return News::Unclear,
            },
            None => None,
        };
        let in_place = tagged.as_ref() == Some(self.digest);
        let configured: Option<ImageReference> =
            live.image_identifier.as_deref().and_then(|identifier| identifier.parse().ok());
        let pinned = configured.as_ref().and_then(ImageReference::digest);
        let is_recorded = recorded.as_ref() == Some(self.digest);
        let is_ours = if self.identifier.is_fixed() {
            let is_configured = configured.as_ref().is_some_and(|configured| self.identifier.is(configured));
            // What was rolled back has its identifier no more.
            is_configured || (is_recorded && operation.has_failed())
        } else {
            is_recorded && in_place
        };
        // The tag names a third image: one of the two was written late, by a run that has lost, and the winner corrects it.
        let is_disputed = pinned.is_none()
            && operation.status.verdict().is_none()
            && tagged.is_some_and(|tagged| tagged != *self.digest && Some(&tagged) != recorded.as_ref());
        let theirs = pinned.cloned().or(recorded).filter(|digest| digest != self.digest);
        match theirs {
            Some(_) if is_disputed => News::Unclear,
            _ if is_ours && self.is_from_before(operation) => {
                if let Some(from) = self.moved.and_then(|moved| moved.from.as_ref()) {
                    let _corrected = self.tags.point(&record, from).await;
                }
                News::Came(Outcome::Foreign(operation.id.clone()))
            }
            _ if is_ours => {
                let started = Started { service: live.arn.clone(), operation: operation.id.clone() };
                News::Came(Outcome::Follow(started))
            }
            // It brought nothing up, so nothing was won; or it was in progress before this run began, and is waited for.
            Some(_) if operation.has_failed() || !operation.is_since(self.began) => News::Came(Outcome::Again),
            Some(digest) => News::Came(Outcome::Overtaken(Winner { digest, operation: operation.id.clone() })),
            None => News::Unclear,
        }
    }

    /// Whether an operation started before this run moved the tag. Runs of shipgate order after the tag points at their image, so
    /// no run of this image has ordered that one.
    fn is_from_before(&self, operation: &PastOperation) -> bool {
        let started = operation.started_at.map(Timestamp::as_second);
        let moved = self.moved.map(|moved| moved.at.as_second());
        started.zip(moved).is_some_and(|(started, moved)| started + CLOCKS < moved)
    }

    async fn pause(&self, time: Duration) -> Result<(), AttemptError> {
        self.cancel.run_until_cancelled(sleep(time)).await.ok_or(AttemptError::Cancelled)
    }

    fn warn_of_record(&self, error: &dyn std::error::Error) {
        let why: Vec<String> =
            std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
        self.events.emit(Event::Warning {
            message: format!(
                "cannot record which image is deployed (tag {}): {}; two runs at once may get in each other's way, and the next \
                 run may deploy the same image once more",
                self.record(),
                why.join(": ")
            ),
        });
    }
}
