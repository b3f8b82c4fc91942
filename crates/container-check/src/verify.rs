//! The local check: runs the image in a container under the live service's own settings, and judges it by App
//! Runner's own rules. What passes here and fails there is worse than no check, so only the container's own address is
//! probed, and what could not be checked is an error, never a pass.

mod cleaning;
mod command;
mod conclusion;
mod content;
mod diagnosis;
mod ending;
mod failures;
mod fetching;
mod finding;
mod identity;
mod judge;
mod late;
mod memory;
mod output;
mod privileges;
mod probe;
mod program;
mod reach;
mod sidecar;
mod spoken;
mod trial;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::Path, time::Duration};

use tokio_util::sync::CancellationToken;

pub use self::{
    cleaning::may_keep,
    content::Unusable,
    fetching::VerifyImage,
    finding::Finding,
    judge::ProbeRecord,
    probe::{Answer, Seen},
    sidecar::serve as serve_sidecar,
    spoken::Received,
};
use self::{
    cleaning::sweep,
    fetching::{Fetching, PULL_LIMIT},
};
use crate::docker::{Engine, EngineError, error::Tried};
use shipgate_core::{
    event::{Emitter, Event, milliseconds},
    finding::FindingReport,
    image::ImageReference,
    reach::ReachChoice,
    service::RunSettings,
};
use shipgate_registry::Registry;

/// One line on a container that the engine did not start.
const NOT_STARTED: &str = "it could not be started";

/// How often an image that vanishes after its pull is pulled in all.
const PULL_ATTEMPTS: u32 = 4;

/// What is to be judged, and under which settings.
#[derive(Clone, Debug)]
pub struct VerifyRequest<'a> {
    /// The image.
    pub image: VerifyImage,
    /// Where to look for the image for linux/amd64 if the engine does not find it in an index: the registry, and what it is asked for.
    pub source: Option<(&'a Registry, &'a ImageReference)>,
    /// The service's settings.
    pub settings: &'a RunSettings,
    /// The run everything made here is labelled with.
    pub run_id: &'a str,
    /// How long it is probed on once it is healthy, to catch what fails soon after. Zero: not at all.
    pub stay: Duration,
    /// Whether the container is left in the engine once it is judged, and the image with it.
    pub keep: bool,
    /// The bytes of the image's layers as they are pulled, where they are known.
    pub compressed_bytes: Option<u64>,
    /// How the container is reached.
    pub reach: &'a ReachChoice,
    /// A Linux executable of shipgate for the sidecar; this program's own where none is named.
    pub sidecar: Option<&'a Path>,
}

/// The judgement, with its evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verification {
    /// Whether the image is healthy.
    pub healthy: bool,
    /// One line on why.
    pub reason: String,
    /// The probes that counted, in order.
    pub probes: Vec<ProbeRecord>,
    /// How the container ended, if it did before it was judged.
    pub exit: Option<Exit>,
    /// The last lines of the container's output when it is not healthy, oldest first, at most 20.
    pub last_lines: Vec<String>,
    /// The secrets that the service is given and the container here was not.
    pub missing_secrets: Vec<String>,
    /// The secrets that the container here had stand-ins for.
    pub stubbed_secrets: Vec<String>,
    /// What most likely is wrong when it is not healthy; or what is worth mending when it is.
    pub finding: Option<Finding>,
    /// What the finding is concluded from, a line each. Masked.
    pub evidence: Vec<String>,
    /// When the application was ready, since its container started.
    pub ready: Option<Duration>,
    /// How long the thresholds give it to be ready.
    pub allowed: Duration,
    /// Whether it is healthy and took more than four fifths of that.
    pub nearly_too_slow: bool,
}

