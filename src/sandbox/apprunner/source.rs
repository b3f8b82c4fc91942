//! The neighbours a deployment uses, as it uses them: where images and the values of secrets come from, and where log lines
//! go.

use std::path::PathBuf;

use crate::{
    domain::{
        account::{AccountId, Region},
        digest::Digest,
    },
    sandbox::{
        ecr::store::{Store, StoredImage},
        logs::store::LogStore,
    },
};

/// Where images come from.
pub(super) trait Images: Send + Sync {
    /// The image an identifier names, or why it can't be had.
    fn image(&self, identifier: &str) -> Result<StoredImage, String>;

    /// Where a layer lies.
    fn layer(&self, digest: &Digest) -> PathBuf;
}

impl Images for Store {
    fn image(&self, identifier: &str) -> Result<StoredImage, String> {
        self.image_for_app_runner(identifier).map_err(|failure| failure.to_string())
    }

    fn layer(&self, digest: &Digest) -> PathBuf {
        self.blob_path(digest)
    }
}

/// What is asked for one variable of `RuntimeEnvironmentSecrets`.
#[derive(Clone, Copy)]
pub(crate) struct SecretRequest<'a> {
    /// The service's account.
    pub(crate) account: &'a AccountId,
    /// The service's region.
    pub(crate) region: &'a Region,
    /// The service's instance role.
    pub(crate) role: Option<&'a str>,
    /// What the configuration names: an ARN, with or without a JSON key, or a parameter's name.
    pub(crate) source: &'a str,
}

/// Where the values of secrets come from.
pub(crate) trait SecretReader: Send + Sync {
    /// The value, or why it can't be had.
    fn read(&self, request: SecretRequest<'_>) -> Result<String, String>;
}

/// Where log lines go.
pub(super) trait LogSink: Send + Sync {
    /// Writes a line; group and stream come into being with their first.
    fn put(&self, account: &AccountId, region: &Region, group: &str, stream: &str, message: &str);
}

impl LogSink for LogStore {
    fn put(&self, account: &AccountId, region: &Region, group: &str, stream: &str, message: &str) {
        Self::put(self, account, region, group, stream, message);
    }
}
