//! What can be wrong with an image, by name: what it is, what to do about it, and what it is concluded from.

mod hint;

use std::{net::SocketAddr, time::Duration};

use super::{content::Unusable, judge::whole_seconds, probe::Answer};

/// The one thing that most likely is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It does not fit App Runner's disk.
    TooLarge {
        /// Bytes of its files.
        unpacked_bytes: u64,
        /// Bytes of its layers as they are pulled, where that is known.
        compressed_bytes: Option<u64>,
    },
    /// Built for another processor.
    WrongArchitecture {
        /// What it says that it is for. `None`: it says linux/amd64, and its program is for something else.
        platform: Option<String>,
    },
    /// The start command is not in the image.
    CommandNotFound,
    /// The start command is in the image, and what runs it is not: a script's interpreter, a program's loader.
    InterpreterNotFound,
    /// The start command is no program that may be executed.
    NotExecutable,
    /// The program is built for another processor.
    ForeignProgram {
        /// The file.
        path: String,
        /// What it is built for.
        architecture: String,
    },
    /// The start command names a file that no kernel executes.
    NotAProgram {
        /// The file.
        path: String,
        /// What it is.
        what: Unusable,
    },
    /// The interpreter of a script is not in the image.
    MissingInterpreter {
        /// The script.
        path: String,
        /// The interpreter of its first line.
        interpreter: String,
    },
    /// The first line of a script ends as Windows ends lines, which makes the carriage return a part of the interpreter's name.
    WindowsScript {
        /// The script.
        path: String,
        /// The interpreter of its first line.
        interpreter: String,
    },
    /// The loader of a dynamically linked program is not in the image.
    MissingLoader {
        /// The program.
        path: String,
        /// The loader that it names.
        loader: String,
    },
    /// A library of a dynamically linked program is not in the image.
    MissingLibrary {
        /// Its name, as the loader gives it.
        library: String,
    },
    /// The start command names a directory.
    IsDirectory {
        /// The directory.
        path: String,
    },
    /// The file of the start command lacks the permission to be executed.
    LacksPermission {
        /// The file.
        path: String,
    },
    /// The image's user or group is not in the image.
    UserNotFound {
        /// As the engine names it: `user app`, `group staff`.
        what: String,
    },
    /// Neither the image nor the service says what to run.
    NoCommand,
    /// The image's working directory cannot be one.
    BadWorkingDirectory {
        /// The directory, where the engine names it.
        path: Option<String>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The engine could not start the command, for another reason.
    NotStarted,
    /// The application ended by itself.
    Exited {
        /// Its exit code.
        code: i64,
    },
    /// The kernel ended it at its memory limit.
    OutOfMemory {
        /// The service's limit.
        limit_mib: u32,
        /// The most it was seen to take. It may have taken more between two looks.
        peak_bytes: Option<u64>,
    },
    /// It listens on the service's port, on the loopback address only.
    ListensLocally {
        /// The port.
        port: u16,
    },
    /// It listens on the service's port, on addresses of IPv6 only.
    ListensOnIpv6 {
        /// The port.
        port: u16,
    },
    /// It listens on other ports.
    ListensElsewhere {
        /// The service's port.
        expected: u16,
        /// Where it listens, lowest first.
        ports: Vec<u16>,
    },
    /// It runs and listens nowhere, or nobody could see where.
    DoesNotListen {
        /// The port.
        port: u16,
    },
    /// It is ready, after the thresholds have decided against it.
    TooSlow {
        /// When it was ready.
        ready: Duration,
        /// When the thresholds decided.
        allowed: Duration,
        /// An interval and an unhealthy threshold that would do, if there are any.
        enough: Option<(u32, u32)>,
    },
    /// It answers, and not with 200.
    AnswersStatus(Answer),
    /// It accepts connections and does not answer in time.
    AnswersTooLate {
        /// How long a probe waits.
        timeout: Duration,
    },
    /// What listens there does not speak HTTP.
    NotHttp,
    /// What listens there speaks TLS.
    SpeaksTls,
    /// What listens there speaks HTTP/2 only.
    SpeaksHttp2,
    /// Now it passes and now it fails.
    Flaps,
    /// It is healthy, and does not end when it is told to.
    IgnoresSigterm {
        /// How long it was given.
        grace: Duration,
    },
}

