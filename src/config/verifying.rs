//! What `shipgate verify` is asked to do: its words and flags, read and checked, every problem at once. It needs no file.

use std::{path::PathBuf, str::FromStr, time::Duration};

use super::{
    dotenv,
    environment::Environment,
    problem::{ConfigError, Location, Problem},
    read::Scalar,
    scalars::{Cpu, HealthPath, Memory, Port, StartCommand, Stay, UpToTwenty},
    sizes,
};
use crate::domain::{
    engine_image::{EngineImage, PullPolicy},
    health::{HealthCheck, Protocol},
    reach::ReachChoice,
    secret::Secret,
    service::RunSettings,
};

/// The words and flags as they were given.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerifyWords {
    /// The image: a name or id that the engine has, or a reference to pull.
    pub image: String,
    /// The settings it is judged under.
    pub settings: SettingsWords,
    /// `--pull`.
    pub pull: Option<String>,
    /// `--stay`.
    pub stay: Option<String>,
    /// `--reach`.
    pub reach: Option<String>,
}

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

/// A check to make. Well-formed; nothing in it was asked of an engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifying {
    /// The image.
    pub image: EngineImage,
    /// What its container is run with.
    pub settings: RunSettings,
    /// Whether it is pulled.
    pub pull: PullPolicy,
    /// How long it is watched on once it is healthy.
    pub stay: Duration,
    /// How the container is reached.
    pub reach: ReachChoice,
    /// A Linux executable of shipgate for the sidecar (`SHIPGATE_SIDECAR`); its own where none is named.
    pub sidecar: Option<PathBuf>,
}

/// Reads words and flags; what `--env-file` names is read from there.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn read(words: &VerifyWords, environment: &Environment) -> Result<Verifying, ConfigError> {
    let mut problems = Problems(Vec::new());
    let image = problems.parse::<EngineImage>("IMAGE", Some(&words.image));
    let settings = problems.settings(&words.settings, RunSettings::default(), environment);
    let pull = problems.parse("--pull", words.pull.as_deref()).unwrap_or_default();
    problems.can_be_pulled(image.as_ref(), pull);
    let stay: Option<Stay> = problems.scalar("--stay", words.stay.as_deref());
    let reach: Option<ReachChoice> = problems.scalar("--reach", words.reach.as_deref());
    let Some(image) = image.filter(|_| problems.0.is_empty()) else { return Err(ConfigError::new(problems.0)) };
    Ok(Verifying {
        image,
        settings,
        pull,
        stay: stay.map_or(Duration::ZERO, |stay| stay.0),
        reach: reach.unwrap_or_default(),
        sidecar: environment.sidecar().map(Into::into),
    })
}

