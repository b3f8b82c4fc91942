//! What a release is made with: the package, the image, the notes, and the workflow that calls them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const BINARY: &str = env!("CARGO_BIN_EXE_shipgate");
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn ran(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Runs, must succeed, and gives what it said.
fn said(command: &mut Command) -> String {
    let output = ran(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Packs the tests' own binary, which is large, because nothing of it was optimised.
fn package(into: &Path, limit: &str) -> Output {
    let mut command = Command::new(root().join("scripts/package"));
    ran(command.args([BINARY, TARGET]).arg(into).env("SHIPGATE_PACKAGE_LIMIT", limit))
}

/// The verbs that `shipgate --help` lists.
fn verbs() -> BTreeSet<String> {
    let help = said(Command::new(BINARY).arg("--help"));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = commands.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    named.filter(|verb| *verb != "help").map(str::to_owned).collect()
}

#[test]
fn a_package_has_the_binary_a_page_for_every_verb_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    let packed = package(folder.path(), "1000000000");
    assert!(packed.status.success(), "{packed:?}");
    let name = format!("shipgate-{}-{TARGET}", env!("CARGO_PKG_VERSION"));
    let archive = folder.path().join(format!("{name}.tar.gz"));
    assert_eq!(String::from_utf8(packed.stdout).unwrap().trim(), archive.to_str().unwrap());
    said(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()));
    let content = folder.path().join(name);
    let version = said(Command::new(content.join("shipgate")).arg("--version"));
    assert_eq!(version.trim(), format!("shipgate {}", env!("CARGO_PKG_VERSION")));

    let pages: BTreeSet<String> = names_in(&content.join("man"));
    let expected = verbs().into_iter().map(|verb| format!("shipgate-{verb}.1"));
    for page in expected.chain(["shipgate.1".to_owned()]) {
        assert!(pages.contains(&page), "{page} is missing: {pages:?}");
    }
    assert!(!pages.contains("shipgate-demo-app.1"), "what is hidden has no page");
    let typeset = ran(Command::new("groff").args(["-man", "-ww", "-z", "-Kutf8"]).args(paths_in(&content.join("man"))));
    assert!(typeset.status.success() && typeset.stderr.is_empty(), "{}", String::from_utf8_lossy(&typeset.stderr));

    let completions = content.join("completions");
    assert_eq!(names_in(&completions).len(), 3);
    said(Command::new("bash").arg("-n").arg(completions.join("shipgate.bash")));
    for rest in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"] {
        assert!(content.join(rest).is_file(), "{rest}");
    }
}

#[test]
fn a_package_that_is_too_large_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let packed = package(folder.path(), "1000");
    assert!(!packed.status.success());
    assert!(String::from_utf8_lossy(&packed.stderr).contains("bytes compressed (limit 1000)"), "{packed:?}");
}

#[test]
fn manual_pages_that_cannot_be_written_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "old").unwrap();
    let refused = ran(Command::new(BINARY).args(["man", "--dir"]).arg(&taken));
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("could not write the manual pages"), "{refused:?}");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "old");
    assert!(said(Command::new(BINARY).arg("man")).contains(".TH shipgate 1"));
}

#[test]
fn the_image_holds_the_binary_and_the_authorities_and_nothing_else() {
    let context = tempfile::tempdir().unwrap();
    fs::copy(BINARY, context.path().join("shipgate-amd64")).unwrap();
    fs::write(context.path().join("ca-certificates.crt"), "authorities").unwrap();
    let name = format!("shipgate-test/release:{}", std::process::id());
    let mut build = Command::new("docker");
    build.args(["build", "--quiet", "--tag", &name, "--file"]).arg(root().join("Dockerfile")).arg(context.path());
    said(&mut build);
    let container = said(Command::new("docker").args(["create", &name]));
    let listing = Command::new("sh")
        .args(["-c", "docker export \"$1\" | tar -t", "sh", container.trim()])
        .output()
        .map(|output| String::from_utf8(output.stdout).unwrap());
    let entrypoint = said(Command::new("docker").args(["inspect", "--format", "{{json .Config.Entrypoint}}", &name]));
    said(Command::new("docker").args(["rm", container.trim()]));
    said(Command::new("docker").args(["rmi", &name]));
    // What the engine itself puts into every container that it makes.
    let engines = ["dev/", "proc/", "sys/", ".dockerenv", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"];
    let listing = listing.unwrap();
    let files = listing.lines().filter(|path| !engines.iter().any(|engine| path.starts_with(engine)));
    let files: BTreeSet<&str> = files.filter(|path| !path.ends_with('/')).collect();
    assert_eq!(files, BTreeSet::from(["etc/ssl/certs/ca-certificates.crt", "shipgate"]));
    assert_eq!(entrypoint.trim(), r#"["/shipgate"]"#);
}

#[test]
fn a_tag_that_is_not_the_version_or_has_no_notes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scripts")).unwrap();
    let script = folder.path().join("scripts/release-notes");
    fs::copy(root().join("scripts/release-notes"), &script).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nversion = \"1.2.3\"\n").unwrap();
    let changelog =
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n### Added\n- It.\n\n## [1.2.2]\n- Old.\n";
    fs::write(folder.path().join("CHANGELOG.md"), changelog).unwrap();
    assert_eq!(said(Command::new(&script).arg("1.2.3")).trim(), "### Added\n- It.");
    let other = ran(Command::new(&script).arg("1.2.2"));
    assert!(String::from_utf8_lossy(&other.stderr).contains("has version 1.2.3, and the tag says 1.2.2"), "{other:?}");
    fs::write(folder.path().join("CHANGELOG.md"), "# Changelog\n\n## [Unreleased]\n- It.\n").unwrap();
    let early = ran(Command::new(&script).arg("1.2.3"));
    assert!(!early.status.success() && early.stdout.is_empty(), "{early:?}");
    assert!(String::from_utf8_lossy(&early.stderr).contains("no section \"## [1.2.3]\""), "{early:?}");
}

#[test]
fn the_workflow_builds_platforms_that_are_watched_with_actions_that_are_pinned() {
    let (workflow, watched) = (read(".github/workflows/release.yml"), read("deny.toml"));
    let targets = targets_of(&workflow);
    assert_eq!(targets.len(), 4, "{targets:?}");
    for target in &targets {
        assert!(watched.contains(&format!("\"{target}\"")), "deny.toml does not name {target}");
    }
    let uses: Vec<&str> = workflow.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, used)| used).collect();
    assert!(uses.len() > 4, "{uses:?}");
    for used in uses {
        assert!(pinned(used), "{used}");
    }
}

fn paths_in(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    paths_in(folder).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The `target:`s of the workflow's matrix.
fn targets_of(workflow: &str) -> Vec<&str> {
    let entries = workflow.lines().filter_map(|line| line.trim().strip_prefix("- { target: "));
    entries.filter_map(|entry| entry.split(',').next()).collect()
}

/// Whether an action is named by a commit, with its version beside it.
fn pinned(used: &str) -> bool {
    let Some((_, rest)) = used.split_once('@') else { return false };
    let Some((commit, version)) = rest.split_once(" # v") else { return false };
    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) && !version.is_empty()
}
