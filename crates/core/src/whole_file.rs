//! Files that are written whole. A reader sees the old content or the new: the bytes go to a temporary file in the same folder, which
//! is renamed (a rename is atomic only within a file system). Its name cannot be guessed and must not exist, so that nobody
//! can put a link there that the bytes would follow.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// How the names of temporary files begin and end.
const TEMPORARY: (&str, &str) = (".shipgate-", ".tmp");

/// Writes the file, or replaces the one that exists and keeps its permissions. A symbolic link is replaced by the file; what it
/// pointed to is not touched.
///
/// # Errors
/// What the system says; and when the path is a folder, a device, a pipe or a socket, or leads to one.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, Access::AsBefore)
}

/// The same, for a file that only its owner may read.
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, Access::Owner)
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Whoever could read the file it replaces; for a new one the system's default counts.
    AsBefore,
    Owner,
}

fn replace_as(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    must_be_replaceable(path)?;
    let (temporary, mut file) = create_beside(path, access)?;
    let permitted = if access == Access::AsBefore { keep_permissions(path, &file) } else { Ok(()) };
    let written = permitted
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The failure to write is the news; what could be left behind is an empty or half file of ours.
        drop(fs::remove_file(&temporary));
    }
    written
}

/// Whether the file could be written now: nothing is left of the attempt.
///
/// # Errors
/// As [`replace`].
pub fn check(path: &Path) -> io::Result<()> {
    must_be_replaceable(path)?;
    let (temporary, file) = create_beside(path, Access::AsBefore)?;
    drop(file);
    fs::remove_file(temporary)
}

/// Whether a file of this name is one that a killed process has left.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}

/// Through a link too: as root, `/dev/stdout` or `/dev/null` would else become a file.
fn must_be_replaceable(path: &Path) -> io::Result<()> {
    if path.file_name().is_none() {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => Err(io::Error::other("it is a device, a pipe or a socket, not a file")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn create_beside(path: &Path, access: Access) -> io::Result<(PathBuf, File)> {
    let temporary = path.with_file_name(unguessable()?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let file = options.open(&temporary)?;
    Ok((temporary, file))
}

fn unguessable() -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let mut name = TEMPORARY.0.to_owned();
    for byte in random {
        let _infallible = write!(name, "{byte:02x}");
    }
    Ok(name + TEMPORARY.1)
}

fn keep_permissions(path: &Path, file: &File) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(old) if old.is_file() => file.set_permissions(old.permissions()),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
    };

    use super::{Access, check, create_beside, is_temporary, replace, replace_private};

    fn names(folder: &Path) -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_written_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        for text in ["old", "new"] {
            check(&path).unwrap();
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(folder.path()), BTreeSet::from(["report.json".to_owned()]), "nothing else is left");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace(&path, b"x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace_private(&path, b"x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_is_replaced_and_its_target_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (target, path) = (folder.path().join("precious"), folder.path().join("report.json"));
        for target_exists in [true, false] {
            if target_exists {
                fs::write(&target, "precious").unwrap();
            } else {
                fs::remove_file(&target).unwrap();
            }
            symlink(&target, &path).unwrap();
            replace(&path, b"report").unwrap();
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            assert_eq!(fs::read_to_string(&target).ok().as_deref(), target_exists.then_some("precious"));
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (null, socket) = (folder.path().join("null.json"), folder.path().join("socket.json"));
        symlink("/dev/null", &null).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let missing = folder.path().join("missing/report.json");
        let round = folder.path().join("round.json");
        symlink(&round, &round).unwrap();
        let before = names(folder.path());
        for path in [folder.path(), &null, &socket, &missing, &round, Path::new("/dev/null"), Path::new("/")] {
            assert!(check(path).is_err(), "{}", path.display());
            assert!(replace(path, b"x").is_err(), "{}", path.display());
        }
        assert_eq!(names(folder.path()), before);
    }

    #[test]
    fn temporary_names_differ_and_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(255));
        let files: Vec<_> = (0..3).map(|_| create_beside(&path, Access::AsBefore).unwrap()).collect();
        assert_eq!(names(folder.path()).len(), files.len());
        assert!(names(folder.path()).iter().all(|name| is_temporary(name)));
        assert!(!is_temporary("report.json") && !is_temporary(".shipgate-x"));
    }
}
