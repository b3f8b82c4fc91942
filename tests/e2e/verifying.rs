//! `shipgate verify IMAGE` on the real engine: its verdicts and exit codes, with no AWS and no configuration, and nothing
//! left behind.

use std::process::{Command, Output};

use serde_json::Value;

use crate::{
    said::without_what_varies,
    world::{Ran, layer, shipgate},
};

macro_rules! assert_said {
    ($ran:expr, $code:expr) => {
        let ran = &$ran;
        assert_eq!(ran.code, $code, "{}", ran.said());
        insta::assert_snapshot!(without_what_varies(ran));
    };
}

/// What a user does with the engine.
fn docker(words: &[&str]) -> Output {
    Command::new("docker").args(words).output().unwrap()
}

/// An image of this test's own in the engine, until it is dropped.
struct Loaded {
    name: String,
}

impl Loaded {
    fn new(name: &str) -> Self {
        let name = format!("shipgate-test/verifying-{name}:v1");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image.tar");
        let archive = layer().image(&[("DEMO_VERSION", &name)]).docker_archive(&name).unwrap();
        std::fs::write(&file, archive).unwrap();
        let loaded = docker(&["load", "--input", file.to_str().unwrap()]);
        assert!(loaded.status.success(), "{loaded:?}");
        Self { name }
    }

    fn id(&self) -> String {
        let inspected = docker(&["image", "inspect", "--format", "{{.Id}}", &self.name]);
        String::from_utf8(inspected.stdout).unwrap().trim().to_owned()
    }

    /// Verifies it in a folder with nothing in it.
    fn verify(&self, words: &[&str]) -> Ran {
        verify(&[&[self.name.as_str()], words].concat())
    }

    /// No container of it is left.
    fn assert_clean(&self) {
        let left = docker(&["ps", "--all", "--quiet", "--filter", &format!("ancestor={}", self.name)]);
        assert_eq!(String::from_utf8(left.stdout).unwrap(), "");
        assert!(!self.id().is_empty(), "the image was there before, and stays");
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        docker(&["image", "rm", &self.name]);
    }
}

fn verify(words: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    shipgate().current_dir(folder.path()).arg("verify").args(words).output().unwrap().into()
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event(ran: &Ran, kind: &str) -> Value {
    let told = events(ran).into_iter().find(|event| event["event"] == kind);
    told.unwrap_or_else(|| panic!("no {kind}: {}", ran.said()))
}

#[test]
fn a_healthy_image_passes_by_its_name_and_by_its_ids() {
    let image = Loaded::new("healthy");
    assert_said!(image.verify(&["--health-path", "/", "--port", "3000"]), 0);
    let id = image.id();
    for name in [id.as_str(), &id["sha256:".len()..][..12]] {
        let ran = verify(&[name]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.said());
    }
    image.assert_clean();
}

#[test]
fn an_unhealthy_image_fails_with_its_finding_and_its_last_lines() {
    let image = Loaded::new("unhealthy");
    assert_said!(image.verify(&["--env", "DEMO_FAIL=exit:3"]), 6);
    let ran = image.verify(&["--env", "DEMO_FAIL=status:500", "--health-path", "/", "--unhealthy-threshold", "1"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    // By connections alone it passes: the settings are what decides.
    let ran = image.verify(&["--env", "DEMO_FAIL=status:500"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    image.assert_clean();
}

#[test]
fn json_says_how_it_came_out() {
    let image = Loaded::new("json");
    let ran = image.verify(&["--output", "json", "--env", "DEMO_FAIL=exit:3"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let kinds: Vec<String> = events(&ran).iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!((kinds.first().unwrap().as_str(), kinds.last().unwrap().as_str()), ("run-started", "run-finished"));
    assert_eq!(event(&ran, "run-started")["verb"], "verify");
    assert_eq!(event(&ran, "stage-started")["stage"], "verify");
    assert_eq!(event(&ran, "stage-finished")["outcome"], "fail");
    assert_eq!(event(&ran, "verified")["healthy"], false);
    assert_eq!(event(&ran, "verified")["finding"]["name"], "exited");
    assert_eq!(event(&ran, "run-finished")["exit_code"], 6);
    assert_eq!(event(&ran, "run-finished")["summary"], "nothing was changed");
}

#[test]
fn variables_come_from_files_flags_and_the_environment_and_are_never_shown() {
    let image = Loaded::new("variables");
    let folder = tempfile::tempdir().unwrap();
    let file = "# for the check\nexport FROM_FILE=\"file secret value\"\nOVER=under-secret-value\nDEMO_FAIL=print-environment\n";
    std::fs::write(folder.path().join("local.env"), file).unwrap();
    let ran: Ran = shipgate()
        .current_dir(folder.path())
        .env("FROM_OUTSIDE", "outside-secret-value")
        .args(["verify", &image.name, "--env-file", "local.env", "-e", "OVER=over-secret-value", "-e", "FROM_OUTSIDE"])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 6, "{}", ran.said());
    for name in ["FROM_FILE", "OVER", "FROM_OUTSIDE"] {
        assert!(ran.said().contains(&format!("{name}=…")), "{name}: {}", ran.said());
    }
    assert!(!ran.said().contains("secret value") && !ran.said().contains("secret-value"), "{}", ran.said());
    image.assert_clean();
}

#[test]
fn an_image_that_is_nowhere_cannot_be_checked() {
    assert_said!(verify(&["shipgate-test/nowhere:v1", "--pull", "never"]), 7);
    let ran = verify(&["0123456789ab"]);
    assert_eq!(ran.code, 7, "{}", ran.said());
    // Nothing listens there.
    let ran = verify(&["127.0.0.1:9/shop/api:v1"]);
    assert_eq!(ran.code, 7, "{}", ran.said());
    assert!(ran.said().contains("could not pull 127.0.0.1:9/shop/api:v1"), "{}", ran.said());
}

#[test]
fn without_docker_it_says_what_was_tried() {
    let ran: Ran = shipgate()
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .args(["verify", "shop/api:v1"])
        .output()
        .unwrap()
        .into();
    assert_said!(ran, 7);
}

#[test]
fn every_wrong_flag_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.env"), "A=1\nB C=hunter2\n").unwrap();
    let ran: Ran = shipgate()
        .current_dir(folder.path())
        .args(["verify", "Shop", "--port", "65536", "--memory", "lots", "--env-file", "a.env", "--pull", "sometimes"])
        .args(["--health-interval", "0", "--env", "NOT_SET_ANYWHERE"])
        .output()
        .unwrap()
        .into();
    assert_said!(ran, 2);
}

#[test]
fn without_an_image_it_says_so() {
    assert_said!(verify(&[]), 2);
}
