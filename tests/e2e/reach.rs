//! How the local check reaches a container, wherever its engine is and wherever shipgate runs itself: three applications get
//! the same verdicts everywhere, the ways that are not used are told with their reasons, and nothing is left on the engine.

mod engines;
mod proxy;
mod transports;

use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use self::engines::{Dockerd, Engine, Image, Interface, Network, Podman};
use crate::world::{Ran, shipgate};

/// What an application does and the exit code it is given, over TCP: where a published port accepts for all three.
const CASES: [(&str, i32); 3] = [("", 0), ("never-listen", 6), ("listen-local", 6)];

const FROM_HERE: &str = "dialled from here";
const FROM_BESIDE: &str = "dialled from a sidecar in its network namespace";

/// Why a shipgate that runs in no container shares no network with one.
const IN_NO_CONTAINER: &str = "same network: shipgate does not run in a container of this engine";

/// What every check here is told: short, with time enough for a busy machine.
fn words<'a>(image: &'a Image<'_>, behaviour: &'a str) -> Vec<&'a str> {
    let check = ["--health-interval", "1", "--unhealthy-threshold", "6", "--health-timeout", "1"];
    let mut words = vec!["verify", image.name(), "--pull", "never", "--output", "json", "-e", behaviour];
    words.extend(check);
    words
}

/// A check by a shipgate that runs on this machine.
fn here(engine: &Engine, words: &[&str]) -> Ran {
    shipgate().env("DOCKER_HOST", engine.host()).args(words).output().unwrap().into()
}

/// A check by a shipgate that runs in a container on this network, with the engine's socket mounted.
fn contained(engine: &Engine, image: &Image<'_>, network: &str, words: &[&str]) -> Ran {
    let socket = format!("{}:/var/run/docker.sock", engine.socket());
    let run = ["run", "--rm", "--network", network, "--volume", &socket, "--entrypoint", "/shipgate", image.name()];
    engine.docker(&run).args(words).output().unwrap().into()
}

fn event(ran: &Ran, kind: &str) -> Value {
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.into_iter().find(|event| event["event"] == kind).unwrap_or_else(|| panic!("no {kind}: {}", ran.said()))
}

