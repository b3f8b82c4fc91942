//! Lifecycle policies: the calls that set them, and the images that expire by them.

mod expiry;
mod policy;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::policy::LifecyclePolicy;
use super::{Request, invalid, repository::RepositoryId, store::Store};
use crate::answer::ApiError;
use shipgate_core::digest::Digest;

/// PutLifecyclePolicy.
pub(super) fn put(request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, text) = (request.repository()?, request.text("lifecyclePolicyText")?);
    LifecyclePolicy::parse(text).map_err(|why| {
        invalid(format!(
            "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation \
             failure: {why}'"
        ))
    })?;
    request.with(&id, |repository| repository.lifecycle_policy = Some(text.to_owned()))?;
    Ok(answer(&id, text))
}

/// GetLifecyclePolicy.
pub(super) fn get(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let text = request.look(&id, |repository| repository.lifecycle_policy.clone())?;
    text.map(|text| answer(&id, &text)).ok_or_else(|| none(&id))
}

/// DeleteLifecyclePolicy.
pub(super) fn delete(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let text = request.with(&id, |repository| repository.lifecycle_policy.take())?;
    text.map(|text| answer(&id, &text)).ok_or_else(|| none(&id))
}

fn answer(id: &RepositoryId, text: &str) -> Value {
    json!({"registryId": id.account, "repositoryName": id.name, "lifecyclePolicyText": text})
}

fn none(id: &RepositoryId) -> ApiError {
    let message = format!(
        "Lifecycle policy does not exist for the repository with name '{}' in the registry with id '{}'",
        id.name, id.account
    );
    ApiError::new(400, "LifecyclePolicyNotFoundException", message)
}

/// Deletes what has expired in all repositories, with all tags and with what refers to it as its subject, and returns it.
pub(crate) fn run(images: &Store, now: Timestamp, day: SignedDuration) -> Vec<(RepositoryId, Digest)> {
    let with_policy = images.look_at_all(|(id, repository)| repository.lifecycle_policy.is_some().then(|| id.clone()));
    let mut deleted = Vec::new();
    for id in with_policy.into_iter().flatten() {
        let find = |repository: &super::repository::Repository| {
            let policy = LifecyclePolicy::parse(repository.lifecycle_policy.as_deref()?).ok()?;
            Some(expiry::expired(&policy, repository, now, day)).filter(|expired| !expired.is_empty())
        };
        if images.look(&id, find).ok().flatten().is_none() {
            continue;
        }
        // Looked at again under the lock of the change: a push may have come between.
        let expired = images.with(&id, |repository| {
            let expired = find(repository).unwrap_or_default();
            for digest in &expired {
                repository.delete_image(digest);
                repository.images.retain(|_, image| image.contents.subject.as_ref() != Some(digest));
            }
            expired
        });
        deleted.extend(expired.into_iter().flatten().map(|digest| (id.clone(), digest)));
    }
    deleted
}
