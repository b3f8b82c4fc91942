//! From the promoted tag to the running operation: the steps of `deploy` that change what others see. Each looks before
//! it acts, and what comes to nothing is taken back.

use super::{
    deploy::{Adapters, Run},
    failure::Failure,
    narrator::Told,
    plan::{self, Plan},
    progress::MovedTag,
};
use crate::{
    config::deployment::Deployment,
    domain::{
        event::{Event, Stage},
        operation::OperationId,
    },
    stages::{
        promote::{self, Place},
        release::{self, ReleaseError, ReleaseOrder},
        resolve::ResolvedImage,
    },
    target::{DeployTarget, Started},
};

/// Looks at the service once more before the first visible change: copy and verify took their time, and whoever found
/// the service ready then may find it busy now. Gives the service's newest operation, by which ours is told from it.
pub(super) async fn move_tag<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    plan: &Plan,
    order: &ReleaseOrder,
) -> Result<Told<Option<OperationId>>, Failure> {
    let service = deployment.target.service.as_str();
    let unseen = |source| Failure::Service { service: service.to_owned(), source };
    let look = async {
        let live = adapters.target.service(service).await?;
        Ok((live, release::latest_before(&adapters.target, order).await?))
    };
    let (live, latest) = tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            return Err(Failure::cancelled(run.narrator.cancellation.signal(), Stage::Promote));
        }
        looked = look => looked.map_err(unseen)?,
    };
    let now = plan::plan(&deployment.target, &deployment.image, live.as_ref(), &adapters.account);
    match now.order {
        Err(why) => return Err(Failure::Changed(why.to_string())),
        Ok(now) if now.verb() != order.verb() => {
            return Err(Failure::Changed("the service was created or deleted in the meantime".to_owned()));
        }
        Ok(_) => {}
    }
    let cancel = run.narrator.cancellation.token();
    let promotion = promote::promote(place(adapters, plan), &image.manifest, run.events(), cancel).await?;
    let (tag, digest) = (plan.tag(), image.digest().short());
    if !promotion.moved {
        return Ok(Told::skipped(latest, format!("tag {tag} points at {digest} already")));
    }
    let detail = match &promotion.previous {
        None => format!("new tag {tag} points at {digest}"),
        Some(previous) => format!("tag {tag} moved from {} to {digest}", previous.digest.short()),
    };
    run.progress.tag_moved(MovedTag { tag: tag.to_owned(), previous: promotion.previous });
    Ok(Told::done(latest, detail))
}

fn place<'a, T>(adapters: &'a Adapters<T>, plan: &'a Plan) -> Place<'a> {
    Place { registry: &adapters.destination, repository: plan.repository(), tag: plan.tag() }
}

/// The tag must still be ours when it is deployed, and still when the deployment has succeeded: another job may have
/// moved it, and then it is that job's image that App Runner pulled.
pub(super) async fn assert_tag<T>(
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    plan: &Plan,
    deployed: bool,
) -> Result<(), Failure> {
    let place = place(adapters, plan);
    let unseen = |source| Failure::TagUnseen { tag: plan.tag().to_owned(), deployed, source };
    let found = promote::points_at(place).await.map_err(unseen)?;
    if found.as_ref() == Some(image.digest()) {
        return Ok(());
    }
    Err(Failure::TagTaken { tag: plan.tag().to_owned(), wanted: image.digest().clone(), found, deployed })
}

pub(super) async fn give_order<T: DeployTarget>(
    run: &Run,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    plan: &Plan,
    order: &ReleaseOrder,
    latest: Option<&OperationId>,
) -> Result<Told<Started>, Failure> {
    assert_tag(adapters, image, plan, false).await?;
    let started = release::release(&adapters.target, order, latest, run.events()).await?;
    run.progress.deployment_started(&started);
    let detail = format!("{}, operation {}", order.verb().name(), started.operation);
    Ok(Told::done(started, detail))
}

/// Nothing was deployed, for certain: then the tag goes back to where it pointed, so that the next to deploy it does not
/// get this image.
pub(super) async fn take_back<T>(run: &Run, adapters: &Adapters<T>, plan: &Plan, failure: Failure) -> Failure {
    let nothing_runs = matches!(
        failure,
        Failure::Release(ReleaseError::Refused(_))
            | Failure::Cancelled { .. }
            | Failure::TagUnseen { deployed: false, .. }
    );
    let moved = run.progress.moved_tag().filter(|_| nothing_runs);
    let Some(MovedTag { tag, previous: Some(previous) }) = moved else { return failure };
    let message = match promote::restore(place(adapters, plan), &previous).await {
        Ok(()) => {
            run.progress.tag_restored();
            format!("tag {tag} points at {} again", previous.digest.short())
        }
        Err(error) => format!("tag {tag} could not be pointed back at {}: {error}", previous.digest.short()),
    };
    run.events().emit(Event::Warning { message });
    failure
}
