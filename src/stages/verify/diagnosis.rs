//! What an unhealthy image's trouble is, by name, and what to do about it: decided from evidence that is at hand.

use std::{fmt, net::SocketAddr};

use super::{Exit, judge::Decision, probe::Seen};

/// The one thing that most likely is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The engine could not start the command.
    NotStarted,
    /// Built for another processor.
    WrongArchitecture,
    /// The application ended by itself.
    Exited {
        /// Its exit code.
        code: i64,
    },
    /// The kernel ended it at its memory limit.
    OutOfMemory,
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
        /// The service's port.
        port: u16,
    },
    /// It answers, and not with 200.
    AnswersStatus {
        /// What it answers.
        status: u16,
    },
    /// It accepts connections and does not answer in time.
    AnswersTooLate,
    /// What listens there does not speak HTTP.
    NotHttp,
    /// Now it passes and now it fails.
    Flaps,
}

/// What is known of a container that was found unhealthy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    /// The service's port.
    pub(super) port: u16,
    /// How it ended, if it did.
    pub(super) exit: Option<Exit>,
    /// The engine's words, if it could not start it.
    pub(super) refusal: Option<&'a str>,
    /// The last lines of its output.
    pub(super) last_lines: &'a [String],
    /// What the probes came to, if they decided.
    pub(super) decision: Option<Decision>,
    /// What the last probe saw.
    pub(super) last_seen: Option<&'a Seen>,
    /// What it listens on, if that could be seen.
    pub(super) listening: Option<&'a [SocketAddr]>,
}

/// Names the trouble.
pub(super) fn diagnose(evidence: &Evidence<'_>) -> Finding {
    // The kernel's ENOEXEC, as container runtimes and shells word it.
    let said = evidence.last_lines.iter().map(String::as_str).chain(evidence.refusal);
    let misbuilt = said.into_iter().any(|text| text.to_lowercase().contains("exec format error"));
    match evidence.exit {
        Some(_) if misbuilt => return Finding::WrongArchitecture,
        Some(exit) if exit.out_of_memory => return Finding::OutOfMemory,
        Some(exit) => return Finding::Exited { code: exit.code },
        None if evidence.refusal.is_some() && misbuilt => return Finding::WrongArchitecture,
        None if evidence.refusal.is_some() => return Finding::NotStarted,
        None => (),
    }
    if evidence.decision == Some(Decision::Flapping) {
        return Finding::Flaps;
    }
    match evidence.last_seen {
        Some(Seen::Status(status)) => Finding::AnswersStatus { status: *status },
        Some(Seen::TimedOut { connected: true, .. }) => Finding::AnswersTooLate,
        Some(Seen::NotHttp(_)) => Finding::NotHttp,
        Some(Seen::Refused | Seen::NoRoute | Seen::TimedOut { connected: false, .. } | Seen::Accepted) | None => {
            unheard(evidence.port, evidence.listening.unwrap_or_default())
        }
    }
}

fn unheard(port: u16, listening: &[SocketAddr]) -> Finding {
    if listening.iter().any(|socket| socket.port() == port && socket.ip().is_loopback()) {
        return Finding::ListensLocally { port };
    }
    let mut ports: Vec<u16> =
        listening.iter().filter(|socket| !socket.ip().is_loopback()).map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    if ports.is_empty() { Finding::DoesNotListen { port } } else { Finding::ListensElsewhere { expected: port, ports } }
}

impl Finding {
    /// Its name, stable: for scripts and documentation.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::WrongArchitecture => "wrong-architecture",
            Self::Exited { .. } => "exited",
            Self::OutOfMemory => "out-of-memory",
            Self::ListensLocally { .. } => "listens-locally",
            Self::ListensElsewhere { .. } => "listens-elsewhere",
            Self::DoesNotListen { .. } => "does-not-listen",
            Self::AnswersStatus { .. } => "answers-status",
            Self::AnswersTooLate => "answers-too-late",
            Self::NotHttp => "not-http",
            Self::Flaps => "flaps",
        }
    }

    /// What the user can do about it. Secrets the container was not given may be the cause of its end.
    #[must_use]
    pub fn hint(&self, missing_secrets: &[String]) -> String {
        match self {
            Self::Exited { .. } if !missing_secrets.is_empty() => format!(
                "the service is given {} as a secret and the container here was not: perhaps it cannot run without",
                missing_secrets.join(", ")
            ),
            Self::NotStarted => "correct the start command, or the image's ENTRYPOINT and CMD".to_owned(),
            Self::WrongArchitecture => "build everything in the image for linux/amd64".to_owned(),
            Self::Exited { .. } => "its last lines say why it ended".to_owned(),
            Self::OutOfMemory => "give the service more memory, or the application a smaller heap".to_owned(),
            Self::ListensLocally { .. } => "make the application listen on 0.0.0.0".to_owned(),
            Self::ListensElsewhere { expected, ports } => format!(
                "make it listen on $PORT ({expected}), or set the service's port to {}",
                ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
            ),
            Self::DoesNotListen { port } => {
                format!("make it listen on 0.0.0.0:{port} sooner, or give the health check more time")
            }
            Self::AnswersStatus { status: 401 | 403 } => {
                "give the health check a path that needs no authentication".to_owned()
            }
            Self::AnswersStatus { status: 300..=399 } => {
                "give the health check a path that answers 200 itself: redirects are not followed".to_owned()
            }
            Self::AnswersStatus { status: 404 } => "correct the path of the health check".to_owned(),
            Self::AnswersStatus { .. } => "make the path of the health check answer 200".to_owned(),
            Self::AnswersTooLate => "make it answer faster, or raise the timeout of the health check".to_owned(),
            Self::NotHttp => "use a TCP health check, or correct the port".to_owned(),
            Self::Flaps => "its output says what it does between the probes".to_owned(),
        }
    }
}

