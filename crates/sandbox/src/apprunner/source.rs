//! The neighbours a deployment uses, as it uses them: where images and the values of secrets come from, and where log lines
//! go.

use std::path::PathBuf;

use crate::{ecr::store::StoredImage, logs::store::LogStore};
use shipgate_core::{
    account::{AccountId, Region},
    digest::Digest,
};

/// What is asked for an image.
#[derive(Clone, Copy)]
pub(crate) struct ImageRequest<'a> {
    /// What the configuration names.
    pub(crate) identifier: &'a str,
    /// The service's region.
    pub(crate) region: &'a Region,
    /// The service's access role.
    pub(crate) role: Option<&'a str>,
}

/// Where images come from.
pub(crate) trait Images: Send + Sync {
    /// The image an identifier names, or why it can't be had.
    fn image(&self, request: ImageRequest<'_>) -> Result<StoredImage, String>;

    /// The same image, for a note that nothing depends on: nobody pulls it.
    fn known(&self, identifier: &str) -> Result<StoredImage, String>;

    /// Where a layer lies.
    fn layer(&self, digest: &Digest) -> PathBuf;
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
