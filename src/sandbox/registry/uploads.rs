//! Uploads of blobs: POST, PATCH, PUT, GET, DELETE. Bytes go to disk as they come and are hashed on their way.

use std::{collections::HashMap, io, path::PathBuf, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderName, Response, StatusCode, header},
};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt as _,
    sync::Mutex as AsyncMutex,
};

use super::{Asked, Refusal, Registry, empty, manifests::digest_header};
use crate::{
    domain::digest::Digest,
    sandbox::{control::protocol::request_id, ecr::repository::RepositoryId, locking::lock},
};

/// The uploads under way.
#[derive(Default)]
pub(crate) struct Uploads(std::sync::Mutex<HashMap<String, Arc<AsyncMutex<Upload>>>>);

/// One upload.
struct Upload {
    repository: RepositoryId,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    size: u64,
}

impl Upload {
    async fn open(repository: RepositoryId, path: PathBuf) -> io::Result<Self> {
        let file = File::create(&path).await?;
        Ok(Self { repository, path, file, hasher: Sha256::new(), size: 0 })
    }

    /// Appends a body as far as it arrives.
    async fn append(&mut self, body: Body) -> Result<(), Refusal> {
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| {
                Refusal::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", &format!("the upload broke off: {error}"))
            })?;
            self.file.write_all(&chunk).await.map_err(|error| Refusal::disk(&error))?;
            self.hasher.update(&chunk);
            self.size += chunk.len() as u64;
        }
        self.file.flush().await.map_err(|error| Refusal::disk(&error))
    }
}

impl Uploads {
    fn find(&self, repository: &RepositoryId, id: &str) -> Result<Arc<AsyncMutex<Upload>>, Refusal> {
        let found = lock(&self.0).get(id).cloned();
        let found = found.filter(|upload| upload.try_lock().map_or(true, |upload| upload.repository == *repository));
        found.ok_or_else(|| Refusal::upload_unknown(id))
    }

    fn forget(&self, id: &str) {
        lock(&self.0).remove(id);
    }
}

/// POST: starts an upload; with `digest` it is the whole of it; with `mount` and `from` it may not be needed.
pub(crate) async fn start(registry: &Registry, id: &RepositoryId, asked: Asked) -> Result<Response<Body>, Refusal> {
    if let Some(mounted) = mount(registry, id, &asked)? {
        return Ok(mounted);
    }
    let upload_id = request_id();
    let path = registry.cloud.images.upload_path(&upload_id);
    let upload = Upload::open(id.clone(), path).await.map_err(|error| Refusal::disk(&error))?;
    lock(&registry.cloud.uploads.0).insert(upload_id.clone(), Arc::new(AsyncMutex::new(upload)));
    if asked.query("digest").is_some() {
        return finish(registry, id, &upload_id, asked).await;
    }
    Ok(progress(registry, id, &upload_id, StatusCode::ACCEPTED, 0))
}

/// The answer to a mount that could be done. ECR mounts only where the account has switched it on, which it has not.
fn mount(registry: &Registry, id: &RepositoryId, asked: &Asked) -> Result<Option<Response<Body>>, Refusal> {
    let (Some(digest), Some(from)) = (asked.query("mount"), asked.query("from")) else { return Ok(None) };
    let parsed: Digest = digest.parse().map_err(|_| Refusal::digest_invalid(digest, None))?;
    if registry.cloud.ecr_manners {
        return Ok(None);
    }
    let source = RepositoryId { name: from.to_owned(), ..id.clone() };
    let size = registry.cloud.images.with(&source, |repository| repository.layers.get(&parsed).copied());
    let Ok(Some(size)) = size else { return Ok(None) };
    stored(registry, id, &parsed, size).map(Some)
}

/// PATCH: appends a chunk. ECR answers 201 where the specification says 202.
pub(crate) async fn patch(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let upload = registry.cloud.uploads.find(repository, id)?;
    let mut upload = upload.lock().await;
    refuse_gap(registry, repository, id, &asked, upload.size)?;
    upload.append(asked.body).await?;
    let status = if registry.cloud.ecr_manners { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok(progress(registry, repository, id, status, upload.size))
}

/// A chunk that says where it belongs must belong at the end.
fn refuse_gap(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    asked: &Asked,
    size: u64,
) -> Result<(), Refusal> {
    let Some(range) = asked.header("content-range") else { return Ok(()) };
    let first = range.trim_start_matches("bytes ").split_once('-').and_then(|(first, _)| first.parse::<u64>().ok());
    if first == Some(size) {
        return Ok(());
    }
    let message = format!("the chunk {range} does not follow on the {size} bytes already there");
    let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", &message);
    let location = registry.location(&format!("/v2/{}/blobs/uploads/{id}", repository.name));
    Err(refusal.with(header::LOCATION, location).with(header::RANGE, received(size)))
}

/// GET: how far the upload is.
pub(crate) async fn status(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
) -> Result<Response<Body>, Refusal> {
    let upload = registry.cloud.uploads.find(repository, id)?;
    let size = upload.lock().await.size;
    Ok(progress(registry, repository, id, StatusCode::NO_CONTENT, size))
}

/// DELETE: gives the upload up.
pub(crate) async fn cancel(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
) -> Result<Response<Body>, Refusal> {
    let upload = registry.cloud.uploads.find(repository, id)?;
    discard(registry, id, &*upload.lock().await).await?;
    Ok(empty(StatusCode::NO_CONTENT, &[]))
}

async fn discard(registry: &Registry, id: &str, upload: &Upload) -> Result<(), Refusal> {
    registry.cloud.uploads.forget(id);
    fs::remove_file(&upload.path).await.map_err(|error| Refusal::disk(&error))
}

/// PUT: takes what is left of the body and makes it a blob, if its digest is the one announced.
pub(crate) async fn finish(
    registry: &Registry,
    repository: &RepositoryId,
    id: &str,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let announced = asked.query("digest").unwrap_or_default().to_owned();
    let digest: Digest = announced.parse().map_err(|_| Refusal::digest_invalid(&announced, None))?;
    let upload = registry.cloud.uploads.find(repository, id)?;
    let mut upload = upload.lock().await;
    refuse_gap(registry, repository, id, &asked, upload.size)?;
    upload.append(asked.body).await?;
    let actual = Digest::from_hash(&upload.hasher.clone().finalize());
    if actual != digest {
        discard(registry, id, &upload).await?;
        return Err(Refusal::digest_invalid(&announced, Some(&actual)));
    }
    let to = registry.cloud.images.blob_path(&digest);
    fs::rename(&upload.path, to).await.map_err(|error| Refusal::disk(&error))?;
    registry.cloud.uploads.forget(id);
    stored(registry, repository, &digest, upload.size)
}

/// Counts the blob among the repository's and says so.
fn stored(registry: &Registry, id: &RepositoryId, digest: &Digest, size: u64) -> Result<Response<Body>, Refusal> {
    let added = registry.cloud.images.with(id, |repository| repository.layers.insert(digest.clone(), size));
    added.map_err(|missing| Refusal::no_repository(&missing))?;
    let location = registry.location(&format!("/v2/{}/blobs/{digest}", id.name));
    let headers = [(header::LOCATION, location), (digest_header(), digest.to_string())];
    Ok(empty(StatusCode::CREATED, &headers))
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
