//! Lists of referrers, as registries of version 1.1 of the specification give them.

use axum::{body::Body, response::Response};
use serde_json::{Value, json};

use super::{
    fake::{FakeRegistry, refuse},
    image::INDEX,
    serve::respond,
};

/// What refers to the subject; `None` if nobody was to ask.
pub(super) fn referrers(registry: &FakeRegistry, repository: &str, subject: &str) -> Option<Response<Body>> {
    let contents = registry.locked();
    if !contents.listing? {
        return Some(respond(404, "404 page not found"));
    }
    let Some(held) = contents.repositories.get(repository) else { return Some(refuse(404, "NAME_UNKNOWN")) };
    let refers = |manifest: &Value| manifest["subject"]["digest"] == subject;
    let mut manifests: Vec<Value> = Vec::new();
    for (reference, raw) in &held.manifests {
        let Ok(manifest) = serde_json::from_slice::<Value>(&raw.bytes) else { continue };
        if reference.starts_with("sha256:") && refers(&manifest) {
            manifests.push(json!({
                "mediaType": raw.media_type, "digest": raw.digest.as_str(), "size": raw.bytes.len(),
                "artifactType": manifest["artifactType"],
            }));
        }
    }
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    Some(Response::builder().header("content-type", INDEX).body(Body::from(list.to_string())).unwrap())
}
