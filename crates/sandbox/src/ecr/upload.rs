//! Uploads of layers under way, whichever face of ECR they came to. Bytes go to disk as they come and are hashed on their
//! way; a layer is there when its digest has been found right, and not a moment before.

use std::{collections::HashMap, io, path::PathBuf, sync::Arc};

use sha2::{Digest as _, Sha256};
use tokio::{
    fs::{self, File},
    io::{AsyncSeekExt as _, AsyncWriteExt as _},
    sync::Mutex as AsyncMutex,
};

use super::{
    repository::RepositoryId,
    store::{NoRepository, Store},
};
use crate::{control::protocol::request_id, locking::lock, state::synchronise_folder};
use shipgate_core::digest::Digest;

/// The smallest part that may be followed by another: what S3's multipart uploads ask for, which are behind ECR.
pub(crate) const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// The uploads under way.
#[derive(Default)]
pub(crate) struct Uploads(std::sync::Mutex<HashMap<String, (RepositoryId, Shared)>>);

/// An upload that requests share.
pub(crate) type Shared = Arc<AsyncMutex<Upload>>;

/// One upload.
pub(crate) struct Upload {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    /// What it was when the part under way began.
    hasher_before: Sha256,
    size: u64,
    /// Where the first part ended: what ECR goes on to name in `Range`.
    first_part: Option<u64>,
    last_part: Option<u64>,
    part_began: u64,
    /// Whether a part that is too small has been followed by another.
    small_part_followed: bool,
}

/// Why an upload did not become a layer. It is gone then.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// The disk failed.
    Disk(io::Error),
    /// What arrived has this digest.
    Mismatch(Digest),
    /// The repository is gone.
    NoRepository(NoRepository),
}

impl Upload {
    /// How many bytes there are.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes the first part had.
    pub(crate) fn first_part(&self) -> u64 {
        self.first_part.unwrap_or(self.size)
    }

    /// Whether a part came last that must not be followed by another.
    pub(crate) fn has_small_part(&self) -> bool {
        self.last_part.is_some_and(|size| size < SMALLEST_PART)
    }

    /// Whether a part that is not the last is too small.
    pub(crate) fn has_small_part_inside(&self) -> bool {
        self.small_part_followed
    }

    /// Appends bytes to the part under way.
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Ends the part under way.
    pub(crate) async fn end_part(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        if self.size > self.part_began {
            self.small_part_followed |= self.has_small_part();
            self.first_part.get_or_insert(self.size);
            self.last_part = Some(self.size - self.part_began);
            self.part_began = self.size;
            self.hasher_before = self.hasher.clone();
        }
        Ok(())
    }

    /// Forgets the part under way.
    pub(crate) async fn drop_part(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.set_len(self.part_began).await?;
        self.file.seek(io::SeekFrom::Start(self.part_began)).await?;
        self.size = self.part_began;
        self.hasher = self.hasher_before.clone();
        Ok(())
    }
}

impl Uploads {
    /// Starts an upload and names it.
    pub(crate) async fn start(&self, store: &Store, repository: &RepositoryId) -> io::Result<String> {
        let id = request_id();
        let path = store.upload_path(&id);
        let upload = Upload {
            file: File::create(&path).await?,
            path,
            hasher: Sha256::new(),
            hasher_before: Sha256::new(),
            size: 0,
            first_part: None,
            last_part: None,
            part_began: 0,
            small_part_followed: false,
        };
        lock(&self.0).insert(id.clone(), (repository.clone(), Arc::new(AsyncMutex::new(upload))));
        Ok(id)
    }

    /// The upload of this name to this repository.
    pub(crate) fn find(&self, repository: &RepositoryId, id: &str) -> Option<Shared> {
        lock(&self.0).get(id).filter(|(of, _)| of == repository).map(|(_, upload)| Arc::clone(upload))
    }

    /// Gives an upload up.
    pub(crate) async fn discard(&self, id: &str, upload: &Upload) -> io::Result<()> {
        lock(&self.0).remove(id);
        fs::remove_file(&upload.path).await
    }

    /// Makes the upload a layer of the repository, if this is its digest.
    pub(crate) async fn complete(
        &self,
        store: &Store,
        repository: &RepositoryId,
        id: &str,
        upload: &Upload,
        digest: &Digest,
    ) -> Result<(), NotStored> {
        let actual = Digest::from_hash(&upload.hasher.clone().finalize());
        if actual != *digest {
            self.discard(id, upload).await.map_err(NotStored::Disk)?;
            return Err(NotStored::Mismatch(actual));
        }
        let path = store.blob_path(digest);
        if store.is_kept() {
            upload.file.sync_all().await.map_err(NotStored::Disk)?;
        }
        fs::rename(&upload.path, &path).await.map_err(NotStored::Disk)?;
        if store.is_kept() {
            synchronise_folder(&path).map_err(NotStored::Disk)?;
        }
        lock(&self.0).remove(id);
        let added = store.with(repository, |repository| repository.layers.insert(digest.clone(), upload.size));
        added.map(|_| ()).map_err(NotStored::NoRepository)
    }
}
