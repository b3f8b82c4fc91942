//! The layer upload of the control plane: InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Request, invalid, no_repository,
    repository::RepositoryId,
    upload::{NotStored, Shared},
};
use crate::{answer::ApiError, cloud::Cloud};
use shipgate_core::digest::Digest;

/// The size of parts that ECR proposes.
const PART_SIZE: u64 = 10 * 1024 * 1024;

/// InitiateLayerUpload.
pub(super) async fn initiate(cloud: &Cloud, request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    request.look(&id, |_| ())?;
    let upload = cloud.uploads.start(&cloud.images, &id).await.map_err(|error| disk(&error))?;
    Ok(json!({"uploadId": upload, "partSize": PART_SIZE}))
}

fn disk(error: &std::io::Error) -> ApiError {
    ApiError::new(500, "ServerException", format!("the sandbox's disk: {error}"))
}

fn find(cloud: &Cloud, id: &RepositoryId, upload: &str) -> Result<Shared, ApiError> {
    cloud.uploads.find(id, upload).ok_or_else(|| {
        let message = format!(
            "The upload with id '{upload}' could not be found in the repository with name '{}' in the registry with id \
             '{}'",
            id.name, id.account
        );
        ApiError::new(400, "UploadNotFoundException", message)
    })
}

/// UploadLayerPart: parts follow on each other.
pub(super) async fn part(cloud: &Cloud, request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, name) = (request.repository()?, request.text("uploadId")?);
    let shared = find(cloud, &id, name)?;
    let bytes = STANDARD
        .decode(request.text("layerPartBlob")?)
        .map_err(|_| invalid("Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'not base64'"))?;
    let (first, last) = (request.input["partFirstByte"].as_u64(), request.input["partLastByte"].as_u64());
    let mut upload = shared.lock().await;
    if first != Some(upload.size()) {
        let first = first.unwrap_or_default();
        let message = format!("First byte of the layer part is {first} instead of {}", upload.size());
        return Err(ApiError::new(400, "InvalidLayerPartException", message));
    }
    if last.map(|last| last + 1) != first.map(|first| first + bytes.len() as u64) {
        return Err(ApiError::new(400, "InvalidLayerPartException", "Part size does not match the bytes of the part"));
    }
    upload.append(&bytes).await.map_err(|error| disk(&error))?;
    upload.end_part().await.map_err(|error| disk(&error))?;
    Ok(json!({
        "registryId": id.account,
        "repositoryName": id.name,
        "uploadId": name,
        "lastByteReceived": upload.size().saturating_sub(1),
    }))
}

fn too_small() -> ApiError {
    let message = "Layer parts must be at least 5242880 bytes in size, except for the last one";
    ApiError::new(400, "LayerPartTooSmallException", message)
}

/// CompleteLayerUpload, which is the one to refuse small parts that are not the last.
pub(super) async fn complete(cloud: &Cloud, request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, name) = (request.repository()?, request.text("uploadId")?);
    let digests: Vec<Digest> =
        request.list("layerDigests")?.iter().filter_map(|digest| digest.as_str()?.parse().ok()).collect();
    let digest = digests.first().ok_or_else(|| {
        invalid("Invalid parameter at 'layerDigests' failed to satisfy constraint: 'no digest that ECR knows'")
    })?;
    let shared = find(cloud, &id, name)?;
    let upload = shared.lock().await;
    if upload.size() == 0 {
        return Err(ApiError::new(
            400,
            "EmptyUploadException",
            "The specified upload does not contain any layer parts.",
        ));
    }
    if upload.has_small_part_inside() {
        return Err(too_small());
    }
    if request.look(&id, |repository| repository.layers.contains_key(digest))? {
        let message = format!(
            "Layer with digest '{digest}' already exists in the repository with name '{}' in registry with id '{}'",
            id.name, id.account
        );
        return Err(ApiError::new(400, "LayerAlreadyExistsException", message));
    }
    cloud.uploads.complete(&cloud.images, &id, name, &upload, digest).await.map_err(|refused| match refused {
        NotStored::Disk(error) => disk(&error),
        NotStored::NoRepository(missing) => no_repository(&missing),
        NotStored::Mismatch(_) => ApiError::new(400, "InvalidLayerException", MISMATCH),
    })?;
    Ok(json!({
        "registryId": id.account,
        "repositoryName": id.name,
        "uploadId": name,
        "layerDigest": digest,
    }))
}

/// What ECR says of a digest that is wrong, on both of its faces.
pub(crate) const MISMATCH: &str = "None of the provided layer digests match the calculated layer digest";
