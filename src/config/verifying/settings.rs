//! The flags that say what the container is run with, and how it is probed: read first, and laid over settings as soon as
//! those are known.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    super::{
        dotenv,
        environment::Environment,
        problem::{Location, Problem},
        scalars::{Cpu, HealthPath, Memory, Port, StartCommand, UpToTwenty},
        sizes,
    },
    Problems,
};
use shipgate_core::{
    health::{HealthCheck, Protocol},
    secret::Secret,
    service::RunSettings,
    start_command,
};

/// The flags that say what the container is run with, and how it is probed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SettingsWords {
    /// `--port`.
    pub port: Option<String>,
    /// `--start-command`.
    pub start_command: Option<String>,
    /// `--cpu`.
    pub cpu: Option<String>,
    /// `--memory`.
    pub memory: Option<String>,
    /// `--env`: `NAME=VALUE`, or a `NAME` whose value is in the environment.
    pub variables: Vec<String>,
    /// `--env-file`.
    pub variable_files: Vec<PathBuf>,
    /// `--health-protocol`.
    pub health_protocol: Option<String>,
    /// `--health-path`.
    pub health_path: Option<String>,
    /// `--health-interval`.
    pub health_interval: Option<String>,
    /// `--health-timeout`.
    pub health_timeout: Option<String>,
    /// `--healthy-threshold`.
    pub healthy_threshold: Option<String>,
    /// `--unhealthy-threshold`.
    pub unhealthy_threshold: Option<String>,
}

/// Names of variables only: their values may be secret.
impl std::fmt::Debug for SettingsWords {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> =
            self.variables.iter().map(|text| text.split_once('=').map_or(text.as_str(), |(name, _)| name)).collect();
        formatter.debug_struct("SettingsWords").field("variables", &names).finish_non_exhaustive()
    }
}

/// What the flags say. What they leave out is left as it is.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SettingsFlags {
    port: Option<u16>,
    start_command: Option<String>,
    cpu_units: Option<u32>,
    memory_mib: Option<u32>,
    environment: BTreeMap<String, Secret>,
    health_check: HealthFlags,
}

#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct HealthFlags {
    protocol: Option<Protocol>,
    path: Option<String>,
    interval_seconds: Option<u32>,
    timeout_seconds: Option<u32>,
    healthy_threshold: Option<u32>,
    unhealthy_threshold: Option<u32>,
}

impl SettingsFlags {
    /// Lays them over settings.
    ///
    /// # Errors
    /// The problem, when App Runner has no such size of an instance.
    pub fn over(&self, base: RunSettings) -> Result<RunSettings, Problem> {
        let mut settings = RunSettings {
            port: self.port.unwrap_or(base.port),
            start_command: self.start_command.clone().or(base.start_command),
            cpu_units: self.cpu_units.unwrap_or(base.cpu_units),
            memory_mib: self.memory_mib.unwrap_or(base.memory_mib),
            health_check: self.health_check.over(base.health_check),
            ..base
        };
        settings.environment.extend(self.environment.clone());
        self.fits(&settings).map_or(Ok(settings), Err)
    }

    fn fits(&self, settings: &RunSettings) -> Option<Problem> {
        let flag = match (self.cpu_units, self.memory_mib) {
            (_, Some(_)) => "--memory",
            (Some(_), None) => "--cpu",
            (None, None) => return None,
        };
        let memories = sizes::mismatch(settings.cpu_units, settings.memory_mib)?;
        let (cpu, memory) = (sizes::in_whole(settings.cpu_units), sizes::in_whole(settings.memory_mib));
        let message = format!("App Runner has no {cpu} vCPU with {memory} GB of memory");
        let hint = format!("with {cpu} vCPU go {memories} GB (--memory)");
        Some(Problem::new(&Location::Flag(flag), message).with_hint(hint))
    }
}

impl HealthFlags {
    fn over(&self, base: HealthCheck) -> HealthCheck {
        // Whoever names a path means HTTP.
        let implied = self.path.is_some().then_some(Protocol::Http);
        HealthCheck {
            protocol: self.protocol.or(implied).unwrap_or(base.protocol),
            path: self.path.clone().unwrap_or(base.path),
            interval_seconds: self.interval_seconds.unwrap_or(base.interval_seconds),
            timeout_seconds: self.timeout_seconds.unwrap_or(base.timeout_seconds),
            healthy_threshold: self.healthy_threshold.unwrap_or(base.healthy_threshold),
            unhealthy_threshold: self.unhealthy_threshold.unwrap_or(base.unhealthy_threshold),
        }
    }
}

impl Problems {
    /// Reads the flags.
    pub(super) fn settings(&mut self, words: &SettingsWords, environment: &Environment) -> SettingsFlags {
        let port: Option<Port> = self.scalar("--port", words.port.as_deref());
        let command: Option<StartCommand> = self.scalar("--start-command", words.start_command.as_deref());
        if let Some(Err(error)) = command.as_ref().map(|command| start_command::words(&command.0)) {
            self.add("--start-command", format!("it cannot be split into words: {error}"));
        }
        let cpu: Option<Cpu> = self.scalar("--cpu", words.cpu.as_deref());
        let memory: Option<Memory> = self.scalar("--memory", words.memory.as_deref());
        SettingsFlags {
            port: port.map(|port| port.0),
            start_command: command.map(|command| command.0),
            cpu_units: cpu.map(|cpu| cpu.0),
            memory_mib: memory.map(|memory| memory.0),
            health_check: self.health_check(words),
            environment: self.variables(words, environment),
        }
    }

    fn health_check(&mut self, words: &SettingsWords) -> HealthFlags {
        let protocol: Option<Protocol> = self.scalar("--health-protocol", words.health_protocol.as_deref());
        let path: Option<HealthPath> = self.scalar("--health-path", words.health_path.as_deref());
        if protocol == Some(Protocol::Tcp) && path.is_some() {
            self.add("--health-path", "a TCP health check has no path");
        }
        let mut number = |flag, text: &Option<String>| {
            let read: Option<UpToTwenty> = self.scalar(flag, text.as_deref());
            read.map(|number| number.0)
        };
        HealthFlags {
            interval_seconds: number("--health-interval", &words.health_interval),
            timeout_seconds: number("--health-timeout", &words.health_timeout),
            healthy_threshold: number("--healthy-threshold", &words.healthy_threshold),
            unhealthy_threshold: number("--unhealthy-threshold", &words.unhealthy_threshold),
            protocol,
            path: path.map(|path| path.0),
        }
    }

    /// Files in their order, then single variables, which count more. No message shows a value.
    fn variables(&mut self, words: &SettingsWords, environment: &Environment) -> BTreeMap<String, Secret> {
        let mut found = BTreeMap::new();
        for path in &words.variable_files {
            let at = Location::Flag("--env-file");
            match dotenv::read(path, &at, dotenv::MOST_OF_A_VARIABLE, environment) {
                Ok(variables) => found.extend(variables),
                Err(problems) => self.0.extend(problems),
            }
        }
        for text in &words.variables {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(Secret::variable(name, value))),
                None => (text.as_str(), environment.get(text).map(|value| Secret::variable(text, value))),
            };
            match value {
                _ if !dotenv::is_name(name) => self.add("--env", dotenv::name_fault(name)),
                Some(value) => drop(found.insert(name.to_owned(), value)),
                None => self.add("--env", format!("`{name}` is not set in the environment (give --env {name}=VALUE)")),
            }
        }
        found
    }
}
