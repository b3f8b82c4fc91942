//! The order: given when this run holds the claim and the tag points at its image, and again as long as it is certain that nothing
//! came of it.

use std::time::Duration;

use tokio::time::Instant;

use super::{Attempt, AttemptError, INTERVAL, News, Outcome, SETTLE};
use crate::{
    stages::{
        release::{self, Answer, ReleaseError, ReleaseOrder},
        tags::TagStore,
    },
    target::{DeployTarget, TargetError},
};
use shipgate_core::{
    event::{Event, milliseconds},
    release::newcomer,
    service::ServiceStatus,
};

/// The longest pause before a throttled order is given again.
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// What an order that was not taken has left.
enum Settled {
    /// An operation, or another service.
    Came(Outcome),
    /// A service that is free, and no operation.
    Free,
    /// A service that is busy with something that is not listed.
    Busy,
}

impl<T: DeployTarget, S: TagStore> Attempt<'_, T, S> {
    /// Gives the order, once the claim is `held`, or the record cannot be kept. `sending` is told when the order is on its way, and
    /// when it is known what came of it. An order that was not taken is given again until `deadline`.
    ///
    /// # Errors
    /// [`AttemptError`] says whether nothing runs, or nobody knows.
    pub async fn order(
        &self,
        order: &ReleaseOrder,
        held: bool,
        deadline: Instant,
        sending: impl Fn(bool),
    ) -> Result<Outcome, AttemptError> {
        let begun = Instant::now();
        let mut attempt = 0;
        loop {
            if let Some(outcome) = self.last_look(held).await? {
                return Ok(outcome);
            }
            attempt += 1;
            sending(true);
            let error = match release::give_once(self.target, order).await {
                Ok(started) => {
                    sending(false);
                    let nothing = ReleaseError::Nothing { order: order.name() };
                    return started.map(Outcome::Started).ok_or(AttemptError::Release(nothing));
                }
                Err(error) => error,
            };
            let pause = match release::read_answer(&error) {
                Answer::Refused => {
                    sending(false);
                    return Err(ReleaseError::Refused(error).into());
                }
                Answer::RoleTooNew if begun.elapsed() >= release::ROLE_PROPAGATION => {
                    sending(false);
                    return Err(ReleaseError::Refused(error).into());
                }
                Answer::RoleTooNew => release::ROLE_INTERVAL,
                Answer::Throttled => {
                    let doubled = Duration::from_secs(1 << attempt.min(5)).min(LONGEST_PAUSE);
                    doubled.mul_f64(0.5 + fastrand::f64() * 0.5)
                }
                Answer::Busy => {
                    sending(false);
                    return self.after_refusal(error).await;
                }
                Answer::Unknown => {
                    let warned = format!("no answer to the order ({error}); looking for what came of it");
                    self.events.emit(Event::Warning { message: warned });
                    match self.settle().await {
                        Ok(Settled::Came(outcome)) => {
                            sending(false);
                            return Ok(outcome);
                        }
                        Ok(Settled::Free) => Duration::ZERO,
                        // What keeps it busy may be what was ordered.
                        Ok(Settled::Busy) => return Err(AttemptError::Busy(error)),
                        Err(_) => return Err(ReleaseError::Unknown(error).into()),
                    }
                }
            };
            sending(false);
            if Instant::now() + pause >= deadline {
                return Err(ReleaseError::NotTaken(error).into());
            }
            self.events.emit(Event::Retrying {
                what: order.name().to_owned(),
                cause: error.to_string(),
                attempt: attempt + 1,
                delay_ms: milliseconds(pause),
            });
            if self.pause(pause).await.is_err() {
                return Err(AttemptError::Cancelled);
            }
        }
    }

    /// What must hold right before the order: nothing came since, the claim is this run's, and the tag points at the image.
    async fn last_look(&self, held: bool) -> Result<Option<Outcome>, AttemptError> {
        let operations = async {
            match self.arn {
                Some(arn) => self.target.recent_operations(arn).await,
                None => Ok(Vec::new()),
            }
        };
        let record = self.record();
        let tag = async {
            match self.moving_tag() {
                Some(tag) => self.tags.digest_of(tag).await,
                None => Ok(Some(self.digest.clone())),
            }
        };
        let (operations, claimed, points_at) = tokio::join!(operations, self.tags.digest_of(&record), tag);
        let operations = operations.map_err(AttemptError::Unseen)?;
        if newcomer(self.before, &operations).is_some() {
            return match self.news().await.map_err(AttemptError::Unseen)? {
                News::Came(outcome) => Ok(Some(outcome)),
                News::None(_) | News::Unclear => Ok(Some(Outcome::Again)),
            };
        }
        if held && matches!(claimed, Ok(claimed) if claimed.as_ref() != Some(self.digest)) {
            return Ok(Some(Outcome::Again));
        }
        match points_at {
            Ok(found) if found.as_ref() == Some(self.digest) => Ok(None),
            Ok(found) => Err(AttemptError::TagTaken(found)),
            Err(error) => Err(AttemptError::TagUnseen(error)),
        }
    }

    /// A service that was not RUNNING when it got the order is busy: with this image, with another one, or with something else.
    async fn after_refusal(&self, error: TargetError) -> Result<Outcome, AttemptError> {
        let message = format!("the service is busy ({error}); looking for what with");
        self.events.emit(Event::Notice { message });
        match self.settle().await? {
            Settled::Came(outcome) => Ok(outcome),
            Settled::Free | Settled::Busy => Err(AttemptError::Busy(error)),
        }
    }

    /// Looks until an operation is listed, or for as long as one may stay unlisted.
    async fn settle(&self) -> Result<Settled, AttemptError> {
        let begun = Instant::now();
        loop {
            let is_over = begun.elapsed() >= SETTLE;
            match self.news().await {
                Ok(News::Came(outcome)) => return Ok(Settled::Came(outcome)),
                Ok(News::None(Some(ServiceStatus::OperationInProgress))) if is_over => return Ok(Settled::Busy),
                Ok(News::None(Some(ServiceStatus::Running) | None)) if is_over => return Ok(Settled::Free),
                Ok(News::None(Some(ServiceStatus::OperationInProgress | ServiceStatus::Running) | None)) => {}
                // A state that no operation of ours leaves at once.
                Ok(News::None(Some(_))) if self.arn.is_some() => return Ok(Settled::Came(Outcome::Again)),
                Ok(News::None(Some(_)) | News::Unclear) if is_over => return Ok(Settled::Came(Outcome::Again)),
                Err(error) if begun.elapsed() >= 2 * SETTLE => return Err(AttemptError::Unseen(error)),
                Ok(News::None(Some(_)) | News::Unclear) | Err(_) => {}
            }
            self.pause(INTERVAL).await?;
        }
    }
}
