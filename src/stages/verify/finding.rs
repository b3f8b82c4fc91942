//! What can be wrong with an image, by name: what it is, what to do about it, and what it is concluded from.

use std::{net::SocketAddr, time::Duration};

use super::{judge::whole_seconds, probe::Answer};

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
            Self::WrongArchitecture { .. } => "wrong-architecture",
            Self::CommandNotFound => "command-not-found",
            Self::InterpreterNotFound => "interpreter-not-found",
            Self::NotExecutable => "not-executable",
            Self::NotStarted => "not-started",
            Self::Exited { .. } => "exited",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::ListensLocally { .. } => "listens-locally",
            Self::ListensElsewhere { .. } => "listens-elsewhere",
            Self::DoesNotListen { .. } => "does-not-listen",
            Self::TooSlow { .. } => "too-slow",
            Self::AnswersStatus(_) => "answers-status",
            Self::AnswersTooLate { .. } => "answers-too-late",
            Self::NotHttp => "not-http",
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
                "its program is for another processor than linux/amd64".to_owned()
            }
            Self::CommandNotFound => "the command is not in the image".to_owned(),
            Self::InterpreterNotFound => {
                "the command is in the image, and the interpreter or loader it names is not".to_owned()
            }
            Self::NotExecutable => "the command is not executable".to_owned(),
            Self::ListensLocally { port } => {
                format!("it listens on port {port} of the container's loopback address only")
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

    /// What the user can do about it. Secrets the container was not given may be the cause of its end.
    #[must_use]
    pub fn hint(&self, missing_secrets: &[String]) -> String {
        match self {
            Self::Exited { .. } if !missing_secrets.is_empty() => format!(
                "the service is given {} as a secret and the container here was not: perhaps it cannot run without",
                missing_secrets.join(", ")
            ),
            Self::ListensElsewhere { expected, ports } => {
                format!("make it listen on $PORT ({expected}), or set the service's port to {}", list(ports, " or "))
            }
            Self::DoesNotListen { port } => {
                format!("make it listen on 0.0.0.0:{port} sooner, or give the health check more time")
            }
            Self::TooSlow { enough, .. } => too_slow_hint(*enough),
            Self::AnswersStatus(answer) => status_hint(answer),
            Self::TooLarge { .. }
            | Self::WrongArchitecture { .. }
            | Self::CommandNotFound
            | Self::InterpreterNotFound
            | Self::NotExecutable
            | Self::NotStarted
            | Self::Exited { .. }
            | Self::OutOfMemory { .. }
            | Self::ListensLocally { .. }
            | Self::AnswersTooLate { .. }
            | Self::NotHttp
            | Self::Flaps
            | Self::IgnoresSigterm { .. } => self.plain_hint().to_owned(),
        }
    }

    /// The hints that are the same in every case.
    fn plain_hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "leave out of the image what only its build needs (a build in stages)",
            Self::WrongArchitecture { .. } => {
                "build everything in the image for linux/amd64: docker buildx build --platform linux/amd64 …"
            }
            Self::CommandNotFound | Self::NotStarted => "correct the start command, or the image's ENTRYPOINT and CMD",
            Self::InterpreterNotFound => {
                "put the interpreter of the script's first line, or the program's loader and libraries, into the image \
                 (a script with Windows line ends names an interpreter that is nowhere)"
            }
            Self::NotExecutable => "make it executable: chmod +x, or COPY --chmod=755",
            Self::Exited { .. } => "its last lines say why it ended",
            Self::OutOfMemory { .. } => "give the service more memory, or the application a smaller heap",
            Self::ListensLocally { .. } => "make the application listen on 0.0.0.0",
            Self::AnswersTooLate { .. } => {
                "answer the health check sooner: without the work that only real requests need"
            }
            Self::NotHttp => "correct the service's port, or use a TCP health check",
            Self::Flaps => "find out why it fails now and then: its output may tell",
            Self::IgnoresSigterm { .. } => {
                "end on SIGTERM, or requests are cut off with every deployment: let the program be process 1 (exec in a \
                 script, ENTRYPOINT [\"…\"]) and handle the signal"
            }
            Self::ListensElsewhere { .. }
            | Self::DoesNotListen { .. }
            | Self::TooSlow { .. }
            | Self::AnswersStatus(_) => "",
        }
    }

    /// What it is concluded from, beside the container's end and its output.
    pub(super) fn evidence(&self, listening: &[SocketAddr], flaps: &str) -> Vec<String> {
        match self {
            Self::TooLarge { unpacked_bytes, compressed_bytes } => {
                let compressed = compressed_bytes.map(|bytes| format!("compressed: {}", gigabytes(bytes)));
                compressed.into_iter().chain([format!("unpacked: {}", gigabytes(*unpacked_bytes))]).collect()
            }
            Self::OutOfMemory { limit_mib, peak_bytes } => {
                let peak = peak_bytes.map(|bytes| format!("peak: at least {} MiB, as sampled", bytes / (1 << 20)));
                [format!("limit: {limit_mib} MiB")].into_iter().chain(peak).collect()
            }
            Self::ListensLocally { .. } | Self::ListensElsewhere { .. } => {
                listening.iter().map(|socket| format!("listens on {socket}")).collect()
            }
            Self::AnswersStatus(Answer { location, body, .. }) => {
                let location = location.iter().map(|location| format!("location: {location}"));
                let body = Some(body).filter(|body| !body.is_empty()).map(|body| format!("body: {body}"));
                location.chain(body).collect()
            }
            Self::Flaps => vec![format!("probes: {flaps} (+ passed, - failed)")],
            Self::WrongArchitecture { .. }
            | Self::CommandNotFound
            | Self::InterpreterNotFound
            | Self::NotExecutable
            | Self::NotStarted
            | Self::Exited { .. }
            | Self::DoesNotListen { .. }
            | Self::TooSlow { .. }
            | Self::AnswersTooLate { .. }
            | Self::NotHttp
            | Self::IgnoresSigterm { .. } => Vec::new(),
        }
    }
}

fn too_slow_hint(enough: Option<(u32, u32)>) -> String {
    match enough {
        Some((interval, threshold)) => format!(
            "make it ready sooner, or give it more time: interval {interval} and unhealthy_threshold {threshold} would do"
        ),
        None => "make it ready sooner: no health check of App Runner gives it that much time".to_owned(),
    }
}

fn status_hint(answer: &Answer) -> String {
    match answer.status {
        401 | 403 => "give the health check a path that needs no authentication".to_owned(),
        300..=399 => "give the health check a path that answers 200 itself: redirects are not followed".to_owned(),
        404 => "correct the path of the health check".to_owned(),
        _ => "make the health check's path answer 200: no other status passes".to_owned(),
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
