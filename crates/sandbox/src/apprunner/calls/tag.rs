//! Tags of services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{disputed, text, with_service};
use crate::{
    answer::ApiError,
    apprunner::{
        App, refusal,
        states::{Call, admit},
    },
    caller::Caller,
};

/// How many tags a resource can have (AWS General Reference, tag restrictions).
const MOST_TAGS: usize = 50;

pub(super) fn tag_resource(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let added = from_input(input)?;
    with_service(app, caller, text(input, "ResourceArn"), |service| {
        admit(Call::Tag, service.status, disputed(app))?;
        let mut tags = service.tags.clone();
        tags.extend(added);
        service.tags = not_too_many(tags)?;
        Ok(json!({}))
    })
}

pub(super) fn untag_resource(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    with_service(app, caller, text(input, "ResourceArn"), |service| {
        admit(Call::Tag, service.status, disputed(app))?;
        for key in input.get("TagKeys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            service.tags.remove(key);
        }
        Ok(json!({}))
    })
}

pub(super) fn list_tags(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    with_service(app, caller, text(input, "ResourceArn"), |service| {
        let tags: Vec<Value> = service.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        Ok(json!({ "Tags": tags }))
    })
}

/// The tags of a checked input.
pub(super) fn from_input(input: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let entries = input.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let mut tags = BTreeMap::new();
    for entry in entries {
        let key = text(entry, "Key");
        if key.is_empty() {
            return Err(refusal::invalid_request("A tag must have a key."));
        }
        tags.insert(key.to_owned(), text(entry, "Value").to_owned());
    }
    not_too_many(tags)
}

fn not_too_many(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    if tags.len() <= MOST_TAGS {
        return Ok(tags);
    }
    Err(refusal::invalid_request(format!("A resource can't have more than {MOST_TAGS} tags.")))
}
