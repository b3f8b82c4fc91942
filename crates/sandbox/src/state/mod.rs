//! What keeps a sandbox across restarts: one JSON document for each thing, in the directory of `--state`.
//!
//! A store hands in the document of what it changed while it still holds its lock, so that nobody is told of a change
//! that is not on disk. A document is written beside its place, synchronised and renamed: at any moment it is the old
//! one or the new one. Log lines are appended; one that was being written when the process was killed is left out.
//!
//! - `lock`: held by the process that uses the directory, with its number in it;
//! - `sandbox.json`: [`life::Life`];
//! - `blobs/sha256/HEX`: layers and configurations, moved there when their digest has been verified;
//! - `repositories/`, `cache-rules/`, `mounting/`, `roles/`, `services/`, `secrets/`, `parameters/`: a document each;
//! - `logs/GROUP.json` and `logs/GROUP-STREAM.lines`: a log group with its streams, and lines.
//!
//! Not kept: what a client holds of this process (sessions, registry logins, links, uploads under way, OIDC tokens),
//! faults and scripts, the list of calls. `sandbox.json` has the control token and the keys of users for whom the seed
//! names none; keys of the seed are never written. Documents can be read by their owner alone.

pub(crate) mod life;

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{SandboxError, locking::lock};
use shipgate_core::digest::Digest;
use shipgate_core::whole_file;

/// The folders of documents.
const ROOMS: [&str; 8] =
    ["repositories", "cache-rules", "mounting", "roles", "services", "logs", "secrets", "parameters"];

/// Writes documents and reads them back.
pub(crate) struct Keeper {
    directory: PathBuf,
    /// What each document is, as last written.
    written: Mutex<HashMap<String, Digest>>,
    /// Why something could not be written. From then on no call is answered as if it had been done.
    failure: OnceLock<String>,
}

impl Keeper {
    /// Keeps things in this directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, SandboxError> {
        for room in ROOMS {
            let path = directory.join(room);
            fs::create_dir_all(&path).map_err(|source| SandboxError::State { path: path.clone(), source })?;
            remove_leftovers(&path);
        }
        Ok(Self { directory: directory.to_owned(), written: Mutex::default(), failure: OnceLock::new() })
    }

    /// Writes a document, unless it is what was written last. `name` is `ROOM/FILE`.
    pub(crate) fn keep(&self, name: &str, document: &impl Serialize) {
        let done = serde_json::to_vec(document).map_err(io::Error::other).and_then(|bytes| {
            let digest = Digest::of(&bytes);
            if lock(&self.written).get(name) == Some(&digest) {
                return Ok(());
            }
            replace(&self.directory.join(name), &bytes)?;
            lock(&self.written).insert(name.to_owned(), digest);
            Ok(())
        });
        self.note(name, done);
    }

    /// Takes a document away.
    pub(crate) fn forget(&self, name: &str) {
        lock(&self.written).remove(name);
        let path = self.directory.join(name);
        let done = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.and_then(|()| synchronise_folder(&path)),
        };
        self.note(name, done);
    }

    /// Appends to a file.
    pub(crate) fn append(&self, name: &str, bytes: &[u8]) {
        let append = || {
            let path = self.directory.join(name);
            let is_new = !path.exists();
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            if is_new { synchronise_folder(&path) } else { Ok(()) }
        };
        self.note(name, append());
    }

    /// The documents of a room, with their names.
    pub(crate) fn read_all<T: DeserializeOwned>(&self, room: &str) -> Result<Vec<(String, T)>, SandboxError> {
        let path = self.directory.join(room);
        let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut found = Vec::new();
        for entry in entries.map_err(|source| SandboxError::State { path, source })? {
            if entry.path().extension().is_some_and(|extension| extension == "json") {
                let name = format!("{room}/{}", entry.file_name().to_string_lossy());
                if let Some(document) = self.read(&name)? {
                    found.push((name, document));
                }
            }
        }
        Ok(found)
    }

    /// A document, if it is there.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SandboxError> {
        let path = self.directory.join(name);
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from)),
        };
        read.map(Some).map_err(|source| SandboxError::State { path, source })
    }

    /// The lines of an appended file that are whole; the file is cut after them, so that the next is not spoilt.
    pub(crate) fn read_lines<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, SandboxError> {
        let path = self.directory.join(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| SandboxError::State { path: path.clone(), source })?,
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole < bytes.len() {
            replace(&path, &bytes[..whole]).map_err(|source| SandboxError::State { path: path.clone(), source })?;
        }
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let read: serde_json::Result<Vec<T>> = lines.map(serde_json::from_slice).collect();
        read.map_err(|error| SandboxError::State { path, source: error.into() })
    }

    /// Takes away the files of a room that nothing refers to any more.
    pub(crate) fn sweep(&self, room: &str, is_known: impl Fn(&str) -> bool) {
        let entries = fs::read_dir(self.directory.join(room)).into_iter().flatten().flatten();
        for name in entries.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
            if !is_known(&name) {
                self.forget(&format!("{room}/{name}"));
            }
        }
    }

    /// Why something could not be kept.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn note(&self, name: &str, done: io::Result<()>) {
        if let Err(error) = done {
            let path = self.directory.join(name);
            // The first failure is the one to be told; those after it change nothing.
            self.failure.get_or_init(|| format!("cannot write {}: {error}", path.display()));
        }
    }
}

/// The name of a document: ids hold characters that file names cannot.
pub(crate) fn document(room: &str, id: &str) -> String {
    format!("{room}/{}.json", &Digest::of(id.as_bytes()).hex()[..32])
}

/// What a killed process was about to write.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if whole_file::is_temporary(&entry.file_name().to_string_lossy()) {
            // What cannot be removed is not read either.
            drop(fs::remove_file(entry.path()));
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    whole_file::replace_private(path, bytes)?;
    synchronise_folder(path)
}

/// A rename is on disk when its folder is.
pub(crate) fn synchronise_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::Keeper;

    #[test]
    fn documents_and_whole_lines_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(folder.path()).unwrap();
        keeper.keep("roles/a.json", &1);
        keeper.keep("roles/a.json", &2);
        keeper.keep("roles/b.json", &3);
        keeper.forget("roles/b.json");
        keeper.append("logs/x.lines", b"1\n2\n");
        keeper.append("logs/x.lines", b"3");
        std::fs::write(folder.path().join("roles/c.new"), "torn").unwrap();

        let again = Keeper::open(folder.path()).unwrap();
        assert_eq!(again.read_all::<u8>("roles").unwrap(), [("roles/a.json".to_owned(), 2)]);
        assert_eq!(again.read_lines::<u8>("logs/x.lines").unwrap(), [1, 2]);
        again.append("logs/x.lines", b"4\n");
        assert_eq!(again.read_lines::<u8>("logs/x.lines").unwrap(), [1, 2, 4]);
        assert_eq!((keeper.failure(), again.failure()), (None, None));
    }

    #[test]
    fn what_cannot_be_written_or_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("roles/a.json"), "{").unwrap();
        assert!(keeper.read_all::<u8>("roles").unwrap_err().to_string().contains("a.json"));
        std::fs::remove_dir_all(folder.path().join("services")).unwrap();
        keeper.keep("services/a.json", &1);
        assert!(keeper.failure().unwrap().contains("services/a.json"));
    }
}
