//! A release as the download path wants it: the built binary in an archive, its checksum, and a server of files that remembers what it
//! was asked for.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use tempfile::TempDir;

use super::project;
use crate::world::{BINARY, Ran};

/// The version that the harness releases.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The script that every example gets its program by.
pub(super) const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/github-action/install.sh");

/// The release of the built binary.
pub(super) struct Release {
    folder: TempDir,
    /// What the archive is called on this platform.
    pub(super) archive: String,
    /// The archive's SHA-256.
    pub(super) sha256: String,
}

impl Release {
    /// Packed once, it takes a moment.
    pub(super) fn of_the_built_binary() -> &'static Self {
        static RELEASE: OnceLock<Release> = OnceLock::new();
        RELEASE.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let archive = words(Command::new("sh").args([INSTALL, "--archive", VERSION]));
            let target = archive.trim_start_matches(&format!("shipgate-{VERSION}-")).trim_end_matches(".tar.gz");
            let packed = words(
                Command::new(project().join("scripts/package"))
                    .args([BINARY, target])
                    .arg(folder.path())
                    // What is built for tests is larger than what is released.
                    .env("SHIPGATE_PACKAGE_LIMIT", "1000000000"),
            );
            assert!(packed.ends_with(&archive), "{packed} is not the name that is downloaded: {archive}");
            let sha256 = words(Command::new("sha256sum").arg(&packed)).split(' ').next().unwrap().to_owned();
            Self { folder, archive, sha256 }
        })
    }

    /// As `sha256sum` has it.
    pub(super) fn checksum_line(&self) -> String {
        format!("{}  {}\n", self.sha256, self.archive)
    }
}

fn words(command: &mut Command) -> String {
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, 0, "{command:?}: {}", ran.said());
    ran.stdout.trim().to_owned()
}

/// Serves the release until the test ends.
pub(super) struct Downloads {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Downloads {
    pub(super) fn of(release: &Release) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/releases/download", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, file) = (asked.clone(), release.folder.path().join(&release.archive));
        let path = format!("/releases/download/v{VERSION}/{}", release.archive);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &path, &file, &noted);
            }
        });
        Self { address, asked }
    }

    /// The paths that were asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, path: &str, file: &PathBuf, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let _headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let wanted = first.split(' ').nth(1).unwrap().to_owned();
    let (status, body) =
        if wanted == path { ("200 OK", fs::read(file).unwrap()) } else { ("404 Not Found", Vec::new()) };
    asked.lock().unwrap().push(wanted);
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok();
}
