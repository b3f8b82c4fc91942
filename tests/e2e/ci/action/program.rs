//! Where the action's program comes from: a release whose checksum is pinned, or the source.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};

use super::{Checkout, Standing, inputs, runner_in};
use crate::{
    ci::{
        github::Runner,
        job::without_keys,
        release::{Downloads, Release, VERSION},
    },
    world::{BINARY, World},
};

/// A cargo that has the binary already, and notes that it was called.
fn stub_cargo(folder: &Path, runner: &mut Runner) {
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>{0}/built\nmkdir -p \"$CARGO_TARGET_DIR/release\"\ncp {BINARY} \"$CARGO_TARGET_DIR/release/shipgate\"\n",
        folder.display()
    );
    fs::write(folder.join("cargo"), script).unwrap();
    fs::set_permissions(folder.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), runner.environment["PATH"]);
    runner.environment.insert("PATH".to_owned(), path);
}

fn schema(version: &str) -> Map<String, Value> {
    let pairs = [("command", "schema"), ("version", version)];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn kept_build(runner: &Runner) -> PathBuf {
    let folder = Path::new(&runner.environment["RUNNER_TOOL_CACHE"]).join("shipgate");
    let mut builds: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("shipgate")).collect();
    assert_eq!(builds.len(), 1, "{builds:?}");
    builds.remove(0)
}

#[test]
fn without_a_pinned_release_the_checkout_is_built() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let checkout = Checkout::with("");
    let mut runner = Runner::new(without_keys(&world));
    stub_cargo(folder.path(), &mut runner);
    for version in ["", "source", VERSION] {
        runner.action(&checkout.action(), &schema(version));
        assert_eq!(runner.standing, Standing::Well, "{}", runner.log);
    }
    assert!(
        runner.log.contains("no release has its checksum in the action yet: the action's own checkout"),
        "{}",
        runner.log
    );
    assert!(runner.log.contains("\"$schema\""), "the program ran: {}", runner.log);
    let build = "build --release --locked --bin shipgate\n";
    assert_eq!(fs::read_to_string(folder.path().join("built")).unwrap(), build.repeat(3));
    assert_eq!(runner.used, [""; 0], "what a cache restores, any job can have written");
}

/// What another job has put into the runner's cache is not run, not even to ask it for its version.
#[test]
fn a_kept_build_runs_only_with_its_pinned_checksum() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let checkout = Checkout::with("");
    let mut runner = Runner::new(without_keys(&world));
    stub_cargo(folder.path(), &mut runner);
    let builds = || fs::read_to_string(folder.path().join("built")).unwrap().lines().count();
    let summed = Command::new("sha256sum").arg(BINARY).output().unwrap();
    let pinned = String::from_utf8(summed.stdout).unwrap()[..64].to_owned();
    let mut run = |sha256: &str, poisoned: bool| {
        if poisoned {
            let script = format!("#!/bin/sh\ntouch {}/owned\nexec {BINARY} \"$@\"\n", folder.path().display());
            fs::write(kept_build(&runner), script).unwrap();
        }
        let mut inputs = schema("source");
        inputs.insert("build-sha256".to_owned(), json!(sha256));
        runner.action(&checkout.action(), &inputs);
        assert!(!folder.path().join("owned").exists(), "it ran: {}", runner.log);
        (runner.standing, builds())
    };
    assert_eq!(run("", false), (Standing::Well, 1));
    assert_eq!(run(&pinned, false), (Standing::Well, 1), "it is used again");
    assert_eq!(run(&pinned, true), (Standing::Well, 2), "it is not what is pinned");
    assert_eq!(run(&pinned, false), (Standing::Well, 2), "the new build is kept");
    assert_eq!(run("", true), (Standing::Well, 3), "nothing is pinned");
    assert_eq!(run("0123\n::error::x", false), (Standing::Failed, 3));
    assert!(runner.log.contains("build-sha256 must be 64 hexadecimal digits"), "{}", runner.log);
}

