//! Refusals, worded as App Runner words them where its words are known.

use super::word::ServiceStatus;
use crate::answer::ApiError;

/// The model is violated: AWS's own front end answers, before the service sees the call.
pub(super) fn validation(problems: &[String]) -> ApiError {
    let count = problems.len();
    let noun = if count == 1 { "error" } else { "errors" };
    ApiError::new(400, "ValidationException", format!("{count} validation {noun} detected: {}", problems.join("; ")))
}

/// A member has the wrong JSON type.
pub(super) fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "SerializationException", message)
}

/// The members are well-formed one by one and make no sense together.
pub(super) fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidRequestException", message)
}

/// Nothing answers to this ARN.
pub(super) fn not_found(arn: &str) -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", format!("Resource with ARN '{arn}' doesn't exist."))
}

/// The service's state takes no such call; `done` is the participle, such as `updated`.
pub(super) fn wrong_state(done: &str, status: ServiceStatus) -> ApiError {
    let message = format!("Service cannot be {done} in the current state: {}.", status.word());
    ApiError::new(400, "InvalidStateException", message)
}

/// StartDeployment off RUNNING: the call declares no InvalidStateException, so it answers this instead.
pub(super) fn not_running() -> ApiError {
    invalid_request("Can't start a deployment on the specified service, because it isn't in RUNNING state")
}

/// The name is taken, also by a service whose creation failed.
pub(super) fn name_taken(name: &str) -> ApiError {
    invalid_request(format!("Service with the provided name already exists: {name}"))
}

/// An operation of the API that this sandbox does not imitate.
pub(super) fn unsupported(action: &str) -> ApiError {
    ApiError::new(400, "UnsupportedOperationException", format!("{action} is not supported by the sandbox"))
}

/// Not an operation of the API at all.
pub(super) fn unknown_operation(action: &str) -> ApiError {
    ApiError::new(400, "UnknownOperationException", format!("App Runner has no operation `{action}`"))
}

/// The sandbox itself cannot go on.
pub(super) fn internal(message: impl Into<String>) -> ApiError {
    ApiError::new(500, "InternalServiceErrorException", message)
}