impl fmt::Display for Finding {
    /// What to add to the verdict's reason; nothing where the reason says it all.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListensLocally { port } => {
                write!(formatter, "it listens on port {port} of the container's loopback address only")
            }
            Self::ListensElsewhere { expected, ports } => {
                let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
                write!(formatter, "it listens on port {ports}, not {expected}")
            }
            Self::WrongArchitecture => formatter.write_str("it is built for another processor"),
            Self::NotStarted
            | Self::Exited { .. }
            | Self::OutOfMemory
            | Self::DoesNotListen { .. }
            | Self::AnswersStatus { .. }
            | Self::AnswersTooLate
            | Self::NotHttp
            | Self::Flaps => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use super::{Decision, Evidence, Exit, Finding, Seen, diagnose};

    const NOTHING: Evidence<'_> = Evidence {
        port: 8080,
        exit: None,
        refusal: None,
        last_lines: &[],
        decision: Some(Decision::Unhealthy),
        last_seen: None,
        listening: None,
    };

    fn exit(code: i64, out_of_memory: bool) -> Exit {
        Exit { code, out_of_memory, after: Duration::ZERO }
    }

    #[test]
    fn each_trouble_has_its_name() {
        let format_error = ["standard_init_linux.go:228: exec user process caused: exec format error".to_owned()];
        let late = Seen::TimedOut { connected: true, limit: Duration::from_secs(1) };
        let table = [
            (NOTHING, "does-not-listen"),
            (Evidence { refusal: Some("no such file"), ..NOTHING }, "not-started"),
            (Evidence { refusal: Some("exec /app: exec format error"), ..NOTHING }, "wrong-architecture"),
            (Evidence { exit: Some(exit(1, false)), ..NOTHING }, "exited"),
            (Evidence { exit: Some(exit(1, false)), last_lines: &format_error, ..NOTHING }, "wrong-architecture"),
            (Evidence { exit: Some(exit(137, true)), ..NOTHING }, "out-of-memory"),
            (Evidence { last_seen: Some(&Seen::Status(401)), ..NOTHING }, "answers-status"),
            (Evidence { last_seen: Some(&late), ..NOTHING }, "answers-too-late"),
            (Evidence { last_seen: Some(&Seen::NotHttp("x")), ..NOTHING }, "not-http"),
            (Evidence { last_seen: Some(&Seen::Refused), ..NOTHING }, "does-not-listen"),
            (Evidence { last_seen: Some(&Seen::Status(200)), decision: Some(Decision::Flapping), ..NOTHING }, "flaps"),
        ];
        for (evidence, name) in table {
            let finding = diagnose(&evidence);
            assert_eq!(finding.name(), name);
            assert!(!finding.hint(&[]).is_empty());
        }
    }

    #[test]
    fn where_it_listens_tells_a_refusal_from_a_refusal() {
        let listens = |sockets: &[&str]| {
            let sockets: Vec<SocketAddr> = sockets.iter().map(|socket| socket.parse().unwrap()).collect();
            diagnose(&Evidence { last_seen: Some(&Seen::Refused), listening: Some(&sockets), ..NOTHING })
        };
        assert_eq!(listens(&["127.0.0.1:8080"]), Finding::ListensLocally { port: 8080 });
        assert_eq!(listens(&["[::1]:8080", "0.0.0.0:9090"]), Finding::ListensLocally { port: 8080 });
        let elsewhere = Finding::ListensElsewhere { expected: 8080, ports: vec![80, 3000] };
        assert_eq!(listens(&["0.0.0.0:3000", "[::]:3000", "0.0.0.0:80", "127.0.0.1:9"]), elsewhere);
        assert_eq!(elsewhere.to_string(), "it listens on port 80, 3000, not 8080");
        assert_eq!(listens(&["127.0.0.1:9"]), Finding::DoesNotListen { port: 8080 });
        assert_eq!(listens(&[]), Finding::DoesNotListen { port: 8080 });
    }

    #[test]
    fn an_end_without_its_secrets_names_them() {
        let hint = Finding::Exited { code: 1 }.hint(&["DATABASE_URL".to_owned()]);
        assert!(hint.contains("DATABASE_URL"), "{hint}");
    }
}