/// Neither stream of any step has a line that an input began.
#[test]
fn an_input_with_several_lines_begins_no_line_of_the_log() {
    let world = World::new();
    let hostile = "x\r\n::error title=forged::y\n##[error]z";
    for name in ["version", "downloads", "command", "image", "build-sha256", "args", "report"] {
        let mut runner = Runner::new(without_keys(&world));
        let mut with = inputs(&Downloads::of(Release::of_the_built_binary()), &[("command", "schema")]);
        with.insert(name.to_owned(), json!(hostile));
        runner.action(&Checkout::pinned().action(), &with);
        let forged = |line: &str| line.trim_start().starts_with("::error title=forged") || line.contains("##[");
        assert!(!runner.log.lines().any(forged), "{name}: {}", runner.log);
        assert!(!runner.summary.contains("##["), "{name}: {}", runner.summary);
    }
}

#[test]
fn a_version_that_nobody_has_pinned_is_refused() {
    let world = World::new();
    for version in ["9.9.9", "../1", "1;id"] {
        let mut runner = Runner::new(without_keys(&world));
        runner.action(&Checkout::pinned().action(), &schema(version));
        assert_eq!(runner.standing, Standing::Failed, "{}", runner.log);
        let told =
            format!("version {version} has no checksum in this commit of the action, which knows: {VERSION} source");
        assert!(runner.log.contains(&told), "{}", runner.log);
        assert_eq!(runner.code("shipgate"), None);
    }
}

#[test]
fn the_newest_release_is_the_last_that_is_none_before_its_time() {
    let world = World::new();
    let line = Release::of_the_built_binary().checksum_line();
    let older = line.replace(VERSION, "0.0.9");
    let coming = line.replace(VERSION, "9.0.0-rc.1");
    let elsewhere = line.replace(VERSION, "9.0.0").replace("x86_64-unknown-linux-musl", "aarch64-apple-darwin");
    let mut runner = Runner::new(without_keys(&world));
    let downloads = Downloads::of(Release::of_the_built_binary());
    let checkout = Checkout::with(&[older, line, coming, elsewhere].concat());
    runner.action(&checkout.action(), &inputs(&downloads, &[("command", "schema")]));
    assert_eq!(runner.standing, Standing::Well, "{}", runner.log);
    assert!(runner.log.contains(&format!("shipgate {VERSION}, whose checksum the action has")), "{}", runner.log);
    runner.action(&checkout.action(), &inputs(&downloads, &[("version", "v9.0.0-rc.1"), ("command", "schema")]));
    assert!(runner.log.contains("shipgate 9.0.0-rc.1, whose checksum the action has"), "{}", runner.log);
    assert_eq!(runner.standing, Standing::Failed, "nobody serves it");
}

#[test]
fn another_checksum_than_the_pinned_one_runs_nothing() {
    let world = World::new();
    world.push("v1", &[]);
    let release = Release::of_the_built_binary();
    let downloads = Downloads::of(release);
    let other = release.checksum_line().replace(&release.sha256, &"0".repeat(64));
    let mut runner = runner_in(&world, "v1");
    runner.action(&Checkout::with(&other).action(), &inputs(&downloads, &[]));
    assert_eq!((runner.standing, runner.code("Get shipgate")), (Standing::Failed, Some(1)), "{}", runner.log);
    assert!(runner.log.contains("refused: ") && runner.log.contains(&"0".repeat(64)), "{}", runner.log);
    assert_eq!(runner.code("shipgate"), None, "{}", runner.log);
    assert!(!runner.log.contains("install: shipgate "), "it ran: {}", runner.log);
    assert!(!Path::new(&runner.environment["RUNNER_TEMP"]).join("shipgate/shipgate").exists());
    assert!(runner.log.contains("shipgate was not installed: there is nothing to sweep"), "{}", runner.log);
    assert!(world.orders().is_empty());
}
