//! An App Runner with one service, and the tags of a repository. Every call takes half of its time before it acts and half after.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::Round;
use crate::{
    stages::{promote::PromoteError, tags::TagStore},
    target::{CreateOrder, DeployTarget, ObservedOperation, Started, TargetError, UpdateOrder},
};
use shipgate_aws::fault::AwsFault;
use shipgate_core::{
    arn::ServiceArn,
    digest::Digest,
    operation::{OperationId, OperationStatus},
    release::{OperationKind, PastOperation, record_tag},
    service::{LiveService, RunSettings, ServiceStatus},
};
use shipgate_registry::RegistryError;

pub(super) const SERVICE: &str = "shop-api";
pub(super) const TAG: &str = "live";
pub(super) const IDENTIFIER: &str = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/shop/api:live";
const STALE: f64 = 5.0;
const LATE: f64 = 20.0;

/// One cloud. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(super) struct Cloud {
    round: Round,
    start: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    tags: BTreeMap<String, Digest>,
    /// Oldest first.
    operations: Vec<Operation>,
    serving: Option<Digest>,
    lost: [usize; 2],
    taken: usize,
    log: String,
    is_short: bool,
}

#[derive(Clone, Debug)]
struct Operation {
    id: String,
    kind: OperationKind,
    /// In seconds since the start, as all times here.
    started: f64,
    listed: f64,
    pulls: f64,
    ends: f64,
    pulled: Option<Digest>,
    fails: bool,
}

/// What is so now.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) serving: Option<Digest>,
    pub(super) tag: Option<Digest>,
    /// By the record of the last operation.
    pub(super) recorded: Option<Digest>,
    /// Orders that were taken.
    pub(super) taken: usize,
    pub(super) seconds: u64,
}

fn arn() -> ServiceArn {
    "arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123abcd".parse().unwrap()
}

fn fault(code: Option<&str>, message: &str) -> TargetError {
    let (code, message) = (code.map(str::to_owned), message.to_owned());
    TargetError::Call(AwsFault { action: "apprunner:Order", code, message, connection: None })
}

impl Operation {
    fn status(&self, at: f64) -> &'static str {
        match (at >= self.ends, self.fails) {
            (false, _) => "IN_PROGRESS",
            (true, true) => "ROLLBACK_SUCCEEDED",
            (true, false) => "SUCCEEDED",
        }
    }
}

impl State {
    /// What has come to pass by this time.
    fn advance(&mut self, at: f64) {
        let tag = self.tags.get(TAG).cloned();
        let Some(last) = self.operations.last_mut() else { return };
        if last.pulled.is_none() && at >= last.pulls {
            last.pulled.clone_from(&tag);
            let _ = writeln!(self.log, "{at:8.3} {} pulls {:?}", last.id, tag.as_ref().map(Digest::short));
        }
        if at >= last.ends && !last.fails {
            self.serving.clone_from(&last.pulled);
        }
    }

    fn is_busy(&self, at: f64) -> bool {
        self.operations.last().is_some_and(|last| at < last.ends)
    }

    fn take(&mut self, at: f64, kind: OperationKind, fails: bool) -> String {
        let id = format!("{:032x}", self.operations.len() + 1);
        let pulls = at + 1.0 + self.random.f64() * 4.0;
        let operation = Operation {
            id: id.clone(),
            kind,
            started: at,
            listed: at + self.random.f64() * LATE,
            pulls,
            // Longer than it takes to pull; a short one may end before it is listed.
            ends: if self.is_short { pulls + 1.0 } else { at + 40.0 + self.random.f64() * 60.0 },
            pulled: None,
            fails,
        };
        self.operations.push(operation);
        id
    }
}

impl Cloud {
    pub(super) fn new(round: Round) -> Self {
        let mut state = State {
            random: fastrand::Rng::with_seed(round.seed ^ 0x5eed),
            tags: BTreeMap::new(),
            operations: Vec::new(),
            serving: None,
            lost: round.lost,
            is_short: round.is_short,
            taken: 0,
            log: String::new(),
        };
        if round.exists {
            let old = Digest::of(b"old");
            state.tags.insert(TAG.to_owned(), old.clone());
            state.tags.insert(record_tag(SERVICE, None), old);
            state.take(-1000.0, OperationKind::CreateService, false);
            state.advance(-900.0);
            state.advance(-800.0);
        }
        Self { round, start: Instant::now(), state: Arc::new(Mutex::new(state)) }
    }

    fn at(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// The time as App Runner and the runs' machines have it.
    pub(super) fn clock(at: f64) -> Timestamp {
        let nanoseconds = SignedDuration::from_secs_f64(1_000_000.0 + at);
        Timestamp::UNIX_EPOCH + nanoseconds
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Self::clock(self.at())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, f64) -> T) -> T {
        let at = self.at();
        let mut state = self.state.lock().unwrap();
        state.advance(at);
        act(&mut state, at)
    }

    pub(super) fn note(&self, line: &str) {
        self.with(|state, at| {
            let _ = writeln!(state.log, "{at:8.3} {line}");
        });
    }

