//! `plan`: what `deploy` would do, found out and decided by the same code as there, up to the first change. It reads and changes
//! nothing, and needs no Docker engine.

use std::future::Future;

use super::{
    deploy::{self, Adapters, Resolved, Run},
    failure::{Deployed, Failure},
    plan::forecast::{self, Known},
};
use crate::{
    config::deployment::Deployment,
    stages::history::{self, Archive},
    target::DeployTarget,
};
use shipgate_core::{
    event::{Event, Stage},
    release::{Course, ReleaseVerb},
};
use shipgate_registry::RegistryError;

/// Tells what a deployment would do.
///
/// # Errors
/// [`Failure`]: the one that the deployment would end with before it changes anything.
pub async fn plan<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    connecting: impl Future<Output = Result<Adapters<T>, Failure>>,
) -> Result<Deployed, Failure> {
    let resolving = deploy::resolve(run, deployment, connecting);
    let resolved = run.narrator.reading_stage(Stage::Resolve, resolving).await?;
    let course = run.narrator.reading_stage(Stage::Preflight, deploy::check(run, deployment, &resolved)).await;
    let digest = resolved.image.digest();
    let (seen, plan) = (&resolved.look.seen, &resolved.look.plan);
    let known = known(run, deployment, &resolved).await;
    let forecast = forecast::forecast(&deployment.target, digest, seen, plan, known);
    run.events().emit(Event::Planned(Box::new(forecast)));
    let summary = summary(&course?.0, deployment.target.service.as_str(), digest.short());
    Ok(Deployed { digest: Some(digest.clone()), service_url: None, summary })
}

/// What the record says: what serves, and which deployments of this image have failed. What cannot be read is left out, with a warning.
async fn known<T: DeployTarget>(run: &Run, deployment: &Deployment, resolved: &Resolved<T>) -> Known {
    let (look, service) = (&resolved.look, deployment.target.service.as_str());
    let Some(live) = &look.seen.live else { return Known::default() };
    let (registry, repository) = (&resolved.adapters.destination, look.plan.repository());
    let archive = Archive { registry, repository, service };
    let operations = &look.seen.operations;
    let reading = async {
        let recorded = history::served_before(archive, operations).await?;
        let history = history::read(archive, live, operations, None).await?;
        let failed_before = history::failures_of(archive, operations, resolved.image.digest()).await?;
        // As releasing does: what the identifier means now is noted, unless it is this image.
        let meaning = history::meaning(archive, live).await?;
        let note = meaning.filter(|meaning| recorded.is_none() && meaning != resolved.image.digest());
        Ok::<_, RegistryError>(Known { serving: history.serving, failed_before, note })
    };
    reading.await.unwrap_or_else(|error| {
        run.events().emit(Event::Warning { message: format!("cannot read what was deployed before: {error}") });
        Known::default()
    })
}

fn summary(course: &Course, service: &str, digest: &str) -> String {
    match &course.verb {
        ReleaseVerb::Nothing => format!("nothing to do: {digest} is deployed on {service}"),
        ReleaseVerb::Follow(operation) => format!("operation {operation} is deploying {digest} on {service}"),
        verb @ (ReleaseVerb::CreateService
        | ReleaseVerb::StartDeployment
        | ReleaseVerb::UpdateService
        | ReleaseVerb::Rebuild
        | ReleaseVerb::FollowPush) => format!("{digest} would be deployed on {service} by {}", verb.name()),
    }
}
