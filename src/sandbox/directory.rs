//! The directory of the layers: the one that was named, or one that goes with the sandbox.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{SandboxError, identities::opaque};

/// A directory that may be temporary.
pub(crate) struct Directory {
    path: PathBuf,
    temporary: bool,
}

impl Directory {
    /// Makes the directory that was named, or a temporary one.
    pub(crate) fn open(named: Option<PathBuf>) -> Result<Self, SandboxError> {
        let temporary = named.is_none();
        let path = named.unwrap_or_else(|| env::temp_dir().join(format!("shipgate-sandbox-{}", opaque(12))));
        fs::create_dir_all(&path).map_err(|source| SandboxError::Directory { path: path.clone(), source })?;
        Ok(Self { path, temporary })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.temporary {
            // Nobody is left to be told when this fails; the system clears its temporary directory in the end.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}
