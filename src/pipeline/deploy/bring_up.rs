//! From a service that takes the call to the verdict on what was deployed, in as many attempts as other runs make necessary.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{Adapters, Run, skip};
use crate::{
    config::deployment::Deployment,
    pipeline::{
        failure::Failure,
        preparing::{self, Ready},
        releasing::{self, Release, Released},
        rolled_back,
        wait::{self, Followed},
    },
    stages::{gate::GateRules, resolve::ResolvedImage},
    target::{DeployTarget, Started},
};
use shipgate_core::{
    event::{Event, Stage},
    mask::Mask,
    release::ReleaseVerb,
    secret::Secret,
    service::LiveService,
};

/// Promote, release and gate, as far as they are still to be done. The service, where nothing is.
pub(in crate::pipeline) async fn bring_up<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    mut ready: Ready,
    given: &BTreeMap<String, Secret>,
) -> Result<Option<LiveService>, Failure> {
    let service = deployment.target.service.as_str();
    let deadline = Instant::now() + deployment.target.gate_timeout;
    let mut has_tried = false;
    loop {
        let live = ready.look.seen.live.clone();
        let operation = match (&ready.verb, &live) {
            (ReleaseVerb::Nothing, _) => {
                let stages = [Stage::Promote, Stage::Release, Stage::Gate];
                skip(run, if has_tried { &stages[2..] } else { &stages }).await?;
                return Ok(live);
            }
            (ReleaseVerb::Follow(operation), Some(live)) => {
                skip(run, if has_tried { &[] } else { &[Stage::Promote, Stage::Release] }).await?;
                Some(Started { service: live.arn.clone(), operation: operation.clone() })
            }
            _ => None,
        };
        let if_busy = deployment.target.release.consent.if_busy;
        let release = Release { run, adapters, service, image, ready: &ready, if_busy, deadline };
        let released = match operation {
            Some(started) => Released::Followed(started),
            None => releasing::release(&release).await?,
        };
        let (started, is_ours) = match released {
            Released::Ours(started) => (started, true),
            Released::Followed(started) => {
                run.events().emit(Event::Notice {
                    message: format!("operation {} is deploying this image: it is followed", started.operation),
                });
                run.progress.deployment_started(&started);
                (started, false)
            }
            // Others act on the service: what they do takes its time, and so does what is seen of it.
            Released::Again if Instant::now() >= deadline => {
                return Err(Failure::Changed("others keep changing it".to_owned()));
            }
            Released::Again => {
                has_tried = true;
                match preparing::make_ready(run, deployment, adapters, image, &ready.look.plan).await {
                    Ok(again) => ready = again,
                    Err(failure) => return Err(release.take_back(failure).await),
                }
                continue;
            }
        };
        follow(run, deployment, &release, (started, is_ours), given).await?;
        return Ok(None);
    }
}

/// The gate for an operation that this run ordered (`is_ours`), or another run for the same image.
async fn follow<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    release: &Release<'_, T>,
    (started, is_ours): (Started, bool),
    given: &BTreeMap<String, Secret>,
) -> Result<(), Failure> {
    let (adapters, look) = (release.adapters, &release.ready.look);
    let live = look.seen.live.as_ref();
    let timeout = deployment.target.gate_timeout;
    let checked_under = &look.plan.settings.environment;
    let followed = Followed {
        started,
        // Both: what the local check alone is given may stand in the place of a live value.
        mask: Mask::new(live.iter().flat_map(|live| &live.settings.environment).chain(checked_under).chain(given)),
        rules: GateRules { timeout, unlisted_grace: timeout },
        log_retention_days: deployment.target.log_retention_days,
    };
    let gate = wait::gate_and_aftercare(run, &adapters.target, &adapters.logs, &followed);
    let (gated, was_elsewhere) = if is_ours { release.guard(gate).await } else { (gate.await, false) };
    match gated {
        // Whose image it was is not certain before the end.
        Err(failure @ Failure::Deployment { .. }) if !is_ours => {
            let overtaken = release.assert_deployed(&followed.started, is_ours, was_elsewhere).await.err();
            return Err(match overtaken {
                Some(overtaken @ Failure::Overtaken { .. }) => overtaken,
                Some(_) | None => rolled_back::explained(release, failure).await,
            });
        }
        Err(failure) => return Err(rolled_back::explained(release, failure).await),
        Ok(()) => {}
    }
    release.assert_deployed(&followed.started, is_ours, was_elsewhere).await?;
    run.progress.deployment_succeeded();
    Ok(())
}
