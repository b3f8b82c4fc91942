//! Secrets Manager: what an application's secrets need. A secret lives in an account and a region, and has versions, of which
//! staging labels say what they are for.
//!
//! Sources: Secrets Manager API reference, and its user guide on versions ("What's in a Secrets Manager secret?").

mod calls;
mod listing;
mod secret;
pub(crate) mod store;

use serde_json::Value;

use self::store::SecretStore;
use super::{answer::ApiError, caller::Caller, keys::MayDecrypt};

/// Answers one action.
pub(crate) fn call(
    secrets: &SecretStore,
    caller: &Caller,
    may_decrypt: &MayDecrypt<'_>,
    action: &str,
    input: &Value,
) -> Result<Value, ApiError> {
    match action {
        "CreateSecret" => calls::create(secrets, caller, input),
        "GetSecretValue" => calls::get_value(secrets, caller, may_decrypt, input),
        "PutSecretValue" => calls::put_value(secrets, caller, input),
        "DescribeSecret" => calls::describe(secrets, caller, input),
        "DeleteSecret" => calls::delete(secrets, caller, input),
        "ListSecrets" => listing::list(secrets, caller, input),
        _ => {
            let message = format!("secretsmanager:{action} is not supported by the sandbox");
            Err(ApiError::new(400, "UnknownOperationException", message))
        }
    }
}

/// A parameter that makes no sense.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

/// A request that the secret's state does not allow.
fn refused(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidRequestException", message)
}

/// What there is not.
fn missing(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", message)
}

/// A member that must be there.
fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    input[member].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
        let member = format!("{}{}", member[..1].to_ascii_lowercase(), &member[1..]);
        let message = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        ApiError::new(400, "ValidationException", message)
    })
}
