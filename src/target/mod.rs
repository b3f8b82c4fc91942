//! Where a deployment is released and followed. App Runner is the first such place; ECS Express Mode will be the second.

use std::future::Future;

use crate::{
    aws::fault::AwsFault,
    domain::{
        arn::{RoleArn, ServiceArn},
        image::ImageReference,
        operation::{OperationId, OperationStatus},
        release::ReleaseVerb,
        service::{LiveService, RunSettings},
    },
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

/// A deployment that has begun.
#[derive(Clone, Debug)]
pub struct Started {
    /// The service it is of.
    pub service: ServiceArn,
    /// The operation to follow.
    pub operation: OperationId,
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
}

/// A place that runs services and replaces their versions.
pub trait DeployTarget {
    /// The service of this name, if there is one. One that is deleted counts as none.
    fn service(&self, name: &str) -> impl Future<Output = Result<Option<LiveService>, TargetError>> + Send;

    /// Creates a service. Never retried here: an answer that got lost may have created it.
    fn create(&self, order: &CreateOrder) -> impl Future<Output = Result<Started, TargetError>> + Send;

    /// Deploys what the service's configured image identifier points at now. Never retried here either.
    fn start_deployment(&self, service: &ServiceArn) -> impl Future<Output = Result<Started, TargetError>> + Send;

    /// Where one operation of a service stands; `None` while it is not listed (yet).
    fn operation_status(
        &self,
        service: &ServiceArn,
        operation: &OperationId,
    ) -> impl Future<Output = Result<Option<OperationStatus>, TargetError>> + Send;

    /// The service's newest operation of the kind that this verb starts.
    fn latest_operation(
        &self,
        service: &ServiceArn,
        verb: ReleaseVerb,
    ) -> impl Future<Output = Result<Option<OperationId>, TargetError>> + Send;
}
