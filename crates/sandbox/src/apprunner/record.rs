//! What is known of services and their operations, and the book they stand in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    config::Configuration,
    instance::Instance,
    machine::{Basis, Ending, Phase, Step},
    proxy::Proxy,
    word::{OperationKind, OperationStatus, ServiceStatus},
};
use crate::{ecr::store::StoredImage, state::Keeper};
use shipgate_core::account::{AccountId, Region};

/// A service, and its document in the sandbox's state.
#[derive(Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) arn: String,
    pub(super) name: String,
    /// 32 hex digits.
    pub(super) id: String,
    pub(super) account: AccountId,
    pub(super) region: Region,
    pub(super) status: ServiceStatus,
    pub(super) configuration: Configuration,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) deleted: Option<Timestamp>,
    /// Oldest first.
    pub(super) operations: Vec<Operation>,
    /// `127.0.0.1:PORT`.
    pub(super) url: String,
    /// Behind the URL, as long as the service lives.
    #[serde(skip)]
    pub(super) proxy: Option<Arc<Proxy>>,
    /// The instance that serves.
    #[serde(skip)]
    pub(super) blue: Option<Arc<Instance>>,
    /// The instance of a deployment that has not ended.
    #[serde(skip)]
    pub(super) green: Option<Arc<Instance>>,
    #[serde(skip)]
    /// AWS's own maintenance: in OPERATION_IN_PROGRESS without an operation.
    pub(super) maintenance: bool,
    #[serde(skip)]
    /// What DescribeService still answers, and in how many answers more.
    pub(super) stale: Option<(ServiceStatus, u32)>,
    /// The status from before the last operation, and until when answers give it.
    #[serde(skip)]
    pub(super) stale_until: Option<(ServiceStatus, Instant)>,
    /// What serves, or served last: what a resumed service runs.
    #[serde(with = "shared")]
    pub(super) deployed: Option<Arc<StoredImage>>,
    /// The operation that has not ended.
    pub(super) under_way: Option<UnderWay>,
}

/// What must be known of an operation to end it, should the process be killed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) operation: String,
    pub(super) basis: Basis,
    /// What a rollback returns to.
    pub(super) previous: Configuration,
}

/// `serde` leaves `Arc` out.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands in a reference to the member")]
    pub(super) fn serialize<T: Serialize, S: Serializer>(
        one: &Option<Arc<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        one.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<T>>, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map(Arc::new))
    }
}

impl Service {
    /// Whether it is one of this account and region that has not been deleted.
    pub(super) fn lives_in(&self, account: &AccountId, region: &Region) -> bool {
        self.account == *account && self.region == *region && self.status != ServiceStatus::Deleted
    }

    /// The status that answers give.
    pub(super) fn shown_status(&self) -> ServiceStatus {
        match self.stale_until {
            Some((status, until)) if Instant::now() < until => status,
            Some(_) | None => self.status,
        }
    }

    /// Writes a step of an operation down. `previous` is the configuration that a rollback returns to.
    pub(super) fn record(
        &mut self,
        operation: &str,
        step: Step,
        basis: Basis,
        previous: &Configuration,
        now: Timestamp,
    ) {
        self.status = step.service;
        self.updated = now;
        if let Some(operation) = self.operations.iter_mut().find(|known| known.id == operation) {
            operation.status = step.operation;
            operation.updated = now;
            operation.phases.push((step.phase, now));
            operation.ended = step.operation.is_terminal().then_some(now);
        }
        let Phase::Ended(ending) = step.phase else { return };
        self.under_way = None;
        match ending {
            Ending::Succeeded => {}
            // The configuration that is described is that of what serves; a rebuild that failed keeps the new one.
            Ending::Failed if !basis.serving => {}
            Ending::Failed | Ending::RolledBack | Ending::RollbackFailed => self.configuration = previous.clone(),
        }
    }
}

/// An operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Operation {
    /// A dashed UUID.
    pub(super) id: String,
    pub(super) kind: OperationKind,
    pub(super) status: OperationStatus,
    pub(super) started: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) ended: Option<Timestamp>,
    /// What has been done so far, and since when: the last is what is being done.
    pub(super) phases: Vec<(Phase, Timestamp)>,
    /// How many answers of ListOperations still leave it out.
    #[serde(skip)]
    pub(super) unlisted: u32,
    /// From when on ListOperations gives it.
    #[serde(skip)]
    pub(super) listed_from: Option<Instant>,
    /// Cancelled when nothing holds it back any more.
    #[serde(skip)]
    pub(super) released: CancellationToken,
}

impl Operation {
    /// One that has just been accepted.
    pub(super) fn accepted(id: String, kind: OperationKind) -> Self {
        let now = Timestamp::now();
        Self {
            id,
            kind,
            status: OperationStatus::Pending,
            started: now,
            updated: now,
            ended: None,
            phases: vec![(Phase::Pending, now)],
            unlisted: 0,
            listed_from: None,
            released: CancellationToken::new(),
        }
    }

    /// Whether an answer to ListOperations gives it; counts such answers.
    pub(super) fn take_listing(&mut self) -> bool {
        let is_hidden = self.unlisted > 0 || self.listed_from.is_some_and(|from| Instant::now() < from);
        self.unlisted = self.unlisted.saturating_sub(1);
        !is_hidden
    }

    /// Whether it goes on by itself, or has ended.
    pub(super) fn is_free(&self) -> bool {
        self.released.is_cancelled() || self.status.is_terminal()
    }
}

/// All services, oldest first, deleted ones too.
#[derive(Default)]
pub(super) struct Book {
    services: Mutex<Vec<Service>>,
    keeper: Option<Arc<Keeper>>,
}

impl Book {
    /// An empty book.
    pub(super) fn new(keeper: Option<Arc<Keeper>>) -> Self {
        Self { keeper, ..Self::default() }
    }

    /// Reads all of them at one moment.
    pub(super) fn look<T>(&self, look: impl FnOnce(&[Service]) -> T) -> T {
        look(&self.services.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes any of them at one moment. The change is kept before anybody else sees it.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Vec<Service>) -> T) -> T {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut services);
        services.iter().for_each(|service| self.keep(service));
        result
    }

    /// Changes one of them, likewise.
    pub(super) fn with_service<T>(&self, arn: &str, act: impl FnOnce(&mut Service) -> T) -> Option<T> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let service = services.iter_mut().find(|service| service.arn == arn)?;
        let result = act(service);
        self.keep(service);
        Some(result)
    }

    fn keep(&self, service: &Service) {
        if let Some(keeper) = &self.keeper {
            keeper.keep(&format!("services/{}.json", service.id), service);
        }
    }
}
