//! App Runner's operations and what their statuses mean. Only `SUCCEEDED` is a success.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of an operation as the service gave it. Compared with dashes stripped, because the same id is seen
/// with and without them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(String);

impl OperationId {
    /// Takes the id as the service wrote it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As the service wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lower-case hex digits alone: how ids appear in log stream names.
    #[must_use]
    pub fn without_dashes(&self) -> String {
        self.0.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect()
    }
}

impl PartialEq for OperationId {
    fn eq(&self, other: &Self) -> bool {
        self.without_dashes() == other.without_dashes()
    }
}

impl Eq for OperationId {}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where an operation stands (App Runner API reference, `OperationSummary.Status`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum OperationStatus {
    /// `PENDING`: accepted, not begun.
    Pending,
    /// `IN_PROGRESS`: green is being brought up.
    InProgress,
    /// `FAILED`: ended without success and without a rollback.
    Failed,
    /// `SUCCEEDED`: the only success there is.
    Succeeded,
    /// `ROLLBACK_IN_PROGRESS`: failed; the old version is being kept or brought back.
    RollbackInProgress,
    /// `ROLLBACK_FAILED`: failed, and so did the way back.
    RollbackFailed,
    /// `ROLLBACK_SUCCEEDED`: failed; the old version serves.
    RollbackSucceeded,
    /// A word this program does not know: shown raw, never a success.
    Unknown(String),
}

impl From<String> for OperationStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "FAILED" => Self::Failed,
            "SUCCEEDED" => Self::Succeeded,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            "ROLLBACK_SUCCEEDED" => Self::RollbackSucceeded,
            _ => Self::Unknown(text),
        }
    }
}

impl From<OperationStatus> for String {
    fn from(status: OperationStatus) -> Self {
        status.to_string()
    }
}

impl fmt::Display for OperationStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Failed => "FAILED",
            Self::Succeeded => "SUCCEEDED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::RollbackSucceeded => "ROLLBACK_SUCCEEDED",
            Self::Unknown(text) => text,
        })
    }
}

/// What an operation came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The new version serves.
    Deployed,
    /// The new version failed; the old one serves.
    RolledBack,
    /// The new version failed and nothing went back: what serves is unknown or nothing.
    Failed,
    /// The new version failed, and the rollback did too.
    RollbackFailed,
}

impl OperationStatus {
    /// The verdict, once there is one. An unknown word gives none: the gate goes on asking until its deadline.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Succeeded => Some(Verdict::Deployed),
            Self::RollbackSucceeded => Some(Verdict::RolledBack),
            Self::Failed => Some(Verdict::Failed),
            Self::RollbackFailed => Some(Verdict::RollbackFailed),
            Self::Pending | Self::InProgress | Self::RollbackInProgress | Self::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OperationId, OperationStatus, Verdict};

    #[test]
    fn only_succeeded_is_a_success() {
        let table = [
            ("PENDING", None),
            ("IN_PROGRESS", None),
            ("ROLLBACK_IN_PROGRESS", None),
            ("SUCCEEDED", Some(Verdict::Deployed)),
            ("FAILED", Some(Verdict::Failed)),
            ("ROLLBACK_FAILED", Some(Verdict::RollbackFailed)),
            ("ROLLBACK_SUCCEEDED", Some(Verdict::RolledBack)),
            ("SUCCEEDED_PARTLY", None),
            ("succeeded", None),
            ("", None),
        ];
        for (word, verdict) in table {
            let status = OperationStatus::from(word.to_owned());
            assert_eq!(status.verdict(), verdict, "{word}");
            assert_eq!(status.to_string(), word);
        }
    }

    #[test]
    fn ids_are_the_same_with_and_without_dashes() {
        let dashed = OperationId::new("17FE9F55-7E91-4097-B243-FCABBB69A4CF");
        assert_eq!(dashed, OperationId::new("17fe9f557e914097b243fcabbb69a4cf"));
        assert_ne!(dashed, OperationId::new("27fe9f557e914097b243fcabbb69a4cf"));
    }
}
