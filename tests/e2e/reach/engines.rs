//! Engines for the tests of reaching: this machine's Docker, a second dockerd that listens on TCP in a network namespace of its
//! own, and Podman's service on a socket. The last two are made for one test, and gone with it.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{layer, signal};

/// The label of everything that shipgate makes on an engine: the run it belongs to.
const RUN_LABEL: &str = "shipgate.run";

/// An engine that speaks Docker's protocol.
pub(super) struct Engine {
    host: String,
    /// Whether others use it too: then what is labelled may be theirs.
    shared: bool,
}

impl Engine {
    pub(super) fn of_this_machine() -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        Self { host, shared: true }
    }

    /// As in `DOCKER_HOST`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The path of its socket.
    pub(super) fn socket(&self) -> &str {
        self.host.strip_prefix("unix://").expect("the engine listens on a socket")
    }

    pub(super) fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_CONTEXT").args(["--host", &self.host]).args(arguments).stdin(Stdio::null());
        command
    }

    /// What a command says.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The demo's application, for as long as the image is held. How it behaves, each container is told.
    pub(super) fn load(&self) -> Image<'_> {
        let name = format!("shipgate-e2e/reach:{:016x}", fastrand::u64(..));
        let archive = layer().image(&[]).docker_archive(&name).unwrap();
        let mut load = self.docker(&["load"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(&archive).unwrap();
        assert!(load.wait().unwrap().success(), "docker load");
        Image { engine: self, name }
    }

    /// Runs a container, and gives what the command says: with `--detach` its id.
    pub(super) fn run(&self, arguments: &[&str]) -> String {
        self.said(&[&["run"], arguments].concat())
    }

    pub(super) fn remove(&self, container: &str) {
        self.said(&["rm", "--force", "--volumes", container]);
    }

    /// What the run of a container that is gone has left: its containers, images and networks, one a line.
    pub(super) fn left_of(&self, container: &str) -> String {
        let filter = if self.shared {
            format!("label={RUN_LABEL}={}", self.run_of(container))
        } else {
            format!("label={RUN_LABEL}")
        };
        let lists: [&[&str]; 3] = [&["ps", "--all"], &["images", "--all"], &["network", "ls"]];
        let left = lists.map(|list| self.said(&[list, &["--quiet", "--filter", &filter]].concat()));
        left.join("\n").trim().to_owned()
    }

    /// The run that a container belonged to. The engine remembers what happened to it lately, its labels with it.
    fn run_of(&self, container: &str) -> String {
        let events = self.events(&format!("container={container}"));
        let run = events.last().unwrap_or_else(|| panic!("nothing is known of {container}"))["Actor"]["Attributes"]
            [RUN_LABEL]
            .clone();
        run.as_str().expect("it was labelled with its run").to_owned()
    }

    /// What happened to the network of the container's run, and which container was concerned.
    pub(super) fn network_events_of_run(&self, container: &str) -> Vec<(String, String)> {
        let network = format!("network=shipgate-{}", self.run_of(container));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = |event: Value| (text(&event["Action"]), text(&event["Actor"]["Attributes"]["container"]));
        self.events(&network).into_iter().map(told).collect()
    }

    fn events(&self, filter: &str) -> Vec<Value> {
        // Whole seconds, so that it takes the next one to have all of this.
        let words = ["events", "--since", "10m", "--until=-1s", "--format", "{{json .}}", "--filter", filter];
        self.said(&words).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// An image of an engine, forgotten when this is dropped.
pub(super) struct Image<'a> {
    engine: &'a Engine,
    name: String,
}

impl Image<'_> {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        self.engine.docker(&["rmi", "--force", &self.name]).output().ok();
    }
}

/// A network that a test has to itself.
pub(super) struct Network<'a> {
    engine: &'a Engine,
    name: String,
}

impl<'a> Network<'a> {
    pub(super) fn new(engine: &'a Engine) -> Self {
        let name = format!("shipgate-e2e-{:016x}", fastrand::u64(..));
        engine.said(&["network", "create", &name]);
        Self { engine, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        self.engine.docker(&["network", "rm", &self.name]).output().ok();
    }
}

/// A dockerd in a network namespace of its own, as a Docker-in-Docker service is one: its TCP port is all there is of it here.
pub(super) struct Dockerd {
    process: Child,
    engine: Engine,
    namespace: Namespace,
    folder: TempDir,
}

impl Dockerd {
    pub(super) fn start() -> Self {
        Self::start_with(&[])
    }

    /// One that is spoken to over a socket of this machine, and whose bridge has this address in its own namespace.
    pub(super) fn with_bridge(address: &str) -> Self {
        let mut dockerd = Self::start_with(&["--bip", address]);
        let socket = format!("unix://{}", dockerd.folder.path().join("docker.sock").display());
        dockerd.engine.host = socket;
        dockerd
    }

