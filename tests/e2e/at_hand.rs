//! An image that the engine has is not pulled; one that it pulls is pulled with a login that stays nowhere.

use std::{fs, path::Path, process::Command};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::{
    clients::debian::DebianRegistry,
    verifying::Loaded,
    world::{Ran, World, layer},
};

const PASSWORD: &str = "open-sesame-77";
/// Of that password, with bcrypt's least cost.
const HTPASSWD: &str = "deployer:$2b$05$abcdefghijklmnopqrstuup4t8wiCjeGkqHlKh8A.DtxzT.VmPiGC\n";
const AT_HAND: &str = "the engine has the image already: it is not pulled";
const PULLED: &str = "the engine has pulled the image";

/// A version that no other test has, so that no other test's image is at hand.
fn version() -> String {
    format!("v{:016x}", fastrand::u64(..))
}

/// How often manifests and layers of the source were read, whoever read them.
fn reads(world: &World) -> usize {
    let calls = world.calls();
    let of_source = |call: &&Value| call["service"] == "registry" && call["account"] == "111111111111";
    let reads = |call: &&Value| call["action"] == "GET manifest" || call["action"] == "GET blob";
    calls.iter().filter(of_source).filter(reads).count()
}

/// A first deployment of a new image in a new world, and how often the source was read for it.
fn deployed(arguments: &[&str], at_hand: bool) -> (Ran, usize) {
    let (world, version) = (World::new(), version());
    world.push(&version, &[]);
    let _loaded = at_hand.then(|| Loaded::of("at-hand", &layer().image(&[("DEMO_VERSION", &version)])));
    let ran = world.deploy(&version, arguments);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), format!("200 {version}"));
    (ran, reads(&world))
}

#[test]
fn a_deployment_pulls_only_what_the_engine_has_not() {
    let (_, without_an_engine) = deployed(&["--no-verify"], false);
    let (pulled, by_both) = deployed(&[], false);
    assert!(pulled.said().contains(PULLED), "{}", pulled.said());
    assert!(by_both > without_an_engine, "{by_both} {without_an_engine}");
    let (at_hand, with_an_engine) = deployed(&[], true);
    assert!(at_hand.said().contains(AT_HAND) && !at_hand.said().contains(PULLED), "{}", at_hand.said());
    assert_eq!(with_an_engine, without_an_engine, "{}", at_hand.said());
}

#[test]
fn an_image_at_hand_keeps_its_name_and_gets_no_other() {
    let (world, version) = (World::new(), version());
    world.push(&version, &[]);
    let loaded = Loaded::of("named", &layer().image(&[("DEMO_VERSION", &version)]));
    let names = || docker(&["image", "inspect", "--format", "{{json .RepoTags}}", &loaded.name]);
    let before = names();
    let ran = world.verify(&version, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.said().contains(AT_HAND), "{}", ran.said());
    assert_eq!(names(), before);
    let always = world.verify(&version, &["--pull", "always"]);
    assert_eq!(always.code, 0, "{}", always.said());
    assert!(always.said().contains(PULLED), "{}", always.said());
    assert_eq!(names(), before);
}

fn docker(arguments: &[&str]) -> String {
    let ran = Command::new("docker").args(arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// Pushes a version to a registry that wants a login, and forgets it here.
fn push(registry: &DebianRegistry, config: &Path, version: &str) -> String {
    let reference = format!("{}/shop/api:{version}", registry.host());
    let _loaded = Loaded::named(&reference, &layer().image(&[("DEMO_VERSION", version)]));
    docker(&["--config", config.to_str().unwrap(), "push", "--quiet", &reference]);
    reference
}

#[test]
fn the_login_of_docker_serves_the_engines_pull_and_stays_where_it_was() {
    let (world, version) = (World::new(), version());
    let registry = DebianRegistry::with_login(HTPASSWD);
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("deployer:{PASSWORD}"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, json!({"auths": {registry.host(): {"auth": basic}}}).to_string()).unwrap();
    let reference = push(&registry, folder.path(), &version);
    let config = fs::read_to_string(&file).unwrap();
    let home = tempfile::tempdir().unwrap();
    let shipgate = |words: &[&str]| -> Ran {
        let mut command = world.shipgate();
        command.env("DOCKER_CONFIG", folder.path()).env("HOME", home.path()).env("VERSION", &version);
        command.args(words).args(["--region", "ap-northeast-1"]).output().unwrap().into()
    };
    let kept = shipgate(&["verify", &reference, "--target", "prod", "--keep"]);
    assert_eq!(kept.code, 0, "{}", kept.said());
    assert!(kept.said().contains(PULLED), "{}", kept.said());
    let name = crate::for_target::kept(&kept);
    let mut seen = docker(&["inspect", &name]);
    seen.push_str(&docker(&["image", "inspect", docker(&["inspect", "--format", "{{.Image}}", &name]).trim()]));
    docker(&["rm", "-fv", &name]);
    Command::new("docker").args(["rmi", docker_name(&seen)]).output().unwrap();
    let deployed = shipgate(&["deploy", "--image", &reference]);
    assert_eq!(deployed.code, 0, "{}", deployed.said());
    assert_eq!(world.answer(), format!("200 {version}"));
    for secret in [PASSWORD, basic.as_str()] {
        let shown = [&seen, &kept.said(), &deployed.said()].iter().any(|text| text.contains(secret));
        assert!(!shown, "{} {}", kept.said(), deployed.said());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), config);
    assert!(!home.path().join(".docker/config.json").exists());
}

/// The name by digest in what the engine says of an image.
fn docker_name(inspected: &str) -> &str {
    let name = inspected.split('"').find(|text| text.starts_with("127.0.0.1:") && text.contains("@sha256:"));
    name.expect("the image was pulled by its digest")
}
