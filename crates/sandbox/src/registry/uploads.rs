//! Uploads of blobs over HTTP: POST, PATCH, PUT, GET, DELETE.
//!
//! ECR's manners here, as users report them: PATCH answers 201; `Range` goes on naming the first chunk; the status of an
//! upload is not told; a body that does not start where the last ended is refused with 416 and the offset in the message;
//! a chunk that breaks off is forgotten (of a PUT, what has arrived stays); one of less than 5 MiB can only be the last; a mount is done only where the account has switched it on.

use axum::{
    body::Body,
    http::{HeaderName, Method, Response, StatusCode, header},
};
use futures_util::StreamExt as _;

use super::{Asked, Refusal, Registry, empty, manifests::digest_header};
use crate::ecr::{
    MISMATCH,
    repository::RepositoryId,
    upload::{NotStored, Shared, Upload},
};
use shipgate_core::digest::Digest;

fn find(registry: &Registry, repository: &RepositoryId, id: &str) -> Result<Shared, Refusal> {
    registry.cloud.uploads.find(repository, id).ok_or_else(|| Refusal::upload_unknown(id))
}

/// POST: starts an upload; with `digest` it is the whole of it; with `mount` and `from` it may not be needed.
pub(crate) async fn start(registry: &Registry, id: &RepositoryId, asked: Asked) -> Result<Response<Body>, Refusal> {
    if let Some(mounted) = mount(registry, id, &asked)? {
        return Ok(mounted);
    }
    let cloud = &registry.cloud;
    let whole = asked.query("digest").map(announced).transpose()?.is_some();
    let upload_id = cloud.uploads.start(&cloud.images, id).await.map_err(|error| Refusal::disk(&error))?;
    if whole {
        return finish(registry, id, &upload_id, asked).await;
    }
    Ok(progress(registry, id, &upload_id, StatusCode::ACCEPTED, 0))
}

/// The answer to a mount that could be done. `None` lets the client upload instead.
fn mount(registry: &Registry, id: &RepositoryId, asked: &Asked) -> Result<Option<Response<Body>>, Refusal> {
    let (Some(digest), Some(from)) = (asked.query("mount"), asked.query("from")) else { return Ok(None) };
    let parsed: Digest = digest.parse().map_err(|_| Refusal::digest_invalid(digest, None))?;
    let strict = registry.cloud.ecr_manners;
    if strict && !registry.cloud.images.mounts_blobs(&id.account, &id.region) {
        return Ok(None);
    }
    let source = RepositoryId { name: from.to_owned(), ..id.clone() };
    let size = registry.cloud.images.look(&source, |repository| {
        // ECR mounts only what a manifest refers to: layers still on their way into an image do not count.
        let referred = repository.refers_to(&parsed);
        repository.layers.get(&parsed).copied().filter(|_| referred || !strict)
    });
    let Ok(Some(size)) = size else { return Ok(None) };
    let added = registry.cloud.images.with(id, |repository| repository.layers.insert(parsed.clone(), size));
    added.map_err(|missing| Refusal::no_repository(&missing))?;
    Ok(Some(created(registry, id, &parsed)))
}

/// PATCH: appends a chunk.
pub(crate) async fn patch(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let shared = find(registry, repository, id)?;
    let mut upload = shared.lock().await;
    receive(registry, repository, id, &mut upload, asked).await?;
    if registry.cloud.ecr_manners {
        return Ok(progress(registry, repository, id, StatusCode::CREATED, upload.first_part()));
    }
    Ok(progress(registry, repository, id, StatusCode::ACCEPTED, upload.size()))
}

/// Appends the body of a request as far as it arrives.
async fn receive(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    upload: &mut Upload,
    asked: Asked,
) -> Result<(), Refusal> {
    let range = asked.header("content-range").map(str::to_owned);
    let mut chunks = asked.body.into_data_stream();
    let mut begun = false;
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                // Behind ECR a part is one call (UploadLayerPart), which is done whole or not at all. Of a PUT that broke off
                // users report that the next one is refused, with what has arrived as the offset.
                let is_dropped = registry.cloud.ecr_manners && asked.method == Method::PATCH;
                let ended = if is_dropped { upload.drop_part().await } else { upload.end_part().await };
                ended.map_err(|error| Refusal::disk(&error))?;
                let message = format!("the upload broke off: {error}");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", &message));
            }
        };
        if !begun && !chunk.is_empty() {
            refuse_gap(registry, repository, id, upload, range.as_deref())?;
            begun = true;
        }
        upload.append(&chunk).await.map_err(|error| Refusal::disk(&error))?;
    }
    upload.end_part().await.map_err(|error| Refusal::disk(&error))
}

