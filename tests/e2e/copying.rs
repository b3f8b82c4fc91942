//! `shipgate copy` by the built binary: from ECR to ECR on the sandbox, to and from Debian's docker-registry, looked at
//! through clients that are not ours.

mod arrivals;
mod credentials;
mod debian;
mod floor;
mod refused;
mod trouble;

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;
use shipgate_container_check::packing::PackedImage;
use shipgate_core::digest::Digest;

use crate::{
    roles::more_roles,
    world::{REPOSITORY, Ran, SEED, SOURCE, World},
};

/// Where the image goes: two accounts, each with a role that may push.
const FIRST: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";
const SECOND: &str = "444444444444.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";
const PULL: &str = "arn:aws:iam::111111111111:role/shipgate-pull";
const FIRST_ROLE: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
const SECOND_ROLE: &str = "arn:aws:iam::444444444444:role/shipgate-copy";
/// It may look, and not push.
const READER: &str = "arn:aws:iam::222222222222:role/reader";

/// The third account's repository.
const MORE_REPOSITORIES: &str = "repositories:\n  - { account: \"444444444444\", name: shop/api }\n";

/// A world of three accounts with one repository each.
fn world() -> World {
    world_like(SEED)
}

fn world_like(seed: &str) -> World {
    World::with_seed(&more_roles(seed, SECOND_ROLE).replace("repositories:\n", MORE_REPOSITORIES))
}

/// The same, where the first destination's tags are immutable.
fn world_of_immutable_tags() -> World {
    let first = "  - { account: \"222222222222\", name: shop/api }";
    world_like(&SEED.replace(first, "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }"))
}

/// A tag of the source.
fn source(tag: &str) -> String {
    format!("{SOURCE}:{tag}")
}

/// `shipgate copy` with the role that may pull.
fn copying(world: &World, words: &[&str]) -> Command {
    let mut command = world.shipgate();
    command.args(["copy", "--src-role", PULL]).args(words);
    command
}

fn copy(world: &World, words: &[&str]) -> Ran {
    copying(world, words).output().unwrap().into()
}

/// From this tag to the first destination.
fn copy_to_first(world: &World, tag: &str, words: &[&str]) -> Ran {
    copy(world, &[&[source(tag).as_str(), FIRST, "--dst-role", FIRST_ROLE], words].concat())
}

/// A copy that is only there to be built upon.
fn copy_well(world: &World, tag: &str) {
    let ran = copy_to_first(world, tag, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
}

/// What a repository has: each digest with its tag, or with nothing.
fn images(world: &World, role: &str) -> BTreeMap<String, String> {
    world.ecr(role, async |ecr| {
        let listed = ecr.list_images().repository_name(REPOSITORY).send().await.unwrap();
        let entry = |id: &aws_sdk_ecr::types::ImageIdentifier| {
            (id.image_digest().unwrap().to_owned(), id.image_tag().unwrap_or_default().to_owned())
        };
        listed.image_ids().iter().map(entry).collect()
    })
}

/// What it should have.
fn held(images: &[(&PackedImage, &str)]) -> BTreeMap<String, String> {
    images.iter().map(|(image, tag)| (image.manifest.digest.to_string(), (*tag).to_owned())).collect()
}

/// Whether a repository has a blob.
fn has_blob(world: &World, role: &str, digest: &Digest) -> bool {
    world.ecr(role, async |ecr| {
        let asked = ecr.batch_check_layer_availability().repository_name(REPOSITORY).layer_digests(digest.as_str());
        let layers = asked.send().await.unwrap();
        layers.layers().iter().any(|layer| layer.layer_availability().is_some_and(|a| a.as_str() == "AVAILABLE"))
    })
}

/// The calls since there were so many, as `ACCOUNT ACTION`, counted: those of the registries and the control plane's question
/// for layers, none of logging in.
fn calls_since(world: &World, before: usize) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for call in world.calls().into_iter().skip(before) {
        let text = |name: &str| call[name].as_str().unwrap();
        if ["registry", "layers"].contains(&text("service")) || text("action") == "BatchCheckLayerAvailability" {
            *counted.entry(format!("{} {}", text("account"), text("action"))).or_default() += 1;
        }
    }
    counted
}

/// The events that a run told as JSON.
fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The event of one kind that a run told.
fn event(ran: &Ran, kind: &str) -> Value {
    let told = events(ran).into_iter().find(|event| event["event"] == kind);
    told.unwrap_or_else(|| panic!("no {kind}: {}", ran.said()))
}
