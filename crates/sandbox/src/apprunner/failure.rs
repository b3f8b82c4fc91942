//! Why a phase of an operation could not be done, and what the logs say of it.

use super::{config::RunSpec, engine::EngineError, journal};

/// Why a phase could not be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the image can't be had: {0}")]
    Pull(String),
    // App Runner's own words for it are not known.
    #[error("Failed to retrieve the runtime environment secret {name}. {reason}")]
    Secret { name: String, reason: String },
    #[error("{}", with_causes(.0))]
    Engine(EngineError),
    #[error("the container ended with exit code {0}")]
    Exited(i64),
    /// No container can be made of the image. App Runner's own words for it are not known.
    #[error("no container can be made of the image: {0}")]
    NotCreated(String),
    #[error("the health check failed")]
    Unhealthy,
    #[error("the service is gone")]
    Gone,
    #[error("{0}")]
    Scripted(String),
    #[error("the sandbox is shutting down")]
    ShuttingDown,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotStarted(code) => Self::Exited(code),
            EngineError::Unfit(reason) => Self::NotCreated(reason),
            other @ (EngineError::Unreachable(_) | EngineError::Refused { .. } | EngineError::Layers(_)) => {
                Self::Engine(other)
            }
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl Failure {
    /// The line that says what happened, if there is one, and what the deployment's last line gives as the reason.
    pub(super) fn lines(&self, spec: &RunSpec) -> (Option<String>, String) {
        match self {
            Self::Pull(cause) => {
                (Some(journal::not_pulled(cause)), "Failed to pull your application image.".to_owned())
            }
            Self::Exited(code) => {
                (Some(journal::exited(*code)), "Your application stopped or failed to start.".to_owned())
            }
            Self::NotCreated(reason) => {
                let line =
                    format!("Your application stopped or failed to start. See logs for more information.  {reason}");
                (Some(line), "Your application stopped or failed to start.".to_owned())
            }
            Self::Unhealthy => (Some(journal::unhealthy(&spec.health, spec.port)), "Health check failed.".to_owned()),
            Self::Scripted(reason) => (None, reason.clone()),
            Self::Secret { name, .. } => {
                (Some(self.to_string()), format!("Failed to retrieve the runtime environment secret {name}."))
            }
            Self::Engine(_) | Self::Gone | Self::ShuttingDown => (Some(self.to_string()), self.to_string()),
        }
    }
}
