//! The proof of what `deploy` promises, on a sandbox without containers: killed at any moment, or with any call lost or refused,
//! a run deploys once or not at all, says so by its exit code, and the same command again ends well.

mod calls;
mod concurrency;
mod kills;
mod states;

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};
use shipgate_container_check::packing::SelfLayer;
use shipgate_core::digest::Digest;

use crate::world::{LIVE, Ran, SEED, World};

/// A world for many deployments, one after the other: each version is another image, and each is proven on what the last
/// has left serving.
struct Ground {
    world: World,
    /// What serves, and is to serve until another one does.
    serving: Digest,
    versions: usize,
    /// What every run is told besides.
    arguments: &'static [&'static str],
}

/// A version that is about to be deployed.
struct Version {
    name: String,
    digest: Digest,
    /// The operations there were before it.
    before: usize,
}

impl Ground {
    fn new(arguments: &'static [&'static str]) -> Self {
        Self::with_seed("short_pages: true\n", arguments)
    }

    /// A ground whose seed says this besides.
    fn with_seed(seed: &str, arguments: &'static [&'static str]) -> Self {
        let world = World::with_seed(&format!("{SEED}scripted: true\n{seed}"));
        let serving = world.push_image("v0", &small(0));
        let ran: Ran = deploy(&world, "v0", &[]).output().unwrap().into();
        assert_eq!(ran.code, 0, "{}", ran.said());
        let mut ground = Self { world, serving, versions: 0, arguments };
        if !arguments.is_empty() {
            let version = ground.push();
            let ran = ground.run(&version);
            assert_eq!(ran.code, 0, "{}", ran.said());
            ground.serving = version.digest;
        }
        ground
    }

    /// A world without a service; for one deployment.
    fn empty() -> (World, Version) {
        let world = World::with_seed(&format!("{SEED}scripted: true\n"));
        let digest = world.push_image("v1", &small(1));
        (world, Version { name: "v1".to_owned(), digest, before: 0 })
    }

    /// Pushes the next version to the registry account.
    fn push(&mut self) -> Version {
        self.versions += 1;
        let name = format!("v{}", self.versions);
        let digest = self.world.push_image(&name, &small(self.versions));
        Version { name, digest, before: self.deployments() }
    }

    fn command(&self, version: &Version) -> Command {
        deploy(&self.world, &version.name, self.arguments)
    }

    fn run(&self, version: &Version) -> Ran {
        self.command(version).output().unwrap().into()
    }

    /// How many operations the service has had.
    fn deployments(&self) -> usize {
        service(&self.world)["Operations"].as_array().unwrap().len()
    }

    fn arn(&self) -> String {
        service(&self.world)["Service"]["ServiceArn"].as_str().unwrap().to_owned()
    }

    /// What serves just now.
    fn blue(&self) -> String {
        service(&self.world)["Blue"].as_str().unwrap_or("nothing").to_owned()
    }

    /// After a run that went wrong or not: at most one deployment of it, and what served serves unless that one succeeded.
    fn assert_sound(&self, version: &Version, what: &str) {
        let now = service(&self.world);
        let operations = now["Operations"].as_array().unwrap();
        let begun = operations.len() - version.before;
        assert!(begun <= 1, "{what}: {begun} deployments");
        let allowed = match operations[0]["Status"].as_str() {
            _ if begun == 0 => vec![&self.serving],
            Some("SUCCEEDED") => vec![&version.digest],
            // The traffic is switched before the operation ends.
            Some("IN_PROGRESS") => vec![&self.serving, &version.digest],
            _ => vec![&self.serving],
        };
        let serves = now["Blue"].as_str().unwrap_or("nothing");
        assert!(allowed.iter().any(|digest| digest.as_str() == serves), "{what}: {serves} serves: {now:#}");
    }

    /// The same command again, and all is as it should be: the version serves, it was deployed once, and nobody's hand is needed.
    fn assert_converges(&mut self, version: Version, what: &str) {
        self.world.fault(&no_fault());
        let ran = self.run(&version);
        assert_eq!(ran.code, 0, "{what}: the run after it: {}", ran.said());
        self.assert_deployed(version, what);
    }

    fn assert_deployed(&mut self, version: Version, what: &str) {
        let now = service(&self.world);
        assert_eq!(self.deployments() - version.before, 1, "{what}: {:#}", now["Operations"]);
        assert_eq!(now["Service"]["Status"], "RUNNING", "{what}");
        assert_eq!(now["Blue"], version.digest.as_str(), "{what}");
        if self.arguments.is_empty() {
            assert_eq!(self.world.tag(LIVE).as_ref(), Some(&version.digest), "{what}");
        }
        self.serving = version.digest;
    }
}

/// `deploy` of a version, without the local check: there are no containers here.
fn deploy(world: &World, version: &str, arguments: &[&str]) -> Command {
    let mut command = world.shipgate();
    command.env("VERSION", version).args(["deploy", "--no-verify"]).args(arguments);
    command
}

/// The one service as the sandbox sees it from inside.
fn service(world: &World) -> Value {
    world.control(None)["services"][0].clone()
}

/// A fault that strikes nothing: the list that it takes the place of is over.
fn no_fault() -> Value {
    json!({ "kind": "delay", "service": "none", "milliseconds": 0, "times": 0 })
}

/// An image that is small and unlike any other: a header of an executable, and a number.
fn small(number: usize) -> shipgate_container_check::packing::PackedImage {
    let mut executable = vec![0_u8; 64];
    executable[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (executable[16], executable[18], executable[20], executable[52], executable[54]) = (2, 62, 1, 64, 56);
    executable.extend(number.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("app");
    std::fs::write(&path, executable).unwrap();
    SelfLayer::of_executable(&path).unwrap().image(&[("DEMO_VERSION", &format!("v{number}"))])
}

/// Carries out cases side by side, several at a time, each worker on a ground of its own that is made anew when a case has failed on
/// it. All failures are told at the end.
fn side_by_side<C: Sync>(
    workers: usize,
    cases: &[C],
    ground: impl Fn() -> Ground + Sync,
    check: impl Fn(&mut Ground, &C) + Sync,
) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..workers.min(cases.len()) {
            scope.spawn(|| {
                let mut mine: Option<Ground> = None;
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut at_hand = mine.take().unwrap_or_else(&ground);
                    let checking = std::panic::AssertUnwindSafe(|| check(&mut at_hand, case));
                    match std::panic::catch_unwind(checking) {
                        Ok(()) => mine = Some(at_hand),
                        Err(panic) => failures.lock().unwrap().push(message(panic.as_ref())),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), cases.len(), failures.join("\n\n"));
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
