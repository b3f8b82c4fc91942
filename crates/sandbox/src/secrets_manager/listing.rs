//! ListSecrets: filters, order and pages.

use serde_json::{Value, json};

use super::{invalid, secret::Secret, store::SecretStore};
use crate::{answer::ApiError, caller::Caller};

/// The largest page, and the one when none is asked for (API reference, ListSecrets: MaxResults).
const PAGE: usize = 100;

/// Those marked for deletion only when they are asked for. The token is the place in the list.
pub(super) fn list(secrets: &SecretStore, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let most = most(&input["MaxResults"])?;
    let first: usize = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| ApiError::new(400, "InvalidNextTokenException", "The NextToken value is invalid."))?,
    };
    let mut found = secrets.list(&caller.account, &caller.region);
    found.retain(|secret| secret.deletion.is_none() || input["IncludePlannedDeletion"] == true);
    for filter in input["Filters"].as_array().into_iter().flatten() {
        let (key, values) = read_filter(filter)?;
        found.retain(|secret| fits(secret, key, &values));
    }
    if input["SortBy"] == "name" {
        found.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if input["SortOrder"] == "desc" {
        found.reverse();
    }
    let page: Vec<Value> = found.iter().skip(first).take(most).map(shown).collect();
    let next = first + page.len();
    let mut answer = json!({ "SecretList": page });
    if next < found.len() {
        answer["NextToken"] = json!(next.to_string());
    }
    Ok(answer)
}

fn shown(secret: &Secret) -> Value {
    Value::Object(secret.shown("SecretVersionsToStages"))
}

fn most(given: &Value) -> Result<usize, ApiError> {
    if given.is_null() {
        return Ok(PAGE);
    }
    let most = given.as_u64().and_then(|most| usize::try_from(most).ok()).filter(|most| (1..=PAGE).contains(most));
    most.ok_or_else(|| invalid("MaxResults must be between 1 and 100."))
}

fn read_filter(filter: &Value) -> Result<(&str, Vec<&str>), ApiError> {
    let key = filter["Key"].as_str().unwrap_or_default();
    if !["name", "description", "tag-key", "tag-value", "all"].contains(&key) {
        return Err(invalid(format!("The sandbox doesn't filter by {key}.")));
    }
    Ok((key, filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()))
}

/// A text fits when it begins with one of the values; one that begins with `!` must not fit (API reference, Filter).
fn fits(secret: &Secret, key: &str, values: &[&str]) -> bool {
    let (name, description) = ([secret.name.as_str()], secret.description.as_deref().into_iter());
    let (keys, of_keys): (Vec<&str>, Vec<&str>) =
        secret.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).unzip();
    let texts: Vec<&str> = match key {
        "name" => name.to_vec(),
        "description" => description.collect(),
        "tag-key" => keys,
        "tag-value" => of_keys,
        _ => name.into_iter().chain(description).chain(keys).chain(of_keys).collect(),
    };
    let begins = |value: &str| texts.iter().any(|text| text.starts_with(value));
    values.iter().any(|value| value.strip_prefix('!').map_or_else(|| begins(value), |not| !begins(not)))
}
