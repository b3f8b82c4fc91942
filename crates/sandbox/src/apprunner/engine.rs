//! The Docker engine, as the sandbox's App Runner needs it: the only user of bollard in the sandbox. Every container
//! is named and labelled after its sandbox, so that nothing of it outlives the sandbox for long.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    Docker,
    container::LogOutput,
    errors::Error as BollardError,
    models::{ContainerCreateBody, ContainerState, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, ImportImageOptionsBuilder, ListContainersOptionsBuilder,
        ListImagesOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
        StopContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::sync::OnceCell;

use super::{archive, identity::SandboxId};
use crate::ecr::store::StoredImage;
use shipgate_core::digest::Digest;

/// The label every container carries; its value is the sandbox's id.
const LABEL: &str = "shipgate.sandbox";
/// The label that says which process of which machine to ask for, before a leftover is swept.
const LABEL_OWNER: &str = "shipgate.sandbox.owner";
/// Containers are named `shipgate-sandbox-ID-INSTANCE`, images are known to the engine as `shipgate-sandbox-ID:CONFIG`.
const NAME_PREFIX: &str = "shipgate-sandbox-";

/// How long an engine may take to answer at all.
const PING_CAP: Duration = Duration::from_secs(10);
/// How long it may take with anything else: it answers the load of an image when all of it has been read.
const LOAD_CAP: Duration = Duration::from_mins(30);

/// Why the engine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// Nobody answers at the engine's address.
    #[error("the sandbox can't reach a Docker engine")]
    Unreachable(#[source] BollardError),
    /// It answered with an error.
    #[error("the Docker engine could not {attempt}")]
    Refused {
        attempt: &'static str,
        #[source]
        source: BollardError,
    },
    /// The image could not be handed over.
    #[error("the image's layers could not be read")]
    Layers(#[source] std::io::Error),
    /// The program is missing or not executable: the exit code says which.
    #[error("the program could not be started: exit code {0}")]
    NotStarted(i64),
    /// No container can be made of the image.
    #[error("no container can be made of the image: {0}")]
    Unfit(String),
}

/// What a container is made of.
pub(super) struct ContainerSpec {
    /// The instance's id; with the sandbox's id it makes the container's name.
    pub(super) instance: String,
    pub(super) image: String,
    pub(super) environment: Vec<String>,
    /// Replaces the image's command, if there is one.
    pub(super) command: Option<Vec<String>>,
    pub(super) memory_mib: u32,
}

/// The engine of one sandbox.
pub(super) struct Engine {
    id: SandboxId,
    host: Option<String>,
    docker: OnceCell<Docker>,
    images: Mutex<BTreeSet<String>>,
}

fn refused(attempt: &'static str) -> impl FnOnce(BollardError) -> EngineError {
    move |source| EngineError::Refused { attempt, source }
}

/// What engines say of an image without a command, and of one whose working directory is a file.
const UNFIT: [&str; 3] = ["no command", "cannot mkdir", "not a directory"];

/// An engine that makes no container of an image blames the image, or is at fault itself.
fn not_created(source: BollardError) -> EngineError {
    let message =
        if let BollardError::DockerResponseServerError { message, .. } = &source { message.as_str() } else { "" };
    let lowered = message.to_lowercase();
    if UNFIT.iter().any(|words| lowered.contains(words)) {
        return EngineError::Unfit(message.to_owned());
    }
    EngineError::Refused { attempt: "create the container", source }
}

impl Engine {
    /// Not yet connected. `host` is an address such as `unix:///…`; without one, Docker's own defaults.
    pub(super) fn new(id: SandboxId, host: Option<String>) -> Self {
        Self { id, host, docker: OnceCell::new(), images: Mutex::default() }
    }

    /// Connects with the first use, and sweeps what killed sandboxes have left.
    async fn docker(&self) -> Result<&Docker, EngineError> {
        let connect = async {
            let docker = match &self.host {
                Some(host) => Docker::connect_with_host(host),
                None => Docker::connect_with_defaults(),
            };
            let docker = docker.map_err(EngineError::Unreachable)?.with_timeout(PING_CAP);
            docker.ping().await.map_err(EngineError::Unreachable)?;
            sweep(&docker).await?;
            Ok(docker.with_timeout(LOAD_CAP))
        };
        self.docker.get_or_try_init(|| connect).await
    }

    /// Sweeps what killed sandboxes have left, if there is an engine.
    pub(super) async fn sweep_leftovers(&self) -> Result<(), EngineError> {
        self.docker().await.map(drop)
    }

    /// Makes the image known to the engine, unless it is, and gives its name there.
    pub(super) async fn load(&self, image: &StoredImage) -> Result<String, EngineError> {
        let docker = self.docker().await?;
        let tag = format!("{NAME_PREFIX}{}:{}", self.id, Digest::of(&image.config).hex());
        if docker.inspect_image(&tag).await.is_ok() {
            return Ok(tag);
        }
        self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(tag.clone());
        let archive = archive::stream(image, &tag).map_err(EngineError::Layers)?;
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let progress = docker.import_image_stream(options, archive, None);
        progress.try_for_each(|_| std::future::ready(Ok(()))).await.map_err(refused("load the image"))?;
        Ok(tag)
    }

    /// Creates a container, not started.
    pub(super) async fn create(&self, spec: ContainerSpec) -> Result<String, EngineError> {
        let docker = self.docker().await?;
        let memory = i64::from(spec.memory_mib) * 1024 * 1024;
        let name = format!("{NAME_PREFIX}{}-{}", self.id, spec.instance);
        let labels = [(LABEL, self.id.to_string()), (LABEL_OWNER, self.id.owner())];
        let body = ContainerCreateBody {
            image: Some(spec.image),
            env: Some(spec.environment),
            cmd: spec.command,
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
            host_config: Some(HostConfig { memory: Some(memory), memory_swap: Some(memory), ..Default::default() }),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = docker.create_container(Some(options), body).await.map_err(not_created)?;
        Ok(created.id)
    }

    /// Starts a container and gives the address of `port` in it, on the bridge; none if it has ended already.
    pub(super) async fn start(&self, container: &str, port: u16) -> Result<Option<SocketAddr>, EngineError> {
        let docker = self.docker().await?;
        let started = docker.start_container(container, None).await;
        let seen = docker.inspect_container(container, None).await.map_err(refused("inspect the container"))?;
        let exit_code = seen.state.as_ref().and_then(exit_code);
        if let Err(source) = started {
            // A program that is missing or not executable is refused by the engine, with the exit code it would have.
            return Err(match exit_code {
                Some(code) if code != 0 => EngineError::NotStarted(code),
                _ => EngineError::Refused { attempt: "start the container", source },
            });
        }
        let networks = seen.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let address = networks.values().find_map(|end| end.ip_address.as_deref()?.parse::<IpAddr>().ok());
        Ok(address.map(|ip| SocketAddr::new(ip, port)))
    }

    /// The exit code of a container that has ended.
    pub(super) async fn exit_code(&self, container: &str) -> Result<Option<i64>, EngineError> {
        let seen = self.docker().await?.inspect_container(container, None).await;
        Ok(seen.map_err(refused("inspect the container"))?.state.as_ref().and_then(exit_code))
    }

    /// Waits until the container has ended and gives its exit code.
    pub(super) async fn wait_for_exit(&self, container: &str) -> Result<i64, EngineError> {
        let docker = self.docker().await?;
        match docker.wait_container(container, None).next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            Some(Err(BollardError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(source)) => Err(EngineError::Refused { attempt: "wait for the container", source }),
            None => Ok(0),
        }
    }

    /// The container's standard output and standard error from its start on, until it ends.
    pub(super) async fn output(
        &self,
        container: &str,
    ) -> Result<impl Stream<Item = Output> + Send + use<>, EngineError> {
        let docker = self.docker().await?.clone();
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
        let chunks = docker.logs(container, Some(options));
        Ok(chunks.filter_map(|chunk| {
            std::future::ready(match chunk {
                Ok(LogOutput::StdErr { message }) => Some(Output { source: Source::StdErr, bytes: message }),
                Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                    Some(Output { source: Source::StdOut, bytes: message })
                }
                Ok(LogOutput::StdIn { .. }) | Err(_) => None,
            })
        }))
    }

    /// Asks the container to end, and kills it when the grace is over.
    pub(super) async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        gone_is_fine(self.docker().await?.stop_container(container, Some(options)).await)
            .map_err(refused("stop the container"))
    }

    /// Removes a container, running or not.
    pub(super) async fn remove(&self, container: &str) -> Result<(), EngineError> {
        remove(self.docker().await?, container).await
    }

    /// Removes everything of this sandbox and gives, in words, what would not go. Does nothing if the engine was never
    /// used.
    pub(super) async fn remove_all(&self) -> Vec<String> {
        let Some(docker) = self.docker.get() else { return Vec::new() };
        let mut left = Vec::new();
        match containers(docker, &format!("{LABEL}={}", self.id)).await {
            Ok(containers) => {
                for Found { id, .. } in containers {
                    left.extend(remove(docker, &id).await.err().map(|error| format!("container {id}: {error}")));
                }
            }
            Err(error) => left.push(error.to_string()),
        }
        let images = std::mem::take(&mut *self.images.lock().unwrap_or_else(PoisonError::into_inner));
        for image in images {
            left.extend(remove_image(docker, &image).await.err().map(|error| format!("image {image}: {error}")));
        }
        left
    }
}

#[cfg(test)]
impl Engine {
    /// The containers of this sandbox there are.
    pub(super) async fn own_containers(&self) -> Result<Vec<String>, EngineError> {
        let found = containers(self.docker().await?, &format!("{LABEL}={}", self.id)).await?;
        Ok(found.into_iter().map(|container| container.id).collect())
    }

    /// Whether the engine has this container.
    pub(super) async fn knows(&self, container: &str) -> bool {
        self.docker().await.unwrap().inspect_container(container, None).await.is_ok()
    }

    /// Whether the engine has this image.
    pub(super) async fn knows_image(&self, tag: &str) -> bool {
        self.docker().await.unwrap().inspect_image(tag).await.is_ok()
    }

    /// The memory a container is limited to, in bytes.
    pub(super) async fn memory_limit(&self, container: &str) -> Option<i64> {
        let seen = self.docker().await.unwrap().inspect_container(container, None).await.unwrap();
        seen.host_config.unwrap().memory
    }
}

/// A piece of a container's output.
pub(super) struct Output {
    pub(super) source: Source,
    pub(super) bytes: Bytes,
}

/// Where it was written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    StdOut,
    StdErr,
}

