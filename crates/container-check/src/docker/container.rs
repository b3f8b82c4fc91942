//! Containers: made, watched, and always removed.

use std::{collections::HashMap, fmt, net::IpAddr, time::Duration};

use bollard::{
    models::{
        ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig,
    },
    query_parameters::{
        CreateContainerOptions, KillContainerOptions, RemoveContainerOptions, StopContainerOptions,
        WaitContainerOptions,
    },
};
use futures_util::StreamExt;

use super::{
    connect::Engine,
    error::{EngineError, status_of},
    image::PLATFORM,
    labels,
};
use shipgate_core::secret::Secret;

/// The period of the kernel's CPU accounting that quotas are given for (cgroups: `cpu.cfs_period_us`).
const CPU_PERIOD_MICROSECONDS: i64 = 100_000;

/// App Runner's units for one vCPU (App Runner API reference, `InstanceConfiguration.Cpu`).
const UNITS_PER_CPU: i64 = 1024;

/// The most processes and threads of a container. App Runner documents no limit; this one keeps a program that starts
/// processes without end from the engine's machine, and is far above what an application of 4 vCPU and 12 GB runs.
const MOST_PROCESSES: i64 = 16_384;

/// How often a container that is between two states is tried to be removed, and the pause between: about a second in all.
const REMOVE_ATTEMPTS: u32 = 10;
/// See [`REMOVE_ATTEMPTS`].
const REMOVE_PAUSE: Duration = Duration::from_millis(100);

/// A pause between two looks at a container whose end the engine would not announce.
const WATCH_PAUSE: Duration = Duration::from_millis(500);

/// What a container is made of. No port is ever published: a published port accepts connections for an application
/// that does not listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContainerSpec {
    /// The image's name, reference or id.
    pub image: String,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// The environment, on top of the image's.
    pub environment: Vec<(String, Secret)>,
    /// CPU in App Runner's units: 1024 is one vCPU.
    pub cpu_units: u32,
    /// Memory in MiB. There is no swap on top of it.
    pub memory_mib: u32,
    /// The network it is on; the engine's default one where none is named.
    pub network: Option<String>,
    /// Whether its processes may not gain privileges by setuid programs and file capabilities.
    pub no_new_privileges: bool,
    /// Its name in the engine; no other container may have it.
    pub name: String,
    /// See [`labels`].
    pub labels: HashMap<String, String>,
}

/// How a container is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContainerState {
    /// Whether its process runs.
    pub running: bool,
    /// The process's exit code, once it has ended.
    pub exit_code: i64,
    /// Whether the kernel killed it for memory.
    pub out_of_memory: bool,
    /// The number of its process on the engine's machine, while it runs.
    pub pid: Option<i64>,
    /// Where it is in the networks it is attached to; nowhere once it has ended.
    pub addresses: Vec<NetworkAddress>,
}

/// A container's own address in one of its networks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkAddress {
    /// The network: `bridge`.
    pub network: String,
    /// The address.
    pub address: IpAddr,
    /// The bits of the address that are the network's.
    pub prefix_length: u8,
}

impl fmt::Display for NetworkAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{} on network {}", self.address, self.prefix_length, self.network)
    }
}

