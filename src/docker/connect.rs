//! Finds an engine that answers, and learns of it what the rest must know.

use std::{path::PathBuf, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker};

use super::error::{EngineError, Tried, reason_of};

/// How long a socket may take to answer a ping before the next is tried.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the engine may take to begin an answer. Stopping and creating can take it a while on a loaded machine.
const ANSWER_TIMEOUT_SECONDS: u64 = 120;

/// Where the docker command looks if nothing says otherwise.
const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";

/// What the environment says about where an engine may be. `config` reads it and hands it in.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DockerEnvironment {
    /// `DOCKER_HOST`. When set, nothing else is tried.
    pub docker_host: Option<String>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
}

impl DockerEnvironment {
    /// The addresses to try, in order: Docker, rootless Docker, Docker Desktop, colima, Podman.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        if let Some(host) = self.docker_host.as_deref().filter(|host| !host.is_empty()) {
            return vec![host.to_owned()];
        }
        let under = |base: Option<&PathBuf>, path: &str| base.map(|base| base.join(path));
        [
            Some(PathBuf::from("/var/run/docker.sock")),
            under(self.xdg_runtime_dir.as_ref(), "docker.sock"),
            under(self.home.as_ref(), ".docker/run/docker.sock"),
            under(self.home.as_ref(), ".colima/default/docker.sock"),
            under(self.xdg_runtime_dir.as_ref(), "podman/podman.sock"),
        ]
        .into_iter()
        .flatten()
        .map(|path| format!("unix://{}", path.display()))
        .collect()
    }
}

/// An engine that answered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) docker: Docker,
    pub(super) facts: EngineFacts,
}

/// What is known of an engine.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct EngineFacts {
    /// Where it answered, as in `DOCKER_HOST`.
    pub address: String,
    /// The API version spoken with it.
    pub api_version: String,
    /// The release of the kernel its containers run on.
    pub kernel: Option<String>,
    /// The architecture of its machine, as images call it: `amd64`, `arm64`.
    pub architecture: Option<String>,
    /// Whether it runs without root, and so with its bridge in a network namespace of its own.
    pub rootless: bool,
}

impl EngineFacts {
    /// The words that a user's command for this engine begins with: `docker`, `docker -H unix:///run/docker.sock`.
    #[must_use]
    pub fn client(&self) -> String {
        if self.address == DEFAULT_ADDRESS { "docker".to_owned() } else { format!("docker -H {}", self.address) }
    }
}

impl Engine {
    /// Finds the engine: the first address that answers a ping.
    ///
    /// # Errors
    /// [`EngineError::UnsupportedHost`] for a `DOCKER_HOST` other than unix:// or tcp://; [`EngineError::NotFound`]
    /// with every address tried and the reason for each.
    pub async fn connect(candidates: &DockerEnvironment) -> Result<Self, EngineError> {
        let mut tried = Vec::new();
        for address in candidates.addresses() {
            let client = client_for(&address)?;
            match answering(client).await {
                Ok(docker) => return Self::learn(docker, address).await,
                Err(reason) => tried.push(Tried { address, reason }),
            }
        }
        Err(EngineError::NotFound { tried })
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn learn(docker: Docker, address: String) -> Result<Self, EngineError> {
        let info = docker.info().await.map_err(|error| EngineError::call("describe itself", &error))?;
        let options = info.security_options.unwrap_or_default();
        let facts = EngineFacts {
            address,
            api_version: docker.client_version().to_string(),
            kernel: info.kernel_version,
            architecture: info.architecture.as_deref().map(architecture).map(str::to_owned),
            rootless: options.iter().any(|option| option.contains("rootless")),
        };
        Ok(Self { docker, facts })
    }
}

/// Engines call processors what the kernel calls them (`uname -m`).
fn architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A client for the address; the inner error is a reason not to use it.
fn client_for(address: &str) -> Result<Result<Docker, String>, EngineError> {
    let client = if address.starts_with("unix://") {
        Docker::connect_with_socket(address, ANSWER_TIMEOUT_SECONDS, API_DEFAULT_VERSION)
    } else if address.starts_with("tcp://") {
        Docker::connect_with_http(address, ANSWER_TIMEOUT_SECONDS, API_DEFAULT_VERSION)
    } else {
        return Err(EngineError::UnsupportedHost { host: address.to_owned() });
    };
    Ok(client.map_err(|error| reason_of(&error)))
}

/// The client, once the engine behind it has answered a ping and agreed on a version.
async fn answering(client: Result<Docker, String>) -> Result<Docker, String> {
    let docker = client?;
    let greeting = async {
        docker.ping().await?;
        docker.negotiate_version().await
    };
    match tokio::time::timeout(PING_TIMEOUT, greeting).await {
        Ok(answer) => answer.map_err(|error| reason_of(&error)),
        Err(_) => Err(format!("no answer within {} s", PING_TIMEOUT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::{DockerEnvironment, Engine, EngineError};

    #[test]
    fn docker_host_alone_counts_when_it_is_set() {
        let environment = DockerEnvironment {
            docker_host: Some("tcp://docker:2375".to_owned()),
            home: Some("/home/dev".into()),
            xdg_runtime_dir: Some("/run/user/1000".into()),
        };
        assert_eq!(environment.addresses(), ["tcp://docker:2375"]);
        let unset = DockerEnvironment { docker_host: Some(String::new()), ..environment };
        assert_eq!(
            unset.addresses(),
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/1000/docker.sock",
                "unix:///home/dev/.docker/run/docker.sock",
                "unix:///home/dev/.colima/default/docker.sock",
                "unix:///run/user/1000/podman/podman.sock",
            ]
        );
        assert_eq!(DockerEnvironment::default().addresses(), ["unix:///var/run/docker.sock"]);
    }

    #[tokio::test]
    async fn a_transport_that_is_not_spoken_is_named() {
        for host in ["ssh://build-host", "npipe:////./pipe/docker_engine", "/var/run/docker.sock"] {
            let environment = DockerEnvironment { docker_host: Some(host.to_owned()), ..DockerEnvironment::default() };
            let error = Engine::connect(&environment).await.unwrap_err();
            assert!(matches!(&error, EngineError::UnsupportedHost { host: named } if named == host), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[tokio::test]
    async fn what_does_not_answer_is_listed_with_its_reason() {
        let directory = tempfile::tempdir().unwrap();
        let dead = directory.path().join("dead.sock");
        drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let table = [
            (format!("unix://{}", directory.path().join("none.sock").display()), "no such socket"),
            (format!("unix://{}", dead.display()), "connection refused"),
            (format!("tcp://{closed}"), "connection refused"),
        ];
        for (host, reason) in table {
            let environment = DockerEnvironment { docker_host: Some(host.clone()), ..DockerEnvironment::default() };
            let Err(EngineError::NotFound { tried }) = Engine::connect(&environment).await else { panic!("{host}") };
            assert_eq!(tried.len(), 1);
            assert_eq!(tried[0].address, host);
            assert!(tried[0].reason.contains(reason), "{host}: {}", tried[0].reason);
        }
    }

    #[tokio::test]
    async fn the_engine_of_this_machine_answers() {
        let engine = Engine::connect(&DockerEnvironment::default()).await.unwrap();
        assert_eq!(engine.facts().address, "unix:///var/run/docker.sock");
        assert!(engine.facts().kernel.is_some() && !engine.facts().api_version.is_empty());
    }
}
