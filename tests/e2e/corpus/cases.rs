//! The table: small images and services, each with what the local check and App Runner must say of it.

use super::images::{ARM_PROGRAM, Image};

/// The settings of a service that matter to its health.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) protocol: &'static str,
    pub(super) path: &'static str,
    pub(super) interval: i32,
    pub(super) timeout: i32,
    pub(super) healthy_threshold: i32,
    pub(super) unhealthy_threshold: i32,
    pub(super) port: u16,
    pub(super) start_command: Option<&'static str>,
    /// vCPU and GB.
    pub(super) size: (&'static str, &'static str),
    pub(super) environment: &'static [(&'static str, &'static str)],
}

/// The quickest check that App Runner takes, over HTTP.
const SETTINGS: Settings = Settings {
    protocol: "http",
    path: "/",
    interval: 1,
    timeout: 1,
    healthy_threshold: 1,
    unhealthy_threshold: 3,
    port: 8080,
    start_command: None,
    size: ("1", "2"),
    environment: &[],
};

/// What the local check says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Local {
    Healthy,
    /// And warns of this finding.
    Warned(&'static str),
    /// With this finding.
    Unhealthy(&'static str),
}

/// An image, a service, and the two verdicts on them.
#[derive(Clone, Copy)]
pub(super) struct Case {
    /// Unique; fit for a tag and a service's name.
    pub(super) name: &'static str,
    /// What it does, for the documentation.
    pub(super) about: &'static str,
    pub(super) image: Image,
    pub(super) settings: Settings,
    pub(super) local: Local,
}

impl Case {
    /// What App Runner makes of the service: one it lets run, the other it fails to create.
    pub(super) fn cloud(&self) -> &'static str {
        match self.local {
            Local::Healthy | Local::Warned(_) => "RUNNING",
            Local::Unhealthy(_) => "CREATE_FAILED",
        }
    }
}

/// The demonstration's application, told to behave like this by the service.
const fn app(
    name: &'static str,
    about: &'static str,
    environment: &'static [(&'static str, &'static str)],
    local: Local,
) -> Case {
    with(name, about, Settings { environment, ..SETTINGS }, local)
}

const fn with(name: &'static str, about: &'static str, settings: Settings, local: Local) -> Case {
    Case { name, about, image: Image::App, settings, local }
}

const fn image(name: &'static str, about: &'static str, image: Image, local: Local) -> Case {
    Case { name, about, image, settings: SETTINGS, local }
}