impl Engine {
    /// Creates a container and gives its id. It does not run yet.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when there is no such image, [`EngineError::Call`] otherwise.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let options = CreateContainerOptions { name: Some(spec.name.clone()), platform: PLATFORM.to_owned() };
        let made = self.docker.create_container(Some(options), body(spec)).await.map_err(|error| {
            if status_of(&error) == Some(404) {
                EngineError::Missing { what: format!("image {}", spec.image) }
            } else {
                EngineError::call(format!("create a container of {}", spec.image), &error)
            }
        })?;
        Ok(made.id)
    }

    /// Starts a container.
    ///
    /// # Errors
    /// [`EngineError::Call`]; with status 400 the command or the image is at fault (see
    /// [`EngineError::is_refusal_to_start`]).
    pub async fn start_container(&self, id: &str) -> Result<(), EngineError> {
        self.docker.start_container(id, None).await.map_err(|error| EngineError::call("start the container", &error))
    }

    /// How a container is now.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when it is gone, [`EngineError::Call`] otherwise.
    pub async fn container(&self, id: &str) -> Result<ContainerState, EngineError> {
        match self.docker.inspect_container(id, None).await {
            Ok(inspect) => Ok(state(inspect)),
            Err(error) if status_of(&error) == Some(404) => {
                Err(EngineError::Missing { what: format!("container {id}") })
            }
            Err(error) => Err(EngineError::call(format!("look at container {id}"), &error)),
        }
    }

    /// Waits until a container does not run, and gives how it ended. Waits for ever if it never does.
    ///
    /// # Errors
    /// As [`Engine::container`].
    pub async fn wait_until_exited(&self, id: &str) -> Result<ContainerState, EngineError> {
        loop {
            // What the announcement says of the exit code is left aside: bollard makes errors of codes other than 0.
            // It only wakes; the state is read from an inspection. A broken announcement costs a pause.
            let mut announced = std::pin::pin!(self.docker.wait_container(id, None::<WaitContainerOptions>));
            let _woken = announced.next().await;
            let state = self.container(id).await?;
            if !state.running {
                return Ok(state);
            }
            tokio::time::sleep(WATCH_PAUSE).await;
        }
    }

    /// Asks a container to end (SIGTERM, or the image's own stop signal), and ends it after the grace period.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn stop_container(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptions { signal: None, t: Some(seconds) };
        self.docker
            .stop_container(id, Some(options))
            .await
            .map_err(|error| EngineError::call(format!("stop container {id}"), &error))
    }

    /// Sends SIGTERM to the container's first process. One that does not run any more needs none.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn send_sigterm(&self, id: &str) -> Result<(), EngineError> {
        let options = KillContainerOptions { signal: "SIGTERM".to_owned() };
        match self.docker.kill_container(id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(EngineError::call(format!("send SIGTERM to container {id}"), &error)),
        }
    }

    /// Removes a container with its anonymous volumes, running or not. One that is gone is as good as removed.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let mut failed = None;
        for _ in 0..REMOVE_ATTEMPTS {
            let options = RemoveContainerOptions { v: true, force: true, link: false };
            match self.docker.remove_container(id, Some(options)).await {
                Ok(()) => return Ok(()),
                Err(error) if status_of(&error) == Some(404) => return Ok(()),
                Err(error) => failed = Some(EngineError::call(format!("remove container {id}"), &error)),
            }
            if !failed.as_ref().is_some_and(is_between_states) {
                break;
            }
            tokio::time::sleep(REMOVE_PAUSE).await;
        }
        failed.map_or(Ok(()), Err)
    }

    /// The ids of the containers of a run, ended ones too.
    ///
    /// # Errors
    /// [`EngineError::Call`] when the engine fails.
    pub async fn containers_of_run(&self, run_id: &str) -> Result<Vec<String>, EngineError> {
        let labelled = self.labelled_containers(&format!("{}={run_id}", labels::RUN)).await?;
        Ok(labelled.into_iter().map(|(id, _)| id).collect())
    }
}

/// Whether a container could not be removed only because it was just ending, or being removed, by itself. Docker waits for the
/// one and answers 409 to the other; Podman answers 500 to both.
fn is_between_states(error: &EngineError) -> bool {
    let words = ["is already in progress", "container state improper", "could not be stopped"];
    matches!(error, EngineError::Call { reason, .. } if words.iter().any(|words| reason.contains(words)))
}

fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: spec.command.clone(),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={}", value.reveal())).collect()),
        labels: Some(spec.labels.clone()),
        // App Runner knows nothing of the image's own HEALTHCHECK.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        host_config: Some(limits(spec)),
        ..ContainerCreateBody::default()
    }
}

