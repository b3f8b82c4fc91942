//! From a checked image to a service that takes the call: what must come first is done, each in its own operation, and after
//! each everything is observed and decided anew.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    deploy::{Adapters, Run},
    failure::Failure,
    narrator::Told,
    plan::{self, Plan},
};
use crate::{
    config::deployment::Deployment,
    stages::{
        observe::{self, Observation, Sources},
        prepare::{self, PrepareError},
        release::{self, ReleaseError, ReleaseOrder, Unreleasable},
        resolve::ResolvedImage,
    },
    target::{DeployTarget, TargetError, UpdateOrder},
};
use shipgate_core::{
    event::{Event, Stage},
    pull_through::Via,
    release::{Course, IfBusy, Preparation, Refusal, ReleaseVerb},
    service::LiveService,
};

/// More rounds than there are preparations: a service that still wants another one is being changed by others all the while.
const ROUNDS: usize = 6;
/// How long the operation of an order of this image may stay unlisted, where a busy service is not waited for.
const UNLISTED: Duration = Duration::from_secs(30);
/// From the refusal of a call to the next look: the status may be stale.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// What was observed, and what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) seen: Observation,
    pub(super) plan: Plan,
}

/// A service that takes the call.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) look: Look,
    pub(super) verb: ReleaseVerb,
}

/// Observes and decides.
pub(super) async fn look<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    live: Option<LiveService>,
) -> Result<Look, Failure> {
    let target = &deployment.target;
    let service = target.service.as_str();
    let destination = plan::destination(target, &deployment.image, live.as_ref(), &adapters.account);
    let sources = Sources {
        target: &adapters.target,
        ecr: &adapters.ecr,
        registry: &adapters.destination,
        is_cache: target.via == Via::PullThrough,
    };
    let mut seen = observe::observe(sources, service, live, &destination, run.progress.began())
        .await
        .map_err(|source| Failure::Service { service: service.to_owned(), source })?;
    if seen.newest().is_some_and(|newest| run.progress.is_distrusted(&newest.id)) {
        seen.recorded = None;
    }
    let plan = plan::plan(target, &deployment.image, image.digest(), &destination, &seen);
    Ok(Look { seen, plan })
}

/// Looks at the service once more before the first visible change, and makes it ready: copy and verify took their time, and
/// whoever found the service ready then may find it busy now.
pub(super) async fn make_ready<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
    planned: &Plan,
) -> Result<Ready, Failure> {
    let mut deleted = false;
    let (mut rounds, mut waited) = (0, Duration::ZERO);
    while rounds < ROUNDS {
        let look = look_again(run, deployment, adapters, image).await?;
        let course = still_possible(planned, &look, deleted)?;
        let Some(first) = course.first else { return Ok(Ready { look, verb: course.verb }) };
        let begun = Instant::now();
        let work = carry_out(run, deployment, adapters, first, (&look, waited));
        run.narrator.stage(Stage::Prepare, work).await?;
        deleted |= first == Preparation::Delete;
        // Each operation that comes ends a wait; all of them together have the time that one may take.
        if first == Preparation::Wait {
            waited += begun.elapsed();
        } else {
            rounds += 1;
        }
    }
    Err(Failure::Changed("others keep changing it".to_owned()))
}

async fn look_again<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    image: &ResolvedImage,
) -> Result<Look, Failure> {
    let service = deployment.target.service.as_str();
    let looking = async {
        let live = adapters.target.service(service).await;
        let live = live.map_err(|source| Failure::Service { service: service.to_owned(), source })?;
        look(run, deployment, adapters, image, live).await
    };
    tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            Err(Failure::cancelled(run.narrator.cancellation.signal(), Stage::Promote))
        }
        looked = looking => looked,
    }
}

