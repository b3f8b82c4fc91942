//! Account settings: BLOB_MOUNTING is the one the sandbox has.

use serde_json::{Value, json};

use super::{Request, invalid};
use crate::answer::ApiError;

/// PutAccountSetting.
pub(super) fn put(request: &Request<'_>) -> Result<Value, ApiError> {
    let (name, value) = (request.text("name")?, request.text("value")?);
    let on = match (name, value) {
        ("BLOB_MOUNTING", "ENABLED") => true,
        ("BLOB_MOUNTING", "DISABLED") => false,
        _ => return Err(unknown(name)),
    };
    request.store.set_mounts_blobs(&request.caller.account, &request.caller.region, on);
    Ok(json!({"name": name, "value": value}))
}

/// GetAccountSetting.
pub(super) fn get(request: &Request<'_>) -> Result<Value, ApiError> {
    let name = request.text("name")?;
    if name != "BLOB_MOUNTING" {
        return Err(unknown(name));
    }
    let on = request.store.mounts_blobs(&request.caller.account, &request.caller.region);
    Ok(json!({"name": name, "value": if on { "ENABLED" } else { "DISABLED" }}))
}

fn unknown(name: &str) -> ApiError {
    invalid(format!("Invalid parameter at 'name' failed to satisfy constraint: '{name}' is no setting of the sandbox"))
}
