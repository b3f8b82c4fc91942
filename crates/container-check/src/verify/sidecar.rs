//! The sidecar's two ends: what `shipgate probe-sidecar` does inside the namespace of the container that is checked, and
//! how it is asked from here. A request and a reply are each one line of JSON. The probe is the same one that is made from
//! outside, and like that one it dials the container's address on its network: what listens on localhost alone is not there.

use std::{
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    probe::{Seen, probe},
    spoken::{Spoken, identify},
};
use crate::docker::{
    EngineError,
    sidecar::Conversation,
    sockets::{own_addresses, own_listening},
};
use shipgate_core::health::{HealthCheck, Protocol};

/// How much longer than what it was asked to do a sidecar's answer may take: the way there and back, on a slow line.
const SPARE: Duration = Duration::from_secs(20);

/// How long it may take to say that it is there: an engine's machine may have to emulate a processor.
const READY_LIMIT: Duration = Duration::from_mins(1);

#[derive(Serialize, Deserialize)]
struct Request {
    /// Replies carry it: an answer that nobody waited for is passed over.
    number: u64,
    ask: Ask,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ask {
    Probe { protocol: Protocol, path: String, port: u16, limit_ms: u64 },
    Identify { port: u16, limit_ms: u64 },
    Listening,
}

#[derive(Serialize, Deserialize)]
struct Reply {
    number: u64,
    told: Told,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Told {
    /// The first line: who is there, and at which address it will probe.
    Ready {
        version: String,
        address: IpAddr,
    },
    Seen(Seen),
    Identified(Option<Spoken>),
    Listening(Vec<SocketAddr>),
    Unable(String),
}

/// Answers requests from standard input until it ends.
///
/// # Errors
/// What keeps it from being of any use: no address but loopback ones, or nobody who listens.
pub async fn serve() -> io::Result<()> {
    let address = own_addresses()?.into_iter().next();
    let address = address.ok_or_else(|| io::Error::other("the container has no address but loopback ones"))?;
    let ready = Told::Ready { version: env!("CARGO_PKG_VERSION").to_owned(), address };
    say(&Reply { number: 0, told: ready })?;
    // One request at a time is all there is to do: reading may block.
    while let Some(line) = spawn_blocking(|| io::stdin().lines().next()).await? {
        let request: Request = serde_json::from_str(&line?)?;
        let told = match request.ask {
            Ask::Probe { protocol, path, port, limit_ms } => {
                let check = HealthCheck { protocol, path, ..HealthCheck::default() };
                Told::Seen(probe(SocketAddr::new(address, port), &check, Duration::from_millis(limit_ms)).await)
            }
            Ask::Identify { port, limit_ms } => {
                Told::Identified(identify(SocketAddr::new(address, port), Duration::from_millis(limit_ms)).await)
            }
            Ask::Listening => own_listening().map_or_else(|error| Told::Unable(error.to_string()), Told::Listening),
        };
        say(&Reply { number: request.number, told })?;
    }
    Ok(())
}

fn say(reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()
}

/// A sidecar that is there.
pub(super) struct Sidecar {
    conversation: Conversation,
    address: IpAddr,
    asked: u64,
}

impl Sidecar {
    /// Waits until it says that it is there.
    pub(super) async fn greet(mut conversation: Conversation) -> Result<Self, EngineError> {
        match timeout(READY_LIMIT, hear(&mut conversation, 0)).await {
            Err(_) => Err(broken("it does not say that it is there")),
            Ok(Err(error)) => Err(error),
            Ok(Ok(Told::Ready { version, address })) if version == env!("CARGO_PKG_VERSION") => {
                Ok(Self { conversation, address, asked: 0 })
            }
            Ok(Ok(Told::Ready { version, .. })) => {
                Err(broken(&format!("it is shipgate {version}, and this is {}", env!("CARGO_PKG_VERSION"))))
            }
            Ok(Ok(Told::Unable(reason))) => Err(broken(&reason)),
            Ok(Ok(Told::Seen(_) | Told::Identified(_) | Told::Listening(_))) => {
                Err(broken("it answers what nobody asked"))
            }
        }
    }

    /// The address that it probes.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Has it probe once.
    pub(super) async fn probe(&mut self, port: u16, check: &HealthCheck, limit: Duration) -> Result<Seen, EngineError> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let ask = Ask::Probe { protocol: check.protocol, path: check.path.clone(), port, limit_ms };
        match self.ask(ask, limit).await? {
            Told::Seen(seen) => Ok(seen),
            Told::Ready { .. } | Told::Identified(_) | Told::Listening(_) => Err(broken("it answers something else")),
            Told::Unable(reason) => Err(broken(&reason)),
        }
    }

    /// Has it ask a port what it speaks.
    pub(super) async fn identify(&mut self, port: u16, limit: Duration) -> Option<Spoken> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        match self.ask(Ask::Identify { port, limit_ms }, limit * 2).await {
            Ok(Told::Identified(spoken)) => spoken,
            Ok(Told::Ready { .. } | Told::Seen(_) | Told::Listening(_) | Told::Unable(_)) | Err(_) => None,
        }
    }

    /// What the container listens on, as its own kernel tables have it.
    pub(super) async fn listening(&mut self) -> Result<Vec<SocketAddr>, EngineError> {
        match self.ask(Ask::Listening, Duration::ZERO).await? {
            Told::Listening(sockets) => Ok(sockets),
            Told::Ready { .. } | Told::Seen(_) | Told::Identified(_) => Err(broken("it answers something else")),
            Told::Unable(reason) => Err(broken(&reason)),
        }
    }

    async fn ask(&mut self, ask: Ask, takes: Duration) -> Result<Told, EngineError> {
        self.asked += 1;
        let request = Request { number: self.asked, ask };
        let line = serde_json::to_string(&request).map_err(|error| broken(&error.to_string()))?;
        let answered = async {
            self.conversation.say(&line).await?;
            hear(&mut self.conversation, self.asked).await
        };
        timeout(takes + SPARE, answered).await.unwrap_or_else(|_| Err(broken("it does not answer")))
    }
}

/// The reply to a request; replies to earlier ones, which were not waited for, are passed over.
async fn hear(conversation: &mut Conversation, number: u64) -> Result<Told, EngineError> {
    loop {
        let line = conversation.hear().await?;
        let reply: Reply =
            serde_json::from_str(&line).map_err(|error| broken(&format!("it said {line:?}: {error}")))?;
        if reply.number == number {
            return Ok(reply.told);
        }
    }
}

fn broken(reason: &str) -> EngineError {
    EngineError::Call { attempted: "probe from a sidecar".to_owned(), reason: reason.to_owned(), status: None }
}
