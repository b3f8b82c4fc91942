//! The words of the App Runner API for states, operations and calls (service model 2020-05-15, the enums
//! `ServiceStatus`, `OperationType`, `OperationStatus`). Written here anew: the client has its own.

use serde::{Deserialize, Serialize};

/// `Service.Status`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ServiceStatus {
    CreateFailed,
    Running,
    Deleted,
    DeleteFailed,
    Paused,
    OperationInProgress,
}

impl ServiceStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::CreateFailed => "CREATE_FAILED",
            Self::Running => "RUNNING",
            Self::Deleted => "DELETED",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::Paused => "PAUSED",
            Self::OperationInProgress => "OPERATION_IN_PROGRESS",
        }
    }
}

/// `OperationSummary.Type`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationKind {
    /// `START_DEPLOYMENT`
    StartDeployment,
    /// `CREATE_SERVICE`
    CreateService,
    /// `PAUSE_SERVICE`
    PauseService,
    /// `RESUME_SERVICE`
    ResumeService,
    /// `DELETE_SERVICE`
    DeleteService,
    /// `UPDATE_SERVICE`
    UpdateService,
}

impl OperationKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::StartDeployment => "START_DEPLOYMENT",
            Self::CreateService => "CREATE_SERVICE",
            Self::PauseService => "PAUSE_SERVICE",
            Self::ResumeService => "RESUME_SERVICE",
            Self::DeleteService => "DELETE_SERVICE",
            Self::UpdateService => "UPDATE_SERVICE",
        }
    }

    /// Whether it only takes instances away, instead of bringing a new one up.
    pub(super) fn only_stops(self) -> bool {
        matches!(self, Self::PauseService | Self::DeleteService)
    }

    /// What the deployment's first log line calls its cause. `SERVICE_DEPLOY` is known from real logs; the
    /// others are formed after it.
    pub(super) fn trigger(self) -> &'static str {
        match self {
            Self::StartDeployment => "SERVICE_DEPLOY",
            Self::CreateService => "SERVICE_CREATE",
            Self::PauseService => "SERVICE_PAUSE",
            Self::ResumeService => "SERVICE_RESUME",
            Self::DeleteService => "SERVICE_DELETE",
            Self::UpdateService => "SERVICE_UPDATE",
        }
    }
}

/// `OperationSummary.Status`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OperationStatus {
    Pending,
    InProgress,
    Failed,
    Succeeded,
    RollbackInProgress,
    RollbackFailed,
    RollbackSucceeded,
}

impl OperationStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Failed => "FAILED",
            Self::Succeeded => "SUCCEEDED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::RollbackSucceeded => "ROLLBACK_SUCCEEDED",
        }
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_terminal(self) -> bool {
        match self {
            Self::Failed | Self::Succeeded | Self::RollbackFailed | Self::RollbackSucceeded => true,
            Self::Pending | Self::InProgress | Self::RollbackInProgress => false,
        }
    }
}
