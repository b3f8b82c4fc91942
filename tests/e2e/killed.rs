//! Runs that are stopped or killed at any moment: nothing of them is left, at the latest after the next run.

use std::{
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use crate::{
    verifying::Loaded,
    world::{Ran, shipgate, signal},
};

/// The longest that a run is left alone before its signal: past its container's start.
const LATEST: u64 = 2_500;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the engine has that is labelled with a process as its owner: containers, networks, images, volumes.
fn left_by(process: u32) -> Vec<String> {
    let label = r#"{{.Label "shipgate.owner"}}"#;
    let with_owner = |kind: &str, list: &[&str], name: &str| {
        let format = format!("{name} {label}");
        let arguments = [list, &["--filter", "label=shipgate.owner", "--format", format.as_str()]].concat();
        docker(&arguments).lines().map(|line| format!("{kind} {line}")).collect::<Vec<_>>()
    };
    let mut all = with_owner("container", &["ps", "-a"], "{{.Names}}");
    all.extend(with_owner("network", &["network", "ls"], "{{.Name}}"));
    all.extend(with_owner("volume", &["volume", "ls"], "{{.Name}}"));
    for image in docker(&["image", "ls", "-q", "--filter", "label=shipgate.owner"]).lines() {
        // Another test may just have removed it: then it is nobody's.
        let inspected = Command::new("docker")
            .args(["image", "inspect", "--format", r#"{{index .Config.Labels "shipgate.owner"}}"#, image])
            .output()
            .unwrap();
        all.push(format!("image {image} {}", String::from_utf8_lossy(&inspected.stdout).trim()));
    }
    all.retain(|line| line.split('/').rev().nth(1) == Some(process.to_string().as_str()));
    all
}

/// A run of `shipgate verify` that would take long.
fn begin(image: &Loaded) -> Child {
    let mut command = shipgate();
    command.args(["verify", &image.name, "--health-path", "/"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn slow() -> Loaded {
    Loaded::app("slow", &[("DEMO_FAIL", "slow:20000")])
}

fn quick_run() {
    let image = Loaded::app("quick", &[("DEMO_FAIL", "exit:3")]);
    let ran: Ran = shipgate().args(["verify", &image.name]).output().unwrap().into();
    assert_eq!(ran.code, 6, "{}", ran.said());
}

/// Ten runs that get the signal at ten moments; after each, `after` is called and nothing may be left.
fn at_ten_moments(name: &str, code: Option<i32>, after: impl Fn()) {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let image = slow();
    for round in 0..10 {
        let moment = random.u64(..LATEST);
        let case = format!("seed {seed}, round {round}: {name} after {moment} ms");
        let mut run = begin(&image);
        sleep(Duration::from_millis(moment));
        signal(&run, name);
        let ended = run.wait().unwrap().code();
        // Before it has begun to listen, a signal ends a process as it ends any.
        assert!(ended == code || (ended.is_none() && moment < 200), "{case}: {ended:?}");
        after();
        let left = left_by(run.id());
        assert!(left.is_empty(), "{case}: {left:?}");
    }
}

#[test]
fn an_interrupt_at_any_moment_leaves_nothing() {
    at_ten_moments("INT", Some(130), || ());
}

#[test]
fn a_termination_at_any_moment_leaves_nothing() {
    at_ten_moments("TERM", Some(143), || ());
}

#[test]
fn what_a_kill_at_any_moment_leaves_the_next_run_removes() {
    at_ten_moments("KILL", None, quick_run);
}

/// Waits until a run has its container.
fn container_of(run: &Child) -> Vec<String> {
    for _ in 0..200 {
        let left = left_by(run.id());
        if left.iter().any(|line| line.starts_with("container")) {
            return left;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("the run never had a container");
}

#[test]
fn a_run_removes_what_a_killed_one_left_and_nothing_of_a_living_one() {
    let image = slow();
    let (mut living, mut killed) = (begin(&image), begin(&image));
    let of_the_living = container_of(&living);
    container_of(&killed);
    // What else a check may make: a network with somebody attached, an image of its own, and a pull that was not done.
    let network = format!("shipgate-e2e-{:016x}", fastrand::u64(..));
    let label = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
    let owner = format!("shipgate.owner={}", label(&container_of(&killed)[0]));
    docker(&["network", "create", "--label", "shipgate.run=e2e", "--label", &owner, &network]);
    let guest = docker(&["run", "-d", "--network", &network, &image.name]);
    let pulled = Loaded::app("pulled", &[]);
    let marks = format!("shipgate.image={}", pulled.name);
    let volume = docker(&["volume", "create", "--label", "shipgate.run=e2e", "--label", &owner, "--label", &marks]);
    let made = format!("shipgate-e2e/made:{:016x}", fastrand::u64(..));
    let change = format!("LABEL shipgate.run=e2e {owner}");
    docker(&["commit", "--change", &change, guest.trim(), &made]);

    signal(&killed, "KILL");
    killed.wait().unwrap();
    assert!(left_by(killed.id()).len() >= 4, "{:?}", left_by(killed.id()));
    quick_run();
    let left = left_by(killed.id());
    let is_there = |name: &str| !docker(&["image", "ls", "-q", name]).is_empty();
    let (made_is_there, pulled_is_there) = (is_there(&made), is_there(&pulled.name));
    docker(&["rm", "-f", guest.trim()]);
    assert!(left.is_empty(), "{left:?}");
    assert!(!made_is_there, "the image that the killed run made");
    assert!(!pulled_is_there, "the image of the marked pull");
    assert!(!docker(&["volume", "ls", "-q"]).contains(volume.trim()), "the marker");
    assert_eq!(left_by(living.id()), of_the_living, "the living run's");
    signal(&living, "TERM");
    assert_eq!(living.wait().unwrap().code(), Some(143));
    assert!(left_by(living.id()).is_empty());
}

#[test]
fn sweep_removes_what_a_killed_run_left_and_begins_nothing() {
    let image = slow();
    let (mut living, mut killed) = (begin(&image), begin(&image));
    let of_the_living = container_of(&living);
    container_of(&killed);
    signal(&killed, "KILL");
    killed.wait().unwrap();
    let ran: Ran = shipgate().arg("sweep").output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("removed container "), "{}", ran.said());
    assert!(left_by(killed.id()).is_empty(), "{:?}", left_by(killed.id()));
    assert_eq!(left_by(living.id()), of_the_living, "the living run's");
    signal(&living, "TERM");
    assert_eq!(living.wait().unwrap().code(), Some(143));
    let nowhere: Ran = shipgate().arg("sweep").env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap().into();
    assert_eq!(nowhere.code, 7, "{}", nowhere.said());
}
