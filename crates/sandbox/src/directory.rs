//! The directory of a sandbox: the one that was named, for one process at a time, or one that goes with the sandbox.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{SandboxError, random::alphanumeric};

/// How temporary directories are named.
const PREFIX: &str = "shipgate-sandbox-";
/// The file that is locked as long as a directory is in use. The system lets go of it however the process ends.
const LOCK: &str = "lock";

/// A directory that may be temporary.
pub(crate) struct Directory {
    path: PathBuf,
    temporary: bool,
    /// Locked.
    _lock: File,
}

impl Directory {
    /// Takes the directory that was named, or makes a temporary one and sweeps those that killed sandboxes have left.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, SandboxError> {
        match named {
            Some(path) => {
                let failed = |source| SandboxError::Directory { path: path.to_owned(), source };
                fs::create_dir_all(path).map_err(failed)?;
                let taken = take(path).map_err(failed)?;
                let lock = taken.ok_or_else(|| SandboxError::InUse { path: path.to_owned(), pid: holder(path) })?;
                Ok(Self { path: path.to_owned(), temporary: false, _lock: lock })
            }
            None => Self::temporary(&env::temp_dir()),
        }
    }

    fn temporary(parent: &Path) -> Result<Self, SandboxError> {
        sweep(parent);
        let name = format!("{PREFIX}{}", alphanumeric(12));
        let path = parent.join(&name);
        // It gets its name when it is locked, so that nobody can take it for a leftover before.
        let unnamed = parent.join(format!(".{name}"));
        let made = || {
            // One that exists is not ours.
            fs::create_dir(&unnamed)?;
            let lock = take(&unnamed)?.ok_or_else(|| io::Error::other("a new file is locked"))?;
            fs::rename(&unnamed, &path)?;
            Ok(lock)
        };
        let lock = made().map_err(|source| SandboxError::Directory { path: path.clone(), source })?;
        Ok(Self { path, temporary: true, _lock: lock })
    }

    /// Where layers lie.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.temporary {
            // Nobody is left to be told when this fails; the next sandbox sweeps it.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

/// Locks a directory and writes down who did; `None` when somebody else has.
fn take(directory: &Path) -> io::Result<Option<File>> {
    let path = directory.join(LOCK);
    let mut file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    file.set_len(0)?;
    file.write_all(std::process::id().to_string().as_bytes())?;
    Ok(Some(file))
}

/// The process that has locked it, as it says.
fn holder(directory: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(directory.join(LOCK)).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

/// Removes the temporary directories that nobody has locked any more. What cannot be removed is not ours.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !is_ours || !path.join(LOCK).is_file() {
            continue;
        }
        let free = File::open(path.join(LOCK)).is_ok_and(|file| file.try_lock().is_ok());
        if free {
            drop(fs::remove_dir_all(&path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Directory, SandboxError, sweep};

    #[test]
    fn one_process_at_a_time_and_what_is_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let first = Directory::open(Some(folder.path())).unwrap();
        let refused = Directory::open(Some(folder.path())).err().unwrap();
        assert!(matches!(refused, SandboxError::InUse { pid: Some(pid), .. } if pid == std::process::id()));
        drop(first);
        assert!(folder.path().join("lock").exists());
        Directory::open(Some(folder.path())).unwrap();
    }

    #[test]
    fn only_what_a_killed_sandbox_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("shipgate-sandbox-left");
        let foreign = folder.path().join("shipgate-sandbox-foreign");
        std::fs::create_dir_all(left.join("blobs")).unwrap();
        std::fs::write(left.join("lock"), "1").unwrap();
        std::fs::create_dir(&foreign).unwrap();
        let used = Directory::temporary(folder.path()).unwrap();
        assert!(!left.exists() && foreign.exists() && used.path.exists());
        sweep(folder.path());
        assert!(used.path.exists());
        let path = used.path.clone();
        drop(used);
        assert!(!path.exists());
    }
}
