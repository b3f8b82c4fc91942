//! A world for one test: the built binary as a sandbox in a process of its own, the built binary as its user, and a look
//! at what is really there by AWS's own clients.

mod control;
mod session;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use shipgate_container_check::packing::{PackedImage, SelfLayer};
use shipgate_core::digest::Digest;
use tempfile::TempDir;

/// The built binary.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_shipgate");
/// Where images come from, in the configurations of the tests.
pub(crate) const SOURCE: &str = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";
/// The repository, in both accounts.
pub(crate) const REPOSITORY: &str = "shop/api";
/// The tag that the service is created with.
pub(crate) const LIVE: &str = "shop-api";
/// Accounts, roles and repositories unless a test says otherwise.
pub(crate) const SEED: &str = include_str!("seed.yaml");
/// The configuration unless a test says otherwise.
pub(crate) const CONFIGURATION: &str = include_str!("shipgate.yaml");

/// A role of the registry account that may push.
const BUILD: &str = "arn:aws:iam::111111111111:role/shop-build";
/// A role of the workload account, to look through.
const DEPLOY: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Everything that was said.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The built binary in an environment that holds nothing of the machine's but the path.
pub(crate) fn shipgate() -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    for kept in ["HOME", "DOCKER_HOST", "XDG_RUNTIME_DIR", "TMPDIR"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// A sandbox, and a folder with a configuration.
pub(crate) struct World {
    process: Child,
    endpoint: String,
    environment: Vec<(String, String)>,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_seed(SEED)
    }

    pub(crate) fn with_seed(seed: &str) -> Self {
        Self::begin(seed, false)
    }

    /// A world that outlives its sandbox's process.
    pub(crate) fn kept(seed: &str) -> Self {
        Self::begin(seed, true)
    }

    fn begin(seed: &str, kept: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("seed.yaml"), seed).unwrap();
        std::fs::write(folder.path().join("shipgate.yaml"), CONFIGURATION).unwrap();
        let state = kept.then(|| folder.path().join("state"));
        let (process, told) = Self::sandbox(folder.path(), "127.0.0.1:0", state.as_deref());
        let environment = told["environment"].as_object().unwrap();
        Self {
            process,
            endpoint: told["endpoint"].as_str().unwrap().to_owned(),
            environment: environment.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect(),
            folder,
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    /// Where the sandbox is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Ends the sandbox before the test is over.
    pub(crate) fn end_sandbox(&mut self) {
        signal(&self.process, "TERM");
        self.process.wait().unwrap();
    }

    fn sandbox(folder: &Path, listen: &str, state: Option<&Path>) -> (Child, Value) {
        let mut command = shipgate();
        command.args(["sandbox", "--listen", listen, "--output", "json", "--seed"]).arg(folder.join("seed.yaml"));
        command.args(state.into_iter().flat_map(|state| [Path::new("--state"), state]));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).expect("the sandbox introduces itself");
        (process, told)
    }

    /// The number of the sandbox's process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Kills the sandbox, as nothing can be prepared for.
    pub(crate) fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().unwrap();
    }

    /// Starts a sandbox that was killed again, at its address and on its state.
    pub(crate) fn start_again(&mut self) {
        let state = self.folder.path().join("state");
        let listen = self.endpoint.trim_start_matches("http://").to_owned();
        let (process, told) = Self::sandbox(self.folder.path(), &listen, Some(&state));
        self.process = process;
        assert_eq!(told["endpoint"], self.endpoint.as_str());
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// The built binary, pointed at the sandbox as any AWS client would be.
    pub(crate) fn shipgate(&self) -> Command {
        let mut command = shipgate();
        command.current_dir(self.folder.path()).envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    /// `shipgate deploy` of a version, with these arguments besides.
    pub(crate) fn deploy(&self, version: &str, arguments: &[&str]) -> Ran {
        let mut command = self.shipgate();
        command.env("VERSION", version).arg("deploy").args(arguments).output().unwrap().into()
    }

    /// A deployment that is only there to be built upon.
    pub(crate) fn deploy_well(&self, version: &str) {
        let ran = self.deploy(version, &[]);
        assert_eq!(ran.code, 0, "{}", ran.said());
    }

    /// Pushes a version of the demo's application, told to behave like this, to the registry account.
    pub(crate) fn push(&self, tag: &str, behaviour: &[(&str, &str)]) -> Digest {
        let environment: Vec<(&str, &str)> = [("DEMO_VERSION", tag)].iter().chain(behaviour).copied().collect();
        self.push_image(tag, &layer().image(&environment))
    }

    pub(crate) fn push_image(&self, tag: &str, image: &PackedImage) -> Digest {
        self.push_image_as(BUILD, tag, image)
    }

    /// Pushes an image to the workload account, as a copy would.
    pub(crate) fn push_to_workload(&self, tag: &str, image: &PackedImage) -> Digest {
        self.push_image_as(DEPLOY, tag, image)
    }

    fn push_image_as(&self, role: &str, tag: &str, image: &PackedImage) -> Digest {
        self.runtime.block_on(async {
            let registry = self.registry(role).await;
            for (descriptor, bytes) in &image.blobs {
                if !registry.has_blob(REPOSITORY, &descriptor.digest).await.unwrap() {
                    let session = registry.start_upload(REPOSITORY, &descriptor.digest).await.unwrap();
                    let body = bytes.clone().into();
                    registry.finish_upload(REPOSITORY, session, descriptor, body).await.unwrap();
                }
            }
            registry.put_manifest(REPOSITORY, tag, &image.manifest).await.unwrap();
        });
        image.manifest.digest.clone()
    }

    /// What a tag of the workload repository points at.
    pub(crate) fn tag(&self, tag: &str) -> Option<Digest> {
        self.manifest(tag)
    }

    /// The digest of a manifest in the workload repository, if it is there.
    pub(crate) fn manifest(&self, reference: &str) -> Option<Digest> {
        self.runtime.block_on(async {
            let head = self.registry(DEPLOY).await.head_manifest(REPOSITORY, reference).await;
            head.ok().flatten().map(|descriptor| descriptor.digest)
        })
    }

    /// Whether a blob is in the workload repository.
    pub(crate) fn has_blob(&self, digest: &Digest) -> bool {
        self.runtime.block_on(async { self.registry(DEPLOY).await.has_blob(REPOSITORY, digest).await.unwrap() })
    }

    /// The types of the one service's operations, the newest first, whether ListOperations shows them already or not.
    pub(crate) fn operations(&self) -> Vec<String> {
        let (arn, _, _) = self.service().expect("there is a service");
        let seen = self.control(None);
        let services = seen["services"].as_array().unwrap().iter();
        let operations = services
            .filter(|one| one["Service"]["ServiceArn"] == arn.as_str())
            .filter_map(|one| one["Operations"].as_array());
        operations.flatten().map(|one| one["Type"].as_str().unwrap().to_owned()).collect()
    }

    /// Points a tag of the workload repository at a digest that is there.
    pub(crate) fn retag(&self, tag: &str, digest: &Digest) {
        self.runtime.block_on(async {
            let registry = self.registry(DEPLOY).await;
            let manifest = registry.manifest(REPOSITORY, digest.as_str()).await.unwrap().unwrap();
            registry.put_manifest(REPOSITORY, tag, &manifest).await.unwrap();
        });
    }

    /// App Runner of the workload account, through AWS's own client.
    pub(crate) fn app_runner<T>(&self, ask: impl AsyncFnOnce(aws_sdk_apprunner::Client) -> T) -> T {
        self.app_runner_of(DEPLOY, ask)
    }

    /// App Runner of the account that a role is in.
    pub(crate) fn app_runner_of<T>(&self, role: &str, ask: impl AsyncFnOnce(aws_sdk_apprunner::Client) -> T) -> T {
        self.runtime.block_on(async { ask(aws_sdk_apprunner::Client::new(&self.session(role).await)).await })
    }

    /// ECR as a role sees it.
    pub(crate) fn ecr<T>(&self, role: &str, ask: impl AsyncFnOnce(aws_sdk_ecr::Client) -> T) -> T {
        self.runtime.block_on(async { ask(aws_sdk_ecr::Client::new(&self.session(role).await)).await })
    }

    /// ECR and CloudWatch Logs of the workload account, without second attempts.
    pub(crate) fn ecr_and_logs<T>(
        &self,
        ask: impl AsyncFnOnce(aws_sdk_ecr::Client, aws_sdk_cloudwatchlogs::Client) -> T,
    ) -> T {
        self.runtime.block_on(async {
            let session = self.session(DEPLOY).await.into_builder();
            let session = session.retry_config(aws_config::retry::RetryConfig::disabled()).build();
            ask(aws_sdk_ecr::Client::new(&session), aws_sdk_cloudwatchlogs::Client::new(&session)).await
        })
    }

    /// CloudWatch Logs of the workload account, likewise.
    pub(crate) fn logs<T>(&self, ask: impl AsyncFnOnce(aws_sdk_cloudwatchlogs::Client) -> T) -> T {
        self.runtime.block_on(async { ask(aws_sdk_cloudwatchlogs::Client::new(&self.session(DEPLOY).await)).await })
    }

    /// The one service: its ARN, status and URL.
    pub(crate) fn service(&self) -> Option<(String, String, String)> {
        self.app_runner(async |client| {
            let mut pages = client.list_services().into_paginator().send();
            let arn = loop {
                if let Some(listed) = pages.next().await?.unwrap().service_summary_list().first() {
                    break listed.service_arn()?.to_owned();
                }
            };
            let service = client.describe_service().service_arn(&arn).send().await.unwrap().service?;
            let url = format!("http://{}", service.service_url.unwrap_or_default());
            Some((arn, service.status.as_str().to_owned(), url))
        })
    }

    /// What the service's URL answers, with the status before it.
    pub(crate) fn answer(&self) -> String {
        let (_, _, url) = self.service().expect("there is a service");
        self.runtime.block_on(async {
            let answer = reqwest::get(&url).await.unwrap();
            format!("{} {}", answer.status().as_u16(), answer.text().await.unwrap().trim())
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            signal(&self.process, "TERM");
            self.process.wait().ok();
        }
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(process: &Child, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status().unwrap();
}

/// The layer all images share: made once, it takes a moment.
pub(crate) fn layer() -> &'static SelfLayer {
    static LAYER: OnceLock<SelfLayer> = OnceLock::new();
    LAYER.get_or_init(|| SelfLayer::of_executable(Path::new(BINARY)).unwrap())
}
