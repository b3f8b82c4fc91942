//! Repositories: their making, settings and end.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Request, attributes,
    encryption::Encryption,
    epoch_seconds, invalid,
    mutability::Mutability,
    no_repository, paged,
    repository::{Repository, RepositoryId},
    store::NoRepository,
};
use crate::{answer::ApiError, iam::Policy};
use shipgate_core::image::is_repository;

fn shown(id: &RepositoryId, repository: &Repository) -> Value {
    let mut shown = json!({
        "repositoryArn": id.arn(),
        "registryId": id.account,
        "repositoryName": id.name,
        "repositoryUri": id.uri(),
        "createdAt": epoch_seconds(repository.created),
        "imageTagMutability": repository.mutability.name(),
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": repository.encryption,
    });
    if !repository.mutability.exclusions.is_empty() {
        shown["imageTagMutabilityExclusionFilters"] = repository.mutability.filters();
    }
    shown
}

/// CreateRepository.
pub(super) fn create(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    if id.name.len() < 2 || !is_repository(&id.name) {
        let constraint = "must satisfy regular expression \
             '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";
        return Err(invalid(format!(
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: '{constraint}'"
        )));
    }
    let mut repository = Repository::new(Timestamp::now(), Mutability::read(request.input)?);
    repository.labels.extend(attributes::tags(request.input));
    repository.scan_on_push = request.input["imageScanningConfiguration"]["scanOnPush"] == true;
    repository.encryption = Encryption::read(request.input, &id)?;
    let answer = json!({ "repository": shown(&id, &repository) });
    if request.store.create(id.clone(), repository) {
        return Ok(answer);
    }
    let message =
        format!("The repository with name '{}' already exists in the registry with id '{}'", id.name, id.account);
    Err(ApiError::new(400, "RepositoryAlreadyExistsException", message))
}

/// DescribeRepositories.
pub(super) fn describe(request: &Request<'_>) -> Result<Value, ApiError> {
    if let Some(names) = request.input["repositoryNames"].as_array() {
        if !request.input["maxResults"].is_null() || !request.input["nextToken"].is_null() {
            return Err(invalid("Invalid parameter: repositoryNames cannot be combined with paging"));
        }
        let found: Result<Vec<Value>, ApiError> =
            names.iter().filter_map(Value::as_str).map(|name| describe_one(request, name)).collect();
        return Ok(json!({ "repositories": found? }));
    }
    let all = request.repository_named("*")?;
    let list = request.store.list(&all.account, &all.region);
    let list = list.iter().map(|(id, repository)| shown(id, repository)).collect();
    Ok(paged("repositories", list, request.page(100)?))
}

fn describe_one(request: &Request<'_>, name: &str) -> Result<Value, ApiError> {
    let id = request.repository_named(name)?;
    request.look(&id, |repository| shown(&id, repository))
}

/// DeleteRepository.
pub(super) fn delete(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let force = request.input["force"].as_bool() == Some(true);
    if !force && request.look(&id, |repository| !repository.images.is_empty())? {
        let message = format!(
            "The repository with name '{}' in registry with id '{}' cannot be deleted because it still contains images",
            id.name, id.account
        );
        return Err(ApiError::new(400, "RepositoryNotEmptyException", message));
    }
    let removed = request.store.remove(&id).ok_or_else(|| no_repository(&NoRepository(id.clone())))?;
    Ok(json!({ "repository": shown(&id, &removed) }))
}

/// PutImageTagMutability.
pub(super) fn put_mutability(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    request.text("imageTagMutability")?;
    let mutability = Mutability::read(request.input)?;
    request.with(&id, |repository| {
        repository.mutability = mutability;
        let mut answer = json!({
            "registryId": id.account,
            "repositoryName": id.name,
            "imageTagMutability": repository.mutability.name(),
        });
        if !repository.mutability.exclusions.is_empty() {
            answer["imageTagMutabilityExclusionFilters"] = repository.mutability.filters();
        }
        answer
    })
}

/// SetRepositoryPolicy.
pub(super) fn set_policy(request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, policy) = (request.repository()?, request.text("policyText")?);
    if Policy::parse(policy).is_err() {
        return Err(invalid(
            "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'",
        ));
    }
    request.with(&id, |repository| repository.policy = Some(policy.to_owned()))?;
    Ok(policy_answer(&id, policy))
}

/// GetRepositoryPolicy.
pub(super) fn policy(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let policy = request.look(&id, |repository| repository.policy.clone())?;
    policy.map(|policy| policy_answer(&id, &policy)).ok_or_else(|| no_policy(&id))
}

/// DeleteRepositoryPolicy.
pub(super) fn delete_policy(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let policy = request.with(&id, |repository| repository.policy.take())?;
    policy.map(|policy| policy_answer(&id, &policy)).ok_or_else(|| no_policy(&id))
}

fn policy_answer(id: &RepositoryId, policy: &str) -> Value {
    json!({"registryId": id.account, "repositoryName": id.name, "policyText": policy})
}

fn no_policy(id: &RepositoryId) -> ApiError {
    let message = format!(
        "Repository policy does not exist for the repository with name '{}' in the registry with id '{}'",
        id.name, id.account
    );
    ApiError::new(400, "RepositoryPolicyNotFoundException", message)
}
