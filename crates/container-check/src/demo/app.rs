//! The application that the demonstration deploys: a small web server with failures on order. It is a hidden
//! subcommand of this program's own executable, so the demonstration needs no image from anywhere.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode, routing::get};
use socket2::{Domain, Socket, Type};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use super::environment::{encoded_environment, environment};
use shipgate_core::service::DEFAULT_PORT;

/// How the application is to fail (`DEMO_FAIL`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// `never-listen`: runs, and listens nowhere.
    NeverListen,
    /// `exit:CODE`: ends at once with this code.
    Exit(u8),
    /// `status:CODE`: answers every request with this HTTP status.
    Status(u16),
    /// `listen-local`: listens on 127.0.0.1 only.
    ListenLocal,
    /// `slow:MILLISECONDS`: begins to listen only after this time.
    Slow(Duration),
    /// `crash-after:MILLISECONDS`: listens and answers, and after this time ends with code 1.
    CrashAfter(Duration),
    /// `exit-after:MILLISECONDS`: listens nowhere, and after this time ends with code 1.
    ExitAfter(Duration),
    /// `eat-memory`: takes memory until there is no more.
    EatMemory,
    /// `ignore-sigterm`: serves, and does not end when it is told to.
    IgnoreSigterm,
    /// `flap`: answers 200 and 500 by turns, connection by connection.
    Flap,
    /// `sicken-after:MILLISECONDS`: answers 200, and 500 after this time.
    SickenAfter(Duration),
    /// `answer-after:MILLISECONDS`: answers each request only after this time.
    AnswerAfter(Duration),
    /// `not-http`: accepts connections, and greets over them as no HTTP server does.
    NotHttp,
    /// `tls`: answers each connection with an alert of TLS, as servers of TLS answer plain HTTP.
    Tls,
    /// `http2`: answers each connection with settings of HTTP/2, and nothing else.
    Http2,
    /// `listen-ipv6`: listens for IPv6 only.
    ListenIpv6,
    /// `need-privileges`: ends where its processes may gain no new privileges, as a program does that starts with `sudo`.
    NeedPrivileges,
    /// `print-environment`: writes every variable it was given, as careless programs do when they crash, and ends with
    /// code 1.
    PrintEnvironment,
    /// `print-encoded-environment`: the same, each value as programs encode it, in long lines and in broken ones.
    PrintEncodedEnvironment,
}

/// What the application is told by its environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppSettings {
    /// `DEMO_VERSION`: what `GET /` answers.
    pub version: String,
    /// `PORT`.
    pub port: u16,
    /// `DEMO_FAIL`.
    pub failure: Option<Failure>,
    /// The variable named by `DEMO_FAIL_WITH_SECRET`, if that variable is set: the application cannot run with it.
    pub fatal_secret: Option<String>,
    /// The variable named by `DEMO_FAIL_WITHOUT_SECRET`, if that variable is not set: the application cannot run without it.
    pub absent_secret: Option<String>,
}

/// A setting that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name} is `{value}`, which is not {expected}")]
pub struct InvalidSetting {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl AppSettings {
    /// Reads the settings, asking `lookup` for each variable by its name.
    ///
    /// # Errors
    /// [`InvalidSetting`] for a `PORT` or `DEMO_FAIL` that cannot be read.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let port = match lookup("PORT") {
            None => DEFAULT_PORT,
            Some(value) => value.parse().map_err(|_| InvalidSetting { name: "PORT", value, expected: "a port" })?,
        };
        let failure = match lookup("DEMO_FAIL").filter(|text| !text.is_empty()) {
            None => None,
            Some(value) => Some(failure(&value).ok_or(InvalidSetting {
                name: "DEMO_FAIL",
                value,
                expected: "never-listen, exit:CODE, status:CODE, listen-local, eat-memory, print-environment, \
                           print-encoded-environment, ignore-sigterm, flap, not-http, tls, http2, listen-ipv6, need-privileges, slow:MS, exit-after:MS, crash-after:MS, sicken-after:MS or answer-after:MS",
            })?),
        };
        Ok(Self {
            version: lookup("DEMO_VERSION").unwrap_or_else(|| "v0".to_owned()),
            port,
            failure,
            fatal_secret: lookup("DEMO_FAIL_WITH_SECRET").filter(|name| lookup(name).is_some()),
            absent_secret: lookup("DEMO_FAIL_WITHOUT_SECRET").filter(|name| lookup(name).is_none()),
        })
    }

    fn address(&self) -> SocketAddr {
        let local_only = self.failure == Some(Failure::ListenLocal);
        let host = if local_only { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        SocketAddr::new(IpAddr::V4(host), self.port)
    }
}

