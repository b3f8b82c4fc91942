//! What a job of any CI finds: a checkout with the examples' configuration, a place where releases are, the sandbox for AWS. And what
//! every example promises, whatever the CI.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    cloud::{Trusted, seed},
    job::{Ended, Variables, run, without_keys},
    project,
    release::{Downloads, INSTALL, Release, VERSION},
};
use crate::world::{LIVE, World};

/// A world, and a job's machine.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) downloads: Downloads,
    folder: TempDir,
}

impl Stage {
    pub(super) fn new(trusted: Trusted<'_>) -> Self {
        let stage = Self {
            world: World::with_seed(&seed(trusted)),
            downloads: Downloads::of(Release::of_the_built_binary()),
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(stage.folder.path().join("home")).unwrap();
        fs::create_dir_all(stage.folder.path().join("bin")).unwrap();
        prepare(&stage.workspace());
        stage
    }

    /// The job's checkout.
    pub(super) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// What the job has before its CI adds anything: no keys, nobody's home.
    pub(super) fn variables(&self) -> Variables {
        let mut variables = without_keys(&self.world);
        let place = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let path = format!("{}:{}", place("bin"), variables["PATH"]);
        variables.extend([("HOME".to_owned(), place("home")), ("PATH".to_owned(), path)]);
        variables
    }

    /// What a user fills in: the release, its checksum, and where it is.
    pub(super) fn fill_in(&self, variables: &mut Variables) {
        let release = Release::of_the_built_binary();
        for (name, value) in [
            ("SHIPGATE_VERSION", VERSION),
            ("SHIPGATE_SHA256", release.sha256.as_str()),
            ("SHIPGATE_DOWNLOADS", self.downloads.address.as_str()),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Puts a program of the CI on the job's PATH.
    pub(super) fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script of the job with this shell.
    pub(super) fn script(&self, shell: &[&str], script: &str, variables: &Variables) -> Ended {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(script).current_dir(self.workspace());
        run(&mut command, variables, None)
    }
}

/// A checkout: the configuration, and the script that its users copy.
fn prepare(workspace: &Path) {
    fs::create_dir_all(workspace.join("ci")).unwrap();
    fs::copy(INSTALL, workspace.join("ci/install-shipgate.sh")).unwrap();
    fs::copy(project().join("pipeline-examples/shipgate.yaml"), workspace.join("shipgate.yaml")).unwrap();
}

/// The texts of a list, or the one text.
pub(super) fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all.iter().map(|line| line.as_str().unwrap().to_owned()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// Variables of a file, as text.
pub(super) fn pairs(value: &Value) -> Variables {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// A healthy image is deployed to prod. An unhealthy one ends the job with 6, and nothing has changed.
pub(super) fn deploys_and_gates(stage: &Stage, deploy: impl Fn(&str) -> Ended) {
    let world = &stage.world;
    let good = world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL", "status:500")]);
    let green = deploy("v1");
    assert_eq!(green.code, 0, "{}", green.log);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(good.clone())), "{}", green.log);
    assert!(!stage.downloads.asked().is_empty());
    let red = deploy("v2");
    assert_eq!(red.code, 6, "{}", red.log);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(good)), "{}", red.log);
    assert_eq!(world.orders(), ["CreateService"], "{}", red.log);
}

/// A job that the roles do not trust is refused, is told what would tell it more, and nothing has changed.
pub(super) fn is_refused(stage: &Stage, deploy: impl Fn(&str) -> Ended) {
    let version = format!("v{:016x}", fastrand::u64(..));
    stage.world.push(&version, &[]);
    let before = stage.world.orders();
    let refused = deploy(&version);
    assert_eq!(refused.code, 3, "{}", refused.log);
    assert!(refused.log.contains("shipgate doctor"), "the advice is named: {}", refused.log);
    assert_eq!(stage.world.orders(), before, "{}", refused.log);
}
