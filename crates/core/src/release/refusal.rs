//! Why a service takes no deployment, and what can be done about it.

use crate::digest::Digest;

/// Why a service takes no deployment now.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// An operation, or AWS's own maintenance, is running, and the run is told not to wait for it.
    #[error("the service is busy (OPERATION_IN_PROGRESS): every change is refused until the operation ends")]
    Busy,
    /// Another run was faster.
    #[error("another run has deployed {0} since this one began")]
    Overtaken(Digest),
    /// Paused by somebody.
    #[error("the service is paused (PAUSED) and takes no deployment")]
    Paused,
    /// Half deleted.
    #[error("the service could not be deleted (DELETE_FAILED) and takes no deployment")]
    DeleteFailed,
    /// Its source is not an image.
    #[error("the service is built from source code, not from an image")]
    NotAnImage,
    /// A state this program does not know.
    #[error("the service is in state {0}, which this version of shipgate does not know")]
    UnknownState(String),
}

/// What to do when another run was faster.
pub const OVERTAKEN: &str = "to deploy this image after it, run the same command again";

impl Refusal {
    /// Whether it is about the state the service is in now, and may pass, rather than about how it is set up.
    #[must_use]
    pub fn is_about_state(&self) -> bool {
        match self {
            Self::Busy | Self::Overtaken(_) | Self::Paused | Self::DeleteFailed | Self::UnknownState(_) => true,
            Self::NotAnImage => false,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Busy => {
                "run the same command again when the operation has ended, or let it be waited for: --if-busy wait"
            }
            Self::Overtaken(_) => OVERTAKEN,
            Self::Paused => "have it resumed first: --resume",
            Self::DeleteFailed => {
                "have it deleted once more and created anew: --recreate (its URL, ARN and log groups change)"
            }
            Self::NotAnImage => "shipgate deploys image-based services; name another service",
            Self::UnknownState(_) => "look at the service in the console; a newer shipgate may know the state",
        }
    }
}
