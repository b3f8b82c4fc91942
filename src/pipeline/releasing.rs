//! From the claimed record to the running operation: the steps of `deploy` that change what others see. Other runs may do the same at
//! the same time: each step looks before it acts, and a tag is put back only where it is certain that nothing deploys from it.

mod notes;

use std::future::Future;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    deploy::{Adapters, Run},
    failure::Failure,
    narrator::Told,
    preparing::Ready,
    progress::{MovedTag, UnderWay},
};
use crate::{
    stages::{
        attempt::{Attempt, AttemptError, Claim, Confirmed, Moved, Outcome, Winner},
        promote::{Place, PromoteError},
        release::{self, ReleaseError},
        resolve::ResolvedImage,
        tags::{RegistryTags, TagStore},
    },
    target::{DeployTarget, Started, TargetError},
};
use shipgate_core::{
    event::{Event, Stage},
    release::{IfBusy, ReleaseVerb},
};

/// What is released: the image, to a service that takes the call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release<'a, T> {
    pub(super) run: &'a Run,
    pub(super) adapters: &'a Adapters<T>,
    /// The service's name.
    pub(super) service: &'a str,
    pub(super) image: &'a ResolvedImage,
    pub(super) ready: &'a Ready,
    pub(super) if_busy: IfBusy,
    /// Until when an order that was not taken is given again.
    pub(super) deadline: Instant,
}

/// What a release came to.
pub(super) enum Released {
    /// This run's operation.
    Ours(Started),
    /// An operation of another run, for the same image.
    Followed(Started),
    /// The service has changed: it is to be looked at and decided again.
    Again,
}

