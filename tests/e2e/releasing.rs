//! How a version is released, by the built binary: the verb for every state of a service, exactly once, whatever came before.

mod again;
mod crashes;
mod expiry;
mod identity;
mod pushes;
mod returning;
mod rollback;
mod rolled_back;
mod states;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use aws_sdk_apprunner::types::{ImageRepository, ImageRepositoryType, SourceConfiguration};
use serde_json::Value;
use shipgate_core::digest::Digest;

use crate::world::{Ran, SEED, World, signal};

/// A world where v1 serves and v2 waits in the registry. Lists come in short and empty pages.
fn serving() -> (World, Digest, Digest) {
    let world = World::with_seed(&format!("{SEED}short_pages: true\n"));
    let (old, new) = (world.push("v1", &[]), world.push("v2", &[]));
    world.deploy_well("v1");
    (world, old, new)
}

fn arn(world: &World) -> String {
    world.service().expect("there is a service").0
}

/// The service as the sandbox sees it from inside: at once, and not some time later as by its API.
fn inside(world: &World) -> Value {
    let arn = arn(world);
    let services = world.control(None)["services"].as_array().unwrap().clone();
    services.into_iter().find(|service| service["Service"]["ServiceArn"] == arn.as_str()).unwrap()
}

/// The ids of the service's operations, newest first, as the record has them.
fn ids(world: &World) -> Vec<String> {
    let operations = inside(world)["Operations"].as_array().unwrap().clone();
    operations.iter().map(|one| one["Id"].as_str().unwrap().replace('-', "")).collect()
}

/// The calls that change anything anywhere, so far.
fn changes(world: &World) -> Vec<String> {
    let reads = ["Get", "List", "Describe", "BatchGet", "BatchCheck", "Assume", "GET", "HEAD"];
    let action = |call: &Value| call["action"].as_str().unwrap().to_owned();
    let mut calls = world.calls();
    calls.retain(|call| call["names_nothing"] != true);
    calls.iter().map(action).filter(|action| !reads.iter().any(|read| action.starts_with(read))).collect()
}

/// Waits until the service is in a state.
fn until(world: &World, status: &str) {
    while inside(world)["Service"]["Status"] != status {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn pause(world: &World) {
    let arn = arn(world);
    world.app_runner(async |client| client.pause_service().service_arn(&arn).send().await.unwrap());
    until(world, "PAUSED");
}

/// The service's source: its image identifier, and whether pushes deploy.
fn source(world: &World) -> (String, bool) {
    let arn = arn(world);
    world.app_runner(async |client| {
        let service = client.describe_service().service_arn(&arn).send().await.unwrap().service.unwrap();
        let source = service.source_configuration.unwrap();
        let automatic = source.auto_deployments_enabled.unwrap();
        (source.image_repository.unwrap().image_identifier, automatic)
    })
}

/// Turns deployments by push on, as somebody else would.
fn deploy_by_push(world: &World) {
    let (arn, (identifier, _)) = (arn(world), source(world));
    world.app_runner(async |client| {
        let image =
            ImageRepository::builder().image_identifier(identifier).image_repository_type(ImageRepositoryType::Ecr);
        let source =
            SourceConfiguration::builder().image_repository(image.build().unwrap()).auto_deployments_enabled(true);
        client.update_service().service_arn(&arn).source_configuration(source.build()).send().await.unwrap();
    });
    until(world, "RUNNING");
}

/// A deployment that somebody else starts, to its end.
fn foreign_deployment(world: &World) {
    let arn = arn(world);
    world.app_runner(async |client| client.start_deployment().service_arn(&arn).send().await.unwrap());
    until(world, "RUNNING");
}

/// A deployment that runs, with its events.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    events: Vec<Value>,
}

impl Running {
    fn deploy(world: &World, version: &str, arguments: &[&str]) -> Self {
        let mut command = world.shipgate();
        Self::start(command.env("VERSION", version).args(["deploy", "--output", "json"]).args(arguments))
    }

    fn rollback(world: &World) -> Self {
        Self::start(world.shipgate().args(["rollback", "--output", "json"]))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, events: Vec::new() }
    }

    /// Waits for an event.
    fn until(&mut self, awaited: impl Fn(&Value) -> bool) {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it never came: {:#?}", self.events);
            self.events.push(serde_json::from_str(&line).unwrap());
            if awaited(self.events.last().unwrap()) {
                return;
            }
        }
    }

    fn until_event(&mut self, name: &str) {
        self.until(|event| event["event"] == name);
    }

    fn until_stage(&mut self, stage: &str) {
        self.until(|event| event["event"] == "stage-started" && event["stage"] == stage);
    }

    fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    fn kill(mut self) {
        signal(&self.child, "KILL");
        self.child.wait().unwrap();
    }

    fn end(mut self) -> Ran {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let told: Vec<String> = self.events.iter().map(Value::to_string).chain([rest]).collect();
        let code = self.child.wait().unwrap().code().unwrap();
        Ran { code, stdout: told.join("\n"), stderr: String::new() }
    }
}