struct Found {
    id: String,
    owner: String,
}

async fn containers(docker: &Docker, label: &str) -> Result<Vec<Found>, EngineError> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await.map_err(refused("list containers"))?;
    Ok(found
        .into_iter()
        .filter_map(|container| {
            let owner = container.labels.unwrap_or_default().remove(LABEL_OWNER).unwrap_or_default();
            Some(Found { id: container.id?, owner })
        })
        .collect())
}

/// Removes containers and images whose sandbox was killed.
async fn sweep(docker: &Docker) -> Result<(), EngineError> {
    for container in containers(docker, LABEL).await? {
        if SandboxId::owner_is_gone(&container.owner) {
            remove(docker, &container.id).await?;
        }
    }
    let pattern = format!("{NAME_PREFIX}*");
    let filters = HashMap::from([("reference", vec![pattern.as_str()])]);
    let options = ListImagesOptionsBuilder::default().filters(&filters).build();
    let images = docker.list_images(Some(options)).await.map_err(refused("list images"))?;
    for tag in images.into_iter().flat_map(|image| image.repo_tags) {
        let id = tag.strip_prefix(NAME_PREFIX).and_then(|rest| rest.split(':').next());
        if id.is_some_and(SandboxId::is_of_a_gone_process) {
            remove_image(docker, &tag).await?;
        }
    }
    Ok(())
}

async fn remove(docker: &Docker, container: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    gone_is_fine(docker.remove_container(container, Some(options)).await).map_err(refused("remove the container"))
}

async fn remove_image(docker: &Docker, tag: &str) -> Result<(), EngineError> {
    let options = RemoveImageOptionsBuilder::default().force(true).build();
    let removed = docker.remove_image(tag, Some(options), None).await.map(|_| ());
    gone_is_fine(removed).map_err(refused("remove the image"))
}

/// What is to be away may be away already, or on its way (409).
fn gone_is_fine(answer: Result<(), BollardError>) -> Result<(), BollardError> {
    match answer {
        Err(BollardError::DockerResponseServerError { status_code: 304 | 404 | 409, .. }) | Ok(()) => Ok(()),
        Err(other) => Err(other),
    }
}

fn exit_code(state: &ContainerState) -> Option<i64> {
    if state.running == Some(true) { None } else { state.exit_code }
}
