//! What a service answers when it refuses.

/// An error answer of an AWS API.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error's name, such as `InvalidRequestException`.
    pub code: &'static str,
    /// The words for people.
    pub message: String,
}

impl ApiError {
    /// An error answer of these parts.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}
