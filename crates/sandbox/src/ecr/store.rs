//! Every repository of every account, and the directory their layers lie in.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    contents::Contents,
    kept::{self, Kept},
    mutability::Mutability,
    repository::{Repository, RepositoryId},
};
use crate::{
    SandboxError,
    locking::lock,
    seed::Seed,
    state::{self, Keeper, life::Life},
};
use shipgate_core::{
    account::{AccountId, Region},
    digest::Digest,
    image::ImageReference,
};

/// As deep as indexes within indexes are searched for an image.
const DEEPEST_INDEX: usize = 4;

/// The images of all accounts.
pub struct Store {
    directory: PathBuf,
    repositories: Mutex<BTreeMap<RepositoryId, Repository>>,
    /// Accounts and regions whose registries mount blobs.
    mounting: Mutex<BTreeSet<(AccountId, Region)>>,
    keeper: Option<Arc<Keeper>>,
}

/// An image that App Runner is about to run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredImage {
    /// The digest of what the identifier names: the index, if it names one.
    pub digest: Digest,
    /// The configuration blob: JSON, and kept as its text.
    #[serde(with = "text")]
    pub config: Vec<u8>,
    /// The layers, bottom first.
    pub layers: Vec<StoredLayer>,
}

/// A layer on disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredLayer {
    /// Its media type, which says whether it is compressed.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes, as pushed.
    pub size_bytes: u64,
    /// The file. Not kept: the directory may have been moved.
    #[serde(skip)]
    pub path: PathBuf,
}

/// Why App Runner cannot pull an image.
#[derive(Debug, thiserror::Error)]
pub enum PullFailure {
    /// Not an image in ECR.
    #[error("`{identifier}` is not an ECR image identifier")]
    NotEcr {
        /// The identifier.
        identifier: String,
    },
    /// No such repository.
    #[error("the repository with name '{repository}' does not exist in the registry with id '{account}'")]
    RepositoryNotFound {
        /// The account.
        account: AccountId,
        /// The repository.
        repository: String,
    },
    /// No such tag or digest.
    #[error("the image '{reference}' does not exist in repository '{repository}' of the registry with id '{account}'")]
    ImageNotFound {
        /// The account.
        account: AccountId,
        /// The repository.
        repository: String,
        /// The tag or digest.
        reference: String,
    },
    /// An index without a linux/amd64 member.
    #[error("the image '{digest}' has no linux/amd64 member")]
    NoLinuxAmd64 {
        /// The index.
        digest: Digest,
    },
    /// A blob that cannot be read.
    #[error("blob {digest} cannot be read")]
    Blob {
        /// The blob.
        digest: Digest,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// There is no such repository.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("The repository with name '{}' does not exist in the registry with id '{}'", .0.name, .0.account)]
pub(crate) struct NoRepository(pub(crate) RepositoryId);

impl Store {
    /// A store without repositories, with their layers to come in this directory. Uploads of a former process are gone.
    pub(crate) fn new(directory: PathBuf, keeper: Option<Arc<Keeper>>) -> io::Result<Self> {
        fs::create_dir_all(directory.join("sha256"))?;
        match fs::remove_dir_all(directory.join("uploads")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) | Ok(()) => fs::create_dir_all(directory.join("uploads"))?,
        }
        Ok(Self { directory, repositories: Mutex::default(), mounting: Mutex::default(), keeper })
    }

    /// The repositories that were kept.
    pub(crate) fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        for (name, kept) in keeper.read_all::<Kept>("repositories")? {
            let restored = kept.restore().map_err(io::Error::other);
            let (id, repository) =
                restored.map_err(|source| SandboxError::State { path: PathBuf::from(name), source })?;
            lock(&self.repositories).insert(id, repository);
        }
        let places = keeper.read_all::<(AccountId, Region)>("mounting")?;
        lock(&self.mounting).extend(places.into_iter().map(|(_, place)| place));
        Ok(())
    }

    /// The repositories of the seed, empty, save those that it has brought in before.
    pub(crate) fn seed(&self, seed: &Seed, life: &mut Life) {
        for one in &seed.repositories {
            let region = one.region.as_ref().unwrap_or(&seed.region).clone();
            let id = RepositoryId { account: one.account.clone(), region, name: one.name.clone() };
            let mutability = Mutability { kind: one.tag_mutability, exclusions: one.mutability_exclusions.clone() };
            let policy = one.policy.as_ref().map(|policy| policy.0.clone());
            if life.seeded.insert(id.arn()) {
                // One that somebody has made by hand meanwhile stays as it is.
                self.create(id, Repository { policy, ..Repository::new(Timestamp::now(), mutability) });
            }
        }
    }

    fn keep(&self, id: &RepositoryId, repository: &Repository) {
        if let Some(keeper) = &self.keeper {
            keeper.keep(&kept::document(id), &Kept::new(id, repository));
        }
    }