fn failure(text: &str) -> Option<Failure> {
    let (kind, argument) = text.split_once(':').map_or((text, None), |(kind, argument)| (kind, Some(argument)));
    let milliseconds = || argument.and_then(|text| text.parse().ok()).map(Duration::from_millis);
    match (kind, argument) {
        ("never-listen", None) => Some(Failure::NeverListen),
        ("listen-local", None) => Some(Failure::ListenLocal),
        ("eat-memory", None) => Some(Failure::EatMemory),
        ("print-environment", None) => Some(Failure::PrintEnvironment),
        ("print-encoded-environment", None) => Some(Failure::PrintEncodedEnvironment),
        ("ignore-sigterm", None) => Some(Failure::IgnoreSigterm),
        ("flap", None) => Some(Failure::Flap),
        ("not-http", None) => Some(Failure::NotHttp),
        ("tls", None) => Some(Failure::Tls),
        ("http2", None) => Some(Failure::Http2),
        ("listen-ipv6", None) => Some(Failure::ListenIpv6),
        ("need-privileges", None) => Some(Failure::NeedPrivileges),
        ("exit", Some(code)) => code.parse().ok().map(Failure::Exit),
        ("status", Some(code)) => code.parse().ok().filter(|code| (200..600).contains(code)).map(Failure::Status),
        ("slow", _) => milliseconds().map(Failure::Slow),
        ("exit-after", _) => milliseconds().map(Failure::ExitAfter),
        ("crash-after", _) => milliseconds().map(Failure::CrashAfter),
        ("sicken-after", _) => milliseconds().map(Failure::SickenAfter),
        ("answer-after", _) => milliseconds().map(Failure::AnswerAfter),
        _ => None,
    }
}

/// Runs the application until it is told to end (SIGTERM, SIGINT) or its failure ends it. Gives the exit code for the
/// process: 0 when it was told to end.
pub async fn serve(settings: AppSettings) -> u8 {
    if settings.failure == Some(Failure::IgnoreSigterm) {
        // Process 1 of a container ignores a signal that it has no handler for, and so does this.
        return run(&settings).await;
    }
    tokio::select! {
        code = run(&settings) => code,
        () = told_to_end() => {
            say("told to end, ending");
            0
        }
    }
}

async fn run(settings: &AppSettings) -> u8 {
    say(&format!("demo app {} starting", settings.version));
    if let Some(name) = &settings.fatal_secret {
        say(&format!("cannot reach the database: {name} names a host that does not answer"));
        return 1;
    }
    if let Some(name) = &settings.absent_secret {
        say(&format!("{name} is not set"));
        return 1;
    }
    match settings.failure {
        Some(Failure::Exit(code)) => {
            say(&format!("giving up with code {code}, as told"));
            code
        }
        Some(Failure::NeverListen) => {
            say("not listening, as told");
            std::future::pending().await
        }
        Some(Failure::ExitAfter(time)) => {
            tokio::time::sleep(time).await;
            say("ending, as told");
            1
        }
        Some(Failure::EatMemory) => {
            say("taking all the memory there is, as told");
            eat_memory().await
        }
        Some(Failure::PrintEnvironment) => {
            for line in environment() {
                say(&line);
            }
            1
        }
        Some(Failure::PrintEncodedEnvironment) => {
            for line in encoded_environment() {
                say(&line);
            }
            1
        }
        Some(Failure::Slow(time)) => {
            say(&format!("listening in {} ms, as told", time.as_millis()));
            tokio::time::sleep(time).await;
            listen(settings).await
        }
        Some(Failure::CrashAfter(time)) => {
            tokio::select! {
                code = listen(settings) => code,
                () = tokio::time::sleep(time) => {
                    say(&format!("crashing after {} ms, as told", time.as_millis()));
                    1
                }
            }
        }
        Some(Failure::NotHttp) => greet(settings, b"SSH-2.0-demo\r\n\r\n").await,
        Some(Failure::NeedPrivileges) if is_restricted() => {
            say("sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set?");
            1
        }
        // A fatal alert, `unexpected_message` (RFC 8446, section 6).
        Some(Failure::Tls) => greet(settings, b"\x15\x03\x03\0\x02\x02\x0a").await,
        // A frame of SETTINGS without any (RFC 9113, section 6.5).
        Some(Failure::Http2) => greet(settings, b"\0\0\0\x04\0\0\0\0\0").await,
        Some(
            Failure::Status(_)
            | Failure::ListenLocal
            | Failure::ListenIpv6
            | Failure::NeedPrivileges
            | Failure::IgnoreSigterm
            | Failure::Flap
            | Failure::SickenAfter(_)
            | Failure::AnswerAfter(_),
        )
        | None => listen(settings).await,
    }
}

