//! GetParametersByPath: what lies under a path, page by page.

use serde_json::{Value, json};

use super::{
    calls::shown,
    invalid, required,
    store::{Asked, ParameterStore},
};
use crate::{answer::ApiError, caller::Caller, keys::MayDecrypt};

/// The largest page, and the one when none is asked for (API reference).
const PAGE: usize = 10;

/// The token is the last name of the page before.
pub(super) fn get_by_path(
    parameters: &ParameterStore,
    caller: &Caller,
    may_decrypt: &MayDecrypt<'_>,
    input: &Value,
) -> Result<Value, ApiError> {
    let path = required(input, "Path")?;
    if !path.starts_with('/') {
        return Err(invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \
             \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    if input["ParameterFilters"].as_array().is_some_and(|filters| !filters.is_empty()) {
        return Err(invalid("The sandbox has no filters for GetParametersByPath."));
    }
    let most = most(input)?;
    let under = format!("{}/", path.trim_end_matches('/'));
    let (recursive, decrypt) = (input["Recursive"] == true, input["WithDecryption"] == true);
    let after = input["NextToken"].as_str().unwrap_or_default();
    let mut found = parameters.list(&caller.account, &caller.region);
    found.sort_by(|a, b| a.name().cmp(b.name()));
    found.retain(|parameter| {
        // A name without a path is at the root.
        let whole = format!("/{}", parameter.name().trim_start_matches('/'));
        let rest = whole.strip_prefix(&under);
        rest.is_some_and(|rest| recursive || !rest.contains('/')) && parameter.name() > after
    });
    let page: Vec<Value> = found
        .iter()
        .take(most)
        .map(|parameter| shown(parameter, &Asked::newest(parameter.name()), decrypt, may_decrypt, caller))
        .collect::<Result<_, _>>()?;
    let mut answer = json!({ "Parameters": page });
    if found.len() > most {
        answer["NextToken"] = json!(found[most - 1].name());
    }
    Ok(answer)
}

fn most(input: &Value) -> Result<usize, ApiError> {
    let given = &input["MaxResults"];
    if given.is_null() {
        return Ok(PAGE);
    }
    let most = given.as_u64().and_then(|most| usize::try_from(most).ok()).filter(|most| (1..=PAGE).contains(most));
    most.ok_or_else(|| {
        let bound = if *given == 0 { "greater than or equal to 1" } else { "less than or equal to 10" };
        invalid(format!(
            "1 validation error detected: Value '{given}' at 'maxResults' failed to satisfy constraint: Member must have \
             value {bound}"
        ))
    })
}
