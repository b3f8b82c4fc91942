//! A target that says, second by second, what a test has it say, and counts what it is ordered.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::target::{CreateOrder, DeployTarget, ObservedOperation, Started, TargetError, UpdateOrder};
use shipgate_aws::fault::AwsFault;
use shipgate_core::{
    arn::ServiceArn,
    operation::{OperationId, OperationStatus},
    release::{OperationKind, PastOperation},
    service::{LiveService, RunSettings, ServiceStatus},
};

/// What there is from a second on, until the next one named.
type From<T> = (u64, T);
/// An operation: id, kind, status.
type Listed = (&'static str, OperationKind, &'static str);

#[derive(Debug)]
pub(super) struct Fake {
    begun: Instant,
    /// The service's status; `None`: there is no service.
    pub(super) status: Vec<From<Option<&'static str>>>,
    /// Its operations, newest first.
    pub(super) operations: Vec<From<Vec<Listed>>>,
    /// The answers to orders, in turn: an operation, no answer (`None`), or an error code.
    pub(super) answers: Mutex<Vec<Result<Option<&'static str>, Option<&'static str>>>>,
    /// The message of every error.
    pub(super) messages: &'static str,
    /// The orders given.
    pub(super) orders: Mutex<Vec<&'static str>>,
}

pub(super) fn arn() -> ServiceArn {
    "arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123abcd".parse().unwrap()
}

fn at<T>(timeline: &[From<T>], seconds: u64) -> &T {
    let current = timeline.iter().rev().find(|(from, _)| *from <= seconds);
    &current.expect("it begins at 0").1
}

pub(super) fn past((id, kind, status): (&str, OperationKind, &str)) -> PastOperation {
    PastOperation { id: OperationId::new(id), kind, status: OperationStatus::from(status.to_owned()), started_at: None }
}

impl Fake {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            status: vec![(0, Some("RUNNING"))],
            operations: vec![(0, Vec::new())],
            answers: Mutex::default(),
            messages: "no",
            orders: Mutex::default(),
        }
    }

    pub(super) fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    fn answer(&self, order: &'static str) -> Result<Option<Started>, TargetError> {
        self.orders.lock().unwrap().push(order);
        match self.answers.lock().unwrap().remove(0) {
            Ok(operation) => Ok(operation.map(|id| Started { service: arn(), operation: OperationId::new(id) })),
            Err(code) => Err(TargetError::Call(AwsFault {
                action: "apprunner:Order",
                code: code.map(str::to_owned),
                message: self.messages.to_owned(),
                connection: None,
            })),
        }
    }
}

impl DeployTarget for Fake {
    async fn service(&self, _name: &str) -> Result<Option<LiveService>, TargetError> {
        Ok(at(&self.status, self.seconds()).map(|status| LiveService {
            arn: arn(),
            status: ServiceStatus::from(status),
            url: String::new(),
            image_identifier: None,
            auto_deployments: false,
            settings: RunSettings::default(),
        }))
    }

    async fn create(&self, _order: &CreateOrder) -> Result<Started, TargetError> {
        self.answer("create").map(Option::unwrap)
    }

    async fn start_deployment(&self, _service: &ServiceArn) -> Result<Started, TargetError> {
        self.answer("start-deployment").map(Option::unwrap)
    }

    async fn update(&self, _order: &UpdateOrder) -> Result<Option<Started>, TargetError> {
        self.answer("update")
    }

    async fn resume(&self, _service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        self.answer("resume")
    }

    async fn delete(&self, _service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        self.answer("delete")
    }

    async fn operation(
        &self,
        service: &ServiceArn,
        operation: &OperationId,
    ) -> Result<Option<ObservedOperation>, TargetError> {
        let listed = self.operations(service).await?;
        let found = listed.into_iter().find(|one| one.id == *operation);
        Ok(found.map(|one| ObservedOperation { status: one.status, started_at: None, ended_at: None, usual: None }))
    }

    async fn operations(&self, _service: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        Ok(at(&self.operations, self.seconds()).iter().copied().map(past).collect())
    }
}
