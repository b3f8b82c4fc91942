//! How a run can fail, and the one mapping from failures to exit codes. What a failure tells is `telling`'s.

mod telling;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::{cancellation::Signal, copying::DestinationsFailure, mirror::MirrorFailure};
use crate::{
    config::problem::ConfigError,
    stages::{
        copy::CopyError,
        preflight::{self, Check},
        prepare::PrepareError,
        promote::PromoteError,
        release::{self, ReleaseError},
        resolve::ResolveError,
    },
    target::TargetError,
};
use shipgate_aws::{fault::AwsFault, identity::IdentityError};
use shipgate_container_check::verify::VerifyError;
use shipgate_core::{
    diagnosis::{self, Diagnosis},
    digest::Digest,
    event::Stage,
    exit_code::ExitCode,
    operation::{OperationId, OperationStatus, Verdict},
    reason::Reason,
    smoke::Answer,
};
use shipgate_registry::{RegistryError, credentials::CredentialError};

/// A run that did not reach its goal.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration or the flags are wrong.
    #[error("the configuration has {}", problems(.0.problems.len()))]
    Configuration(ConfigError),
    /// An identity could not be had.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Identity(Vec<IdentityError>),
    /// The credentials for a registry that is not ECR could not be had.
    #[error(transparent)]
    Credentials(CredentialError),
    /// AWS did not do what was asked, before anything was changed.
    #[error("{doing}")]
    Aws {
        /// What was being done.
        doing: String,
        /// AWS's answer.
        #[source]
        source: AwsFault,
    },
    /// A registry's address cannot be used.
    #[error("a registry cannot be used")]
    Registry(#[source] RegistryError),
    /// The service could not be looked at.
    #[error("cannot look at service {service}")]
    Service {
        /// The service's name.
        service: String,
        /// What the target said.
        #[source]
        source: TargetError,
    },
    /// There is nothing to wait on.
    #[error("there is no service {service}")]
    NoService {
        /// The service's name.
        service: String,
    },
    /// There is no version to go back to.
    #[error("there is no version of service {service} to go back to: {known}")]
    NothingBefore {
        /// The service's name.
        service: String,
        /// What is known of its versions.
        known: String,
    },
    /// What was deployed before cannot be read.
    #[error("cannot read what was deployed on service {service} before")]
    History {
        /// The service's name.
        service: String,
        /// What the registry said.
        #[source]
        source: RegistryError,
    },
    /// The source image could not be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Preflight found problems.
    #[error("preflight found {}", problems(failed(.0).count()))]
    Preflight(Vec<Check>),
    /// The copy failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The image is unhealthy in a local container.
    #[error("the image is unhealthy: {reason}")]
    Unhealthy {
        /// One line on why.
        reason: String,
        /// How to mend it, where the evidence tells.
        hint: Option<String>,
    },
    /// The image could not be checked.
    #[error(transparent)]
    Unverifiable(#[from] VerifyError),
    /// The tag could not be moved.
    #[error(transparent)]
    Promote(#[from] PromoteError),
    /// The tag was moved by somebody else.
    #[error("tag {tag} was moved by somebody else: it points at {}, not at {wanted}", .found.as_ref().map_or("nothing", Digest::as_str))]
    TagTaken {
        /// The tag.
        tag: String,
        /// What this run made it point at.
        wanted: Digest,
        /// What it points at.
        found: Option<Digest>,
        /// Whether the deployment had succeeded by then.
        deployed: bool,
    },
    /// It cannot be seen where the tag points.
    #[error("cannot see where tag {tag} points")]
    TagUnseen {
        /// The tag.
        tag: String,
        /// Whether the deployment had succeeded by then.
        deployed: bool,
        /// What the registry said.
        #[source]
        source: RegistryError,
    },
    /// The service is not what it was when the run began.
    #[error("the service changed while the image was copied and checked: {0}")]
    Changed(String),
    /// Another run was faster, with another image.
    #[error("another run deploys {digest} (operation {operation})")]
    Overtaken {
        /// Its image.
        digest: Digest,
        /// Its operation.
        operation: OperationId,
    },
    /// There is no engine to check the image in.
    #[error("the image cannot be checked: {0}")]
    NoEngine(String),
    /// The service did not become ready for the order.
    #[error(transparent)]
    Prepare(PrepareError),
    /// The service did not take the order, or nobody knows.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The operation ended, and not in success.
    #[error("{}", verdict_line(*.verdict))]
    Deployment {
        /// What it came to.
        verdict: Verdict,
        /// Whether the service is in `CREATE_FAILED` now.
        create_failed: bool,
        /// Why, as far as the logs tell, and what is so now.
        reason: Box<Reason>,
    },
    /// The deployment succeeded, and the service's URL does not answer as it should.
    #[error("the smoke test failed: {url} {last}")]
    SmokeTest {
        /// What was asked for.
        url: String,
        /// What the last request came to.
        last: Answer,
        /// What became of it, where the version before was to be deployed again.
        returned: Option<Returned>,
    },
    /// The deadline passed with the operation still running.
    #[error("the deployment did not end in time (last seen: {})", .last.as_ref().map_or("never listed".to_owned(), ToString::to_string))]
    GateTimeout {
        /// The status seen last.
        last: Option<OperationStatus>,
    },
    /// There is no such operation.
    #[error("operation {operation} was never listed")]
    NoOperation {
        /// The operation.
        operation: OperationId,
    },
    /// The operation cannot be followed any more.
    #[error("the deployment cannot be followed")]
    GateLost(#[source] TargetError),
    /// The operation cannot be followed any more, because AWS refuses it.
    #[error("this run is not allowed to follow the deployment any more")]
    GateDenied(#[source] TargetError),
    /// Some images of a mirror were not copied; all others were.
    #[error(transparent)]
    Mirror(MirrorFailure),
    /// Some destinations of a copy were not served; all others were.
    #[error(transparent)]
    Destinations(DestinationsFailure),
    /// A copy or a mirror was stopped by a signal.
    #[error("cancelled")]
    CopyStopped {
        /// Which signal.
        signal: Signal,
        /// Where things are now.
        world: String,
    },
    /// The services of the account cannot be listed.
    #[error("cannot list the services")]
    Services(#[source] TargetError),
    /// Something was to be deleted, and nobody has agreed.
    #[error("{what}, and that was not agreed to")]
    NoConsent {
        /// What would happen.
        what: String,
    },
    /// A file was to be written that is there.
    #[error("{} exists already", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// `doctor` found something wrong: among all that it found.
    #[error("{}", diagnosis::summary(.0))]
    Diagnosed(Vec<Diagnosis>),
    /// A run without stages was stopped by a signal.
    #[error("stopped")]
    Stopped {
        /// Which signal.
        signal: Signal,
    },
    /// Stopped by a signal.
    #[error("cancelled during {stage}")]
    Cancelled {
        /// Which signal.
        signal: Signal,
        /// The stage that was under way, or about to begin.
        stage: Stage,
    },
}

/// What became of deploying the version before again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Returned {
    /// It serves.
    To(Digest),
    /// It could not be, and the version that failed the test serves; why.
    Not(String),
    /// It was ordered, and what serves is not known; why.
    Unclear(String),
}

impl Failure {
    /// A cancellation with nothing running. Work that ended because of a token knows no signal when the token was
    /// not a user's; SIGINT's code is the honest default then.
    #[must_use]
    pub fn cancelled(signal: Option<Signal>, stage: Stage) -> Self {
        Self::Cancelled { signal: signal.unwrap_or(Signal::Interrupt), stage }
    }

    /// Why a deployment failed, when that is what happened.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        if let Self::Deployment { reason, .. } = self { Some(reason) } else { None }
    }

    /// A run without stages that was stopped; without a signal as [`Self::cancelled`] is.
    #[must_use]
    pub fn stopped(signal: Option<Signal>) -> Self {
        Self::Stopped { signal: signal.unwrap_or(Signal::Interrupt) }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_)
            | Self::Registry(_)
            | Self::NoConsent { .. }
            | Self::FileExists { .. }
            | Self::File { .. } => ExitCode::Usage,
            Self::Identity(_) | Self::Credentials(_) | Self::GateDenied(_) => ExitCode::Identity,
            Self::Aws { source, .. } => {
                if source.is_denied() {
                    ExitCode::Identity
                } else {
                    ExitCode::Preflight
                }
            }
            Self::Service { source, .. } | Self::Services(source) => {
                if source.is_denied() {
                    ExitCode::Identity
                } else {
                    ExitCode::Preflight
                }
            }
            Self::Resolve(ResolveError::Registry { source, .. }) if source.is_denied() => ExitCode::Identity,
            // The image is damaged where it comes from: the copy could only have failed.
            Self::Resolve(ResolveError::Registry { source, .. }) if source.is_corrupt() => ExitCode::Copy,
            Self::History { source, .. } if source.is_denied() => ExitCode::Identity,
            Self::Resolve(_)
            | Self::NoService { .. }
            | Self::NoOperation { .. }
            | Self::NothingBefore { .. }
            | Self::History { .. } => ExitCode::Preflight,
            Self::Preflight(checks) => preflight::exit_code(checks).unwrap_or(ExitCode::Internal),
            Self::Diagnosed(found) => diagnosis::exit_code(found),
            Self::Destinations(failure) => failure.exit_code(),
            Self::Copy(_)
            | Self::Mirror(_)
            | Self::Promote(PromoteError::NotMoved { .. } | PromoteError::NoImage { .. }) => ExitCode::Copy,
            Self::Promote(PromoteError::Unknown { .. })
            | Self::Prepare(PrepareError::Failed { .. } | PrepareError::Cancelled) => ExitCode::DeploymentFailed,
            Self::Changed(_) | Self::Overtaken { .. } | Self::Prepare(PrepareError::StillBusy { .. }) => ExitCode::Busy,
            Self::TagTaken { deployed, .. } | Self::TagUnseen { deployed, .. } => {
                if *deployed {
                    ExitCode::DeploymentFailed
                } else {
                    ExitCode::Busy
                }
            }
            Self::Unhealthy { .. } => ExitCode::Unhealthy,
            Self::Unverifiable(_) | Self::NoEngine(_) => ExitCode::Unverifiable,
            Self::Release(error) => release_exit_code(error),
            Self::Deployment { verdict, .. } => match verdict {
                Verdict::RolledBack => ExitCode::RolledBack,
                Verdict::Failed | Verdict::RollbackFailed => ExitCode::DeploymentFailed,
                Verdict::Deployed => ExitCode::Internal,
            },
            Self::SmokeTest { .. } => ExitCode::SmokeTest,
            Self::GateTimeout { .. }
            | Self::GateLost(_)
            | Self::Prepare(PrepareError::Late { .. } | PrepareError::Unseen(_)) => ExitCode::GateTimeout,
            Self::Cancelled { signal, .. } | Self::CopyStopped { signal, .. } | Self::Stopped { signal } => {
                signal.exit_code()
            }
        }
    }
}

/// App Runner says "not now" and "I cannot assume that role" under codes it uses for much else, so the words count.
fn release_exit_code(error: &ReleaseError) -> ExitCode {
    if matches!(error, ReleaseError::Busy(_)) {
        return ExitCode::Busy;
    }
    let ReleaseError::Refused(TargetError::Call(fault)) = error else { return ExitCode::DeploymentFailed };
    if fault.is_denied() || release::is_about_a_role(fault) {
        ExitCode::Identity
    } else if release::is_about_the_state(fault) {
        ExitCode::Busy
    } else {
        ExitCode::DeploymentFailed
    }
}

fn failed(checks: &[Check]) -> impl Iterator<Item = &Check> {
    checks.iter().filter(|check| check.problem.is_some())
}

fn problems(count: usize) -> String {
    if count == 1 { "a problem".to_owned() } else { format!("{count} problems") }
}

fn verdict_line(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Deployed => "deployed",
        Verdict::RolledBack => "the deployment was rolled back",
        Verdict::Failed => "the deployment failed",
        Verdict::RollbackFailed => "the deployment failed, and so did its rollback",
    }
}

/// What a deployment that succeeded came to.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// What serves now.
    pub digest: Option<Digest>,
    /// Where.
    pub service_url: Option<String>,
    /// One line.
    pub summary: String,
}
