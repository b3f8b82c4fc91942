//! Where an engine may be, from what the environment says: in the docker command's order of precedence. Asks no engine.

use std::{ffi::OsString, path::PathBuf};

use super::{
    context,
    error::EngineError,
    tls::{TlsFiles, Trust},
};

/// Where the docker command looks if nothing says otherwise.
pub(super) const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";

/// What the environment says about where an engine may be. `config` reads it and hands it in.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DockerEnvironment {
    /// `DOCKER_HOST`. When set, nothing else is tried.
    pub docker_host: Option<String>,
    /// Whether `DOCKER_TLS` asks for TLS with `DOCKER_HOST`, whoever answers.
    pub docker_tls: bool,
    /// Whether `DOCKER_TLS_VERIFY` asks for TLS with `DOCKER_HOST`, and to verify who answers.
    pub docker_tls_verify: bool,
    /// `DOCKER_CERT_PATH`: the directory of `ca.pem`, `cert.pem` and `key.pem`, else that of the configuration.
    pub docker_cert_path: Option<PathBuf>,
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
    /// `PATH`, to find `ssh` in; `None` is this process' own.
    pub path: Option<OsString>,
}

/// The addresses to try, in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Candidates {
    pub(super) addresses: Vec<String>,
    /// The context that named the only one.
    pub(super) context: Option<String>,
    /// TLS, where the environment or the context asks for it. It says nothing of a socket, nor of ssh.
    pub(super) tls: Option<TlsFiles>,
}

impl DockerEnvironment {
    /// What is to be tried: `DOCKER_HOST`, else the docker command's context, else `CONTAINER_HOST`, each alone; else
    /// the sockets that engines are known to have.
    ///
    /// # Errors
    /// [`EngineError::Context`] for a context that cannot be used.
    pub(super) fn candidates(&self) -> Result<Candidates, EngineError> {
        let only = |address: &str, tls| Candidates { addresses: vec![address.to_owned()], context: None, tls };
        if let Some(host) = filled(self.docker_host.as_ref()) {
            return Ok(only(host, self.tls(host)));
        }
        let named = filled(self.docker_context.as_ref()).map(String::as_str);
        let context = context::chosen(&self.configuration(), named)?;
        match (context, filled(self.container_host.as_ref())) {
            (Some(context), _) => {
                let tls = context.tls.or_else(|| self.tls_of_address(&context.host));
                Ok(Candidates { addresses: vec![context.host], context: Some(context.name), tls })
            }
            (None, Some(host)) => Ok(only(host, self.tls_of_address(host))),
            (None, None) => Ok(Candidates { addresses: self.sockets(), ..Candidates::default() }),
        }
    }

    /// What the variables say of TLS with `DOCKER_HOST`: as with the docker command, `DOCKER_TLS_VERIFY` counts before
    /// `DOCKER_TLS`.
    fn tls(&self, host: &str) -> Option<TlsFiles> {
        if self.docker_tls_verify {
            Some(TlsFiles { directory: self.certificates(), trust: Trust::AuthorityFile })
        } else if self.docker_tls {
            Some(TlsFiles { directory: self.certificates(), trust: Trust::Anybody })
        } else {
            self.tls_of_address(host)
        }
    }

    /// An `https://` address asks for TLS by itself, and is never spoken to without.
    fn tls_of_address(&self, host: &str) -> Option<TlsFiles> {
        let asked = host.starts_with("https://");
        asked.then(|| TlsFiles { directory: self.certificates(), trust: Trust::AuthorityFileOrSystem })
    }

    fn certificates(&self) -> PathBuf {
        self.docker_cert_path.clone().unwrap_or_else(|| self.configuration())
    }

    fn configuration(&self) -> PathBuf {
        let of_home = || self.home.as_ref().map(|home| home.join(".docker"));
        self.docker_config.clone().or_else(of_home).unwrap_or_default()
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
    use super::{DockerEnvironment, EngineError, TlsFiles, Trust};

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
        let hostless = DockerEnvironment { docker_host: text(""), ..all };
        assert!(matches!(hostless.candidates(), Err(EngineError::Context { name, .. }) if name == "missing"));
        let contextless = DockerEnvironment { docker_context: text("default"), ..hostless };
        assert_eq!(contextless.candidates().unwrap().addresses, ["unix:///podman.sock"]);
    }

    #[test]
    fn the_variables_say_how_tls_is_spoken() {
        use Trust::{Anybody, AuthorityFile, AuthorityFileOrSystem};
        let (tcp, https) = ("tcp://docker:2376", "https://docker:2376");
        let table = [
            (tcp, false, false, None),
            (tcp, true, false, Some(Anybody)),
            (tcp, false, true, Some(AuthorityFile)),
            (tcp, true, true, Some(AuthorityFile)),
            (https, false, false, Some(AuthorityFileOrSystem)),
            (https, true, false, Some(Anybody)),
            (https, false, true, Some(AuthorityFile)),
        ];
        for (host, docker_tls, docker_tls_verify, trust) in table {
            let of_home = DockerEnvironment {
                docker_host: Some(host.to_owned()),
                docker_tls,
                docker_tls_verify,
                home: Some("/home/dev".into()),
                ..DockerEnvironment::default()
            };
            let with_path = DockerEnvironment { docker_cert_path: Some("/certs".into()), ..of_home.clone() };
            for (environment, directory) in [(of_home, "/home/dev/.docker"), (with_path, "/certs")] {
                let expected = trust.map(|trust| TlsFiles { directory: directory.into(), trust });
                assert_eq!(environment.candidates().unwrap().tls, expected, "{host} {docker_tls} {docker_tls_verify}");
            }
        }
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
