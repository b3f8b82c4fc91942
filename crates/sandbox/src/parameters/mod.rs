//! The Parameter Store of SSM: texts by name, with their versions; the rest of SSM is not here.
//!
//! Sources: SSM API reference, and the user guide on parameters' names and versions.

mod calls;
mod path;
pub(crate) mod store;

use serde_json::Value;

use self::store::ParameterStore;
use super::{answer::ApiError, caller::Caller, keys::MayDecrypt};

/// Answers one action.
pub(crate) fn call(
    parameters: &ParameterStore,
    caller: &Caller,
    may_decrypt: &MayDecrypt<'_>,
    action: &str,
    input: &Value,
) -> Result<Value, ApiError> {
    match action {
        "PutParameter" => calls::put(parameters, caller, input),
        "GetParameter" => calls::get(parameters, caller, may_decrypt, input),
        "GetParameters" => calls::get_many(parameters, caller, may_decrypt, input),
        "GetParametersByPath" => path::get_by_path(parameters, caller, may_decrypt, input),
        "DeleteParameter" => calls::delete(parameters, caller, input),
        _ => {
            let message = format!("ssm:{action} is not supported by the sandbox");
            Err(ApiError::new(400, "UnknownOperationException", message))
        }
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

/// A member that must be there.
fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    input[member].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
        let member = format!("{}{}", member[..1].to_ascii_lowercase(), &member[1..]);
        invalid(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}
