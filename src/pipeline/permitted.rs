//! The permissions that a plan needs, for preflight: its calls, and what they would be about.

use super::deploy::{Adapters, Run};
use crate::{
    config::deployment::{Deployment, Target},
    pipeline::preparing::Look,
    stages::{
        permissions::{self, Subject},
        preflight::Check,
        promote::{self, Place},
        release::ReleaseOrder,
        resolve::ResolvedImage,
    },
    target::{DeployTarget, UpdateOrder},
};
use shipgate_core::{
    permissions::{Arrival, PlannedRun, calls},
    pull_through::Via,
    release::{Preparation, ReleaseVerb},
    smoke::OnFailure,
};

/// What ECR needs to fetch an image for the caller. Only the pull shows whether it is allowed.
const OF_THE_CACHE: [&str; 2] = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"];

/// Tries what a run that deploys will call. A run that only reads says what that is.
pub(super) async fn checks<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    look: &Look,
) -> Vec<Check> {
    let (target, plan) = (&deployment.target, &look.plan);
    let Ok(course) = &plan.course else { return Vec::new() };
    let is_reading = run.progress.is_reading();
    let arrival = match arrival(target, image, look) {
        // Another job may have copied it: a job that only deploys needs no permission to upload.
        Arrival::Copied if !is_reading && is_there(adapters, image, look).await => Arrival::Present,
        arrival @ (Arrival::Copied | Arrival::PulledThrough | Arrival::Present) => arrival,
    };
    let planned = calls(&PlannedRun {
        course,
        arrival,
        creates_repository: target.create_repository && matches!(look.seen.repository, Ok(None)),
        keeps_logs: target.log_retention_days.is_some(),
        returns: returns(target, &course.verb),
    });
    let untried = if arrival == Arrival::PulledThrough { &OF_THE_CACHE[..] } else { &[] };
    if is_reading {
        return permissions::left_to_deploy(&planned, untried).into_iter().collect();
    }
    let live = look.seen.live.as_ref().map(|live| &live.arn);
    let update = match (course.first, plan.order(&course.verb, live)) {
        (_, Some(ReleaseOrder::Update(order))) => Some(*order),
        (Some(Preparation::TurnOffAutoDeployments), _) => live.map(|service| UpdateOrder {
            service: service.clone(),
            image: None,
            turn_off_auto_deployments: true,
            like_new: None,
        }),
        (_, _) => None,
    };
    let role = target.access.hops.last().map_or("the identity of the job", |hop| hop.role.as_str());
    let subject = Subject {
        target: &adapters.target,
        ecr: &adapters.ecr,
        logs: &adapters.logs,
        repository: plan.repository(),
        service: target.service.as_str(),
        live,
        create: plan.anew.as_ref(),
        update: update.as_ref(),
        calls: &planned,
        untried,
        role,
    };
    subject.checks().await
}

fn arrival(target: &Target, image: &ResolvedImage, look: &Look) -> Arrival {
    let there = look.plan.identifier.reference();
    if image.reference.host() == there.host() && image.reference.repository() == there.repository() {
        return Arrival::Present;
    }
    match target.via {
        Via::PullThrough => Arrival::PulledThrough,
        Via::Copy => Arrival::Copied,
    }
}

async fn is_there<T>(adapters: &Adapters<T>, image: &ResolvedImage, look: &Look) -> bool {
    let digest = image.digest();
    let place = Place { registry: &adapters.destination, repository: look.plan.repository(), tag: digest.as_str() };
    matches!(promote::points_at(place).await, Ok(Some(found)) if found == *digest)
}

/// A first version has none before it.
fn returns(target: &Target, verb: &ReleaseVerb) -> bool {
    let choice = target.smoke_test.as_ref().map(|test| test.on_failure);
    choice == Some(OnFailure::Return) && !verb.is_first()
}
