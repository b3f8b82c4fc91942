//! No secret that shipgate holds is in anything it outputs, on whatever path it fails. Hostile servers repeat every secret in their
//! answers, in every encoding; each run is searched for pieces of each of them.

mod cloud;
mod echo;
pub(crate) mod search;

use std::{fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tempfile::TempDir;

use self::{
    cloud::{ACCOUNT, Cloud, HOST},
    echo::{Answer, Echo},
    search::assert_absent,
};
use crate::world::{Ran, shipgate};

const SOURCE_PASSWORD: &str = "src-canary/+\"7Fq2&x<9";
const DESTINATION_PASSWORD: &str = "dst-canary?\\~Kd3w%41é";
const IDENTITY_TOKEN: &str = "idt-canary-4Hj8mPz1";
const BEARER: &str = "bearer-canary-2Rt6vXa9";
const PROXY_PASSWORD: &str = "proxy-canary%2F5Ub0c";
const DOCKER_PASSWORD: &str = "docker-canary-8Nw1e";
const REFERENCE_PASSWORD: &str = "ref-canary-3Ys7d";
const ARGUMENT: &str = "arg-canary-6Gk4q";
const JOB_TOKEN: &str = "job-canary-1Zc5b";
/// Everything that is in the process' own environment.
const IN_ENVIRONMENT: [&str; 2] = [PROXY_PASSWORD, JOB_TOKEN];

/// A folder for one run, and the command in it: all reports, all files of a CI step.
struct Stage {
    folder: TempDir,
    is_json: bool,
}

impl Stage {
    fn new(is_json: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let agent = folder.path().join("buildkite-agent");
        let script = "#!/bin/sh\necho \"$@\" >> agent.txt\ncat >> agent.txt\n";
        fs::write(&agent, script).unwrap();
        fs::set_permissions(&agent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Self { folder, is_json }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn docker_config(&self, logins: &[(&str, serde_json::Value)]) {
        let auths: serde_json::Map<_, _> =
            logins.iter().map(|(host, entry)| ((*host).to_owned(), entry.clone())).collect();
        fs::create_dir_all(self.path().join("docker")).unwrap();
        fs::write(self.path().join("docker/config.json"), json!({ "auths": auths }).to_string()).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = shipgate();
        let path = format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap());
        command.current_dir(self.path()).env("PATH", path).env("HOME", self.path()).args(arguments);
        command.env("DOCKER_CONFIG", self.path().join("docker")).env("CI_JOB_TOKEN", JOB_TOKEN);
        command.env("HTTPS_PROXY", format!("http://me:{PROXY_PASSWORD}@127.0.0.1:9"));
        if self.is_json {
            command.args(["--output", "json"]).env("BUILDKITE", "true");
        } else {
            command.env("GITHUB_ACTIONS", "true");
            for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
                command.env(name, self.path().join(name));
            }
        }
        for kind in ["json", "xml", "md", "html"] {
            command.args(["--report", &format!("report.{kind}")]);
        }
        command.args(["--dotenv", "outputs.env"]);
        command
    }

    /// Runs it and searches everything that came of it.
    fn run(&self, command: &mut Command, canaries: &[&str]) -> Ran {
        let ran: Ran = command.output().unwrap().into();
        let mut texts = vec![("stdout".to_owned(), ran.stdout.clone()), ("stderr".to_owned(), ran.stderr.clone())];
        for entry in fs::read_dir(self.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !["buildkite-agent", "shipgate.yaml", "secrets.env"].contains(&name.as_str()) {
                texts.push((name, fs::read_to_string(entry.path()).unwrap()));
            }
        }
        for (name, text) in &texts {
            let held = canaries.iter().chain(&IN_ENVIRONMENT);
            held.for_each(|canary| assert_absent(name, text, canary));
        }
        for line in ran.stdout.lines().filter(|_| self.is_json) {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "no JSON: {line}");
        }
        if let Some((_, report)) = texts.iter().find(|(name, _)| name == "report.json") {
            assert!(serde_json::from_str::<serde_json::Value>(report).is_ok(), "no JSON: {report}");
        }
        ran
    }
}

fn basic(password: &str) -> serde_json::Value {
    json!({ "auth": STANDARD.encode(format!("deployer:{password}")) })
}

