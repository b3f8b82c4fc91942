//! After App Runner has rolled a deployment back, the previous version serves and the service's tag still points at the image that failed.
//! The report names the version that serves and the command that points the tag back. `rollback` then does no more than that.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    failure::{Deployed, Failure},
    narrator::Told,
    releasing::Release,
};
use crate::{
    stages::{
        history::{self, Archive},
        promote::{self, Place},
    },
    target::DeployTarget,
};
use shipgate_core::{
    digest::Digest,
    event::{Event, Stage},
    operation::Verdict,
    release as decisions,
    release::{Identifier, ReleaseVerb},
    service::LiveService,
};

/// How long it is looked for what serves: the verdict does not wait for it.
const LIMIT: Duration = Duration::from_secs(10);

/// The failure of a deployment, with what serves by the record, and with the command that points the tag back.
pub(super) async fn explained<T: DeployTarget>(release: &Release<'_, T>, failure: Failure) -> Failure {
    let Failure::Deployment { verdict, create_failed: false, mut reason } = failure else { return failure };
    let looking = timeout(LIMIT, async { (served_before(release).await, is_tag_left(release).await) });
    let cancelled = release.run.narrator.cancellation.token();
    if let Some(Ok((served, is_left))) = cancelled.run_until_cancelled(looking).await {
        if let Some(serving) = reason.serving.as_mut().filter(|_| verdict == Verdict::RolledBack) {
            serving.digest.clone_from(&served);
        }
        reason.restore = served.filter(|_| is_left).map(|digest| release.run.progress.rollback_line(&digest));
    }
    Failure::Deployment { verdict, create_failed: false, reason }
}

/// What the tag pointed at before is what served, unless an earlier deployment had failed and left it there.
async fn served_before<T: DeployTarget>(release: &Release<'_, T>) -> Option<Digest> {
    let seen = &release.ready.look.seen;
    if let Some(digest) = history::served_before(archive(release), &seen.operations).await.ok()? {
        return Some(digest);
    }
    let had_failed = decisions::attempt(release.service, &seen.operations).is_some();
    let moved = release.run.progress.moved_tag().filter(|_| !had_failed);
    moved.and_then(|moved| moved.moved.from)
}

async fn is_tag_left<T: DeployTarget>(release: &Release<'_, T>) -> bool {
    let Identifier::Tag(reference) = &release.ready.look.plan.identifier else { return false };
    let tag = reference.tag().unwrap_or("latest");
    let place = Place { registry: &release.adapters.destination, repository: reference.repository(), tag };
    matches!(promote::points_at(place).await, Ok(Some(digest)) if digest == *release.image.digest())
}

fn archive<'r, T>(release: &'r Release<'_, T>) -> Archive<'r> {
    let repository = release.ready.look.plan.repository();
    Archive { registry: &release.adapters.destination, repository, service: release.service }
}

/// Whether a rollback has nothing to deploy: App Runner went back to this very image by itself, and the service deploys from where it
/// did. A push that deploys by itself, and another identifier, take a deployment.
pub(super) async fn serves_already<T: DeployTarget>(release: &Release<'_, T>) -> Result<bool, Failure> {
    let seen = &release.ready.look.seen;
    let (ReleaseVerb::StartDeployment, Some(live)) = (&release.ready.verb, &seen.live) else { return Ok(false) };
    if decisions::attempt(release.service, &seen.operations).is_none() {
        return Ok(false);
    }
    let read = history::read(archive(release), live, &seen.operations, None).await;
    let history = read.map_err(|source| Failure::History { service: release.service.to_owned(), source })?;
    Ok(history.was_rolled_back_to(release.image.digest()))
}

/// Points the tag back at what serves, with the record; nothing is deployed.
pub(super) async fn restore_tag<T: DeployTarget>(release: &Release<'_, T>) -> Result<Deployed, Failure> {
    let (narrator, seen) = (&release.run.narrator, &release.ready.look.seen);
    assert_unchanged(release).await?;
    let tag = release.ready.look.plan.tag().filter(|_| !release.ready.look.plan.identifier.is_fixed());
    let moves = tag.is_some() && seen.points_at.as_ref() != Some(release.image.digest());
    match tag {
        Some(_) => {
            if narrator.stage(Stage::Promote, release.promote()).await?.is_err() {
                return Err(Failure::Changed("another run has started a deployment".to_owned()));
            }
        }
        None => narrator.stage(Stage::Promote, skipped("the service deploys from this image")).await?,
    }
    for stage in [Stage::Release, Stage::Gate] {
        narrator.stage(stage, skipped("App Runner has rolled back to this image: it serves")).await?;
    }
    if moves && assert_unchanged(release).await.is_err() {
        let message = "another deployment began while the tag was moved back: check which image it deployed".to_owned();
        release.run.events().emit(Event::Warning { message });
    }
    let digest = release.image.digest();
    let what = match tag.filter(|_| moves) {
        Some(tag) => format!("tag {tag} points at it again"),
        None => "nothing had to be changed".to_owned(),
    };
    let service_url = seen.live.as_ref().map(LiveService::address).filter(|url| !url.is_empty());
    let summary = format!("{} is serving on {}; {what}, and nothing was deployed", digest.short(), release.service);
    Ok(Deployed { digest: Some(digest.clone()), service_url, summary })
}

fn skipped(why: &str) -> Ready<Result<Told<()>, Failure>> {
    ready(Ok(Told::skipped((), why)))
}

/// A deployment that another job has started since would deploy what the tag is moved to.
async fn assert_unchanged<T: DeployTarget>(release: &Release<'_, T>) -> Result<(), Failure> {
    let seen = &release.ready.look.seen;
    let Some(live) = &seen.live else { return Ok(()) };
    let now = release.adapters.target.operations(&live.arn).await;
    let now = now.map_err(|source| Failure::Service { service: release.service.to_owned(), source })?;
    match now.first() {
        Some(newest) if seen.newest().is_none_or(|known| known.id != newest.id) => {
            Err(Failure::Changed(format!("operation {} began in the meantime", newest.id)))
        }
        Some(_) | None => Ok(()),
    }
}
