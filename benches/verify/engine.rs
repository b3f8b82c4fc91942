//! Images of the demonstration's application, in the engine for as long as they are measured.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
};

use shipgate_container_check::packing::SelfLayer;

static LAYER: LazyLock<SelfLayer> = LazyLock::new(|| SelfLayer::of_executable(Path::new(super::ways::BINARY)).unwrap());

/// An image that the engine has, and forgets when this is dropped.
pub(crate) struct Image {
    pub(crate) name: String,
}

impl Image {
    /// Loads an image whose application is told to behave like this.
    pub(crate) fn load(name: &str, environment: &[(&str, &str)]) -> Self {
        let name = format!("shipgate-bench/{name}:{}", std::process::id());
        let archive = LAYER.image(environment).docker_archive(&name).unwrap();
        let mut load = Command::new("docker").arg("load").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(&archive).unwrap();
        assert!(load.wait().unwrap().success(), "docker load failed");
        Self { name }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        Command::new("docker").args(["rmi", "--force", &self.name]).stdout(Stdio::null()).status().ok();
    }
}