    pub(super) fn log(&self) -> String {
        let state = self.state.lock().unwrap();
        format!("\n{}{:#?}\n{:#?}", state.log, state.tags, state.operations)
    }

    pub(super) fn now(&self) -> Now {
        self.with(|state, at| {
            let before = state.operations.len().checked_sub(2).and_then(|at| state.operations.get(at));
            let record = record_tag(SERVICE, before.map(|before| OperationId::new(before.id.clone())).as_ref());
            Now {
                serving: state.serving.clone(),
                tag: state.tags.get(TAG).cloned(),
                recorded: state.tags.get(&record).cloned(),
                taken: state.taken,
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
                seconds: at as u64,
            }
        })
    }

    /// Half of a call's time, give or take half of it.
    async fn half(&self) {
        let factor = self.state.lock().unwrap().random.f64() + 0.5;
        sleep(Duration::from_millis(self.round.latency_ms).mul_f64(factor / 2.0)).await;
    }

    fn order(&self, kind: OperationKind) -> Result<Started, TargetError> {
        let fails = self.round.fails;
        self.with(|state, at| {
            if state.lost[0] > 0 {
                state.lost[0] -= 1;
                return Err(fault(Some("InternalServiceError"), "it never arrived"));
            }
            if kind == OperationKind::CreateService && !state.operations.is_empty() {
                let message = "Service with the provided name already exists: shop-api.";
                return Err(fault(Some("InvalidRequestException"), message));
            }
            if state.is_busy(at) {
                let message = "Can't start a deployment on the specified service, because it isn't in RUNNING state";
                return Err(fault(Some("InvalidRequestException"), message));
            }
            state.taken += 1;
            let id = state.take(at, kind, fails);
            let _ = writeln!(state.log, "{at:8.3} taken: {id}");
            if state.lost[1] > 0 {
                state.lost[1] -= 1;
                return Err(fault(None, "the answer was lost"));
            }
            Ok(Started { service: arn(), operation: OperationId::new(id) })
        })
    }
}

impl TagStore for Cloud {
    async fn digest_of(&self, tag: &str) -> Result<Option<Digest>, RegistryError> {
        self.half().await;
        let found = self.with(|state, _| state.tags.get(tag).cloned());
        self.half().await;
        Ok(found)
    }

    async fn point(&self, tag: &str, digest: &Digest) -> Result<(), PromoteError> {
        self.half().await;
        self.with(|state, at| {
            let _ = writeln!(state.log, "{at:8.3} {tag} -> {}", digest.short());
            state.tags.insert(tag.to_owned(), digest.clone());
        });
        self.half().await;
        Ok(())
    }
}

impl DeployTarget for Cloud {
    async fn service(&self, _name: &str) -> Result<Option<LiveService>, TargetError> {
        self.half().await;
        let status = self.with(|state, at| {
            let last = state.operations.last()?;
            let is_stale = at < last.started + STALE && state.operations.len() > 1;
            Some(if state.is_busy(at) && !is_stale { "OPERATION_IN_PROGRESS" } else { "RUNNING" })
        });
        self.half().await;
        Ok(status.map(|status| LiveService {
            arn: arn(),
            status: ServiceStatus::from(status),
            url: String::new(),
            image_identifier: Some(IDENTIFIER.to_owned()),
            auto_deployments: false,
            settings: RunSettings::default(),
        }))
    }

    async fn create(&self, _order: &CreateOrder) -> Result<Started, TargetError> {
        self.half().await;
        let answer = self.order(OperationKind::CreateService);
        self.half().await;
        answer
    }

    async fn start_deployment(&self, _service: &ServiceArn) -> Result<Started, TargetError> {
        self.half().await;
        let answer = self.order(OperationKind::StartDeployment);
        self.half().await;
        answer
    }

    async fn update(&self, _order: &UpdateOrder) -> Result<Option<Started>, TargetError> {
        unreachable!("nothing is updated here")
    }

    async fn resume(&self, _service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        unreachable!("nothing is resumed here")
    }

    async fn delete(&self, _service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        unreachable!("nothing is deleted here")
    }

    async fn operation(
        &self,
        service: &ServiceArn,
        operation: &OperationId,
    ) -> Result<Option<ObservedOperation>, TargetError> {
        let listed = self.operations(service).await?.into_iter().find(|one| one.id == *operation);
        Ok(listed.map(|one| ObservedOperation { status: one.status, started_at: None, ended_at: None, usual: None }))
    }

    async fn operations(&self, _service: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        self.half().await;
        let listed = self.with(|state, at| {
            let visible = state.operations.iter().rev().filter(|one| at >= one.listed);
            visible.map(|one| (one.clone(), one.status(at))).collect::<Vec<_>>()
        });
        self.half().await;
        let past = |(one, status): (Operation, &str)| PastOperation {
            id: OperationId::new(one.id),
            kind: one.kind,
            status: OperationStatus::from(status.to_owned()),
            started_at: Some(Self::clock(one.started)),
        };
        Ok(listed.into_iter().map(past).collect())
    }
}
