//! Where a deployment is released and followed. App Runner is the first such place; ECS Express Mode will be the second.

use std::{future::Future, time::Duration};

use jiff::Timestamp;

use shipgate_aws::{fault::AwsFault, probe::Probed};
use shipgate_core::{
    arn::{RoleArn, ServiceArn},
    image::ImageReference,
    operation::{OperationId, OperationStatus},
    release::PastOperation,
    service::{LiveService, RunSettings},
};

pub mod apprunner;

/// Everything a new service needs to be told.
#[derive(Clone, Debug)]
pub struct CreateOrder {
    /// Its name, unique in the account and region.
    pub service: String,
    /// The image it is to deploy from, by tag.
    pub image: ImageReference,
    /// The role that pulls the image.
    pub access_role: RoleArn,
    /// The role its containers run under.
    pub instance_role: Option<RoleArn>,
    /// What its container is run with.
    pub settings: RunSettings,
    /// `RuntimeEnvironmentSecrets`: variable name and the ARN its value comes from.
    pub secrets: Vec<(String, String)>,
}

/// A change to a service. What it does not name stays as it is.
#[derive(Clone, Debug)]
pub struct UpdateOrder {
    /// The service.
    pub service: ServiceArn,
    /// The image it is to deploy from now.
    pub image: Option<ImageReference>,
    /// Whether pushes are to deploy no more.
    pub turn_off_auto_deployments: bool,
    /// What it is to be like in all, as if it were created.
    pub like_new: Option<Box<CreateOrder>>,
}

/// An order that is not given: only whether the caller may give it is asked.
#[derive(Clone, Copy, Debug)]
pub enum OrderProbe<'a> {
    /// Create a service.
    Create(&'a CreateOrder),
    /// Deploy a service.
    Deploy(&'a ServiceArn),
    /// Change a service.
    Update(&'a UpdateOrder),
    /// Resume a service.
    Resume(&'a ServiceArn),
    /// Delete a service.
    Delete(&'a ServiceArn),
}

/// A deployment that has begun.
#[derive(Clone, Debug)]
pub struct Started {
    /// The service it is of.
    pub service: ServiceArn,
    /// The operation to follow.
    pub operation: OperationId,
}

/// Where an operation stands, and when it ran.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservedOperation {
    /// Its status.
    pub status: OperationStatus,
    /// When it began, in the target's own time.
    pub started_at: Option<Timestamp>,
    /// When it ended, likewise; absent while it runs. May be given in whole seconds, rounded down.
    pub ended_at: Option<Timestamp>,
    /// How long the service's deployments before it took that succeeded, the shortest of the last few; absent when none is listed.
    pub usual: Option<Duration>,
}

/// Why a deployment target gave no good answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TargetError {
    /// The service said no, or nothing.
    #[error(transparent)]
    Call(#[from] AwsFault),
    /// The service answered something that cannot be used.
    #[error("{action} gave an answer that cannot be used: {reason}")]
    Answer {
        /// The API action.
        action: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl TargetError {
    /// Whether the caller is not allowed to do this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Call(fault) => fault.is_denied(),
            Self::Answer { .. } => false,
        }
    }

    /// The command or edit that fixes it, if the fault shows one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Call(fault) => fault.hint(),
            Self::Answer { .. } => None,
        }
    }

    /// Whether what was asked about does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Call(fault) => fault.has_code("ResourceNotFoundException"),
            Self::Answer { .. } => false,
        }
    }
}

/// A place that runs services and replaces their versions.
pub trait DeployTarget {
    /// The service of this name, if there is one. One that is deleted counts as none.
    fn service(&self, name: &str) -> impl Future<Output = Result<Option<LiveService>, TargetError>> + Send;

    /// Creates a service. Never retried here: an answer that got lost may have created it.
    fn create(&self, order: &CreateOrder) -> impl Future<Output = Result<Started, TargetError>> + Send;

    /// Deploys what the service's configured image identifier points at now. Never retried here either.
    fn start_deployment(&self, service: &ServiceArn) -> impl Future<Output = Result<Started, TargetError>> + Send;

    /// Changes a service, which deploys it. `None`: nothing has changed and nothing was begun. Never retried here either.
    fn update(&self, order: &UpdateOrder) -> impl Future<Output = Result<Option<Started>, TargetError>> + Send;

    /// Resumes a paused service. `None`: it runs. Never retried here either.
    fn resume(&self, service: &ServiceArn) -> impl Future<Output = Result<Option<Started>, TargetError>> + Send;

    /// Deletes a service. Never retried here either.
    fn delete(&self, service: &ServiceArn) -> impl Future<Output = Result<Option<Started>, TargetError>> + Send;

    /// Whether the caller may give an order, as far as that can be found out without giving it.
    fn probe(&self, _order: OrderProbe<'_>) -> impl Future<Output = Probed> + Send {
        std::future::ready(Probed::Unknown)
    }

    /// Where one operation of a service stands; `None` when none of its operations, all looked through, is this one
    /// (yet).
    fn operation(
        &self,
        service: &ServiceArn,
        operation: &OperationId,
    ) -> impl Future<Output = Result<Option<ObservedOperation>, TargetError>> + Send;

    /// The service's operations, the newest first: all of them, up to the last two hundred.
    fn operations(&self, service: &ServiceArn) -> impl Future<Output = Result<Vec<PastOperation>, TargetError>> + Send;

    /// The service's last operations, the newest first: at least twenty, unless there are fewer.
    fn recent_operations(
        &self,
        service: &ServiceArn,
    ) -> impl Future<Output = Result<Vec<PastOperation>, TargetError>> + Send {
        self.operations(service)
    }
}
