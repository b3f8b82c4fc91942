//! A run as the pipeline makes it: look, decide, attempt, follow; without what has nothing to do with other runs.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::cloud::{Cloud, IDENTIFIER, SERVICE, TAG};
use crate::{
    stages::{
        attempt::{Attempt, AttemptError, Claim, Confirmed, Moved, Outcome},
        release::ReleaseOrder,
        tags::TagStore,
    },
    target::{CreateOrder, DeployTarget, Started},
};
use shipgate_core::{
    digest::Digest,
    event::Emitter,
    operation::{OperationId, Verdict},
    release::{Identifier, PastOperation, Standing, record_tag, running, standing},
    service::{LiveService, RunSettings, ServiceStatus},
};

/// How a run ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Deployed,
    Overtaken(Digest),
    Failed,
    TagMoved,
}

/// What a look shows.
struct Look {
    live: Option<LiveService>,
    operations: Vec<PastOperation>,
    points_at: Option<Digest>,
    recorded: Option<Digest>,
    standing: Standing,
}

pub(super) async fn run(cloud: &Cloud, digest: &Digest) -> Ended {
    let began = cloud.timestamp();
    let mut moved = None;
    let mut distrusted: Vec<OperationId> = Vec::new();
    let mut claimed: Vec<String> = Vec::new();
    loop {
        let look = look(cloud, digest, began, &distrusted).await;
        let is_busy = running(&look.operations).is_some()
            || look.live.as_ref().is_some_and(|live| live.status == ServiceStatus::OperationInProgress);
        let followed = match &look.standing {
            Standing::Overtaken(other) => return Ended::Overtaken(other.clone()),
            Standing::Deployed => return Ended::Deployed,
            Standing::UnderWay(operation) => Some(operation.clone()),
            Standing::Unknown if is_busy => {
                sleep(Duration::from_secs(1)).await;
                continue;
            }
            Standing::Unknown => None,
        };
        let identifier = Identifier::Tag(IDENTIFIER.parse().unwrap());
        let (events, cancel) = (Emitter::silent(), CancellationToken::new());
        let attempt = Attempt {
            target: cloud,
            tags: cloud,
            service: SERVICE,
            arn: look.live.as_ref().map(|live| &live.arn),
            digest,
            identifier: &identifier,
            before: &look.operations,
            began,
            moved: None,
            has_claimed: false,
            neutral: look.recorded.as_ref().filter(|recorded| look.points_at.as_ref() == Some(recorded)),
            events: &events,
            cancel: &cancel,
        };
        let record = attempt.record();
        let attempt = Attempt { has_claimed: claimed.contains(&record), ..attempt };
        let outcome = match (followed, &look.live) {
            (Some(operation), Some(live)) => Outcome::Follow(Started { service: live.arn.clone(), operation }),
            _ => match claim_and_order(cloud, &attempt, &mut moved, &mut claimed).await {
                Ok(outcome) => outcome,
                Err(AttemptError::Busy(_)) => Outcome::Again,
                Err(AttemptError::TagTaken(found)) => panic!("the tag is at {found:?}: {}", cloud.log()),
                Err(error) => panic!("{error:?}: {}", cloud.log()),
            },
        };
        match outcome {
            Outcome::Started(started) => return follow(cloud, &attempt, &started, true).await,
            Outcome::Follow(started) => return follow(cloud, &attempt, &started, false).await,
            Outcome::Overtaken(winner) => {
                if moved.is_some() {
                    attempt.yield_to(&winner.digest).await;
                }
                return Ended::Overtaken(winner.digest);
            }
            Outcome::Again => {}
            Outcome::Foreign(operation) => distrusted.push(operation),
        }
    }
}

async fn look(cloud: &Cloud, digest: &Digest, began: jiff::Timestamp, distrusted: &[OperationId]) -> Look {
    let live = cloud.service(SERVICE).await.unwrap();
    let operations = match &live {
        Some(live) => cloud.operations(&live.arn).await.unwrap(),
        None => Vec::new(),
    };
    let points_at = cloud.digest_of(TAG).await.unwrap();
    let mut recorded = None;
    if operations.first().is_some_and(|newest| !distrusted.contains(&newest.id)) {
        let record = record_tag(SERVICE, operations.get(1).map(|before| &before.id));
        recorded = cloud.digest_of(&record).await.unwrap();
    }
    let in_place = points_at.as_ref() == Some(digest);
    let standing = standing(operations.first(), recorded.as_ref(), digest, in_place, began);
    Look { live, operations, points_at, recorded, standing }
}

async fn claim_and_order(
    cloud: &Cloud,
    attempt: &Attempt<'_, Cloud, Cloud>,
    moved: &mut Option<Moved>,
    claimed: &mut Vec<String>,
) -> Result<Outcome, AttemptError> {
    match attempt.claim().await? {
        Claim::Ended(outcome) => return Ok(outcome),
        Claim::Held => claimed.push(attempt.record()),
        Claim::Without => panic!("the record cannot be kept"),
    }
    let from = cloud.digest_of(TAG).await.unwrap();
    if from.as_ref() != Some(attempt.digest) {
        let at = cloud.timestamp();
        cloud.point(TAG, attempt.digest).await.unwrap();
        *moved = Some(Moved { at, from });
    }
    let order = match attempt.arn {
        Some(arn) => ReleaseOrder::Deploy(arn.clone()),
        None => ReleaseOrder::Create(Box::new(CreateOrder {
            service: SERVICE.to_owned(),
            image: IDENTIFIER.parse().unwrap(),
            access_role: "arn:aws:iam::222222222222:role/access".parse().unwrap(),
            instance_role: None,
            settings: RunSettings::default(),
            secrets: Vec::new(),
        })),
    };
    let attempt = Attempt { moved: moved.as_ref(), ..*attempt };
    attempt.order(&order, true, Instant::now() + Duration::from_mins(10), |_| {}).await
}

async fn follow(cloud: &Cloud, attempt: &Attempt<'_, Cloud, Cloud>, started: &Started, is_ours: bool) -> Ended {
    let gate = async {
        loop {
            let seen = cloud.operation(&started.service, &started.operation).await.unwrap();
            match seen.and_then(|seen| seen.status.verdict()) {
                Some(verdict) => return verdict,
                None => sleep(Duration::from_secs(2)).await,
            }
        }
    };
    let (verdict, was_elsewhere) = if is_ours { attempt.guard(gate).await } else { (gate.await, false) };
    let confirmed = attempt.confirm(started, is_ours, was_elsewhere).await.unwrap();
    cloud.note(&format!("{} follows {}: {verdict:?} {confirmed:?}", attempt.digest.short(), started.operation));
    match (verdict, confirmed) {
        (_, Confirmed::Overtaken(winner)) => Ended::Overtaken(winner.digest),
        (Verdict::Deployed, Confirmed::Deployed) => Ended::Deployed,
        (Verdict::Deployed, Confirmed::TagMoved(_)) => Ended::TagMoved,
        (Verdict::Failed | Verdict::RolledBack | Verdict::RollbackFailed, _) => Ended::Failed,
    }
}