/// The problems found so far.
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, flag: &'static str, message: impl AsRef<str>) {
        self.0.push(Problem::new(&Location::Flag(flag), message));
    }

    fn parse<T: FromStr<Err: std::error::Error>>(&mut self, flag: &'static str, text: Option<&str>) -> Option<T> {
        text?.parse().map_err(|error: T::Err| self.add(flag, error.to_string())).ok()
    }

    fn scalar<T: Scalar>(&mut self, flag: &'static str, text: Option<&str>) -> Option<T> {
        let text = text?;
        let value = T::parse(text);
        if value.is_none() {
            self.add(flag, T::complaint(text));
        }
        value
    }

    /// Lays the flags over settings.
    fn settings(&mut self, words: &SettingsWords, base: RunSettings, environment: &Environment) -> RunSettings {
        let mut settings = base;
        let port: Option<Port> = self.scalar("--port", words.port.as_deref());
        let command: Option<StartCommand> = self.scalar("--start-command", words.start_command.as_deref());
        settings.port = port.map_or(settings.port, |port| port.0);
        settings.start_command = command.map(|command| command.0).or(settings.start_command);
        self.sizes(words, &mut settings);
        self.health_check(words, &mut settings.health_check);
        self.variables(words, &mut settings, environment);
        settings
    }

    fn sizes(&mut self, words: &SettingsWords, settings: &mut RunSettings) {
        let cpu: Option<Cpu> = self.scalar("--cpu", words.cpu.as_deref());
        let memory: Option<Memory> = self.scalar("--memory", words.memory.as_deref());
        settings.cpu_units = cpu.map_or(settings.cpu_units, |cpu| cpu.0);
        settings.memory_mib = memory.map_or(settings.memory_mib, |memory| memory.0);
        if let Some(memories) = sizes::mismatch(settings.cpu_units, settings.memory_mib) {
            let (cpu, memory) = (sizes::in_whole(settings.cpu_units), sizes::in_whole(settings.memory_mib));
            let message = format!("App Runner has no {cpu} vCPU with {memory} GB of memory");
            let flag = if words.memory.is_some() { "--memory" } else { "--cpu" };
            let hint = format!("with {cpu} vCPU go {memories} GB (--memory)");
            self.0.push(Problem::new(&Location::Flag(flag), message).with_hint(hint));
        }
    }

    fn health_check(&mut self, words: &SettingsWords, check: &mut HealthCheck) {
        let protocol: Option<Protocol> = self.scalar("--health-protocol", words.health_protocol.as_deref());
        let path: Option<HealthPath> = self.scalar("--health-path", words.health_path.as_deref());
        if protocol == Some(Protocol::Tcp) && path.is_some() {
            self.add("--health-path", "a TCP health check has no path");
        }
        // Whoever names a path means HTTP.
        let implied = path.is_some().then_some(Protocol::Http);
        check.protocol = protocol.or(implied).unwrap_or(check.protocol);
        check.path = path.map_or_else(|| std::mem::take(&mut check.path), |path| path.0);
        let mut number = |flag, text: &Option<String>, value: &mut u32| {
            let read: Option<UpToTwenty> = self.scalar(flag, text.as_deref());
            *value = read.map_or(*value, |number| number.0);
        };
        number("--health-interval", &words.health_interval, &mut check.interval_seconds);
        number("--health-timeout", &words.health_timeout, &mut check.timeout_seconds);
        number("--healthy-threshold", &words.healthy_threshold, &mut check.healthy_threshold);
        number("--unhealthy-threshold", &words.unhealthy_threshold, &mut check.unhealthy_threshold);
    }

    /// Files in their order, then single variables, which count more. No message shows a value.
    fn variables(&mut self, words: &SettingsWords, settings: &mut RunSettings, environment: &Environment) {
        for path in &words.variable_files {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => {
                    self.add("--env-file", format!("cannot read {}: {error}", path.display()));
                    continue;
                }
            };
            match dotenv::parse(&text) {
                Ok(variables) => settings.environment.extend(variables),
                Err(lines) => self.0.extend(lines.into_iter().map(|line| {
                    let location = Location::File { path: path.clone(), line: line.number, column: 1 };
                    Problem::new(&location, line.reason)
                })),
            }
        }
        for text in &words.variables {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(Secret::new(value))),
                None => (text.as_str(), environment.get(text).map(Secret::new)),
            };
            match value {
                _ if !dotenv::is_name(name) => self.add("--env", "what stands before the `=` is no variable's name"),
                Some(value) => drop(settings.environment.insert(name.to_owned(), value)),
                None => self.add("--env", format!("`{name}` is not set in the environment (give --env {name}=VALUE)")),
            }
        }
    }

    fn can_be_pulled(&mut self, image: Option<&EngineImage>, pull: PullPolicy) {
        if let (Some(image), PullPolicy::Always) = (image, pull)
            && image.reference().is_none()
        {
            let problem =
                Problem::new(&Location::Flag("--pull"), format!("`{image}` is an id, and only a name can be pulled"));
            self.0.push(problem.with_hint("name the image by its registry and tag, or leave --pull out"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Environment, Protocol, PullPolicy, SettingsWords, VerifyWords, read};
    use crate::domain::health::HealthCheck;

    fn words(settings: SettingsWords) -> VerifyWords {
        VerifyWords { image: "shop/api:v1".to_owned(), settings, ..VerifyWords::default() }
    }

    fn problems(words: &VerifyWords) -> Vec<String> {
        let error = read(words, &Environment::default()).unwrap_err();
        error.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_but_an_image_is_app_runners_defaults() {
        let read = read(&words(SettingsWords::default()), &Environment::default()).unwrap();
        assert_eq!((read.image.written(), read.settings.port, read.stay), ("shop/api:v1", 8080, Duration::ZERO));
        assert_eq!((read.settings.health_check, read.pull), (HealthCheck::default(), PullPolicy::Missing));
    }

    #[test]
    fn a_path_means_http_and_variables_come_from_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(&file, "A=from the file\nB=from the file\n").unwrap();
        let settings = SettingsWords {
            health_path: Some("/health".to_owned()),
            variables: vec!["B=b=c".to_owned(), "TOKEN".to_owned()],
            variable_files: vec![file],
            ..SettingsWords::default()
        };
        let environment = Environment::from_pairs([("TOKEN", "t")]);
        let settings = read(&words(settings), &environment).unwrap().settings;
        assert_eq!(settings.health_check.protocol, Protocol::Http);
        let variables: Vec<(&str, &str)> =
            settings.environment.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
        assert_eq!(variables, [("A", "from the file"), ("B", "b=c"), ("TOKEN", "t")]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_no_value_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bad.env");
        std::fs::write(&file, "GOOD=1\nhunter2\n").unwrap();
        let settings = SettingsWords {
            port: Some("70000".to_owned()),
            memory: Some("7".to_owned()),
            health_protocol: Some("tcp".to_owned()),
            health_path: Some("/".to_owned()),
            health_interval: Some("21".to_owned()),
            variables: vec!["UNSET".to_owned(), "=hunter3".to_owned()],
            variable_files: vec![file, folder.path().join("none.env")],
            ..SettingsWords::default()
        };
        let words = VerifyWords {
            image: "two words".to_owned(),
            pull: Some("sometimes".to_owned()),
            stay: Some("long".to_owned()),
            reach: Some("by car".to_owned()),
            settings,
        };
        let found = problems(&words);
        for expected in [
            "IMAGE: `two words` names no image",
            "--port: `70000` is not a port",
            "--memory: `7` is not a memory size",
            "--health-path: a TCP health check has no path",
            "--health-interval: `21` is not a whole number from 1 to 20",
            "--env: `UNSET` is not set in the environment",
            "--env: what stands before the `=`",
            "--env-file: cannot read",
            "bad.env:2:1: there is no `=` in it",
            "--pull: `sometimes`",
            "--stay: `long`",
            "--reach: `by car` is not a way to reach a container",
        ] {
            assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:#?}");
        }
        assert_eq!(found.len(), 12, "{found:#?}");
        assert!(!format!("{found:?} {words:?}").contains("hunter"));
    }

    #[test]
    fn an_id_cannot_be_pulled() {
        let words =
            VerifyWords { image: "3f2a9c1b8d7e".to_owned(), pull: Some("always".to_owned()), ..VerifyWords::default() };
        assert_eq!(problems(&words), ["--pull: `3f2a9c1b8d7e` is an id, and only a name can be pulled"]);
    }

    #[test]
    fn sizes_that_do_not_go_together_are_refused() {
        let settings = SettingsWords { cpu: Some("4".to_owned()), ..SettingsWords::default() };
        let found = problems(&words(settings));
        assert_eq!(found, ["--cpu: App Runner has no 4 vCPU with 2 GB of memory"]);
    }
}
