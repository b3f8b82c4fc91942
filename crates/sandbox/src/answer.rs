//! The one error type of the sandbox's services: what a client sees, before the protocol has dressed it.

/// An error answer of an AWS service.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error code, such as `RepositoryNotFoundException`.
    pub code: &'static str,
    /// The message, worded as AWS words it.
    pub message: String,
}

impl ApiError {
    /// An error answer with this status, code and message.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}