impl<T: DeployTarget> Release<'_, T> {
    fn tags(&self) -> RegistryTags<'_> {
        RegistryTags {
            registry: &self.adapters.destination,
            repository: self.repository(),
            image: &self.image.manifest,
            cancel: self.run.narrator.cancellation.token(),
        }
    }

    fn attempt<'s>(
        &'s self,
        tags: &'s RegistryTags<'s>,
        moved: Option<&'s MovedTag>,
    ) -> Attempt<'s, T, RegistryTags<'s>> {
        let seen = &self.ready.look.seen;
        Attempt {
            target: &self.adapters.target,
            tags,
            service: self.service,
            arn: seen.live.as_ref().map(|live| &live.arn),
            digest: self.image.digest(),
            identifier: &self.ready.look.plan.identifier,
            before: &seen.operations,
            began: seen.began,
            moved: moved.map(|moved| &moved.moved),
            has_claimed: self.run.progress.has_claimed(seen.newest()),
            neutral: seen.serving.as_ref().filter(|serving| seen.points_at.as_ref() == Some(serving)),
            events: self.run.events(),
            cancel: self.run.narrator.cancellation.token(),
        }
    }

    /// Claims the next operation of the service and moves the tag, where the service deploys from one.
    pub(super) async fn promote(&self) -> Result<Told<Result<Claim, Outcome>>, Failure> {
        let tags = self.tags();
        let attempt = self.attempt(&tags, None);
        let claim = attempt.claim().await.map_err(|error| self.failed(error, Stage::Promote))?;
        if let Claim::Ended(outcome) = claim {
            let detail = self.judged(&outcome)?;
            return Ok(Told::skipped(Err(outcome), detail));
        }
        self.run.progress.claims(self.ready.look.seen.newest());
        self.keep_the_record_true().await;
        let Some(tag) = self.ready.look.plan.tag() else {
            return Ok(Told::skipped(Ok(claim), "the service deploys by digest, no tag is moved"));
        };
        let detail = self.move_tag(&tags, tag).await?;
        Ok(if let Some(detail) = detail {
            Told::done(Ok(claim), detail)
        } else {
            let digest = self.image.digest().short();
            Told::skipped(Ok(claim), format!("tag {tag} points at {digest} already"))
        })
    }

    /// Points the tag at the image, unless it does already: some registries refuse even the same digest again. Says from where.
    async fn move_tag(&self, tags: &RegistryTags<'_>, tag: &str) -> Result<Option<String>, PromoteError> {
        let digest = self.image.digest();
        let not_moved =
            |source| PromoteError::NotMoved { place: self.place(tag).name(), digest: digest.clone(), source };
        let previous = tags.digest_of(tag).await.map_err(not_moved)?;
        let is_moved = previous.as_ref() != Some(digest);
        let at = Timestamp::now();
        if is_moved {
            if self.ready.verb == ReleaseVerb::FollowPush {
                self.run.progress.push_deploys();
            }
            self.run.progress.begins(UnderWay::Tag);
            let moved = tags.point(tag, digest).await;
            self.run.progress.answered();
            if let (Err(PromoteError::NotMoved { .. }), Some(previous)) = (&moved, &previous) {
                // Nothing comes of the claim: no other run need wait for it.
                let _released = tags.point(&self.attempt(tags, None).record(), previous).await;
            }
            moved?;
        }
        self.run.events().emit(Event::Promoted {
            repository: format!("{}/{}", self.adapters.destination.host(), self.repository()),
            tag: tag.to_owned(),
            previous: previous.clone(),
            digest: digest.clone(),
        });
        if !is_moved {
            return Ok(None);
        }
        let detail = match &previous {
            None => format!("new tag {tag} points at {}", digest.short()),
            Some(previous) => format!("tag {tag} moved from {} to {}", previous.short(), digest.short()),
        };
        self.run.progress.tag_moved(MovedTag { tag: tag.to_owned(), moved: Moved { at, from: previous } });
        Ok(Some(detail))
    }

    /// Gives the order, or finds the operation that the push of the tag was the order for.
    async fn release(&self, held: bool) -> Result<Told<Outcome>, Failure> {
        let seen = &self.ready.look.seen;
        let live = seen.live.as_ref().map(|live| &live.arn);
        let outcome = match (&self.ready.verb, live) {
            (ReleaseVerb::FollowPush, Some(arn)) => {
                let cancel = self.run.narrator.cancellation.token();
                let found = release::find_pushed(&self.adapters.target, arn, &seen.operations, cancel).await;
                Outcome::Started(found?)
            }
            (verb, _) => {
                let order = self.ready.look.plan.order(verb, live);
                let order = order.ok_or_else(|| Failure::Changed("there is nothing to order".to_owned()))?;
                let sending = |is_sent| {
                    if is_sent {
                        self.run.progress.begins(UnderWay::Order);
                    } else {
                        self.run.progress.answered();
                    }
                };
                let (tags, moved) = (self.tags(), self.run.progress.moved_tag());
                match self.attempt(&tags, moved.as_ref()).order(&order, held, self.deadline, sending).await {
                    Ok(outcome) => outcome,
                    Err(AttemptError::Busy(_)) if self.if_busy == IfBusy::Wait => Outcome::Again,
                    Err(error) => return Err(self.failed(error, Stage::Release)),
                }
            }
        };
        if let Outcome::Started(started) = &outcome {
            self.run.events().emit(Event::Released {
                verb: self.ready.verb.name().to_owned(),
                service_arn: started.service.to_string(),
                operation: started.operation.clone(),
            });
            self.run.progress.deployment_started(started);
            let detail = format!("{}, operation {}", self.ready.verb.name(), started.operation);
            return Ok(Told::done(outcome, detail));
        }
        let detail = self.judged(&outcome)?;
        Ok(Told::skipped(outcome, detail))
    }

    /// One line on what was not this run's doing.
    ///
    /// # Errors
    /// [`Failure::Overtaken`].
    #[expect(clippy::result_large_err, reason = "made once in a run")]
    fn judged(&self, outcome: &Outcome) -> Result<String, Failure> {
        match outcome {
            Outcome::Started(started) => Ok(format!("operation {}", started.operation)),
            Outcome::Follow(started) => {
                Ok(format!("operation {} of another run deploys this image: it is followed", started.operation))
            }
            Outcome::Foreign(operation) => {
                self.run.progress.distrust(operation);
                Ok(format!("operation {operation} started before the tag was moved: it is waited for"))
            }
            Outcome::Again => Ok("the service has changed: it is looked at again".to_owned()),
            Outcome::Overtaken(Winner { digest, operation }) => {
                Err(Failure::Overtaken { digest: digest.clone(), operation: operation.clone() })
            }
        }
    }

    fn failed(&self, error: AttemptError, stage: Stage) -> Failure {
        let signal = self.run.narrator.cancellation.signal();
        match error {
            AttemptError::Release(ReleaseError::Refused(TargetError::Call(fault)))
                if signal.is_some() && release::is_for_now(&fault) =>
            {
                Failure::cancelled(signal, stage)
            }
            AttemptError::Release(error) => Failure::Release(error),
            AttemptError::Busy(source) => Failure::Release(ReleaseError::Busy(source)),
            AttemptError::Unseen(source) => Failure::Service { service: self.service.to_owned(), source },
            AttemptError::TagTaken(found) => {
                let tag = self.ready.look.plan.tag().unwrap_or_default().to_owned();
                Failure::TagTaken { tag, wanted: self.image.digest().clone(), found, deployed: false }
            }
            AttemptError::TagUnseen(source) => {
                let tag = self.ready.look.plan.tag().unwrap_or_default().to_owned();
                Failure::TagUnseen { tag, deployed: false, source }
            }
            AttemptError::Cancelled => Failure::cancelled(signal, stage),
        }
    }

    /// What a failure leaves of the tag. Another run's image is its own to deploy: the tag must name that. Where nothing was
    /// deployed for certain, the tag goes back to where it pointed, so that the next to deploy it does not get this image, and the
    /// record with it. Not where a push deploys: going back would be a push too.
    pub(super) async fn take_back(&self, failure: Failure) -> Failure {
        let Some(moved) = self.run.progress.moved_tag() else { return failure };
        let tags = self.tags();
        let attempt = self.attempt(&tags, Some(&moved));
        let MovedTag { tag, moved: Moved { from: previous, .. } } = &moved;
        if let Failure::Overtaken { digest, .. } = &failure {
            if attempt.yield_to(digest).await {
                self.run.progress.tag_restored();
                self.warn(format!("tag {tag} points at {}, which the other run deploys", digest.short()));
            }
            return failure;
        }
        let may_restore = self.ready.verb != ReleaseVerb::FollowPush
            && matches!(
                failure,
                Failure::Release(ReleaseError::Refused(_) | ReleaseError::NotTaken(_) | ReleaseError::Busy(_))
                    | Failure::Changed(_)
                    | Failure::Cancelled { .. }
                    | Failure::Service { .. }
                    | Failure::TagUnseen { deployed: false, .. }
            );
        let Some(previous) = previous.as_ref().filter(|_| may_restore) else { return failure };
        // What keeps a service busy for longer than an operation stays unlisted deploys nothing of ours.
        let is_settled = matches!(failure, Failure::Release(ReleaseError::Busy(_)));
        if !is_settled && !attempt.is_quiet().await {
            self.warn(format!("tag {tag} stays at this image: an operation may be deploying it"));
            return failure;
        }
        match attempt.restore(tag, previous).await {
            Ok(true) => {
                self.run.progress.tag_restored();
                self.warn(format!("tag {tag} points at {} again", previous.short()));
            }
            Ok(false) => {}
            Err(error) => self.warn(format!("tag {tag} could not be pointed back at {}: {error}", previous.short())),
        }
        failure
    }

    fn warn(&self, message: String) {
        self.run.events().emit(Event::Warning { message });
    }

    /// Follows an operation of this run's by `work`, and watches over tag and record meanwhile. True besides when the tag was found
    /// elsewhere.
    pub(super) async fn guard<R>(&self, work: impl Future<Output = R>) -> (R, bool) {
        let tags = self.tags();
        self.attempt(&tags, None).guard(work).await
    }

    /// Whether the operation deployed this image, once it has ended.
    pub(super) async fn assert_deployed(
        &self,
        started: &Started,
        is_ours: bool,
        was_elsewhere: bool,
    ) -> Result<(), Failure> {
        let tag = self.ready.look.plan.tag().unwrap_or_default().to_owned();
        let tags = self.tags();
        match self.attempt(&tags, None).confirm(started, is_ours, was_elsewhere).await {
            Ok(Confirmed::Deployed) => Ok(()),
            Ok(Confirmed::Overtaken(Winner { digest, operation })) => Err(Failure::Overtaken { digest, operation }),
            Ok(Confirmed::TagMoved(found)) => {
                Err(Failure::TagTaken { tag, wanted: self.image.digest().clone(), found, deployed: true })
            }
            Err(source) => Err(Failure::TagUnseen { tag, deployed: true, source }),
        }
    }

    fn repository(&self) -> &str {
        self.ready.look.plan.repository()
    }

    fn place<'p>(&'p self, tag: &'p str) -> Place<'p> {
        Place { registry: &self.adapters.destination, repository: self.repository(), tag }
    }
}

/// Claims, promotes and releases; what comes to nothing is taken back.
pub(super) async fn release<T: DeployTarget>(release: &Release<'_, T>) -> Result<Released, Failure> {
    let narrator = &release.run.narrator;
    let outcome = match narrator.stage(Stage::Promote, release.promote()).await {
        // An attempt before may have moved the tag.
        Err(failure) => return Err(release.take_back(failure).await),
        Ok(Err(outcome)) => outcome,
        Ok(Ok(claim)) => {
            let held = matches!(claim, Claim::Held);
            match narrator.stage(Stage::Release, release.release(held)).await {
                Ok(outcome) => outcome,
                Err(failure) => return Err(release.take_back(failure).await),
            }
        }
    };
    Ok(match outcome {
        Outcome::Started(started) => Released::Ours(started),
        Outcome::Follow(started) => {
            release.run.progress.deployment_started(&started);
            Released::Followed(started)
        }
        Outcome::Again | Outcome::Foreign(_) | Outcome::Overtaken(_) => Released::Again,
    })
}
