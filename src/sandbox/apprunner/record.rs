//! What is known of services and their operations, and the book they stand in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    config::Configuration,
    instance::Instance,
    machine::Phase,
    proxy::Proxy,
    word::{OperationKind, OperationStatus, ServiceStatus},
};
use crate::{
    domain::account::{AccountId, Region},
    sandbox::ecr::store::StoredImage,
};

/// A service.
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
    pub(super) proxy: Option<Arc<Proxy>>,
    /// The instance that serves.
    pub(super) blue: Option<Arc<Instance>>,
    /// The instance of a deployment that has not ended.
    pub(super) green: Option<Arc<Instance>>,
    /// AWS's own maintenance: in OPERATION_IN_PROGRESS without an operation.
    pub(super) maintenance: bool,
    /// What DescribeService still answers, and in how many answers more.
    pub(super) stale: Option<(ServiceStatus, u32)>,
    /// What was last deployed with success: what a resumed service runs.
    pub(super) deployed: Option<Arc<StoredImage>>,
}

impl Service {
    /// Whether it is one of this account and region that has not been deleted.
    pub(super) fn lives_in(&self, account: &AccountId, region: &Region) -> bool {
        self.account == *account && self.region == *region && self.status != ServiceStatus::Deleted
    }
}

/// An operation.
#[derive(Clone, Debug)]
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
    pub(super) unlisted: u32,
    /// Cancelled when nothing holds it back any more.
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
            released: CancellationToken::new(),
        }
    }

    /// Whether it goes on by itself, or has ended.
    pub(super) fn is_free(&self) -> bool {
        self.released.is_cancelled() || self.status.is_terminal()
    }
}

/// All services, oldest first, deleted ones too.
#[derive(Default)]
pub(super) struct Book(Mutex<Vec<Service>>);

impl Book {
    /// Does something with all of them at one moment.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Vec<Service>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something with one of them.
    pub(super) fn with_service<T>(&self, arn: &str, act: impl FnOnce(&mut Service) -> T) -> Option<T> {
        self.with(|services| services.iter_mut().find(|service| service.arn == arn).map(act))
    }
}
