//! `plan`: what `deploy` would do, found out and decided by the same code as there, up to the first change. It reads and changes
//! nothing, and needs no Docker engine.

use std::future::Future;

use super::{
    deploy::{self, Adapters, Run},
    failure::{Deployed, Failure},
    plan::forecast,
};
use crate::{
    config::deployment::Deployment,
    domain::{
        event::{Event, Stage},
        release::{Course, ReleaseVerb},
    },
    target::DeployTarget,
};

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
    let forecast = forecast::forecast(&deployment.target, digest, &resolved.look.seen, &resolved.look.plan);
    run.events().emit(Event::Planned(Box::new(forecast)));
    let summary = summary(&course?.0, deployment.target.service.as_str(), digest.short());
    Ok(Deployed { digest: Some(digest.clone()), service_url: None, summary })
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