#[test]
fn registries_repeat_logins_and_none_is_shown() {
    for (number, answer) in Answer::all(BEARER).into_iter().enumerate() {
        // Some logins are a refresh token, which goes to the token service alone.
        let (source_secret, login) = match number % 3 {
            2 => (IDENTITY_TOKEN, json!({ "identitytoken": IDENTITY_TOKEN })),
            _ => (SOURCE_PASSWORD, basic(SOURCE_PASSWORD)),
        };
        let mut held = vec![source_secret, DESTINATION_PASSWORD];
        held.extend(matches!(answer, Answer::Token(_)).then_some(BEARER));
        let echo = Echo::start(answer, &held);
        let stage = Stage::new(number % 2 == 0);
        let (source, destination) = (echo.host(), echo.other_host());
        stage.docker_config(&[(&source, login), (&destination, basic(DESTINATION_PASSWORD))]);
        let arguments = ["copy", &format!("{source}/shop/api:v1"), &format!("{destination}/shop/api:v1")];
        let ran = stage.run(&mut stage.command(&arguments), &held);
        assert_ne!(ran.code, 0, "{answer:?}: {}", ran.said());
        assert!(echo.requests() > 0, "{answer:?}: {}", ran.said());
    }
}

#[test]
fn command_lines_and_addresses_are_not_repeated() {
    let engine = Echo::start(Answer::Error(500), &[DOCKER_PASSWORD]);
    let with_login = format!("me:{REFERENCE_PASSWORD}@r.example.com/shop/api:v1");
    let assignment = format!("API_KEY={ARGUMENT}");
    let joined = format!("--evn=API_KEY={ARGUMENT}");
    let address = format!("https://me:{REFERENCE_PASSWORD}@r.example.com/shop/api");
    let docker_host = format!("tcp://me:{DOCKER_PASSWORD}@{}", engine.host());
    let cases: [&[&str]; 9] = [
        &["copy", &with_login, "127.0.0.1:9/shop/api"],
        &["copy", "127.0.0.1:9/shop/api", &with_login],
        &["copy", &address, "127.0.0.1:9/shop/api"],
        &["deploy", "--image", &with_login, "--service", "shop-api"],
        &["verify", &with_login],
        &["verify", "shop", &assignment],
        &["verify", "shop", "--evn", &assignment],
        &["verify", "shop", &joined],
        &["verify", "shop", "--port", &assignment],
    ];
    for (number, arguments) in cases.into_iter().enumerate() {
        let stage = Stage::new(number % 2 == 0);
        let mut command = stage.command(arguments);
        command.env("DOCKER_HOST", &docker_host);
        let ran = stage.run(&mut command, &[REFERENCE_PASSWORD, ARGUMENT, DOCKER_PASSWORD]);
        assert_ne!(ran.code, 0, "{arguments:?}: {}", ran.said());
    }
    for host in [docker_host.as_str(), "ssh://me:docker-canary-8Nw1e@host", "http://me:docker-canary-8Nw1e@host"] {
        let stage = Stage::new(false);
        let mut command = stage.command(&["verify", "127.0.0.1:9/shop:v1"]);
        let ran = stage.run(command.env("DOCKER_HOST", host), &[DOCKER_PASSWORD]);
        assert_eq!(ran.code, 7, "{host}: {}", ran.said());
    }
}

#[test]
fn aws_repeats_keys_and_values_and_none_is_shown() {
    for (number, (fails_at, command)) in cloud::CASES.into_iter().enumerate() {
        for is_json in [false, true] {
            let cloud = Cloud::start(fails_at);
            let stage = Stage::new(is_json);
            fs::write(stage.path().join("shipgate.yaml"), cloud::CONFIGURATION).unwrap();
            let words: Vec<&str> = command.split(' ').collect();
            let mut command = stage.command(&words);
            command.envs(cloud.environment());
            let ran = stage.run(&mut command, &cloud::HELD);
            let names = format!("{number} {fails_at}: {}", ran.said());
            assert!(cloud.was_called(fails_at), "{names}");
            // Logs are data: reading them succeeds.
            assert!(ran.code != 0 || words[0] == "logs", "{names}");
            // What is public stays readable.
            assert!(ran.said().contains(ACCOUNT) || ran.said().contains(HOST) || words[0] == "logs", "{names}");
        }
    }
}