/// Asserts that the three applications are judged right, are reached this way, and leave nothing; gives what was said of each.
fn assert_judged(engine: &Engine, way: &str, not_used: &[&str], check: impl Fn(&str) -> Ran) -> Vec<Ran> {
    let judge = |(failure, code): (&str, i32)| {
        let ran = check(&format!("DEMO_FAIL={failure}"));
        assert_eq!(ran.code, code, "`{failure}`: {}", ran.said());
        let started = event(&ran, "container-started");
        assert_eq!(started["way"], way, "{started}");
        let told: Vec<&str> = started["not_used"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(told, not_used, "`{failure}`");
        assert_eq!(event(&ran, "verified")["healthy"], code == 0);
        assert!(!ran.stdout.contains(r#""event":"warning""#), "{}", ran.said());
        assert_eq!(engine.left_of(started["container"].as_str().unwrap()), "", "`{failure}`");
        ran
    };
    CASES.map(judge).into()
}

fn finding(ran: &Ran) -> Value {
    event(ran, "verified")["finding"]["name"].clone()
}

/// Where the container's sockets can be seen, the two that nobody reaches are told apart.
fn assert_told_apart(judged: &[Ran]) {
    let findings: Vec<Value> = judged.iter().map(finding).collect();
    assert_eq!(findings, [Value::Null, "does-not-listen".into(), "listens-locally".into()]);
}

#[test]
fn from_the_host_by_the_containers_own_address() {
    let engine = Engine::of_this_machine();
    let image = engine.load();
    let judged = assert_judged(&engine, FROM_HERE, &[IN_NO_CONTAINER], |fails| here(&engine, &words(&image, fails)));
    assert_told_apart(&judged);
}

#[test]
fn from_the_host_by_a_sidecar_if_told_so() {
    let engine = Engine::of_this_machine();
    let image = engine.load();
    let judged = assert_judged(&engine, FROM_BESIDE, &[], |fails| {
        here(&engine, &[&words(&image, fails)[..], &["--reach", "sidecar"]].concat())
    });
    assert_told_apart(&judged);
}

#[test]
fn from_a_container_on_the_default_network() {
    let engine = Engine::of_this_machine();
    let image = engine.load();
    let judged =
        assert_judged(&engine, FROM_HERE, &[], |fails| contained(&engine, &image, "bridge", &words(&image, fails)));
    // The sockets cannot be seen from there: a sidecar looks.
    assert_told_apart(&judged);
}

/// Engines let nothing through from one bridge to another: the two must be on one network.
#[test]
fn from_a_container_on_a_network_of_its_own_by_one_that_both_are_attached_to() {
    let engine = Engine::of_this_machine();
    let (image, network) = (engine.load(), Network::new(&engine));
    let judged = assert_judged(&engine, FROM_HERE, &[], |fails| {
        let ran = contained(&engine, &image, network.name(), &words(&image, fails));
        // At once: the engine soon forgets.
        let container = event(&ran, "container-started")["container"].as_str().unwrap().to_owned();
        let actions = engine.network_events_of_run(&container);
        assert!(actions.iter().any(|(action, other)| action == "disconnect" && *other != container), "{actions:?}");
        assert_eq!(actions.last().unwrap().0, "destroy", "{actions:?}");
        ran
    });
    assert_told_apart(&judged);
}

/// The other engine's bridge has the addresses that this machine's own has: whoever dialled them would get to somebody else.
#[test]
fn from_afar_by_a_sidecar_and_never_by_a_published_port() {
    let dockerd = Dockerd::start();
    let engine = dockerd.engine();
    let image = engine.load();
    let published = engine.run(&["--detach", "--publish", "8080:8080", "-e", "DEMO_FAIL=never-listen", image.name()]);
    TcpStream::connect((dockerd.address(), 8080)).expect("the engine's proxy accepts for what does not listen");
    engine.remove(&published);
    let elsewhere = format!(
        "the container's own address, engine {}: the engine is on another host ({})",
        engine.host(),
        dockerd.address()
    );
    let proxy =
        "a published port: never used: an engine's proxy accepts connections for an application that does not listen";
    let judged = assert_judged(engine, FROM_BESIDE, &[IN_NO_CONTAINER, &elsewhere, proxy], |fails| {
        here(engine, &words(&image, fails))
    });
    assert_told_apart(&judged);
}

/// The engine's machine is this one, and its bridge is not: what answers here at the container's address is somebody else.
#[test]
fn who_answers_at_the_containers_address_is_not_taken_for_it() {
    let net = format!("10.214.{}", fastrand::u8(..));
    let _interface = Interface::with(&[&format!("{net}.1/24"), &format!("{net}.2/24")]);
    let somebody = TcpListener::bind(format!("{net}.2:8080")).unwrap();
    let dockerd = Dockerd::with_bridge(&format!("{net}.1/24"));
    let engine = dockerd.engine();
    let image = engine.load();
    let ran = here(engine, &words(&image, "DEMO_FAIL=never-listen"));
    assert_eq!(ran.code, 6, "{}", ran.said());
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ways: Vec<Value> =
        events.filter(|event| event["event"] == "container-started").map(|event| event["way"].clone()).collect();
    assert_eq!(ways, [FROM_HERE, FROM_BESIDE], "{}", ran.said());
    // Whoever insists is told that nothing is known, and never that all is well.
    let insisted = here(engine, &[&words(&image, "DEMO_FAIL=never-listen")[..], &["--reach", "same-network"]].concat());
    assert_eq!(insisted.code, 7, "{}", insisted.said());
    drop(somebody);
}

#[test]
fn on_podman_by_the_containers_own_address_and_by_a_sidecar() {
    let podman = Podman::start();
    let engine = podman.engine();
    let image = engine.load();
    let judged = assert_judged(engine, FROM_HERE, &[IN_NO_CONTAINER], |fails| here(engine, &words(&image, fails)));
    assert_told_apart(&judged);
    let judged = assert_judged(engine, FROM_BESIDE, &[], |fails| {
        here(engine, &[&words(&image, fails)[..], &["--reach", "sidecar"]].concat())
    });
    assert_told_apart(&judged);
}

/// A verdict on whatever runs at the host that the user named would be worse than none.
#[test]
fn another_programs_port_exits_7() {
    let engine = Engine::of_this_machine();
    let image = engine.load();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let reach = ["--reach", "127.0.0.1", "--port", &port, "--unhealthy-threshold", "1"];
    let judge = |behaviour: &str| {
        let mut words = words(&image, behaviour);
        words.retain(|word| !["--unhealthy-threshold", "6"].contains(word));
        here(&engine, &[&words[..], &reach].concat())
    };
    // It accepts before the container is started, whether or not the container would be healthy.
    for behaviour in ["DEMO_FAIL=", "DEMO_FAIL=never-listen"] {
        let ran = judge(behaviour);
        assert_eq!(ran.code, 7, "{}", ran.said());
        assert!(ran.said().contains("answers there before the container is started"), "{}", ran.said());
        assert!(!ran.stdout.contains(r#""event":"verified""#), "{}", ran.said());
    }
    // Now nobody does, and the refusal is this machine's.
    drop(other);
    let refused = judge("DEMO_FAIL=");
    assert_eq!(refused.code, 7, "{}", refused.said());
    assert!(refused.said().contains("is not the container's port"), "{}", refused.said());
    assert_eq!(engine.left_of(event(&refused, "container-started")["container"].as_str().unwrap()), "");
    // The container's own end is known whatever the way.
    assert_eq!(judge("DEMO_FAIL=exit:3").code, 6);
}