impl Finding {
    /// Its name, stable: for scripts and documentation.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::WrongArchitecture { .. } | Self::ForeignProgram { .. } => "wrong-architecture",
            Self::CommandNotFound => "command-not-found",
            Self::InterpreterNotFound
            | Self::MissingInterpreter { .. }
            | Self::WindowsScript { .. }
            | Self::MissingLoader { .. }
            | Self::MissingLibrary { .. } => "interpreter-not-found",
            Self::NotExecutable | Self::IsDirectory { .. } | Self::LacksPermission { .. } => "not-executable",
            Self::NotAProgram { .. } => "not-a-program",
            Self::UserNotFound { .. } => "user-not-found",
            Self::NoCommand => "no-command",
            Self::BadWorkingDirectory { .. } => "bad-working-directory",
            Self::NotStarted => "not-started",
            Self::Exited { .. } => "exited",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::ListensLocally { .. } => "listens-locally",
            Self::ListensOnIpv6 { .. } => "listens-on-ipv6",
            Self::ListensElsewhere { .. } => "listens-elsewhere",
            Self::DoesNotListen { .. } => "does-not-listen",
            Self::TooSlow { .. } => "too-slow",
            Self::AnswersStatus(_) => "answers-status",
            Self::AnswersTooLate { .. } => "answers-too-late",
            Self::NotHttp => "not-http",
            Self::SpeaksTls => "speaks-tls",
            Self::SpeaksHttp2 => "speaks-http2",
            Self::Flaps => "flaps",
            Self::IgnoresSigterm { .. } => "ignores-sigterm",
        }
    }

    /// What it adds to what the probes or the end have said; for some that is nothing.
    pub(super) fn addition(&self) -> Option<String> {
        Some(match self {
            Self::TooLarge { unpacked_bytes, compressed_bytes } => too_large(*unpacked_bytes, *compressed_bytes),
            Self::WrongArchitecture { platform: Some(platform) } => {
                format!("it is for {platform}, and App Runner runs linux/amd64 only")
            }
            Self::WrongArchitecture { platform: None } => {
                "the kernel cannot execute its program: it is for another processor, or a script without a first line `#!`"
                    .to_owned()
            }
            Self::ForeignProgram { path, architecture } => {
                format!("{path} is a program for {architecture}, and App Runner runs linux/amd64 only")
            }
            Self::NotAProgram { path, what } => format!("{path} is {}", what.what()),
            Self::MissingInterpreter { path, interpreter } => {
                format!("the interpreter {interpreter} of the script {path} is not in the image")
            }
            Self::WindowsScript { path, interpreter } => format!(
                "the first line of the script {path} ends with a Windows line end, so that its interpreter is `{interpreter}\\r`"
            ),
            Self::MissingLoader { path, loader } => {
                format!("the loader {loader} of the program {path} is not in the image")
            }
            Self::MissingLibrary { library } => format!("the library {library} is not in the image"),
            Self::IsDirectory { path } => format!("{path} is a directory"),
            Self::LacksPermission { path } => format!("{path} is not executable"),
            Self::UserNotFound { what } => format!("the image has no {what}"),
            Self::NoCommand => {
                "the image has no ENTRYPOINT and no CMD, and the service has no start command".to_owned()
            }
            Self::BadWorkingDirectory { path: Some(path), why } => format!("its working directory {path} {why}"),
            Self::BadWorkingDirectory { path: None, why } => format!("its working directory {why}"),
            Self::CommandNotFound => "the command is not in the image".to_owned(),
            Self::InterpreterNotFound => {
                "the command is in the image, and the interpreter or loader it names is not".to_owned()
            }
            Self::NotExecutable => "the command is not executable".to_owned(),
            Self::ListensLocally { port } => {
                format!("it listens on port {port} of the container's loopback address only")
            }
            Self::ListensOnIpv6 { port } => {
                format!("it listens on port {port} for IPv6 only, and App Runner connects with IPv4")
            }
            Self::ListensElsewhere { expected, ports } => {
                format!("it listens on port {}, not {expected}", list(ports, ", "))
            }
            Self::TooSlow { ready, allowed, .. } => format!(
                "it is ready after {}, and the health check gives up after {}",
                whole_seconds(*ready),
                whole_seconds(*allowed)
            ),
            Self::IgnoresSigterm { grace } => {
                format!("it ignores SIGTERM: it still ran {} later", whole_seconds(*grace))
            }
            Self::SpeaksTls => "the port speaks TLS, and App Runner connects with plain HTTP".to_owned(),
            Self::SpeaksHttp2 => "the port speaks HTTP/2 only, and App Runner connects with HTTP/1.1".to_owned(),
            Self::Exited { code: 0 } => "its first process ended, and the container ends with it".to_owned(),
            Self::NotStarted
            | Self::Exited { .. }
            | Self::OutOfMemory { .. }
            | Self::DoesNotListen { .. }
            | Self::AnswersStatus(_)
            | Self::AnswersTooLate { .. }
            | Self::NotHttp
            | Self::Flaps => return None,
        })
    }

    /// What it is concluded from, beside the container's end and its output.
    pub(super) fn evidence(&self, listening: &[SocketAddr], flaps: &str) -> Vec<String> {
        if let Self::TooLarge { unpacked_bytes, compressed_bytes } = self {
            let compressed = compressed_bytes.map(|bytes| format!("compressed: {}", gigabytes(bytes)));
            return compressed.into_iter().chain([format!("unpacked: {}", gigabytes(*unpacked_bytes))]).collect();
        }
        if let Self::OutOfMemory { limit_mib, peak_bytes } = self {
            let peak = peak_bytes.map(|bytes| format!("peak: at least {} MiB, as sampled", bytes / (1 << 20)));
            return [format!("limit: {limit_mib} MiB")].into_iter().chain(peak).collect();
        }
        if let Self::ListensLocally { .. } | Self::ListensOnIpv6 { .. } | Self::ListensElsewhere { .. } = self {
            return listening.iter().map(|socket| format!("listens on {socket}")).collect();
        }
        if let Self::AnswersStatus(Answer { location, body, .. }) = self {
            let location = location.iter().map(|location| format!("location: {location}"));
            let body = Some(body).filter(|body| !body.is_empty()).map(|body| format!("body: {body}"));
            return location.chain(body).collect();
        }
        if *self == Self::Flaps { vec![format!("probes: {flaps} (+ passed, - failed)")] } else { Vec::new() }
    }
}

fn too_large(unpacked_bytes: u64, compressed_bytes: Option<u64>) -> String {
    let both = match compressed_bytes {
        Some(compressed) => format!("{} compressed and {} unpacked", gigabytes(compressed), gigabytes(unpacked_bytes)),
        None => format!("{} unpacked", gigabytes(unpacked_bytes)),
    };
    format!("the image takes {both}, and App Runner has 3 GB of disk for both together")
}

fn gigabytes(bytes: u64) -> String {
    let hundredths = bytes / 10_000_000;
    format!("{}.{:02} GB", hundredths / 100, hundredths % 100)
}

fn list(ports: &[u16], between: &str) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(between)
}
