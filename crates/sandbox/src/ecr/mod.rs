//! Elastic Container Registry, the control plane. The registries themselves are in `super::registry`.

mod attributes;
pub(crate) mod caching;
mod contents;
mod encryption;
mod images;
mod kept;
mod layer_upload;
mod layers;
pub(crate) mod lifecycle;
mod mutability;
mod push;
pub(crate) mod rate;
mod repositories;
pub(crate) mod repository;
mod settings;
pub mod store;
pub(crate) mod tokens;
pub(crate) mod upload;

pub(crate) use images::{immutable_message, invalid_json};
pub(crate) use layer_upload::MISMATCH;
pub(crate) use push::{NotPushed, push};

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::{
    repository::{Repository, RepositoryId},
    store::{NoRepository, Store},
    tokens::Holder,
};
use super::{answer::ApiError, caller::Caller, cloud::Cloud, identities::Principal};
use shipgate_core::account::AccountId;

/// Answers one action.
pub(crate) async fn call(
    cloud: &Arc<Cloud>,
    principal: &Principal,
    caller: &Caller,
    action: &str,
    input: &Value,
) -> Result<Value, ApiError> {
    let request = Request { store: &cloud.images, caller, input };
    match action {
        "GetAuthorizationToken" => authorization_token(cloud, principal, caller, input),
        "CreateRepository" => repositories::create(&request),
        "DescribeRepositories" => repositories::describe(&request),
        "DeleteRepository" => repositories::delete(&request),
        "PutImageTagMutability" => repositories::put_mutability(&request),
        "SetRepositoryPolicy" => repositories::set_policy(&request),
        "GetRepositoryPolicy" => repositories::policy(&request),
        "DeleteRepositoryPolicy" => repositories::delete_policy(&request),
        "TagResource" => attributes::tag(&request),
        "UntagResource" => attributes::untag(&request),
        "ListTagsForResource" => attributes::list_tags(&request),
        "PutImageScanningConfiguration" => attributes::put_scanning(&request),
        "PutLifecyclePolicy" => lifecycle::put(&request),
        "GetLifecyclePolicy" => lifecycle::get(&request),
        "DeleteLifecyclePolicy" => lifecycle::delete(&request),
        "ListImages" => images::list(&request),
        "DescribeImages" => images::describe(&request),
        "BatchGetImage" => {
            caching::import_each(cloud, principal, &request)?;
            images::batch_get(&request)
        }
        "BatchDeleteImage" => images::batch_delete(&request),
        "PutImage" => images::put(cloud, &request),
        "BatchCheckLayerAvailability" => layers::check_availability(&request),
        "GetDownloadUrlForLayer" => layers::download_url(cloud, &request),
        "InitiateLayerUpload" => layer_upload::initiate(cloud, &request).await,
        "UploadLayerPart" => layer_upload::part(cloud, &request).await,
        "CompleteLayerUpload" => layer_upload::complete(cloud, &request).await,
        "CreatePullThroughCacheRule" => caching::calls::create(&cloud.cache_rules, &request),
        "DescribePullThroughCacheRules" => caching::calls::describe(&cloud.cache_rules, &request),
        "UpdatePullThroughCacheRule" => caching::calls::update(&cloud.cache_rules, &request),
        "ValidatePullThroughCacheRule" => caching::calls::validate(cloud, &request),
        "DeletePullThroughCacheRule" => caching::calls::delete(&cloud.cache_rules, &request),
        "PutAccountSetting" => settings::put(&request),
        "GetAccountSetting" => settings::get(&request),
        _ => {
            let message = format!("ecr:{action} is not supported by the sandbox");
            Err(ApiError::new(400, "UnknownOperationException", message))
        }
    }
}

/// A request as the actions see it.
struct Request<'a> {
    store: &'a Store,
    caller: &'a Caller,
    input: &'a Value,
}