/// Takes memory, and writes to it, because the kernel gives none before that. In large pieces: near the limit the kernel takes
/// back the pages of the program first, and the fewer of them are in use, the sooner it has nothing else to do than to kill.
async fn eat_memory() -> u8 {
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1_u8; 1 << 30]);
        tokio::task::yield_now().await;
    }
}

async fn listen(settings: &AppSettings) -> u8 {
    let address = settings.address();
    let served = async {
        let is_ipv6 = settings.failure == Some(Failure::ListenIpv6);
        let listener = if is_ipv6 { ipv6_listener(address.port())? } else { TcpListener::bind(address).await? };
        say(&format!("demo app {} listening on {}", settings.version, listener.local_addr()?));
        axum::serve(listener, router(settings)).await
    };
    match served.await {
        Ok(()) => 0,
        Err(error) => {
            say(&format!("cannot serve on {address}: {error}"));
            1
        }
    }
}

/// Whether the processes here may gain no new privileges (proc(5), `/proc/pid/status`).
fn is_restricted() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]))
}

/// Listens on every address of IPv6, and on none of IPv4.
fn ipv6_listener(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(true)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Greets with these bytes, and hangs up: `SSH-2.0-…` as an SSH server does.
async fn greet(settings: &AppSettings, greeting: &[u8]) -> u8 {
    let served = async {
        let listener = TcpListener::bind(settings.address()).await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            // Whoever hung up first has heard enough.
            let _unheard = stream.write_all(greeting).await;
        }
    };
    let Err(error): Result<std::convert::Infallible, io::Error> = served.await;
    say(&format!("cannot greet: {error}"));
    1
}

fn router(settings: &AppSettings) -> Router {
    let (version, failure) = (format!("{}\n", settings.version), settings.failure);
    let (began, answered) = (Instant::now(), Arc::<AtomicUsize>::default());
    let answer = move || {
        let number = answered.fetch_add(1, Ordering::Relaxed);
        let version = version.clone();
        async move {
            if let Some(Failure::AnswerAfter(time)) = failure {
                tokio::time::sleep(time).await;
            }
            (status(failure, number, began.elapsed()), version)
        }
    };
    Router::new().route("/", get(answer))
}

/// The status of an answer: the number of the request, counted from 0, and the time since the start may decide it.
fn status(failure: Option<Failure>, number: usize, since_start: Duration) -> StatusCode {
    let well = match failure {
        Some(Failure::Status(code)) => {
            return StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Some(Failure::Flap) => number.is_multiple_of(2),
        Some(Failure::SickenAfter(time)) => since_start < time,
        Some(
            Failure::NeverListen
            | Failure::Exit(_)
            | Failure::ListenLocal
            | Failure::Slow(_)
            | Failure::CrashAfter(_)
            | Failure::ExitAfter(_)
            | Failure::EatMemory
            | Failure::IgnoreSigterm
            | Failure::AnswerAfter(_)
            | Failure::NotHttp
            | Failure::Tls
            | Failure::Http2
            | Failure::ListenIpv6
            | Failure::NeedPrivileges
            | Failure::PrintEnvironment
            | Failure::PrintEncodedEnvironment,
        )
        | None => true,
    };
    if well { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}

/// The application's own output is its stdout, as in any container.
fn say(line: &str) {
    // A reader that went away is no reason to stop serving.
    let _unread = writeln!(io::stdout().lock(), "{line}");
}

/// As process 1 of a container it gets no default signal handling: without this SIGTERM would be ignored.
#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}

#[cfg(not(unix))]
async fn told_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests;