/// A chunk must belong at the end; without a `Content-Range` it begins, to ECR, at the first byte.
fn refuse_gap(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    upload: &Upload,
    range: Option<&str>,
) -> Result<(), Refusal> {
    let strict = registry.cloud.ecr_manners;
    let first = match range {
        Some(range) => {
            range.trim_start_matches("bytes ").split_once('-').and_then(|(first, _)| first.parse::<u64>().ok())
        }
        None if strict => Some(0),
        None => Some(upload.size()),
    };
    if first != Some(upload.size()) {
        let first = first.unwrap_or_default();
        let message = format!("First byte of the layer part is {first} instead of {}", upload.size());
        let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", &message);
        let location = registry.location(&format!("/v2/{}/blobs/uploads/{id}", repository.name));
        return Err(refusal.with(header::LOCATION, location).with(header::RANGE, received(upload.size())));
    }
    if strict && upload.has_small_part() {
        let message = "Layer parts must be at least 5242880 bytes in size, except for the last one";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message));
    }
    Ok(())
}

/// GET: how far the upload is.
pub(crate) async fn status(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
) -> Result<Response<Body>, Refusal> {
    let shared = find(registry, repository, id)?;
    if registry.cloud.ecr_manners {
        return Err(Refusal::upload_unknown(id));
    }
    let size = shared.lock().await.size();
    Ok(progress(registry, repository, id, StatusCode::NO_CONTENT, size))
}

/// DELETE: gives the upload up.
pub(crate) async fn cancel(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
) -> Result<Response<Body>, Refusal> {
    let shared = find(registry, repository, id)?;
    let upload = shared.lock().await;
    registry.cloud.uploads.discard(id, &upload).await.map_err(|error| Refusal::disk(&error))?;
    Ok(empty(StatusCode::NO_CONTENT, &[]))
}

fn announced(digest: &str) -> Result<Digest, Refusal> {
    digest.parse().map_err(|_| Refusal::digest_invalid(digest, None))
}

/// PUT: takes what is left of the body and makes it a blob, if its digest is the one announced.
pub(crate) async fn finish(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let digest = announced(asked.query("digest").unwrap_or_default())?;
    let shared = find(registry, repository, id)?;
    let mut upload = shared.lock().await;
    receive(registry, repository, id, &mut upload, asked).await?;
    let cloud = &registry.cloud;
    let completed = cloud.uploads.complete(&cloud.images, repository, id, &upload, &digest).await;
    completed.map_err(|refused| match refused {
        NotStored::Disk(error) => Refusal::disk(&error),
        NotStored::NoRepository(missing) => Refusal::no_repository(&missing),
        NotStored::Mismatch(_) if cloud.ecr_manners => {
            Refusal::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", MISMATCH)
        }
        NotStored::Mismatch(actual) => Refusal::digest_invalid(digest.as_str(), Some(&actual)),
    })?;
    Ok(created(registry, repository, &digest))
}

fn created(registry: &Registry, id: &RepositoryId, digest: &Digest) -> Response<Body> {
    let location = registry.location(&format!("/v2/{}/blobs/{digest}", id.name));
    let headers = [(header::LOCATION, location), (digest_header(), digest.to_string())];
    empty(StatusCode::CREATED, &headers)
}

fn progress(registry: &Registry, repository: &RepositoryId, id: &str, status: StatusCode, size: u64) -> Response<Body> {
    let location = registry.location(&format!("/v2/{}/blobs/uploads/{id}", repository.name));
    let uuid = HeaderName::from_static("docker-upload-uuid");
    empty(status, &[(header::LOCATION, location), (header::RANGE, received(size)), (uuid, id.to_owned())])
}

/// `0-LAST`, and `0-0` for nothing, as registries have it.
fn received(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}
