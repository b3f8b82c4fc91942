//! Tags and referrers.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

use super::{Asked, Refusal, Registry, empty};
use crate::{control::percent, ecr::repository::RepositoryId};
use shipgate_core::digest::Digest;

/// `tags/list?n=…&last=…`
pub(crate) fn tags(registry: &Registry, id: &RepositoryId, asked: &Asked) -> Result<Response<Body>, Refusal> {
    let limit = match asked.query("n") {
        None => 1000,
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "n must be a number"))?,
    };
    let last = asked.query("last").unwrap_or_default().to_owned();
    let after = registry.cloud.images.look(id, |repository| {
        repository.tags.keys().filter(|tag| last.is_empty() || **tag > last).cloned().collect::<Vec<_>>()
    });
    let after = after.map_err(|missing| Refusal::no_repository(&missing))?;
    let page: Vec<&String> = after.iter().take(limit).collect();
    let mut headers = vec![(header::CONTENT_TYPE, "application/json".to_owned())];
    if let Some(last) = page.last().filter(|_| after.len() > page.len()) {
        let next = format!("</v2/{}/tags/list?n={limit}&last={last}>; rel=\"next\"", id.name);
        headers.push((header::LINK, next));
    }
    let mut response = empty(StatusCode::OK, &headers);
    *response.body_mut() = Body::from(json!({"name": id.name, "tags": page}).to_string());
    Ok(response)
}

/// How many referrers a page of ECR has.
const REFERRERS_A_PAGE: usize = 50;

/// `referrers/DIGEST?artifactType=…`: an index of the manifests whose subject this is; empty when there are none.
pub(crate) fn referrers(
    registry: &Registry,
    id: &RepositoryId,
    digest: &str,
    asked: &Asked,
) -> Result<Response<Body>, Refusal> {
    let subject: Digest = digest.parse().map_err(|_| Refusal::digest_invalid(digest, None))?;
    let wanted = asked.query("artifactType");
    let found: Vec<Value> = registry
        .cloud
        .images
        .look(id, |repository| {
            let images =
                repository.images.iter().filter(|(_, image)| image.contents.subject.as_ref() == Some(&subject));
            images
                .filter(|(_, image)| wanted.is_none() || image.contents.artifact_type.as_deref() == wanted)
                .map(|(digest, image)| {
                    let annotations = serde_json::from_slice::<Value>(&image.bytes).unwrap_or_default();
                    json!({
                        "mediaType": image.media_type,
                        "digest": digest,
                        "size": image.bytes.len(),
                        "artifactType": image.contents.artifact_type,
                        "annotations": annotations["annotations"],
                    })
                })
                .map(without_nulls)
                .collect()
        })
        .map_err(|missing| Refusal::no_repository(&missing))?;
    let media_type = "application/vnd.oci.image.index.v1+json";
    let last = asked.query("last").unwrap_or_default();
    let mut left = found.into_iter().filter(|one| one["digest"].as_str().is_some_and(|digest| digest > last));
    let page: Vec<Value> = left.by_ref().take(REFERRERS_A_PAGE).collect();
    let next = left.next().and(page.last()).and_then(|one| one["digest"].as_str()).map(|last| {
        let filter = wanted.map(|wanted| format!("&artifactType={}", percent::encode(wanted))).unwrap_or_default();
        format!("</v2/{}/referrers/{subject}?last={last}{filter}>; rel=\"next\"", id.name)
    });
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": page});
    let mut response = Response::new(Body::from(index.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
        response.headers_mut().insert(header::LINK, next);
    }
    if wanted.is_some() {
        let applied = HeaderValue::from_static("artifactType");
        response.headers_mut().insert(HeaderName::from_static("oci-filters-applied"), applied);
    }
    Ok(response)
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}
