//! Release: the service is told to deploy, and the operation that *we* started is known.

use crate::{
    domain::{
        arn::ServiceArn,
        event::{Emitter, Event},
        release::{Refusal, ReleaseVerb},
    },
    target::{CreateOrder, DeployTarget, Started, TargetError},
};

/// What to do, decided before anything was changed.
#[derive(Clone, Debug)]
pub enum ReleaseOrder {
    /// There is no service: create it like this.
    Create(Box<CreateOrder>),
    /// Deploy what this service's tag points at now.
    Deploy(ServiceArn),
}

impl ReleaseOrder {
    /// The verb this order is for.
    #[must_use]
    pub fn verb(&self) -> ReleaseVerb {
        match self {
            Self::Create(_) => ReleaseVerb::CreateService,
            Self::Deploy(_) => ReleaseVerb::StartDeployment,
        }
    }
}

/// Why there is no order to give.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreleasable {
    /// The service takes no deployment as it is.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no service, and not enough is known to create one.
    #[error("there is no service {service}, and to create it the role that may pull its image must be known")]
    NoAccessRole {
        /// The service's name.
        service: String,
    },
}

impl Unreleasable {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::NoAccessRole { .. } => "set `create.access_role` of the target, or --access-role, to a role that \
                 build.apprunner.amazonaws.com may assume; or check the service's name and region"
                .to_owned(),
        }
    }
}

/// Gives the order, once.
///
/// # Errors
/// [`TargetError`] when the service refused. When no answer came at all, the operation may have begun all the same.
pub async fn release<T: DeployTarget>(
    target: &T,
    order: &ReleaseOrder,
    events: &Emitter,
) -> Result<Started, TargetError> {
    let started = match order {
        ReleaseOrder::Create(order) => target.create(order).await?,
        ReleaseOrder::Deploy(service) => target.start_deployment(service).await?,
    };
    events.emit(Event::Released {
        verb: order.verb().name().to_owned(),
        service_arn: started.service.to_string(),
        operation: started.operation.clone(),
    });
    Ok(started)
}
