//! What `shipgate verify` is asked to do: its words and flags, read and checked, every problem at once. The values are read
//! by the rules of the configuration's keys.

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use super::{
    env_file,
    environment::Environment,
    problem::{ConfigError, Location, Problem},
    read::Scalar,
    scalars::{Cpu, HealthPath, Memory, Port, StartCommand, UpToTwenty},
    sizes,
};
use crate::domain::{
    engine_image::{EngineImage, PullPolicy},
    health::Protocol,
    secret::Secret,
    service::RunSettings,
};

/// The words and flags as they were given.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerifyWords {
    /// The image.
    pub image: String,
    /// What the container is run with.
    pub settings: SettingWords,
    /// `--pull`.
    pub pull: Option<String>,
}

/// The flags that say what a container is run with. Each stands for a setting of the service.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SettingWords {
    /// `--port`.
    pub port: Option<String>,
    /// `--start-command`.
    pub start_command: Option<String>,
    /// `--cpu`.
    pub cpu: Option<String>,
    /// `--memory`.
    pub memory: Option<String>,
    /// `--env`: `NAME=VALUE` or `NAME`.
    pub environment: Vec<Secret>,
    /// `--env-file`.
    pub environment_files: Vec<PathBuf>,
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

/// A check to make. Well-formed; nothing in it was asked of an engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifying {
    /// The image.
    pub image: EngineImage,
    /// What its container is run with.
    pub settings: RunSettings,
    /// Whether it is pulled.
    pub pull: PullPolicy,
}

/// Settings that flags name, to be laid over those of a service.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SettingFlags {
    port: Option<u16>,
    start_command: Option<String>,
    cpu_units: Option<u32>,
    memory_mib: Option<u32>,
    environment: BTreeMap<String, Secret>,
    protocol: Option<Protocol>,
    path: Option<String>,
    interval_seconds: Option<u32>,
    timeout_seconds: Option<u32>,
    healthy_threshold: Option<u32>,
    unhealthy_threshold: Option<u32>,
}

/// Reads words and flags.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn read(words: &VerifyWords, environment: &Environment) -> Result<Verifying, ConfigError> {
    let mut problems = Problems::default();
    let image = problems.parse::<EngineImage>("IMAGE", Some(&words.image));
    let pull = problems.parse("--pull", words.pull.as_deref()).unwrap_or_default();
    let flags = setting_flags(&words.settings, environment, &mut problems);
    let settings = flags.over(RunSettings::default());
    problems.size_of_app_runner(&flags, &settings);
    problems.can_be_pulled(image.as_ref(), pull);
    let Some(image) = image.filter(|_| problems.0.is_empty()) else { return Err(ConfigError::new(problems.0)) };
    Ok(Verifying { image, settings, pull })
}

fn setting_flags(words: &SettingWords, environment: &Environment, problems: &mut Problems) -> SettingFlags {
    let mut number = |flag, text: &Option<String>| problems.scalar::<UpToTwenty>(flag, text).map(|number| number.0);
    let interval_seconds = number("--health-interval", &words.health_interval);
    let timeout_seconds = number("--health-timeout", &words.health_timeout);
    let healthy_threshold = number("--healthy-threshold", &words.healthy_threshold);
    let unhealthy_threshold = number("--unhealthy-threshold", &words.unhealthy_threshold);
    let protocol = problems.scalar("--health-protocol", &words.health_protocol);
    let path = problems.scalar::<HealthPath>("--health-path", &words.health_path).map(|path| path.0);
    problems.path_is_asked_for(protocol, path.as_deref());
    SettingFlags {
        port: problems.scalar::<Port>("--port", &words.port).map(|port| port.0),
        start_command: problems.scalar::<StartCommand>("--start-command", &words.start_command).map(|words| words.0),
        cpu_units: problems.scalar::<Cpu>("--cpu", &words.cpu).map(|cpu| cpu.0),
        memory_mib: problems.scalar::<Memory>("--memory", &words.memory).map(|memory| memory.0),
        environment: problems.environment(words, environment),
        // Only HTTP asks for a path.
        protocol: protocol.or(path.as_ref().map(|_| Protocol::Http)),
        path,
        interval_seconds,
        timeout_seconds,
        healthy_threshold,
        unhealthy_threshold,
    }
}

