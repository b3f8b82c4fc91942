//! `shipgate verify IMAGE` as a developer uses it before a push: no AWS, no configuration, an engine and an image.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;
use shipgate::packing::PackedImage;

use crate::{
    said::without_what_varies,
    world::{Ran, layer, shipgate},
};

/// An image in the engine of this machine, forgotten when this is dropped.
pub(crate) struct Loaded {
    pub(crate) name: String,
}

impl Loaded {
    /// The demo's application, told to behave like this.
    pub(crate) fn app(name: &str, behaviour: &[(&str, &str)]) -> Self {
        Self::of(name, &layer().image(behaviour))
    }

    pub(crate) fn of(name: &str, image: &PackedImage) -> Self {
        let name = format!("shipgate-e2e/{name}:{:016x}", fastrand::u64(..));
        let mut load = Command::new("docker").arg("load").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(&image.docker_archive(&name).unwrap()).unwrap();
        assert!(load.wait().unwrap().success(), "docker load");
        Self { name }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        Command::new("docker").args(["rmi", "--force", &self.name]).output().ok();
    }
}

fn verify(arguments: &[&str]) -> Ran {
    shipgate().arg("verify").args(arguments).output().unwrap().into()
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_healthy_image_passes_and_an_unhealthy_one_does_not() {
    let healthy = Loaded::app("healthy", &[]);
    let ran = verify(&[&healthy.name, "--health-path", "/"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let unhealthy = Loaded::app("unhealthy", &[("DEMO_FAIL", "exit:3")]);
    let ran = verify(&[&unhealthy.name, "--output", "json"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let events = events(&ran);
    let verified = events.iter().find(|event| event["event"] == "verified").unwrap();
    assert_eq!((&verified["healthy"], &verified["finding"]["name"]), (&Value::Bool(false), &Value::from("exited")));
    assert_eq!(events.last().unwrap()["exit_code"], 6);
}

#[test]
fn settings_reach_the_container_and_their_values_no_output() {
    let image = Loaded::app("settings", &[("DEMO_FAIL", "print-environment")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.env");
    std::fs::write(&file, "FROM_FILE='a value of the file'\n").unwrap();
    let ran =
        verify(&[&image.name, "--port", "3000", "-e", "GIVEN=a value given", "--env-file", file.to_str().unwrap()]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let said = ran.said();
    assert!(
        said.contains(":3000, probed by TCP") && said.contains("GIVEN=…") && said.contains("FROM_FILE=…"),
        "{said}"
    );
    assert!(!said.contains("a value"), "{said}");
}

#[test]
fn staying_finds_what_fails_soon_after() {
    let image = Loaded::app("crashing", &[("DEMO_FAIL", "crash-after:1500")]);
    let arguments = [image.name.as_str(), "--health-path", "/", "--health-interval", "1"];
    let at_once = verify(&arguments);
    assert_eq!(at_once.code, 0, "{}", at_once.said());
    let later = verify(&[&arguments[..], &["--stay", "30s"]].concat());
    assert_eq!(later.code, 6, "{}", later.said());
}

#[test]
fn what_cannot_be_checked_is_neither_healthy_nor_unhealthy() {
    let none = verify(&["shipgate-e2e/none:at-all", "--pull", "never"]);
    assert_eq!(none.code, 7, "{}", none.said());
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix://{}", folder.path().join("none.sock").display());
    let no_engine: Ran = shipgate().env("DOCKER_HOST", &socket).args(["verify", "a"]).output().unwrap().into();
    assert_eq!(no_engine.code, 7, "{}", no_engine.said());
    assert!(no_engine.said().contains("no such socket"), "{}", no_engine.said());
}

#[test]
fn mistakes_are_told_all_at_once() {
    let ran = verify(&["shop/api:v1", "--port", "0", "--memory", "7", "--health-path", "health", "-e", "UNSET_HERE"]);
    insta::assert_snapshot!(without_what_varies(&ran));
}