    /// Where a layer lies, once it is there.
    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("sha256").join(digest.hex())
    }

    /// Where the bytes of an upload gather.
    pub(crate) fn upload_path(&self, upload: &str) -> PathBuf {
        self.directory.join("uploads").join(upload)
    }

    /// Whether blobs are mounted in this account's registry.
    pub(crate) fn mounts_blobs(&self, account: &AccountId, region: &Region) -> bool {
        lock(&self.mounting).contains(&(account.clone(), region.clone()))
    }

    /// Switches mounting on or off.
    pub(crate) fn set_mounts_blobs(&self, account: &AccountId, region: &Region, on: bool) {
        let place = (account.clone(), region.clone());
        let mut mounting = lock(&self.mounting);
        let document = state::document("mounting", &format!("{account} {region}"));
        match (&self.keeper, on) {
            (Some(keeper), true) => keeper.keep(&document, &place),
            (Some(keeper), false) => keeper.forget(&document),
            (None, _) => {}
        }
        if on {
            mounting.insert(place);
        } else {
            mounting.remove(&place);
        }
    }

    /// Adds a repository; `false` when there is one of this name.
    pub(crate) fn create(&self, id: RepositoryId, repository: Repository) -> bool {
        match lock(&self.repositories).entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                self.keep(place.key(), &repository);
                place.insert(repository);
                true
            }
        }
    }

    /// Takes a repository away.
    pub(crate) fn remove(&self, id: &RepositoryId) -> Option<Repository> {
        let mut all = lock(&self.repositories);
        let removed = all.remove(id);
        if let (Some(keeper), true) = (&self.keeper, removed.is_some()) {
            keeper.forget(&kept::document(id));
        }
        removed
    }

    /// The repositories of an account in a region, by name.
    pub(crate) fn list(&self, account: &AccountId, region: &Region) -> Vec<(RepositoryId, Repository)> {
        let all = lock(&self.repositories);
        let here = all.iter().filter(|(id, _)| id.account == *account && id.region == *region);
        here.map(|(id, repository)| (id.clone(), repository.clone())).collect()
    }

    /// Looks at every repository of every account and region, in order.
    pub(crate) fn look_at_all<T>(&self, look: impl FnMut((&RepositoryId, &Repository)) -> T) -> Vec<T> {
        lock(&self.repositories).iter().map(look).collect()
    }

    /// Reads a repository.
    pub(crate) fn look<T>(&self, id: &RepositoryId, look: impl FnOnce(&Repository) -> T) -> Result<T, NoRepository> {
        lock(&self.repositories).get(id).map(look).ok_or_else(|| NoRepository(id.clone()))
    }

    /// Changes a repository. The change is kept before anybody else sees it.
    pub(crate) fn with<T>(&self, id: &RepositoryId, act: impl FnOnce(&mut Repository) -> T) -> Result<T, NoRepository> {
        let mut all = lock(&self.repositories);
        let repository = all.get_mut(id).ok_or_else(|| NoRepository(id.clone()))?;
        let result = act(repository);
        self.keep(id, repository);
        Ok(result)
    }

    /// Whether what is changed is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    /// The image that an App Runner service names: of an index its linux/amd64 member, else the one image.
    ///
    /// # Errors
    /// [`PullFailure`] says what is missing.
    pub fn image_for_app_runner(&self, identifier: &str) -> Result<StoredImage, PullFailure> {
        let not_ecr = || PullFailure::NotEcr { identifier: identifier.to_owned() };
        let reference: ImageReference = identifier.parse().map_err(|_| not_ecr())?;
        let host = reference.ecr().ok_or_else(not_ecr)?;
        let (account, repository) = (host.account, reference.repository().to_owned());
        let id = RepositoryId { account: account.clone(), region: host.region, name: repository.clone() };
        let reference = reference.manifest_reference();
        let found = self.look(&id, |stored| self.image_in(stored, reference));
        match found {
            Err(NoRepository(_)) => Err(PullFailure::RepositoryNotFound { account, repository }),
            Ok(None) => Err(PullFailure::ImageNotFound { account, repository, reference: reference.to_owned() }),
            Ok(Some(found)) => self.read_config(found?),
        }
    }

    /// What the reference names, with the digest of the configuration still to be read.
    fn image_in(&self, repository: &Repository, reference: &str) -> Option<Result<Found, PullFailure>> {
        let (digest, image) = repository.find(reference)?;
        let Some(contents) = self.for_linux_amd64(repository, &image.contents, DEEPEST_INDEX) else {
            return Some(Err(PullFailure::NoLinuxAmd64 { digest: digest.clone() }));
        };
        let layers = contents.layers.iter().map(|layer| StoredLayer {
            media_type: layer.media_type.clone(),
            digest: layer.digest.clone(),
            size_bytes: repository.layers.get(&layer.digest).copied().unwrap_or_default(),
            path: self.blob_path(&layer.digest),
        });
        Some(Ok(Found { digest: digest.clone(), config: contents.config.clone()?, layers: layers.collect() }))
    }

    /// The image itself, or the one in an index, or in an index in that, that is for the platform.
    fn for_linux_amd64<'a>(
        &self,
        repository: &'a Repository,
        contents: &'a Contents,
        depth: usize,
    ) -> Option<&'a Contents> {
        if contents.config.is_some() {
            return Some(contents);
        }
        contents.candidates.iter().find_map(|candidate| {
            let member = &repository.images.get(&candidate.digest)?.contents;
            let found = self.for_linux_amd64(repository, member, depth.checked_sub(1)?)?;
            (candidate.says_so || self.says_linux_amd64(found)).then_some(found)
        })
    }

    fn says_linux_amd64(&self, contents: &Contents) -> bool {
        let read = contents.config.as_ref().and_then(|config| fs::read(self.blob_path(config)).ok());
        let config: Value = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        config["os"] == "linux" && config["architecture"] == "amd64"
    }

    fn read_config(&self, found: Found) -> Result<StoredImage, PullFailure> {
        let config = fs::read(self.blob_path(&found.config))
            .map_err(|source| PullFailure::Blob { digest: found.config, source })?;
        Ok(StoredImage { digest: found.digest, config, layers: found.layers })
    }
}

/// An image before its configuration has been read.
struct Found {
    digest: Digest,
    config: Digest,
    layers: Vec<StoredLayer>,
}

/// Bytes that are text.
mod text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(deserializer).map(String::into_bytes)
    }
}
