//! A registry in a process of its own, empty at its start and gone with its folder: Debian's docker-registry where it is
//! on PATH, else the sandbox's.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::sandbox;

const DEBIAN: &str = "docker-registry";
const STARTED_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Whose registries are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Make {
    Debian,
    Sandbox,
}

impl Make {
    /// The one there is.
    pub(crate) async fn found() -> Self {
        let asked = Command::new(DEBIAN).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        if asked.is_ok() { Self::Debian } else { Self::Sandbox }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debian => "Debian's docker-registry",
            Self::Sandbox => "the sandbox's registry",
        }
    }
}

/// A running registry.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    /// What `Authorization: Basic` must carry, if anything.
    token: Option<String>,
    process: Child,
    _folder: TempDir,
}

/// A way into a registry: its own address, or that of a relay to it.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

impl Registry {
    /// Starts one that takes pushes to this repository.
    pub(crate) async fn start(make: Make, folder: &Path, repository: &str) -> Result<Self> {
        let folder = tempfile::tempdir_in(folder)?;
        match make {
            Make::Debian => start_debian(folder).await,
            Make::Sandbox => {
                let (process, address, token) = sandbox::start(folder.path(), repository).await?;
                Ok(Self { address, token: Some(token), process, _folder: folder })
            }
        }
    }

    /// The way in without a relay.
    pub(crate) fn door(&self) -> Door {
        self.through(self.address)
    }

    /// The way in through a relay.
    pub(crate) fn through(&self, address: SocketAddr) -> Door {
        Door { address, token: self.token.clone() }
    }

    /// Ends it, and removes what it has stored.
    pub(crate) async fn stop(mut self) {
        let id = self.process.id().unwrap_or_default().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await;
        let has_ended = asked.is_ok() && tokio::time::timeout(STOPPED_WITHIN, self.process.wait()).await.is_ok();
        if !has_ended {
            // Its folder goes either way.
            self.process.kill().await.ok();
        }
    }
}

async fn start_debian(folder: TempDir) -> Result<Registry> {
    // A port that is free now; another process may take it before the registry does, and then the start fails aloud.
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let configuration = json!({
        "version": 0.1,
        "log": { "level": "error", "accesslog": { "disabled": true } },
        "storage": {
            "filesystem": { "rootdirectory": folder.path().join("storage") },
            "cache": { "blobdescriptor": "inmemory" },
            "maintenance": { "uploadpurging": { "enabled": false } },
        },
        "validation": { "disabled": true },
        "http": { "addr": address.to_string(), "secret": "the benchmark's" },
    });
    // JSON is YAML.
    let file = folder.path().join("config.yml");
    std::fs::write(&file, configuration.to_string())?;
    let log = std::fs::File::create(folder.path().join("log"))?;
    let mut command = Command::new(DEBIAN);
    command.arg("serve").arg(&file).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    let mut process = command.spawn().context("cannot start docker-registry")?;
    if let Err(error) = until_it_listens(address, &mut process).await {
        let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        bail!("{error}: {said}");
    }
    Ok(Registry { address, token: None, process, _folder: folder })
}

async fn until_it_listens(address: SocketAddr, process: &mut Child) -> Result<()> {
    let deadline = Instant::now() + STARTED_WITHIN;
    while TcpStream::connect(address).await.is_err() {
        ensure!(process.try_wait()?.is_none(), "docker-registry ended at its start");
        ensure!(Instant::now() < deadline, "docker-registry does not listen on {address}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
