//! From the promoted tag to the running operation: the steps of `deploy` that change what others see. Each looks before
//! it acts, and what comes to nothing is taken back.

use super::{
    deploy::{Adapters, Run},
    failure::Failure,
    narrator::Told,
    plan,
    preparing::Ready,
    progress::{MovedTag, UnderWay},
};
use crate::{
    domain::{
        digest::Digest,
        event::{Event, Stage},
        manifest::RawManifest,
        release::{Identifier, ReleaseVerb, note_tag, record_tag},
    },
    stages::{
        history::{self, Archive},
        promote::{self, Place, PromoteError, Promotion},
        record,
        release::{self, ReleaseError},
        resolve::ResolvedImage,
    },
    target::{DeployTarget, Started, TargetError},
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
}

impl<T: DeployTarget> Release<'_, T> {
    /// Moves the tag, where the service deploys from one, and puts on record what the next operation of the service is for.
    pub(super) async fn promote(&self) -> Result<Told<()>, Failure> {
        self.keep_the_record_true().await;
        let Some(tag) = self.ready.look.plan.tag() else {
            self.record_next(&self.image.manifest).await;
            return Ok(Told::skipped((), "the service deploys by digest, no tag is moved"));
        };
        let promotion = self.move_tag(tag).await?;
        if self.ready.verb != ReleaseVerb::FollowPush {
            self.record_next(&self.image.manifest).await;
        }
        let digest = self.image.digest().short();
        if !promotion.moved {
            return Ok(Told::skipped((), format!("tag {tag} points at {digest} already")));
        }
        let detail = match &promotion.previous {
            None => format!("new tag {tag} points at {digest}"),
            Some(previous) => format!("tag {tag} moved from {} to {digest}", previous.digest.short()),
        };
        self.run.progress.tag_moved(MovedTag { tag: tag.to_owned(), previous: promotion.previous });
        Ok(Told::done((), detail))
    }

    /// Where moving the tag begins the deployment, the record comes before it: a run that is killed in between leaves a record of a
    /// deployment that never began, which says nothing of any that did.
    async fn move_tag(&self, tag: &str) -> Result<Promotion, PromoteError> {
        let by_push = self.ready.verb == ReleaseVerb::FollowPush;
        let cancel = self.run.narrator.cancellation.token();
        if by_push {
            self.record_next(&self.image.manifest).await;
            self.run.progress.push_deploys();
        }
        self.run.progress.begins(UnderWay::Tag);
        let moved = promote::promote(self.place(tag), &self.image.manifest, self.run.events(), cancel).await;
        self.run.progress.answered();
        if by_push && matches!(moved, Err(PromoteError::NotMoved { .. })) {
            self.record_what_the_tag_is_at(tag).await;
        }
        moved
    }

    /// Gives the order, or finds the operation that the push of the tag was the order for.
    pub(super) async fn release(&self) -> Result<Told<Started>, Failure> {
        let (target, cancel) = (&self.adapters.target, self.run.narrator.cancellation.token());
        let seen = &self.ready.look.seen;
        let live = seen.live.as_ref().map(|live| &live.arn);
        let started = match (&self.ready.verb, live) {
            (ReleaseVerb::FollowPush, Some(arn)) => release::find_pushed(target, arn, &seen.operations, cancel).await?,
            (verb, _) => {
                let order = self.ready.look.plan.order(verb, live);
                let order = order.ok_or_else(|| Failure::Changed("there is nothing to order".to_owned()))?;
                self.assert_tag(false).await?;
                self.assert_nothing_came_between().await?;
                self.run.progress.begins(UnderWay::Order);
                let given = release::order(target, &order, &seen.operations, self.run.events(), cancel).await;
                self.run.progress.answered();
                let given = given.map_err(|error| self.unless_cancelled(error))?;
                given.ok_or(ReleaseError::Nothing { order: order.name() })?
            }
        };
        self.run.events().emit(Event::Released {
            verb: self.ready.verb.name().to_owned(),
            service_arn: started.service.to_string(),
            operation: started.operation.clone(),
        });
        self.run.progress.deployment_started(&started);
        let detail = format!("{}, operation {}", self.ready.verb.name(), started.operation);
        Ok(Told::done(started, detail))
    }

    /// A refusal that was to be waited out, had no signal come.
    fn unless_cancelled(&self, error: ReleaseError) -> Failure {
        match (self.run.narrator.cancellation.signal(), error) {
            (signal @ Some(_), ReleaseError::Refused(TargetError::Call(fault))) if release::is_for_now(&fault) => {
                Failure::cancelled(signal, Stage::Release)
            }
            (_, error) => error.into(),
        }
    }

    /// The record says what the *next* operation deploys: one of somebody else's that began since would be taken for ours.
    async fn assert_nothing_came_between(&self) -> Result<(), Failure> {
        let seen = &self.ready.look.seen;
        let Some(live) = &seen.live else { return Ok(()) };
        let now = self.adapters.target.operations(&live.arn).await;
        let now = now.map_err(|source| Failure::Service { service: self.service.to_owned(), source })?;
        match now.first() {
            Some(newest) if seen.newest().is_none_or(|known| known.id != newest.id) => {
                Err(Failure::Changed(format!("operation {} began in the meantime", newest.id)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The tag must still be ours when it is deployed, and still when the deployment has succeeded: another job may have
    /// moved it, and then it is that job's image that App Runner pulled. What cannot be moved need not be asked.
    pub(super) async fn assert_tag(&self, deployed: bool) -> Result<(), Failure> {
        let tag = match &self.ready.look.plan.identifier {
            Identifier::Tag(reference) => reference.tag().unwrap_or("latest"),
            Identifier::FixedTag(_) | Identifier::Digest(_) => return Ok(()),
        };
        let unseen = |source| Failure::TagUnseen { tag: tag.to_owned(), deployed, source };
        let found = promote::points_at(self.place(tag)).await.map_err(unseen)?;
        if found.as_ref() == Some(self.image.digest()) {
            return Ok(());
        }
        Err(Failure::TagTaken { tag: tag.to_owned(), wanted: self.image.digest().clone(), found, deployed })
    }

    /// Nothing was deployed, for certain: then the tag goes back to where it pointed, so that the next to deploy it does not
    /// get this image, and the record with it. Not where a push deploys: going back would be a push too.
    pub(super) async fn take_back(&self, failure: Failure) -> Failure {
        let nothing_runs = self.ready.verb != ReleaseVerb::FollowPush
            && matches!(
                failure,
                Failure::Release(ReleaseError::Refused(_))
                    | Failure::Changed(_)
                    | Failure::Cancelled { .. }
                    | Failure::Service { .. }
                    | Failure::TagUnseen { deployed: false, .. }
            );
        let moved = self.run.progress.moved_tag().filter(|_| nothing_runs);
        let Some(MovedTag { tag, previous: Some(previous) }) = moved else { return failure };
        let message = match promote::restore(self.place(&tag), &previous).await {
            Ok(()) => {
                self.run.progress.tag_restored();
                // An operation of somebody else's may have pulled either image: then no record may say which it was. Left as it is,
                // it names the one that the tag does not point at, which nobody believes.
                if self.assert_nothing_came_between().await.is_ok() {
                    self.record_next(&previous).await;
                }
                format!("tag {tag} points at {} again", previous.digest.short())
            }
            Err(error) => format!("tag {tag} could not be pointed back at {}: {error}", previous.digest.short()),
        };
        self.run.events().emit(Event::Warning { message });
        failure
    }

    /// Before anything changes. What serves now is noted, where nothing is on record, as what the service deploys from: the version
    /// to go back to must be known however this run ends. And if the record says that the newest operation deployed the very image
    /// that the tag is moved to, although it points elsewhere, then others have moved it since: from now on that record would be
    /// believed, and must not be.
    async fn keep_the_record_true(&self) {
        if let Some((note, digest)) = self.unrecorded().await {
            self.write_as(&note, digest.as_str()).await;
        }
        let (seen, tag) = (&self.ready.look.seen, self.ready.look.plan.tag());
        let (Some(_), Some(found)) = (tag, &seen.points_at) else { return };
        let doubtful = found != self.image.digest() && seen.recorded.as_ref() == Some(self.image.digest());
        if let Some(to_correct) = seen.record_of_newest(self.service).filter(|_| doubtful) {
            self.write_as(&to_correct, found.as_str()).await;
        }
    }

    /// The note to write on what serves now, and what that is, where the record says nothing. A tag that points at this image already
    /// may have been moved by a run that was killed: it says nothing of what serves.
    async fn unrecorded(&self) -> Option<(String, Digest)> {
        let seen = &self.ready.look.seen;
        let (operation, tag) = plan::serving(self.service, &seen.operations)?;
        let note = note_tag(self.service, &operation.id);
        for tag in [&tag, &note] {
            if promote::points_at(self.place(tag)).await.ok()?.is_some() {
                return None;
            }
        }
        let (registry, repository) = (&self.adapters.destination, self.repository());
        let archive = Archive { registry, repository, service: self.service };
        let serves = history::meaning(archive, seen.live.as_ref()?).await.ok()??;
        (serves != *self.image.digest()).then_some((note, serves))
    }

    /// Points a tag of the record at what another tag, or a digest, is.
    async fn write_as(&self, tag: &str, reference: &str) {
        if let Ok(Some(there)) = self.adapters.destination.manifest(self.repository(), reference).await {
            self.write(tag, &there).await;
        }
    }

    /// The operation after the newest is for this image.
    async fn record_next(&self, manifest: &RawManifest) {
        let newest = self.ready.look.seen.newest().map(|newest| &newest.id);
        self.write(&record_tag(self.service, newest), manifest).await;
    }

    async fn record_what_the_tag_is_at(&self, tag: &str) {
        if let Ok(Some(there)) = self.adapters.destination.manifest(self.repository(), tag).await {
            self.record_next(&there).await;
        }
    }

    async fn write(&self, tag: &str, manifest: &RawManifest) {
        let cancel = self.run.narrator.cancellation.token();
        record::write(self.place(tag), manifest, self.run.events(), cancel).await;
    }

    fn repository(&self) -> &str {
        self.ready.look.plan.repository()
    }

    fn place<'p>(&'p self, tag: &'p str) -> Place<'p> {
        Place { registry: &self.adapters.destination, repository: self.repository(), tag }
    }
}

/// Promotes and releases; what comes to nothing is taken back.
pub(super) async fn release<T: DeployTarget>(release: &Release<'_, T>) -> Result<Started, Failure> {
    let narrator = &release.run.narrator;
    narrator.stage(Stage::Promote, release.promote()).await?;
    match narrator.stage(Stage::Release, release.release()).await {
        Ok(started) => Ok(started),
        Err(failure) => Err(release.take_back(failure).await),
    }
}