    fn start_with(arguments: &[&str]) -> Self {
        let namespace = Namespace::new();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        // An empty file, so that it is not the machine's that is read.
        fs::write(at("daemon.json"), "{}").unwrap();
        let host = format!("tcp://{}:2375", namespace.address);
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/var/run/netns/{}", namespace.name)).args(["dockerd", "--host", &host]);
        command.args(["--config-file", &at("daemon.json"), "--pidfile", &at("pid"), "--storage-driver", "vfs"]);
        // Published ports by its proxy alone, as rootless engines and those of virtual machines have them.
        command.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--iptables=false"]);
        command.args(["--host", &format!("unix://{}", at("docker.sock"))]).args(arguments);
        let process = started(command, "API listen on", &folder.path().join("log"));
        Self { process, engine: Engine { host, shared: false }, namespace, folder }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where its host is.
    pub(super) fn address(&self) -> &str {
        &self.namespace.address
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        signal(&self.process, "TERM");
        self.process.wait().ok();
    }
}

/// A network namespace with a line to this one.
struct Namespace {
    name: String,
    /// The address at its end.
    address: String,
}

impl Namespace {
    fn new() -> Self {
        let (number, name) = (fastrand::u16(..1 << 14), format!("sge2e{:08x}", fastrand::u32(..)));
        let address = |end: u16| format!("10.213.{}.{}", number >> 6, (number & 63) * 4 + end);
        let (near, far) = (address(1), address(2));
        ip(&["netns", "add", &name]);
        let made = Self { name, address: far };
        let (name, far) = (made.name.as_str(), made.address.as_str());
        ip(&["link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name]);
        ip(&["address", "add", &format!("{near}/30"), "dev", name]);
        ip(&["link", "set", name, "up"]);
        ip(&["-netns", name, "address", "add", &format!("{far}/30"), "dev", "eth0"]);
        ip(&["-netns", name, "link", "set", "eth0", "up"]);
        ip(&["-netns", name, "link", "set", "lo", "up"]);
        made
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for words in [["link", "delete", &self.name], ["netns", "delete", &self.name]] {
            Command::new("ip").args(words).output().ok();
        }
    }
}

/// An interface of this machine with these addresses, as somebody else's bridge.
pub(super) struct Interface(String);

impl Interface {
    pub(super) fn with(addresses: &[&str]) -> Self {
        let made = Self(format!("sgi{:08x}", fastrand::u32(..)));
        ip(&["link", "add", &made.0, "type", "bridge"]);
        for address in addresses {
            ip(&["address", "add", address, "dev", &made.0]);
        }
        ip(&["link", "set", &made.0, "up"]);
        made
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        Command::new("ip").args(["link", "delete", &self.0]).output().ok();
    }
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("ip is there: scripts/setup podman installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "these tests make network namespaces, which takes root: ip {words:?}: {said}");
}

/// Podman's service on a socket, with a store of its own.
pub(super) struct Podman {
    process: Child,
    engine: Engine,
    _folder: TempDir,
}

impl Podman {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        // What it gives containers by itself is more than a machine may have to give.
        let limits = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
        fs::write(at("containers.conf"), limits).unwrap();
        let host = format!("unix://{}", at("podman.sock"));
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", at("containers.conf")).args(["--log-level", "info"]);
        command.args(["--root", &at("root"), "--runroot", &at("run"), "--storage-driver", "vfs"]);
        command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        command.args(["system", "service", "--time", "0", &host]);
        let process = started(command, "API service listening on", &folder.path().join("log"));
        Self { process, engine: Engine { host, shared: false }, _folder: folder }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // What a failed test has left would outlive the service: its containers are no children of it. The newest, a sidecar
        // of another, comes first.
        let left = self.engine.docker(&["ps", "--all", "--quiet"]).output();
        for container in String::from_utf8_lossy(&left.map(|left| left.stdout).unwrap_or_default()).lines() {
            self.engine.docker(&["rm", "--force", container]).output().ok();
        }
        signal(&self.process, "TERM");
        self.process.wait().ok();
    }
}

/// Starts a daemon, and waits until it says that it listens. What it says after that goes to a file.
fn started(mut command: Command, sign: &str, rest: &Path) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/setup docker podman installs what it takes"));
    let mut log: BufReader<ChildStderr> = BufReader::new(process.stderr.take().unwrap());
    let mut said = String::new();
    while !said.lines().last().is_some_and(|line| line.contains(sign)) {
        assert!(
            log.read_line(&mut said).unwrap() > 0,
            "it does not start (these tests take root): {command:?}\n{said}"
        );
    }
    let mut rest = File::create(rest).unwrap();
    std::thread::spawn(move || std::io::copy(&mut log, &mut rest));
    process
}
