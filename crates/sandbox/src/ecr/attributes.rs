//! What hangs on repositories without changing what they do: tags, the scanning switch. Kept and told again, so that tools
//! that manage repositories find what they have set; nothing is scanned.

use serde_json::{Value, json};

use super::{Request, invalid, repository::RepositoryId};
use crate::answer::ApiError;
use shipgate_core::account::AccountId;

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
