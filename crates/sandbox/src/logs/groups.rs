//! Log groups and the list of their streams.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Group, Groups, group, group_name, invalid, limit};
use crate::{answer::ApiError, caller::Caller};

/// The retentions there are, in days (CloudWatch Logs API reference, PutRetentionPolicy).
const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// DescribeLogGroups. The token is the last name of the page before.
pub(crate) fn describe(groups: &Groups, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
    let pattern = input["logGroupNamePattern"].as_str().unwrap_or_default();
    if !prefix.is_empty() && !pattern.is_empty() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let after = input["nextToken"].as_str();
    let limit = limit(input, 50, 50)?;
    let mut found = groups
        .iter()
        .filter(|(name, _)| name.starts_with(prefix) && name.contains(pattern))
        .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
    let page: Vec<(&String, &Group)> = found.by_ref().take(limit).collect();
    let next = found.next().and(page.last()).map(|(name, _)| name.as_str());
    let list: Vec<Value> = page.iter().map(|(name, group)| describe_one(caller, name, group)).collect();
    Ok(with_token(json!({ "logGroups": list }), "nextToken", next))
}

fn describe_one(caller: &Caller, name: &str, group: &Group) -> Value {
    let arn = format!("arn:{}:logs:{}:{}:log-group:{name}", caller.region.partition(), caller.region, caller.account);
    let mut shown = json!({
        "logGroupName": name,
        "creationTime": group.created,
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group.stored_bytes(),
        "logGroupClass": "STANDARD",
    });
    if let Some(days) = group.retention_days {
        shown["retentionInDays"] = days.into();
    }
    shown
}

/// CreateLogGroup.
pub(crate) fn create(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let name = group_name(input)?;
    if name.is_empty() || name.len() > 512 || !name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_/#".contains(c)) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    if groups.contains_key(name) {
        return Err(ApiError::new(400, "ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let created = Timestamp::now().as_millisecond();
    groups.insert(name.to_owned(), Group { created, ..Group::default() });
    Ok(Value::Null)
}

/// DeleteLogGroup.
pub(crate) fn delete(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    group(groups, input)?;
    groups.remove(group_name(input)?);
    Ok(Value::Null)
}

/// PutRetentionPolicy.
pub(crate) fn put_retention(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let days = input["retentionInDays"].as_i64().filter(|days| RETENTION_DAYS.contains(days));
    let days = days.ok_or_else(|| {
        let value = &input["retentionInDays"];
        invalid(format!(
            "1 validation error detected: Value '{value}' at 'retentionInDays' failed to satisfy constraint: \
             Member must satisfy enum value set: {RETENTION_DAYS:?}"
        ))
    })?;
    group(groups, input)?.retention_days = Some(days);
    Ok(Value::Null)
}

/// DeleteRetentionPolicy.
pub(crate) fn delete_retention(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    group(groups, input)?.retention_days = None;
    Ok(Value::Null)
}

/// The answer with a token, when there is one.
pub(crate) fn with_token(mut answer: Value, name: &str, token: Option<&str>) -> Value {
    if let (Some(token), Value::Object(members)) = (token, &mut answer) {
        let members: &mut Map<String, Value> = members;
        members.insert(name.to_owned(), token.into());
    }
    answer
}
