//! What hangs on repositories without changing what they do: tags, lifecycle policies, the scanning switch. Kept and told
//! again, so that tools that manage repositories find what they have set; nothing expires and nothing is scanned.

use serde_json::{Value, json};

use super::{Request, invalid, repository::RepositoryId};
use crate::{domain::account::AccountId, sandbox::answer::ApiError};

/// The repository that `resourceArn` names.
fn by_arn(request: &Request<'_>) -> Result<RepositoryId, ApiError> {
    let arn = request.text("resourceArn")?;
    let account: Option<AccountId> = arn.split(':').nth(4).and_then(|text| text.parse().ok());
    let name = arn.split_once(":repository/").map(|(_, name)| name.to_owned());
    let found = account.zip(name).map(|(account, name)| {
        let region = request.caller.region.clone();
        RepositoryId { account, region, name }
    });
    found.ok_or_else(|| {
        invalid(format!("Invalid parameter at 'resourceArn' failed to satisfy constraint: '{arn}' names no repository"))
    })
}

/// `tags` of a request: key and value.
pub(super) fn tags(input: &Value) -> impl Iterator<Item = (String, String)> {
    let list = input["tags"].as_array().into_iter().flatten();
    list.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned())))
}

/// TagResource.
pub(super) fn tag(request: &Request<'_>) -> Result<Value, ApiError> {
    request.with(&by_arn(request)?, |repository| repository.labels.extend(tags(request.input)))?;
    Ok(json!({}))
}

/// UntagResource.
pub(super) fn untag(request: &Request<'_>) -> Result<Value, ApiError> {
    let keys = request.list("tagKeys")?;
    request.with(&by_arn(request)?, |repository| {
        repository.labels.retain(|key, _| !keys.iter().any(|gone| gone == key));
    })?;
    Ok(json!({}))
}

/// ListTagsForResource.
pub(super) fn list_tags(request: &Request<'_>) -> Result<Value, ApiError> {
    request.look(&by_arn(request)?, |repository| {
        let tags: Vec<Value> =
            repository.labels.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        json!({ "tags": tags })
    })
}

/// PutImageScanningConfiguration.
pub(super) fn put_scanning(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let on = request.input["imageScanningConfiguration"]["scanOnPush"].as_bool() == Some(true);
    request.with(&id, |repository| {
        repository.scan_on_push = on;
        json!({
            "registryId": id.account,
            "repositoryName": id.name,
            "imageScanningConfiguration": {"scanOnPush": on},
        })
    })
}

/// PutLifecyclePolicy.
pub(super) fn put_lifecycle(request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, text) = (request.repository()?, request.text("lifecyclePolicyText")?);
    if !serde_json::from_str::<Value>(text).is_ok_and(|policy| policy["rules"].is_array()) {
        return Err(invalid(
            "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure'",
        ));
    }
    request.with(&id, |repository| repository.lifecycle_policy = Some(text.to_owned()))?;
    Ok(lifecycle_answer(&id, text))
}

/// GetLifecyclePolicy.
pub(super) fn lifecycle(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let text = request.look(&id, |repository| repository.lifecycle_policy.clone())?;
    text.map(|text| lifecycle_answer(&id, &text)).ok_or_else(|| no_lifecycle(&id))
}

/// DeleteLifecyclePolicy.
pub(super) fn delete_lifecycle(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let text = request.with(&id, |repository| repository.lifecycle_policy.take())?;
    text.map(|text| lifecycle_answer(&id, &text)).ok_or_else(|| no_lifecycle(&id))
}

fn lifecycle_answer(id: &RepositoryId, text: &str) -> Value {
    json!({"registryId": id.account, "repositoryName": id.name, "lifecyclePolicyText": text})
}

fn no_lifecycle(id: &RepositoryId) -> ApiError {
    let message = format!(
        "Lifecycle policy does not exist for the repository with name '{}' in the registry with id '{}'",
        id.name, id.account
    );
    ApiError::new(400, "LifecyclePolicyNotFoundException", message)
}