/// Another state of the service is met by another verb; another repository has not got the image, and a service that was created or
/// deleted by others is not the one that the user meant.
#[expect(clippy::result_large_err, reason = "made once or twice in a run")]
fn still_possible(planned: &Plan, look: &Look, deleted: bool) -> Result<Course, Failure> {
    let course = look.plan.course.clone().map_err(|why| match (why, look.seen.newest()) {
        (Unreleasable::Refused(Refusal::Overtaken(digest)), Some(newest)) => {
            Failure::Overtaken { digest, operation: newest.id.clone() }
        }
        (why, _) => Failure::Changed(why.to_string()),
    })?;
    let creates = |course: &Course| course.verb == ReleaseVerb::CreateService;
    let was_to_be_created = planned.course.as_ref().is_ok_and(creates);
    // A service that another run has created with this image is the one that was meant. What one that is busy was created with is
    // known when its operation is listed.
    let is_ours = matches!(course.verb, ReleaseVerb::Nothing | ReleaseVerb::Follow(_));
    let may_be_ours = was_to_be_created && (is_ours || course.first == Some(Preparation::Wait));
    if creates(&course) != was_to_be_created && !deleted && !may_be_ours {
        return Err(Failure::Changed("the service was created or deleted in the meantime".to_owned()));
    }
    if look.plan.repository() != planned.repository() {
        return Err(Failure::Changed("it deploys from another repository now".to_owned()));
    }
    Ok(course)
}

async fn carry_out<T: DeployTarget>(
    run: &Run,
    deployment: &Deployment,
    adapters: &Adapters<T>,
    first: Preparation,
    (look, waited): (&Look, Duration),
) -> Result<Told<()>, Failure> {
    let (service, cancel) = (deployment.target.service.as_str(), run.narrator.cancellation.token());
    let Some(live) = &look.seen.live else { return Ok(Told::skipped((), "there is no service")) };
    let arn = live.arn.clone();
    let order = match first {
        Preparation::Wait => {
            let release = &deployment.target.release;
            let timeout = match release.consent.if_busy {
                IfBusy::Wait => release.busy_timeout,
                IfBusy::Fail => UNLISTED,
            };
            let timeout = timeout.saturating_sub(waited);
            let known = look.seen.newest().map(|newest| &newest.id);
            let wait = prepare::wait_until_free(&adapters.target, service, known, timeout, run.events(), cancel).await;
            wait.map_err(|error| failed(run, error))?;
            return Ok(Told::done((), format!("{service} is free, or has another operation")));
        }
        Preparation::Resume => ReleaseOrder::Resume(arn),
        Preparation::Delete => {
            let message = format!("{service} is deleted and created anew: its URL, ARN and log groups change");
            run.events().emit(Event::Warning { message });
            ReleaseOrder::Delete(arn)
        }
        Preparation::TurnOffAutoDeployments => ReleaseOrder::Update(Box::new(UpdateOrder {
            service: arn,
            image: None,
            turn_off_auto_deployments: true,
            like_new: None,
        })),
    };
    let what = first.name();
    let given = release::order(&adapters.target, &order, &look.seen.operations, run.events(), cancel).await;
    let given = match given {
        Err(ReleaseError::Refused(TargetError::Call(fault)))
            if release::is_about_the_state(&fault) && deployment.target.release.consent.if_busy == IfBusy::Wait =>
        {
            cancel.run_until_cancelled(sleep(AFTER_REFUSAL)).await;
            return Ok(Told::skipped((), format!("the service was busy: {fault}")));
        }
        given => given?,
    };
    let Some(started) = given else {
        return Ok(Told::done((), format!("{what}: nothing was left to do")));
    };
    run.progress.deployment_started(&started);
    let timeout = deployment.target.gate_timeout;
    let ended = prepare::follow(&adapters.target, what, &started, timeout, run.events(), cancel).await;
    ended.map_err(|error| failed(run, error))?;
    run.progress.preparation_ended();
    Ok(Told::done((), format!("{what}, operation {}", started.operation)))
}

fn failed(run: &Run, error: PrepareError) -> Failure {
    match error {
        PrepareError::Cancelled => Failure::cancelled(run.narrator.cancellation.signal(), Stage::Prepare),
        PrepareError::StillBusy { .. }
        | PrepareError::Failed { .. }
        | PrepareError::Late { .. }
        | PrepareError::Unseen(_) => Failure::Prepare(error),
    }
}
