//! Layers on the control plane.

use serde_json::{Value, json};

use super::{Request, invalid};
use crate::{answer::ApiError, cloud::Cloud};
use shipgate_core::digest::Digest;

/// The digests of one BatchCheckLayerAvailability at most (ECR API reference).
const MOST_DIGESTS: usize = 100;

/// BatchCheckLayerAvailability.
pub(super) fn check_availability(request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, asked) = (request.repository()?, request.list("layerDigests")?);
    if asked.is_empty() || asked.len() > MOST_DIGESTS {
        return Err(invalid(format!(
            "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'Member must have length between 1 and \
             {MOST_DIGESTS}'"
        )));
    }
    request.look(&id, |repository| {
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        for text in asked.iter().filter_map(Value::as_str) {
            let size = text.parse::<Digest>().map(|digest| repository.layers.get(&digest));
            match size {
                Ok(Some(size)) => {
                    layers.push(json!({"layerDigest": text, "layerAvailability": "AVAILABLE", "layerSize": size}));
                }
                Ok(None) => layers.push(json!({"layerDigest": text, "layerAvailability": "UNAVAILABLE"})),
                Err(_) => failures.push(json!({
                    "layerDigest": text,
                    "failureCode": "InvalidLayerDigest",
                    "failureReason": "Invalid layer digest",
                })),
            }
        }
        json!({"layers": layers, "failures": failures})
    })
}

/// GetDownloadUrlForLayer.
pub(super) fn download_url(cloud: &Cloud, request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, text) = (request.repository()?, request.text("layerDigest")?);
    let digest: Option<Digest> = text.parse().ok();
    let known = request.look(&id, |repository| digest.filter(|digest| repository.layers.contains_key(digest)))?;
    let digest = known.ok_or_else(|| {
        let message = format!(
            "The specified layers could not be found, or the specified layer is not valid for this repository: {text}"
        );
        ApiError::new(400, "LayersNotFoundException", message)
    })?;
    if !request.look(&id, |repository| repository.refers_to(&digest))? {
        let message = "The specified layer is not available because it is not associated with an image. Unassociated \
                       image layers may be cleaned up at any time.";
        return Err(ApiError::new(400, "LayerInaccessibleException", message));
    }
    let url = cloud.links.to(&digest, cloud.faults.links_are_expired());
    Ok(json!({"downloadUrl": url, "layerDigest": digest}))
}