impl SettingFlags {
    /// The settings with what the flags say in place of what they say.
    #[must_use]
    pub fn over(&self, settings: RunSettings) -> RunSettings {
        let mut settings = settings;
        settings.port = self.port.unwrap_or(settings.port);
        settings.start_command = self.start_command.clone().or(settings.start_command);
        settings.cpu_units = self.cpu_units.unwrap_or(settings.cpu_units);
        settings.memory_mib = self.memory_mib.unwrap_or(settings.memory_mib);
        settings.secret_names.retain(|name| !self.environment.contains_key(name));
        settings.environment.extend(self.environment.clone());
        let check = &mut settings.health_check;
        check.protocol = self.protocol.unwrap_or(check.protocol);
        check.path = self.path.clone().unwrap_or_else(|| std::mem::take(&mut check.path));
        check.interval_seconds = self.interval_seconds.unwrap_or(check.interval_seconds);
        check.timeout_seconds = self.timeout_seconds.unwrap_or(check.timeout_seconds);
        check.healthy_threshold = self.healthy_threshold.unwrap_or(check.healthy_threshold);
        check.unhealthy_threshold = self.unhealthy_threshold.unwrap_or(check.unhealthy_threshold);
        settings
    }
}

/// The problems found so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, flag: &'static str, message: &str) {
        self.0.push(Problem::new(&Location::Flag(flag), message));
    }

    fn add_with_hint(&mut self, flag: &'static str, message: &str, hint: impl Into<String>) {
        self.0.push(Problem::new(&Location::Flag(flag), message).with_hint(hint));
    }

    fn parse<T: FromStr<Err: std::error::Error>>(&mut self, flag: &'static str, text: Option<&str>) -> Option<T> {
        text?.parse().map_err(|error: T::Err| self.add(flag, &error.to_string())).ok()
    }

    /// Reads a value as the configuration's key of that kind is read.
    fn scalar<T: Scalar>(&mut self, flag: &'static str, text: &Option<String>) -> Option<T> {
        let text = text.as_deref()?;
        let value = T::parse(text);
        if value.is_none() {
            self.add(flag, &T::complaint(text));
        }
        value
    }

    /// The files in their order, then the flags: what comes later counts.
    fn environment(&mut self, words: &SettingWords, environment: &Environment) -> BTreeMap<String, Secret> {
        let mut variables = BTreeMap::new();
        for path in &words.environment_files {
            match std::fs::read_to_string(path) {
                Ok(text) => variables.extend(env_file::read(path, &text, environment, &mut self.0)),
                Err(error) => self.add("--env-file", &format!("cannot read {}: {error}", path.display())),
            }
        }
        for text in &words.environment {
            match env_file::of_flag(text.reveal(), environment) {
                Ok((name, value)) => drop(variables.insert(name, value)),
                Err(fault) => self.0.push(fault.at(&Location::Flag("--env"))),
            }
        }
        variables
    }

    fn path_is_asked_for(&mut self, protocol: Option<Protocol>, path: Option<&str>) {
        if let (Some(Protocol::Tcp), Some(_)) = (protocol, path) {
            let hint = "say --health-protocol http, or leave one of the two out";
            self.add_with_hint("--health-path", "only an HTTP check asks for a path, and the protocol is tcp", hint);
        }
    }

    /// A size that App Runner does not have would prove nothing.
    fn size_of_app_runner(&mut self, flags: &SettingFlags, settings: &RunSettings) {
        // What could not be read is a problem already.
        let faulty = |flag: &'static str| self.0.iter().any(|problem| problem.location == Location::Flag(flag));
        let is_given = flags.cpu_units.is_some() || flags.memory_mib.is_some();
        if !is_given || faulty("--cpu") || faulty("--memory") {
            return;
        }
        if let Some(allowed) = sizes::mismatch(settings.cpu_units, settings.memory_mib) {
            let (vcpus, gigabytes) = (sizes::in_whole(settings.cpu_units), sizes::in_whole(settings.memory_mib));
            let flag = if flags.memory_mib.is_some() { "--memory" } else { "--cpu" };
            let message = format!("App Runner has no {vcpus} vCPU with {gigabytes} GB");
            self.add_with_hint(flag, &message, format!("with --cpu {vcpus}, --memory can be {allowed}"));
        }
    }

    fn can_be_pulled(&mut self, image: Option<&EngineImage>, pull: PullPolicy) {
        if let (Some(image), PullPolicy::Always) = (image, pull)
            && image.reference().is_none()
        {
            let message = format!("`{image}` is an id, and only a name can be pulled");
            self.add_with_hint("--pull", &message, "name the image by its registry and tag, or leave --pull out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SettingWords, VerifyWords, read};
    use crate::{
        config::environment::Environment,
        domain::{
            engine_image::PullPolicy,
            health::{HealthCheck, Protocol},
            secret::Secret,
            service::RunSettings,
        },
    };

    fn words(settings: SettingWords) -> VerifyWords {
        VerifyWords { image: "shop/api:v1".to_owned(), settings, pull: None }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn without_flags_it_is_what_app_runner_does_without_settings() {
        let verifying = read(&words(SettingWords::default()), &Environment::default()).unwrap();
        assert_eq!(verifying.settings, RunSettings::default());
        assert_eq!(verifying.pull, PullPolicy::Missing);
    }

    #[test]
    fn each_flag_is_a_setting() {
        let given = SettingWords {
            port: some("3000"),
            start_command: some("./run --all"),
            cpu: some(".25"),
            memory: some("1 GB"),
            environment: vec![Secret::new("A=b=c"), Secret::new("HOME"), Secret::new("A=last")],
            environment_files: Vec::new(),
            health_protocol: None,
            health_path: some("/health"),
            health_interval: some("1"),
            health_timeout: some("3"),
            healthy_threshold: some("4"),
            unhealthy_threshold: some("20"),
        };
        let settings = read(&words(given), &Environment::from_pairs([("HOME", "/root")])).unwrap().settings;
        let environment: Vec<_> =
            settings.environment.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
        assert_eq!(environment, [("A", "last"), ("HOME", "/root")]);
        let sizes = (settings.port, settings.cpu_units, settings.memory_mib);
        assert_eq!((sizes, settings.start_command.as_deref()), ((3000, 256, 1024), Some("./run --all")));
        let check = HealthCheck {
            protocol: Protocol::Http,
            path: "/health".to_owned(),
            interval_seconds: 1,
            timeout_seconds: 3,
            healthy_threshold: 4,
            unhealthy_threshold: 20,
        };
        assert_eq!(settings.health_check, check);
    }

    #[test]
    fn a_file_is_read_before_the_flags() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.env");
        std::fs::write(&file, "A=file\nB=\"two words\"\n").unwrap();
        let given = SettingWords {
            environment: vec![Secret::new("A=flag")],
            environment_files: vec![file],
            ..SettingWords::default()
        };
        let settings = read(&words(given), &Environment::default()).unwrap().settings;
        assert_eq!(settings.environment["A"].reveal(), "flag");
        assert_eq!(settings.environment["B"].reveal(), "two words");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let given = VerifyWords {
            image: "Shop API".to_owned(),
            pull: some("sometimes"),
            settings: SettingWords {
                port: some("65536"),
                start_command: some(" "),
                cpu: some("3"),
                memory: some("lots"),
                environment: vec![Secret::new("=hunter2"), Secret::new("NOT_SET")],
                environment_files: vec!["/nowhere/a.env".into()],
                health_protocol: some("udp"),
                health_path: some("health"),
                health_interval: some("0"),
                health_timeout: some("21"),
                healthy_threshold: some("x"),
                unhealthy_threshold: some("-1"),
            },
        };
        let error = read(&given, &Environment::default()).unwrap_err();
        let flags: Vec<String> = error.problems.iter().map(|problem| problem.location.to_string()).collect();
        let expected = [
            "--cpu",
            "--env",
            "--env",
            "--env-file",
            "--health-interval",
            "--health-path",
            "--health-protocol",
            "--health-timeout",
            "--healthy-threshold",
            "--memory",
            "--port",
            "--pull",
            "--start-command",
            "--unhealthy-threshold",
            "IMAGE",
        ];
        assert_eq!(flags, expected, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let refused = |given: VerifyWords| read(&given, &Environment::default()).unwrap_err().to_string();
        let path = SettingWords { health_protocol: some("tcp"), health_path: some("/"), ..SettingWords::default() };
        assert!(refused(words(path)).starts_with("--health-path: only an HTTP check"));
        let size = SettingWords { memory: some("0.5"), ..SettingWords::default() };
        assert_eq!(refused(words(size)), "--memory: App Runner has no 1 vCPU with 0.5 GB");
        let id =
            VerifyWords { image: "3f2a9c1b8d7e".to_owned(), pull: some("always"), settings: SettingWords::default() };
        assert!(refused(id).contains("only a name can be pulled"));
    }
}
