//! Which call releases a version, decided from the service's state.

use super::service::ServiceStatus;

/// How a version is released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReleaseVerb {
    /// There is no service: create it.
    CreateService,
    /// The service runs: deploy what its configured tag points at now.
    StartDeployment,
}

impl ReleaseVerb {
    /// The name in events and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateService => "create-service",
            Self::StartDeployment => "start-deployment",
        }
    }
}

/// Why a service takes no deployment now.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// An operation, or AWS's own maintenance, is running.
    #[error("the service is busy (OPERATION_IN_PROGRESS): every change is refused until the operation ends")]
    Busy,
    /// Paused by somebody.
    #[error("the service is paused (PAUSED) and takes no deployment")]
    Paused,
    /// Its first deployment failed.
    #[error("the service's first deployment failed (CREATE_FAILED); it holds its name and takes no deployment")]
    CreateFailed,
    /// Half deleted.
    #[error("the service could not be deleted (DELETE_FAILED) and takes no deployment")]
    DeleteFailed,
    /// Its source is not an image.
    #[error("the service is built from source code, not from an image")]
    NotAnImage,
    /// The service deploys from a repository or tag other than the one this run would promote.
    #[error("the service deploys {configured}, not {wanted}")]
    OtherImage {
        /// The identifier the service is configured with.
        configured: String,
        /// The identifier that would be promoted.
        wanted: String,
    },
    /// The push of the tag would itself deploy: there would be two deployments.
    #[error("the service deploys by itself on every push of its tag (AutoDeploymentsEnabled)")]
    AutoDeployments,
    /// A state this program does not know.
    #[error("the service is in state {0}, which this version of shipgate does not know")]
    UnknownState(String),
}

impl Refusal {
    /// Whether it is about the state the service is in now, and may pass, rather than about how it is set up.
    #[must_use]
    pub fn is_about_state(&self) -> bool {
        match self {
            Self::Busy | Self::Paused | Self::CreateFailed | Self::DeleteFailed | Self::UnknownState(_) => true,
            Self::NotAnImage | Self::OtherImage { .. } | Self::AutoDeployments => false,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Busy => "wait for the running operation to end, then run the same command again".to_owned(),
            Self::Paused => "resume it (aws apprunner resume-service --service-arn ARN), then run the same command again".to_owned(),
            Self::CreateFailed | Self::DeleteFailed => {
                "delete it (aws apprunner delete-service --service-arn ARN), then run the same command again".to_owned()
            }
            Self::NotAnImage => "shipgate deploys image-based services; name another service".to_owned(),
            Self::OtherImage { .. } => {
                "leave out `repository` and `tag` of the target to follow the service, or change the service's image identifier".to_owned()
            }
            Self::AutoDeployments => "turn automatic deployments off (aws apprunner update-service --service-arn ARN \
                 --source-configuration AutoDeploymentsEnabled=false), so that nothing is deployed that was not verified"
                .to_owned(),
            Self::UnknownState(_) => "look at the service in the console; a newer shipgate may know the state".to_owned(),
        }
    }
}

/// Decides how to release: `None` means there is no service of that name (a `DELETED` one counts as none).
///
/// # Errors
/// [`Refusal`] when the state takes no deployment.
pub fn decide(status: Option<&ServiceStatus>) -> Result<ReleaseVerb, Refusal> {
    match status {
        None | Some(ServiceStatus::Deleted) => Ok(ReleaseVerb::CreateService),
        Some(ServiceStatus::Running) => Ok(ReleaseVerb::StartDeployment),
        Some(ServiceStatus::OperationInProgress) => Err(Refusal::Busy),
        Some(ServiceStatus::Paused) => Err(Refusal::Paused),
        Some(ServiceStatus::CreateFailed) => Err(Refusal::CreateFailed),
        Some(ServiceStatus::DeleteFailed) => Err(Refusal::DeleteFailed),
        Some(ServiceStatus::Unknown(word)) => Err(Refusal::UnknownState(word.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, ReleaseVerb, decide};
    use crate::domain::service::ServiceStatus;

    #[test]
    fn every_state_has_its_answer() {
        let table = [
            (None, Ok(ReleaseVerb::CreateService)),
            (Some("DELETED"), Ok(ReleaseVerb::CreateService)),
            (Some("RUNNING"), Ok(ReleaseVerb::StartDeployment)),
            (Some("OPERATION_IN_PROGRESS"), Err(Refusal::Busy)),
            (Some("PAUSED"), Err(Refusal::Paused)),
            (Some("CREATE_FAILED"), Err(Refusal::CreateFailed)),
            (Some("DELETE_FAILED"), Err(Refusal::DeleteFailed)),
            (Some("SLEEPING"), Err(Refusal::UnknownState("SLEEPING".to_owned()))),
        ];
        for (word, expected) in table {
            let status = word.map(ServiceStatus::from);
            assert_eq!(decide(status.as_ref()), expected, "{word:?}");
        }
    }
}
