//! Judges from outside: boto3 and the AWS CLI use the sandbox, and moto answers beside it. What they judge by is in
//! `tests/judges`; here they get a sandbox, two images, and their Python.

use std::{fs, path::Path, process::Command};

use shipgate_container_check::packing::PackedImage;

use crate::world::{World, layer};

const SEED: &str = include_str!("../judges/seed.yaml");
/// Where `scripts/setup python` puts them.
pub(crate) const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/judges-venv/bin/python");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges");

/// An image as files: `manifest.json`, and `blobs` by the hex of their digests.
fn write(folder: &Path, image: &PackedImage) {
    let blobs = folder.join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(folder.join("manifest.json"), &image.manifest.bytes).unwrap();
    for (descriptor, bytes) in &image.blobs {
        fs::write(blobs.join(descriptor.digest.hex()), bytes).unwrap();
    }
}

fn judge(modules: &[&str]) {
    judge_with(SEED, modules);
}

/// Runs modules of tests in their order, in an environment of the sandbox and nothing else.
fn judge_with(seed: &str, modules: &[&str]) {
    assert!(Path::new(PYTHON).exists(), "{PYTHON} is missing: run make test, or scripts/setup python");
    let world = World::with_seed(seed);
    let images = world.folder().join("images");
    for version in ["v1", "v2"] {
        write(&images.join(version), &layer().image(&[("DEMO_VERSION", version)]));
    }
    let like = world.shipgate();
    let environment = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let ran = Command::new(PYTHON)
        .args(["-m", "unittest"])
        .args(modules)
        .current_dir(FOLDER)
        .env_clear()
        .envs(environment)
        .env("JUDGES_IMAGES", &images)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ran.status.success(), "{said}");
    assert!(!said.contains("skipped") && said.contains("\nOK\n"), "{said}");
}

#[test]
fn boto3_finds_every_answer_as_its_models_say() {
    judge(&[
        "test_sts",
        "test_ecr",
        "test_pull_through",
        "test_logs",
        "test_secrets",
        "test_apprunner",
        "test_supported",
    ]);
}

#[test]
fn the_aws_cli_does_a_whole_deployment() {
    judge(&["test_cli"]);
}

#[test]
fn moto_answers_alike_or_the_difference_is_listed() {
    judge(&["test_moto"]);
}

#[test]
fn the_registry_keeps_to_the_distribution_specification() {
    judge_with(&format!("{SEED}ecr_manners: false\n"), &["test_distribution", "test_discovery"]);
}

#[test]
fn the_registry_has_the_manners_of_ecr() {
    judge_with(&format!("{SEED}link_lifetime_seconds: 3\n"), &["test_manners"]);
}

#[test]
fn boto3_moves_a_layer_of_one_gibibyte() {
    judge(&["test_large"]);
}
