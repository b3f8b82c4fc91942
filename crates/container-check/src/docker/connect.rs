//! Finds an engine that answers, and learns of it what the rest must know.

use std::{sync::Arc, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker};

use super::{
    address::{Address, port_or_default},
    candidates::{Candidates, DEFAULT_ADDRESS, DockerEnvironment},
    error::{EngineError, Tried, reason_of},
    ssh::Ssh,
    tls::TlsFiles,
    transport::{Dialler, client},
};

/// How long a socket may take to answer a ping before the next is tried.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a host behind ssh may take: with its handshake, perhaps through another host, and no next to be tried.
const SSH_PING_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the engine may take to begin an answer. Stopping and creating can take it a while on a loaded machine.
const ANSWER_TIMEOUT_SECONDS: u64 = 120;

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
    /// The context of the docker command that named it.
    pub context: Option<String>,
    /// `Docker` or `Podman`.
    pub name: String,
    /// Its machine's system in words: `Docker Desktop`, `Debian GNU/Linux 12 (bookworm)`.
    pub operating_system: Option<String>,
    /// The version of the kernel's control groups: 1 or 2.
    pub cgroup_version: Option<u8>,
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
        match &self.context {
            Some(context) => format!("docker --context {context}"),
            None if self.address == DEFAULT_ADDRESS => "docker".to_owned(),
            None if self.name == "Podman" => format!("podman --url {}", self.address),
            None => format!("docker -H {}", self.address),
        }
    }
}

impl Engine {
    /// Finds the engine: the first address that answers a ping.
    ///
    /// # Errors
    /// [`EngineError::UnsupportedHost`] and [`EngineError::Address`] for an address that cannot be used; [`EngineError::Tls`]
    /// for files that cannot; [`EngineError::Context`] for a context that cannot; [`EngineError::NotFound`] with every address
    /// tried and the reason for each.
    pub async fn connect(environment: &DockerEnvironment) -> Result<Self, EngineError> {
        let mut tried = Vec::new();
        let Candidates { addresses, context, tls } = environment.candidates()?;
        for address in addresses {
            let parsed = Address::parse(&address)?;
            let timeout = if matches!(parsed, Address::Ssh(_)) { SSH_PING_TIMEOUT } else { PING_TIMEOUT };
            let client = client_for(&address, parsed, tls.as_ref(), environment)?;
            match answering(client, timeout).await {
                Ok(docker) => return Self::learn(docker, address, context).await,
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

    async fn learn(docker: Docker, address: String, context: Option<String>) -> Result<Self, EngineError> {
        let info = docker.info().await.map_err(|error| EngineError::call("describe itself", &error))?;
        let options = info.security_options.unwrap_or_default();
        // Only words for people depend on the version: an engine that does not tell it is used all the same.
        let version = docker.version().await.unwrap_or_default();
        let components = version.components.unwrap_or_default();
        let is_podman = components.iter().any(|component| component.name.contains("Podman"));
        let facts = EngineFacts {
            address,
            context,
            name: if is_podman { "Podman" } else { "Docker" }.to_owned(),
            operating_system: info.operating_system,
            cgroup_version: info.cgroup_version.and_then(|version| version.to_string().parse().ok()),
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
fn client_for(
    address: &str,
    parsed: Address,
    tls: Option<&TlsFiles>,
    environment: &DockerEnvironment,
) -> Result<Result<Docker, String>, EngineError> {
    let made = match parsed {
        Address::Socket => Docker::connect_with_socket(address, ANSWER_TIMEOUT_SECONDS, API_DEFAULT_VERSION),
        Address::Ssh(host) => {
            // As the docker command does it: the name in the requests is nobody's, and the engine does not look at it.
            client(
                Dialler::Ssh(Ssh { host, path: environment.path.clone() }),
                "docker.example.com",
                ANSWER_TIMEOUT_SECONDS,
            )
        }
        Address::Tcp { host, port } => {
            if let Some(files) = tls {
                let (port, config) = (port_or_default(port, true), Arc::new(files.config()?));
                let authority = authority(&host, port);
                client(Dialler::Tls { host, port, config }, &authority, ANSWER_TIMEOUT_SECONDS)
            } else {
                let plain = format!("tcp://{}", authority(&host, port_or_default(port, false)));
                Docker::connect_with_http(&plain, ANSWER_TIMEOUT_SECONDS, API_DEFAULT_VERSION)
            }
        }
    };
    Ok(made.map_err(|error| reason_of(&error)))
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The client, once the engine behind it has answered a ping and agreed on a version.
async fn answering(client: Result<Docker, String>, timeout: Duration) -> Result<Docker, String> {
    let docker = client?;
    let greeting = async {
        docker.ping().await?;
        docker.negotiate_version().await
    };
    match tokio::time::timeout(timeout, greeting).await {
        Ok(answer) => answer.map_err(|error| reason_of(&error)),
        Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::{DockerEnvironment, Engine, EngineError};

    #[tokio::test]
    async fn a_transport_that_is_not_spoken_is_named() {
        for host in ["fd://3", "npipe:////./pipe/docker_engine", "/var/run/docker.sock"] {
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
        assert!(
            engine.facts().kernel.is_some()
                && engine.facts().name == "Docker"
                && !engine.facts().api_version.is_empty()
        );
    }
}