/// The slowest first.
pub(super) const CASES: &[Case] = &[
    image("too-large", "unpacks to 3.1 GB", Image::Zeros, Local::Unhealthy("too-large")),
    with(
        "flaps",
        "answers 200 and 500 by turns, where two in a row decide",
        Settings { healthy_threshold: 2, unhealthy_threshold: 2, environment: &[("DEMO_FAIL", "flap")], ..SETTINGS },
        Local::Unhealthy("flaps"),
    ),
    with(
        "flaps-and-one-is-enough",
        "answers 200 and 500 by turns, where one pass decides",
        Settings { environment: &[("DEMO_FAIL", "flap")], ..SETTINGS },
        Local::Healthy,
    ),
    app("http", "answers 200 to a GET", &[], Local::Healthy),
    with("tcp", "accepts a connection", Settings { protocol: "tcp", ..SETTINGS }, Local::Healthy),
    with("port", "listens on the port it is given", Settings { port: 3000, ..SETTINGS }, Local::Healthy),
    with(
        "path",
        "answers 404 where it is asked",
        Settings { path: "/health", ..SETTINGS },
        Local::Unhealthy("answers-status"),
    ),
    app("status-204", "answers 204", &[("DEMO_FAIL", "status:204")], Local::Unhealthy("answers-status")),
    app("status-301", "redirects", &[("DEMO_FAIL", "status:301")], Local::Unhealthy("answers-status")),
    app("status-401", "wants authentication", &[("DEMO_FAIL", "status:401")], Local::Unhealthy("answers-status")),
    app("status-500", "answers 500", &[("DEMO_FAIL", "status:500")], Local::Unhealthy("answers-status")),
    with(
        "status-500-tcp",
        "answers 500, and is only asked for a connection",
        Settings { protocol: "tcp", environment: &[("DEMO_FAIL", "status:500")], ..SETTINGS },
        Local::Healthy,
    ),
    app("exits", "ends with code 3", &[("DEMO_FAIL", "exit:3")], Local::Unhealthy("exited")),
    app("exits-well", "ends with code 0", &[("DEMO_FAIL", "exit:0")], Local::Unhealthy("exited")),
    with(
        "healthy-threshold",
        "crashes before it has passed five times",
        Settings { healthy_threshold: 5, environment: &[("DEMO_FAIL", "crash-after:2500")], ..SETTINGS },
        Local::Unhealthy("exited"),
    ),
    app("dead-port", "listens nowhere", &[("DEMO_FAIL", "never-listen")], Local::Unhealthy("does-not-listen")),
    with(
        "dead-port-tcp",
        "listens nowhere, and is only asked for a connection",
        Settings { protocol: "tcp", environment: &[("DEMO_FAIL", "never-listen")], ..SETTINGS },
        Local::Unhealthy("does-not-listen"),
    ),
    app(
        "localhost-only",
        "listens on 127.0.0.1",
        &[("DEMO_FAIL", "listen-local")],
        Local::Unhealthy("listens-locally"),
    ),
    app("other-port", "listens on another port", &[("PORT", "9090")], Local::Unhealthy("listens-elsewhere")),
    app("not-http", "greets as no HTTP server does", &[("DEMO_FAIL", "not-http")], Local::Unhealthy("not-http")),
    app("tls", "speaks TLS", &[("DEMO_FAIL", "tls")], Local::Unhealthy("speaks-tls")),
    app("http2", "speaks HTTP/2 only", &[("DEMO_FAIL", "http2")], Local::Unhealthy("speaks-http2")),
    app("ipv6-only", "listens for IPv6 only", &[("DEMO_FAIL", "listen-ipv6")], Local::Unhealthy("listens-on-ipv6")),
    app("setuid", "needs privileges that a setuid program gives", &[("DEMO_FAIL", "need-privileges")], Local::Healthy),
    app(
        "timeout",
        "answers after 1.8 s, asked for 1 s",
        &[("DEMO_FAIL", "answer-after:1800")],
        Local::Unhealthy("answers-too-late"),
    ),
    with(
        "timeout-enough",
        "answers after 1.8 s, asked for 5 s",
        Settings { timeout: 5, environment: &[("DEMO_FAIL", "answer-after:1800")], ..SETTINGS },
        Local::Healthy,
    ),
    with(
        "too-slow",
        "listens after 3.4 s, where 2 s are given",
        Settings { unhealthy_threshold: 2, environment: &[("DEMO_FAIL", "slow:3400")], ..SETTINGS },
        Local::Unhealthy("too-slow"),
    ),
    with(
        "unhealthy-threshold",
        "listens after 3.4 s, where ten failures are forgiven",
        Settings { unhealthy_threshold: 10, environment: &[("DEMO_FAIL", "slow:3400")], ..SETTINGS },
        Local::Healthy,
    ),
    with(
        "interval",
        "listens after 3.4 s, probed every 5 s",
        Settings { interval: 5, environment: &[("DEMO_FAIL", "slow:3400")], ..SETTINGS },
        Local::Healthy,
    ),
    with(
        "memory",
        "takes more memory than it has",
        Settings {
            size: ("0.25", "0.5"),
            unhealthy_threshold: 20,
            environment: &[("DEMO_FAIL", "eat-memory")],
            ..SETTINGS
        },
        Local::Unhealthy("out-of-memory"),
    ),
    app(
        "ignores-sigterm",
        "does not end when it is told to",
        &[("DEMO_FAIL", "ignore-sigterm")],
        Local::Warned("ignores-sigterm"),
    ),
    Case {
        name: "start-command",
        about: "needs the service's start command",
        image: Image::Runs(&["/shipgate"]),
        settings: Settings { start_command: Some("demo-app"), ..SETTINGS },
        local: Local::Healthy,
    },
    Case {
        name: "start-command-no-shell",
        about: "has a start command that only a shell understands",
        image: Image::Runs(&["/shipgate"]),
        settings: Settings { start_command: Some("demo-app && true"), ..SETTINGS },
        local: Local::Unhealthy("exited"),
    },
    image(
        "no-command",
        "its command is not in the image",
        Image::Runs(&["/no/such/program"]),
        Local::Unhealthy("command-not-found"),
    ),
    image(
        "no-interpreter",
        "its script names an interpreter that is not in the image",
        Image::Program { content: b"#!/no/such/interpreter\n", mode: 0o755 },
        Local::Unhealthy("interpreter-not-found"),
    ),
    image(
        "windows-script",
        "its script has Windows line ends",
        Image::Program { content: b"#!/program\r\n", mode: 0o755 },
        Local::Unhealthy("interpreter-not-found"),
    ),
    image(
        "no-interpreter-line",
        "its program is a script without a first line `#!`",
        Image::Program { content: b"echo hello\n", mode: 0o755 },
        Local::Unhealthy("not-a-program"),
    ),
    image("no-user", "its user is not in the image", Image::Setting("User", "app"), Local::Unhealthy("user-not-found")),
    image("no-command-at-all", "does not say what to run", Image::NoCommand, Local::Unhealthy("no-command")),
    image(
        "file-as-directory",
        "its working directory is a file",
        Image::Setting("WorkingDir", "/program"),
        Local::Unhealthy("bad-working-directory"),
    ),
    image(
        "not-executable",
        "its program lacks the permission",
        Image::Program { content: b"#!/program\n", mode: 0o644 },
        Local::Unhealthy("not-executable"),
    ),
    image(
        "arm-program",
        "says linux/amd64, and its program is for ARM",
        Image::Program { content: ARM_PROGRAM, mode: 0o755 },
        Local::Unhealthy("wrong-architecture"),
    ),
    image("arm-image", "says linux/arm64", Image::Arm, Local::Unhealthy("wrong-architecture")),
];
