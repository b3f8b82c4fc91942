//! Single files of a container, read through the engine: evidence for a diagnosis. Nothing is unpacked or kept.

use std::io::Read as _;

use bollard::query_parameters::DownloadFromContainerOptions;
use futures_util::StreamExt as _;

use super::{
    connect::Engine,
    error::{EngineError, status_of},
};

/// The most bytes of a file that are read.
const HEAD_BYTES: u64 = 64 * 1024;

/// What the tar archive has in front of a file's bytes at most: its header, and those of a long name.
const ARCHIVE_HEADERS_BYTES: u64 = 16 * 1024;

/// What a container's configuration says about its command.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ContainerCommand {
    /// The program: the first word of ENTRYPOINT, else of the command.
    pub program: String,
    /// The directory that relative paths start from.
    pub working_directory: String,
    /// The value of `PATH`, if the container has one.
    pub path: Option<String>,
    /// Its user, as the image names it; empty for root.
    pub user: String,
}

/// A file of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContainerFile {
    /// A regular file.
    Regular {
        /// Its permissions.
        mode: u32,
        /// Its size.
        size_bytes: u64,
        /// Its first bytes, at most 64 KiB.
        head: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A symbolic link to this path.
    Link(String),
    /// A device, a pipe or a socket.
    Special,
}

impl Engine {
    /// What the container is configured to run.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn container_command(&self, id: &str) -> Result<ContainerCommand, EngineError> {
        let inspect = self.docker.inspect_container(id, None).await;
        let inspect = inspect.map_err(|error| EngineError::call(format!("look at container {id}"), &error))?;
        let config = inspect.config.unwrap_or_default();
        let path = config.env.iter().flatten().rev().find_map(|entry| entry.strip_prefix("PATH=").map(str::to_owned));
        Ok(ContainerCommand {
            program: inspect.path.unwrap_or_default(),
            working_directory: config.working_dir.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned()),
            path,
            user: config.user.unwrap_or_default(),
        })
    }

    /// A file of a container, or `None` if there is none at that path. The last component of the path is not followed when
    /// it is a link.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn container_file(&self, id: &str, path: &str) -> Result<Option<ContainerFile>, EngineError> {
        let attempted = || format!("read {path} of container {id}");
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let mut pieces = Box::pin(self.docker.download_from_container(id, Some(options)));
        let mut archive = Vec::new();
        while (archive.len() as u64) < HEAD_BYTES + ARCHIVE_HEADERS_BYTES {
            match pieces.next().await {
                None => break,
                Some(Ok(piece)) => archive.extend_from_slice(&piece),
                Some(Err(error)) if status_of(&error) == Some(404) || is_below_a_file(&error) => return Ok(None),
                Some(Err(error)) => return Err(EngineError::call(attempted(), &error)),
            }
        }
        first_entry(&archive).map(Some).ok_or_else(|| EngineError::Call {
            attempted: attempted(),
            reason: "the engine sent no archive of it".to_owned(),
            status: None,
        })
    }
}

/// Whether a component of the path is a file and not a directory. Docker answers 500 to that.
fn is_below_a_file(error: &bollard::errors::Error) -> bool {
    status_of(error) == Some(500) && error.to_string().contains("not a directory")
}

/// The first entry of a tar archive that may end early.
fn first_entry(archive: &[u8]) -> Option<ContainerFile> {
    let mut archive = tar::Archive::new(archive);
    let entry = archive.entries().ok()?.next()?.ok()?;
    let (kind, mode) = (entry.header().entry_type(), entry.header().mode().ok()?);
    if kind.is_dir() {
        return Some(ContainerFile::Directory);
    }
    if kind.is_symlink() {
        let target = entry.link_name().ok()??;
        return Some(ContainerFile::Link(target.to_string_lossy().into_owned()));
    }
    if !(kind.is_file() || kind.is_hard_link()) {
        return Some(ContainerFile::Special);
    }
    let (mut head, size_bytes) = (Vec::new(), entry.size());
    // What was not read any more is missing at the end.
    let _cut_off = entry.take(HEAD_BYTES).read_to_end(&mut head);
    Some(ContainerFile::Regular { mode, size_bytes, head })
}

#[cfg(test)]
mod tests {
    use super::{ContainerFile, first_entry};

    fn archive(kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_entry_type(kind);
        if kind.is_symlink() {
            header.set_link_name("/bin/real").unwrap();
        }
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header, "program", content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn first_entry_is_read_from_an_incomplete_archive() {
        let large = archive(tar::EntryType::Regular, &vec![7_u8; 200_000]);
        let Some(ContainerFile::Regular { mode, size_bytes, head }) = first_entry(&large[..90_000]) else {
            panic!("no file")
        };
        assert_eq!((mode, size_bytes, head.len()), (0o755, 200_000, 65_536));
        let small = archive(tar::EntryType::Regular, b"#!/bin/sh\n");
        let regular = ContainerFile::Regular { mode: 0o755, size_bytes: 10, head: b"#!/bin/sh\n".to_vec() };
        assert_eq!(first_entry(&small), Some(regular));
        let link = archive(tar::EntryType::Symlink, b"");
        assert_eq!(first_entry(&link), Some(ContainerFile::Link("/bin/real".to_owned())));
        assert_eq!(first_entry(&archive(tar::EntryType::Directory, b"")), Some(ContainerFile::Directory));
        assert_eq!(first_entry(&archive(tar::EntryType::Fifo, b"")), Some(ContainerFile::Special));
        assert_eq!(first_entry(b""), None);
    }
}