impl Verification {
    /// The verdict on an image that no container needs to be made of, or that the engine makes none of, in its words.
    fn unfit(finding: Finding, settings: &RunSettings, refusal: Option<String>) -> Self {
        let mut verification = Self {
            healthy: false,
            reason: refusal.as_ref().map_or_else(String::new, |_| NOT_STARTED.to_owned()),
            probes: Vec::new(),
            exit: None,
            last_lines: Vec::new(),
            missing_secrets: command::missing_secrets(settings),
            stubbed_secrets: command::stubbed_secrets(settings),
            finding: None,
            evidence: Vec::new(),
            ready: None,
            allowed: judge::allowed(&settings.health_check),
            nearly_too_slow: false,
        };
        verification.explain(finding, &[], refusal);
        verification
    }

    /// What the user can do about an unhealthy image.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.finding.as_ref().map(|finding| self.hint_for(finding))
    }

    /// An application that ended may have missed what only a real secret can give it.
    fn hint_for(&self, finding: &Finding) -> String {
        let has_stand_ins = self.missing_secrets.is_empty() && !self.stubbed_secrets.is_empty();
        if has_stand_ins && matches!(finding, Finding::Exited { code } if *code != 0) {
            return format!(
                "the service is given {} as a secret and the container here a stand-in: perhaps it cannot run with that \
                 (`verify.secrets: fetch` or `file` gives it a real one)",
                self.stubbed_secrets.join(", ")
            );
        }
        finding.hint(&self.missing_secrets)
    }

    /// The finding, for events and reports.
    #[must_use]
    pub fn report(&self) -> Option<FindingReport> {
        let finding = self.finding.as_ref()?;
        Some(FindingReport {
            name: finding.name().to_owned(),
            headline: self.reason.clone(),
            hint: self.hint_for(finding),
            evidence: self.evidence.clone(),
        })
    }

    /// Adds the finding: what it says to the reason, what it is concluded from to the evidence.
    fn explain(&mut self, finding: Finding, listening: &[SocketAddr], refusal: Option<String>) {
        self.reason = match (self.reason.as_str(), finding.addition()) {
            ("", addition) => addition.unwrap_or_default(),
            (reason, Some(addition)) => format!("{reason}: {addition}"),
            // An engine's refusal that has no name is all there is to say.
            (reason, None) => refusal.iter().fold(reason.to_owned(), |reason, words| format!("{reason}: {words}")),
        };
        let flaps = self.probes.iter().map(|probe| if probe.seen.passes() { '+' } else { '-' }).collect::<String>();
        self.evidence = finding.evidence(listening, &flaps);
        self.evidence.extend(refusal.map(|words| format!("the engine: {words}")));
        if let (Some(_), Some(last)) = (self.exit, self.last_lines.last()) {
            self.evidence.push(format!("its last line: {last}"));
        }
        self.finding = Some(finding);
    }
}

/// How a container ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit {
    /// Its exit code.
    pub code: i64,
    /// Whether the kernel killed it for memory.
    pub out_of_memory: bool,
    /// Since its start.
    pub after: Duration,
}

/// Why the image could not be checked: nothing is known of its health.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The pull did not end in time.
    #[error("pulling {reference} did not end within {} min", PULL_LIMIT.as_secs() / 60)]
    PullTimedOut {
        /// What was pulled.
        reference: String,
    },
    /// The container runs, and cannot be reached from here.
    #[error("the container cannot be reached from here ({})", join(tried))]
    Unreachable {
        /// Every way that was tried.
        tried: Vec<Tried>,
    },
    /// What answers where the user said that the container does is something else.
    #[error("{address} is not the container's port: {reason}")]
    NotTheContainer {
        /// The address.
        address: String,
        /// What shows it.
        reason: String,
    },
    /// The service's start command cannot be split into words.
    #[error("the start command cannot be split into words: {reason}")]
    StartCommand {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An environment variable that no engine accepts.
    #[error("the service's environment has a variable named `{name}`, which no container can be given")]
    EnvironmentName {
        /// Its name.
        name: String,
    },
    /// A container that was given real secrets was to be kept.
    #[error("a container that was given {secrets} real secret(s) is not kept: docker inspect would show them")]
    KeepsSecrets {
        /// How many it would be given.
        secrets: usize,
    },
    /// The run was cancelled.
    #[error("the local check was cancelled")]
    Cancelled,
}

