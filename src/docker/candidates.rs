//! Where an engine may be, from what the environment says: in the docker command's order of precedence. Asks no engine.

use std::path::PathBuf;

use super::{context, error::EngineError};

/// Where the docker command looks if nothing says otherwise.
pub(super) const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";

/// What the environment says about where an engine may be. `config` reads it and hands it in.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DockerEnvironment {
    /// `DOCKER_HOST`. When set, nothing else is tried.
    pub docker_host: Option<String>,
    /// Whether `DOCKER_TLS` or `DOCKER_TLS_VERIFY` ask for TLS with `DOCKER_HOST`.
    pub docker_tls: bool,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the directory of the docker command's configuration, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `CONTAINER_HOST`: Podman's `DOCKER_HOST`.
    pub container_host: Option<String>,
    /// `COLIMA_HOME`.
    pub colima_home: Option<PathBuf>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
}

/// The addresses to try, in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Candidates {
    pub(super) addresses: Vec<String>,
    /// The context that named the only one.
    pub(super) context: Option<String>,
}

impl DockerEnvironment {
    /// What is to be tried: `DOCKER_HOST`, else the docker command's context, else `CONTAINER_HOST`, each alone; else
    /// the sockets that engines are known to have.
    ///
    /// # Errors
    /// [`EngineError::Context`] for a context that cannot be used, [`EngineError::UnsupportedTls`].
    pub(super) fn candidates(&self) -> Result<Candidates, EngineError> {
        let only = |address: &str| Candidates { addresses: vec![address.to_owned()], context: None };
        if let Some(host) = filled(self.docker_host.as_ref()) {
            // As with the docker command, the variables say nothing of a socket.
            let refused = self.docker_tls && !host.starts_with("unix://");
            return if refused { Err(EngineError::UnsupportedTls { host: host.clone() }) } else { Ok(only(host)) };
        }
        let directory = self.docker_config.clone().or_else(|| Some(self.home.as_ref()?.join(".docker")));
        let named = filled(self.docker_context.as_ref()).map(String::as_str);
        let context = context::chosen(&directory.unwrap_or_default(), named)?;
        match (context, filled(self.container_host.as_ref())) {
            (Some(context), _) if context.tls => Err(EngineError::UnsupportedTls { host: context.host }),
            (Some(context), _) => Ok(Candidates { addresses: vec![context.host], context: Some(context.name) }),
            (None, Some(host)) => Ok(only(host)),
            (None, None) => Ok(Candidates { addresses: self.sockets(), context: None }),
        }
    }

    /// The sockets of Docker, rootless Docker, Docker Desktop (macOS, Linux), colima, OrbStack, Rancher Desktop, Podman
    /// (rootless, rootful).
    fn sockets(&self) -> Vec<String> {
        let under = |base: Option<&PathBuf>, path: &str| base.map(|base| base.join(path));
        let (home, runtime) = (self.home.as_ref(), self.xdg_runtime_dir.as_ref());
        [
            Some(PathBuf::from("/var/run/docker.sock")),
            under(runtime, "docker.sock"),
            under(home, ".docker/run/docker.sock"),
            under(home, ".docker/desktop/docker.sock"),
            under(self.colima_home.as_ref(), "default/docker.sock"),
            under(home, ".colima/default/docker.sock"),
            under(home, ".config/colima/default/docker.sock"),
            under(home, ".orbstack/run/docker.sock"),
            under(home, ".rd/docker.sock"),
            under(runtime, "podman/podman.sock"),
            Some(PathBuf::from("/run/podman/podman.sock")),
        ]
        .into_iter()
        .flatten()
        .map(|path| format!("unix://{}", path.display()))
        .collect()
    }
}

fn filled(variable: Option<&String>) -> Option<&String> {
    variable.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{DockerEnvironment, EngineError};

    #[test]
    fn a_host_counts_before_a_context_and_that_before_podmans() {
        let text = |value: &str| Some(value.to_owned());
        let nowhere = tempfile::tempdir().unwrap();
        let all = DockerEnvironment {
            docker_host: text("tcp://docker:2375"),
            docker_context: text("missing"),
            docker_config: Some(nowhere.path().into()),
            container_host: text("unix:///podman.sock"),
            ..DockerEnvironment::default()
        };
        assert_eq!(all.candidates().unwrap().addresses, ["tcp://docker:2375"]);
        let tls = DockerEnvironment { docker_tls: true, ..all.clone() };
        assert!(matches!(tls.candidates(), Err(EngineError::UnsupportedTls { .. })));
        let hostless = DockerEnvironment { docker_host: text(""), ..all };
        assert!(matches!(hostless.candidates(), Err(EngineError::Context { name, .. }) if name == "missing"));
        let contextless = DockerEnvironment { docker_context: text("default"), ..hostless };
        assert_eq!(contextless.candidates().unwrap().addresses, ["unix:///podman.sock"]);
    }

    #[test]
    fn without_a_word_the_known_sockets_are_tried() {
        let environment = DockerEnvironment {
            home: Some("/home/dev".into()),
            xdg_runtime_dir: Some("/run/user/1000".into()),
            colima_home: Some("/colima".into()),
            ..DockerEnvironment::default()
        };
        assert_eq!(
            environment.candidates().unwrap().addresses,
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/1000/docker.sock",
                "unix:///home/dev/.docker/run/docker.sock",
                "unix:///home/dev/.docker/desktop/docker.sock",
                "unix:///colima/default/docker.sock",
                "unix:///home/dev/.colima/default/docker.sock",
                "unix:///home/dev/.config/colima/default/docker.sock",
                "unix:///home/dev/.orbstack/run/docker.sock",
                "unix:///home/dev/.rd/docker.sock",
                "unix:///run/user/1000/podman/podman.sock",
                "unix:///run/podman/podman.sock",
            ]
        );
        let bare = DockerEnvironment::default().candidates().unwrap().addresses;
        assert_eq!(bare, ["unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"]);
    }
}