impl Request<'_> {
    /// A text that must be there.
    fn text(&self, name: &str) -> Result<&str, ApiError> {
        self.input[name].as_str().ok_or_else(|| null_member(name))
    }

    /// A list that must be there.
    fn list(&self, name: &str) -> Result<&[Value], ApiError> {
        self.input[name].as_array().map(Vec::as_slice).ok_or_else(|| null_member(name))
    }

    /// The registry that is asked for: the caller's, or the one named.
    fn account(&self) -> Result<AccountId, ApiError> {
        registry(self.caller, self.input)
    }

    /// The repository that is asked for.
    fn repository(&self) -> Result<RepositoryId, ApiError> {
        self.repository_named(self.text("repositoryName")?)
    }

    fn repository_named(&self, name: &str) -> Result<RepositoryId, ApiError> {
        Ok(RepositoryId { account: self.account()?, region: self.caller.region.clone(), name: name.to_owned() })
    }

    /// Reads the repository that is asked for.
    fn look<T>(&self, id: &RepositoryId, look: impl FnOnce(&Repository) -> T) -> Result<T, ApiError> {
        self.store.look(id, look).map_err(|missing| no_repository(&missing))
    }

    /// Changes the repository that is asked for.
    fn with<T>(&self, id: &RepositoryId, act: impl FnOnce(&mut Repository) -> T) -> Result<T, ApiError> {
        self.store.with(id, act).map_err(|missing| no_repository(&missing))
    }

    /// `maxResults` and the place to go on from.
    fn page(&self, default: usize) -> Result<(usize, usize), ApiError> {
        let limit = match self.input.get("maxResults").filter(|limit| !limit.is_null()) {
            None => default,
            Some(limit) => limit
                .as_u64()
                .and_then(|limit| usize::try_from(limit).ok())
                .filter(|limit| (1..=1000).contains(limit))
                .ok_or_else(|| {
                    invalid(format!(
                        "Invalid parameter at 'maxResults' failed to satisfy constraint: '{limit}' is not within 1 \
                         and 1000"
                    ))
                })?,
        };
        let from = match self.input["nextToken"].as_str() {
            None => 0,
            Some(token) => token
                .parse()
                .map_err(|_| invalid("Invalid parameter at 'nextToken' failed to satisfy constraint: 'not a token'"))?,
        };
        Ok((from, limit))
    }
}

/// The registry that is asked for: the caller's, or the one named.
fn registry(caller: &Caller, input: &Value) -> Result<AccountId, ApiError> {
    match input["registryId"].as_str() {
        None => Ok(caller.account.clone()),
        Some(id) => id.parse().map_err(|_| {
            invalid(format!("Invalid parameter at 'registryId' failed to satisfy constraint: '{id}' is not 12 digits"))
        }),
    }
}

/// The page of a list under this name, with `nextToken` when there is more.
fn paged(name: &str, all: Vec<Value>, (from, limit): (usize, usize)) -> Value {
    let next = (from.saturating_add(limit) < all.len()).then(|| (from + limit).to_string());
    let page: Vec<Value> = all.into_iter().skip(from).take(limit).collect();
    match next {
        None => json!({ name: page }),
        Some(next) => json!({ name: page, "nextToken": next }),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

fn null_member(name: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}

fn no_repository(missing: &NoRepository) -> ApiError {
    ApiError::new(400, "RepositoryNotFoundException", missing.to_string())
}

/// Seconds since 1970 with milliseconds, as the JSON protocols have time.
fn epoch_seconds(at: Timestamp) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit a double")]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}

fn authorization_token(
    cloud: &Cloud,
    principal: &Principal,
    caller: &Caller,
    input: &Value,
) -> Result<Value, ApiError> {
    let asked: Vec<AccountId> =
        input["registryIds"].as_array().into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect();
    let accounts = if asked.is_empty() { vec![caller.account.clone()] } else { asked };
    let holder = Holder { principal: principal.clone(), region: caller.region.clone() };
    let (token, expires) = cloud.tokens.issue(holder, Timestamp::now());
    let data: Result<Vec<Value>, ApiError> = accounts
        .iter()
        .map(|account| {
            let endpoint = cloud.registry_url(account, &caller.region).ok_or_else(|| {
                let message = format!("the sandbox serves no registry of {account} in {}", caller.region);
                ApiError::new(400, "InvalidParameterException", message)
            })?;
            Ok(json!({
                "authorizationToken": token,
                "expiresAt": epoch_seconds(expires),
                "proxyEndpoint": endpoint,
            }))
        })
        .collect();
    Ok(json!({ "authorizationData": data? }))
}