fn limits(spec: &ContainerSpec) -> HostConfig {
    let memory_bytes = i64::from(spec.memory_mib) * 1024 * 1024;
    HostConfig {
        network_mode: spec.network.clone(),
        memory: Some(memory_bytes),
        // Memory and swap together, so none of it is swap.
        memory_swap: Some(memory_bytes),
        // A quota, not a number of CPUs: engines refuse more CPUs than the machine has, and accept any quota.
        cpu_period: Some(CPU_PERIOD_MICROSECONDS),
        cpu_quota: Some(i64::from(spec.cpu_units) * CPU_PERIOD_MICROSECONDS / UNITS_PER_CPU),
        pids_limit: Some(MOST_PROCESSES),
        security_opt: spec.no_new_privileges.then(|| vec!["no-new-privileges".to_owned()]),
        // The one driver whose output every engine gives back; capped, because the application is not trusted.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([("max-size".to_owned(), "16m".to_owned())])),
        }),
        ..HostConfig::default()
    }
}

fn state(inspect: ContainerInspectResponse) -> ContainerState {
    let networks = inspect.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let mut addresses: Vec<NetworkAddress> =
        networks.into_iter().filter_map(|(network, endpoint)| network_address(network, &endpoint)).collect();
    addresses.sort_by(|one, other| one.network.cmp(&other.network));
    let state = inspect.state.unwrap_or_default();
    ContainerState {
        running: state.running.unwrap_or_default(),
        exit_code: state.exit_code.unwrap_or_default(),
        out_of_memory: state.oom_killed.unwrap_or_default(),
        pid: state.pid.filter(|pid| *pid > 0),
        addresses,
    }
}

fn network_address(network: String, endpoint: &EndpointSettings) -> Option<NetworkAddress> {
    let address = endpoint.ip_address.as_deref()?.parse().ok()?;
    let prefix_length = u8::try_from(endpoint.ip_prefix_len?).ok()?;
    Some(NetworkAddress { network, address, prefix_length })
}

#[cfg(test)]
mod tests {
    use super::{ContainerSpec, EngineError, Secret, body};

    #[test]
    fn what_ends_by_itself_is_tried_again_and_what_is_refused_is_not() {
        let table = [
            (
                "cannot remove container 7 as it could not be stopped: sending SIGKILL to container 7: container state improper: stopped",
                true,
            ),
            ("removal of container 7 is already in progress", true),
            ("container 7 has dependent containers which must be removed before it: 8", false),
            ("device or resource busy", false),
        ];
        for (reason, passing) in table {
            let error =
                EngineError::Call { attempted: "remove".to_owned(), reason: reason.to_owned(), status: Some(500) };
            assert_eq!(super::is_between_states(&error), passing, "{reason}");
        }
    }

    #[test]
    fn limits_are_app_runners_and_no_port_is_published() {
        let spec = ContainerSpec {
            image: "api".to_owned(),
            command: None,
            environment: vec![("A".to_owned(), Secret::new("b=c"))],
            cpu_units: 256,
            memory_mib: 512,
            network: None,
            no_new_privileges: true,
            name: "api".to_owned(),
            labels: std::collections::HashMap::new(),
        };
        let free = body(&ContainerSpec { no_new_privileges: false, ..spec.clone() });
        assert_eq!(free.host_config.unwrap().security_opt, None);
        let body = body(&spec);
        assert_eq!(body.env.unwrap(), ["A=b=c"]);
        let host = body.host_config.unwrap();
        assert_eq!((host.pids_limit, host.security_opt), (Some(16_384), Some(vec!["no-new-privileges".to_owned()])));
        assert_eq!((host.cpu_quota, host.cpu_period), (Some(25_000), Some(100_000)));
        assert_eq!((host.memory, host.memory_swap), (Some(512 << 20), Some(512 << 20)));
        assert!(host.port_bindings.is_none() && host.publish_all_ports.is_none() && body.exposed_ports.is_none());
        assert!(!format!("{spec:?}").contains("b=c"), "a value shows in Debug");
    }
}
