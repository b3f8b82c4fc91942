//! CloudWatch Logs: what a deployment reads and sets.

mod batch;
mod events;
mod groups;
mod kept;
pub mod store;
mod streams;

use serde_json::Value;

use self::{
    store::{Group, Groups, LogStore},
    streams::Seen,
};
use super::{answer::ApiError, caller::Caller};

/// Answers one action.
pub(crate) fn call(logs: &LogStore, caller: &Caller, action: &str, input: &Value) -> Result<Value, ApiError> {
    let delay = logs.delay_millis();
    logs.change(&caller.account, &caller.region, |all| match action {
        "DescribeLogGroups" => groups::describe(all, caller, input),
        "CreateLogGroup" => groups::create(all, input),
        "DeleteLogGroup" => groups::delete(all, input),
        "PutRetentionPolicy" => groups::put_retention(all, input),
        "DeleteRetentionPolicy" => groups::delete_retention(all, input),
        "DescribeLogStreams" => streams::describe(all, caller, input, Seen::after(delay)),
        "CreateLogStream" => streams::create(all, input),
        "DeleteLogStream" => streams::delete(all, input),
        "PutLogEvents" => batch::put(all, input),
        "GetLogEvents" => events::get(all, input),
        "FilterLogEvents" => events::filter(all, input),
        _ => {
            let message = format!("logs:{action} is not supported by the sandbox");
            Err(ApiError::new(400, "UnknownOperationException", message))
        }
    })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

/// The name of the group that a request is about: `logGroupName`, or the name or ARN in `logGroupIdentifier`. An ARN that
/// ends with `:*`, as `arn` of DescribeLogGroups does, is refused (moto's test of that is verified against AWS).
fn group_name(input: &Value) -> Result<&str, ApiError> {
    let identifier = input["logGroupIdentifier"].as_str();
    if let Some(name) = input["logGroupName"].as_str() {
        if identifier.is_some() {
            return Err(invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters."));
        }
        return Ok(name);
    }
    if identifier.is_some_and(|text| !text.chars().all(|c| c.is_ascii_alphanumeric() || "_#+=/:,.@-".contains(c))) {
        return Err(invalid(
            "1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\w#+=/:,.@-]*",
        ));
    }
    let identifier = identifier.map(|text| text.split_once(":log-group:").map_or(text, |(_, name)| name));
    identifier.ok_or_else(|| {
        invalid(
            "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: \
             Member must not be null",
        )
    })
}

/// The group a request is about.
fn group<'a>(groups: &'a mut Groups, input: &Value) -> Result<&'a mut Group, ApiError> {
    let name = group_name(input)?;
    groups
        .get_mut(name)
        .ok_or_else(|| ApiError::new(400, "ResourceNotFoundException", "The specified log group does not exist."))
}

/// `limit` of a request, within 1 and the most.
fn limit(input: &Value, default: usize, most: usize) -> Result<usize, ApiError> {
    let most_words = format!("less than or equal to {most}");
    match input.get("limit").filter(|limit| !limit.is_null()) {
        None => Ok(default),
        Some(limit) => limit
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| {
                let bound = if *limit == 0 { "greater than or equal to 1" } else { most_words.as_str() };
                invalid(format!(
                    "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must \
                     have value {bound}"
                ))
            }),
    }
}
