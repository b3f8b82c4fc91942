//! The Docker engine and its command.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    Access,
    layout::{GIBIBYTE, Layout},
    of_ecr, plain, program, run,
    sdk::{self, pulled_by_the_sdk},
    skopeo,
};
use crate::world::World;

/// How many bytes the archive of nothing has when it is compressed.
const EMPTY_GZIP: u64 = 32;

/// The command with a folder of its own for logins, and the engine's images that are this world's.
struct Docker<'a> {
    world: &'a World,
    access: Access,
}

impl<'a> Docker<'a> {
    fn login(world: &'a World) -> Self {
        let docker = Self { world, access: Access::of(world) };
        let mut command = docker.command(&["login", "--username", "AWS", "--password-stdin", &docker.access.host]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(docker.access.password.as_bytes()).unwrap();
        assert!(process.wait().unwrap().success(), "docker login");
        docker
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("docker", self.world.folder());
        command.env("DOCKER_CONFIG", self.world.folder().join("docker")).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(self.command(arguments)).trim().to_owned()
    }

    /// Gives the engine the image of a folder, under the name of its place in the registry.
    fn load(&self, tag: &str, layout: &Layout) {
        let archive = self.world.folder().join(format!("{tag}.tar"));
        skopeo::to_archive(self.world, layout, &archive, &self.access.image(tag));
        self.run(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
    }

    /// Makes an image of the files of an archive, likewise; its id.
    fn import(&self, tag: &str, archive: &Path) -> String {
        self.run(&["import", archive.to_str().unwrap(), &self.access.image(tag)])
    }

    /// The id of an image that the engine has: the digest of its configuration.
    fn id(&self, tag: &str) -> String {
        self.run(&["image", "inspect", "--format", "{{.Id}} {{.Architecture}}", &self.access.image(tag)])
    }

    fn forget(&self, tag: &str) {
        self.run(&["image", "rm", "--force", &self.access.image(tag)]);
    }
}

impl Drop for Docker<'_> {
    fn drop(&mut self) {
        let filter = format!("reference={}/*/*", self.access.host);
        let listed = self.command(&["image", "ls", "--quiet", "--filter", &filter]).output();
        let ids = listed.map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned()).unwrap_or_default();
        for id in ids.lines() {
            self.command(&["image", "rm", "--force", id]).output().ok();
        }
    }
}

/// The configuration of an image in the registry, as its digest.
fn config(world: &World, tag: &str) -> String {
    let manifest = sdk::manifest(world, tag);
    serde_json::from_str::<Value>(&manifest).unwrap()["config"]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn docker_moves_an_index_of_two_platforms_with_the_empty_archive() {
    for world in [of_ecr(), plain()] {
        let docker = Docker::login(&world);
        for architecture in ["amd64", "arm64"] {
            let layout = Layout::new(world.folder().join(architecture));
            let layers = [layout.small(architecture), layout.empty_gzip()];
            layout.name(&layout.image(architecture, &layers));
            docker.load(architecture, &layout);
            let pushed = docker.run(&["push", "--quiet", &docker.access.image(architecture)]);
            assert_eq!(pushed, docker.access.image(architecture));
            assert_eq!(docker.id(architecture), format!("{} {architecture}", config(&world, architecture)));
            let sizes = pulled_by_the_sdk(&world, architecture).into_values();
            assert_eq!(sizes.filter(|size| *size == EMPTY_GZIP).count(), 1, "a compressed archive of nothing");
        }
        let [both, amd64, arm64] = ["both", "amd64", "arm64"].map(|tag| docker.access.image(tag));
        docker.run(&["manifest", "create", "--insecure", &both, &amd64, &arm64]);
        let index = docker.run(&["manifest", "push", "--insecure", &both]);
        assert_eq!(world.tag("both").unwrap().as_str(), index);
        // The index, and of each image the manifest, the configuration and a layer; the empty one is the same.
        assert_eq!(pulled_by_the_sdk(&world, "both").len(), 1 + 2 * 3 + 1);
        for architecture in ["amd64", "arm64"] {
            docker.forget(architecture);
            docker.run(&["pull", "--quiet", "--platform", &format!("linux/{architecture}"), &both]);
            assert_eq!(docker.id("both"), format!("{} {architecture}", config(&world, architecture)));
            docker.forget("both");
        }
    }
}

#[test]
fn docker_moves_a_layer_of_one_gibibyte() {
    let world = of_ecr();
    let docker = Docker::login(&world);
    let layout = Layout::new(world.folder().join("made"));
    let layer = layout.large(GIBIBYTE);
    let image = layout.name(&layout.image("amd64", std::slice::from_ref(&layer)));
    skopeo::push(&world, &layout, "large");
    docker.run(&["pull", "--quiet", &docker.access.image("large")]);
    assert_eq!(docker.id("large"), format!("{} amd64", config(&world, "large")));
    // The other way it is compressed, which noise does not become smaller by.
    let id = docker.import("again", &layout.blob(&layer.digest()));
    docker.run(&["push", "--quiet", &docker.access.image("again")]);
    assert_eq!(config(&world, "again"), id);
    let found = pulled_by_the_sdk(&world, "again");
    assert!(found.values().any(|size| *size > GIBIBYTE), "{found:?}");
    assert_eq!(world.tag("large"), Some(image), "the other tag is where it was");
}
