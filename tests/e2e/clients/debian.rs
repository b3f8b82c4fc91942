//! Debian's docker-registry: a registry that is not ours, and not ECR.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

use super::{layout::Layout, program, run};
use crate::world::signal;

/// One on an empty folder, listening on a loopback address, without TLS and open to everybody.
pub(crate) struct DebianRegistry {
    process: Child,
    host: String,
    folder: TempDir,
}

impl DebianRegistry {
    pub(crate) fn start() -> Self {
        Self::begin(|_| json!({}))
    }

    /// One that lets in who has the password in this line of htpasswd alone.
    pub(crate) fn with_login(htpasswd: &str) -> Self {
        Self::begin(|folder| {
            let path = folder.join("htpasswd");
            fs::write(&path, htpasswd).unwrap();
            json!({"htpasswd": {"realm": "tests", "path": path}})
        })
    }

    fn begin(auth: impl Fn(&Path) -> serde_json::Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "auth": auth(folder.path()),
            "version": "0.1", "log": {"level": "info"}, "http": {"addr": "127.0.0.1:0"},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("storage")}},
        });
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let mut command = program("docker-registry", folder.path());
        let asked = File::create(folder.path().join("asked")).unwrap();
        command.args(["serve", "config.json"]).stdout(asked).stderr(Stdio::piped());
        let started = command.spawn();
        let mut process =
            started.unwrap_or_else(|error| panic!("docker-registry: {error}; scripts/setup registry installs it"));
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let host = listening(&mut log);
        // What it says from now on is read, or it would stand still one day.
        let mut rest = File::create(folder.path().join("log")).unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut rest));
        Self { process, host, folder }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// How many requests of this method it has been sent.
    pub(crate) fn requests(&self, method: &str) -> usize {
        let asked = fs::read_to_string(self.folder.path().join("asked")).unwrap();
        asked.matches(&format!("\"{method} /v2/")).count()
    }

    /// An empty layout beside the registry.
    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.folder.path().join("made"))
    }

    /// skopeo pushes what the layout is about.
    pub(crate) fn push(&self, layout: &Layout, image: &str) {
        let from = format!("oci:{}", layout.path().display());
        skopeo(self.folder.path(), "--dest-tls-verify=false", &from, &self.address(image));
    }

    /// skopeo pulls into a new folder; it fails when a digest is not what it should be.
    pub(crate) fn pull(&self, image: &str) -> Layout {
        let folder = self.folder.path().join(image.replace(['/', ':', '@'], "-"));
        skopeo(
            self.folder.path(),
            "--src-tls-verify=false",
            &self.address(image),
            &format!("oci:{}", folder.display()),
        );
        Layout::of(folder)
    }

    fn address(&self, image: &str) -> String {
        format!("docker://{}/{image}", self.host)
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        signal(&self.process, "TERM");
        self.process.wait().ok();
    }
}

/// Where it says it listens.
fn listening(log: &mut impl BufRead) -> String {
    let mut said = String::new();
    while log.read_line(&mut said).unwrap() > 0 {
        let line = said.lines().last().unwrap_or_default();
        if let Some((_, rest)) = line.split_once("listening on ") {
            return rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        }
    }
    panic!("docker-registry does not start: {said}");
}

fn skopeo(folder: &Path, tls: &str, from: &str, to: &str) {
    let mut command = program("skopeo", folder);
    command.args(["--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests", tls, from, to]);
    run(command);
}
