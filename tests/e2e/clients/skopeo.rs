//! skopeo, as Debian has it.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use shipgate_core::digest::Digest;

use super::{
    Access,
    layout::{GIBIBYTE, Layout},
    of_ecr, plain, program, run,
    sdk::{holds, pulled_by_the_sdk},
};
use crate::world::World;

/// `skopeo copy` that keeps every digest. Its password is in a file: arguments can be read by everybody.
fn copy(access: &Access, folder: &Path) -> Command {
    let auth = STANDARD.encode(format!("AWS:{}", access.password));
    let logins = json!({"auths": {access.host.as_str(): {"auth": auth}}});
    fs::write(folder.join("auth.json"), logins.to_string()).unwrap();
    let mut command = program("skopeo", folder);
    command.args(["--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests", "--authfile", "auth.json"]);
    command
}

/// Pushes what the folder is about.
pub(super) fn push(world: &World, layout: &Layout, tag: &str) {
    let access = Access::of(world);
    let mut command = copy(&access, world.folder());
    command.arg("--dest-tls-verify=false").arg(format!("oci:{}", layout.path().display()));
    run_to(command, &format!("docker://{}", access.image(tag)));
}

/// Pulls into a new folder.
pub(super) fn pull(world: &World, tag: &str) -> Layout {
    let access = Access::of(world);
    let folder = world.folder().join(format!("pulled-{tag}"));
    let mut command = copy(&access, world.folder());
    command.arg("--src-tls-verify=false").arg(format!("docker://{}", access.image(tag)));
    run_to(command, &format!("oci:{}", folder.display()));
    Layout::of(folder)
}

/// Makes an archive that Docker loads under this name.
pub(super) fn to_archive(world: &World, layout: &Layout, archive: &Path, name: &str) {
    let mut command = program("skopeo", world.folder());
    command.args(["--insecure-policy", "copy", "--quiet"]).arg(format!("oci:{}", layout.path().display()));
    run_to(command, &format!("docker-archive:{}:{name}", archive.display()));
}

fn run_to(mut command: Command, destination: &str) {
    command.arg(destination);
    run(command);
}

#[test]
fn skopeo_moves_an_index_of_two_platforms_with_empty_layers() {
    for world in [of_ecr(), plain()] {
        let layout = Layout::new(world.folder().join("made"));
        let index = layout.index_of_two();
        push(&world, &layout, "two");
        assert_eq!(world.tag("two"), Some(index));
        holds(&world, &layout, "two");
        assert_eq!(pull(&world, "two").blobs(), layout.blobs());
    }
}

#[test]
fn skopeo_moves_a_layer_of_one_gibibyte() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().join("made"));
    let image = layout.name(&layout.image("amd64", &[layout.large(GIBIBYTE)]));
    let made = layout.blobs();
    let pull_with_skopeo: fn(&World) -> BTreeMap<Digest, u64> = |world| pull(world, "large").blobs();
    for (world, pulled) in [(of_ecr(), pull_with_skopeo), (plain(), |world| pulled_by_the_sdk(world, "large"))] {
        push(&world, &layout, "large");
        assert_eq!(world.tag("large").as_ref(), Some(&image));
        assert_eq!(pulled(&world), made);
    }
}