impl VerifyError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::PullTimedOut { .. } => Some("check the network between the Docker engine and the registry".to_owned()),
            Self::Unreachable { .. } => Some(
                "run shipgate on the machine whose Docker engine it uses, or in a container on the engine's default network".to_owned(),
            ),
            Self::NotTheContainer { .. } => Some(
                "leave out --reach (`verify.reach`), or name a host where the service's port leads to the container and to nothing else"
                    .to_owned(),
            ),
            Self::StartCommand { .. } | Self::EnvironmentName { .. } => {
                Some("correct the setting: the service's, or the flag's".to_owned())
            }
            Self::KeepsSecrets { .. } => Some("keep it with stubs for its secrets, or do without keeping it".to_owned()),
            Self::Cancelled => None,
        }
    }
}

fn join(tried: &[Tried]) -> String {
    tried.iter().map(Tried::to_string).collect::<Vec<_>>().join("; ")
}

/// Judges an image. Whatever comes of it, the container is removed unless it is to be kept, and so is the image if it was
/// pulled for this; a clean-up that fails is told in a [`Event::Warning`]. To stop early use `cancel`: a future that is
/// dropped cannot clean up, and leaves its container to the sweep of a later run.
///
/// # Errors
/// [`VerifyError`] when nothing can be said of the image's health. An unhealthy image is no error.
pub async fn verify(
    engine: &Engine,
    request: VerifyRequest<'_>,
    events: &Emitter,
    cancel: &CancellationToken,
) -> Result<Verification, VerifyError> {
    // Both can fail, and neither needs the engine.
    let command = request.settings.start_command.as_deref().map_or(Ok(None), command::words)?;
    let environment = command::environment(request.settings)?;
    sweep(engine, events).await;
    let mut fetching = Fetching::new(engine, &request, events, cancel);
    let attempt = async |fetching: &mut Fetching<'_>| {
        let image = match fetching.image().await? {
            Ok(image) => image,
            Err(finding) => {
                let verification = Verification::unfit(finding, request.settings, None);
                tell(events, &verification);
                return Ok(verification);
            }
        };
        let trial = trial::Trial {
            engine,
            settings: request.settings,
            events,
            cancel,
            stay: request.stay,
            keep: request.keep,
            reach: request.reach,
            sidecar: request.sidecar,
        };
        // Boxed: it holds every step of a check, and whoever awaits it would hold all of that too.
        let inputs = trial::Inputs { command: command.clone(), environment: environment.clone() };
        Box::pin(trial.run(&image, request.run_id, inputs)).await
    };
    let mut judged = attempt(&mut fetching).await;
    // Engines are shared. Another run that is done with the same content removes it, and may do so just between our pull
    // and our container.
    for _ in 1..PULL_ATTEMPTS {
        let may_come_back = matches!(request.image, VerifyImage::Pull { .. });
        if may_come_back && matches!(judged, Err(VerifyError::Engine(EngineError::Missing { .. }))) {
            judged = attempt(&mut fetching).await;
        }
    }
    fetching.forget(request.keep && !matches!(judged, Err(VerifyError::Cancelled))).await;
    judged
}

/// The work, or [`VerifyError::Cancelled`] as soon as that is asked for.
async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, VerifyError>>,
) -> Result<T, VerifyError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(VerifyError::Cancelled),
        result = work => result,
    }
}

/// Tells the verdict.
fn tell(events: &Emitter, verification: &Verification) {
    events.emit(Event::Verified {
        healthy: verification.healthy,
        reason: verification.reason.clone(),
        last_lines: verification.last_lines.clone(),
        finding: verification.report(),
        ready_ms: verification.ready.map(milliseconds),
        allowed_ms: milliseconds(verification.allowed),
    });
}
