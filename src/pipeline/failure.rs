//! How a run can fail, and the one mapping from failures to exit codes.

use std::error::Error;

use super::cancellation::Signal;
use crate::{
    aws::{fault::AwsFault, identity::IdentityError},
    config::problem::ConfigError,
    domain::{
        digest::Digest,
        event::Stage,
        exit_code::ExitCode,
        operation::{OperationId, OperationStatus, Verdict},
    },
    registry::RegistryError,
    stages::{
        copy::CopyError,
        preflight::{self, Check},
        promote::PromoteError,
        resolve::ResolveError,
        verify::VerifyError,
    },
    target::{Started, TargetError},
};

/// A run that did not reach its goal.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration or the flags are wrong.
    #[error("the configuration has {}", problems(.0.problems.len()))]
    Configuration(ConfigError),
    /// An identity could not be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
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
    /// The service did not take the order.
    #[error("the service did not take the deployment")]
    Release {
        /// The tag, which points at the new digest now.
        tag: String,
        /// What the target said.
        #[source]
        source: TargetError,
    },
    /// The operation ended, and not in success.
    #[error("{}", verdict_line(*.verdict))]
    Deployment {
        /// What it came to.
        verdict: Verdict,
        /// Whether the service is in `CREATE_FAILED` now.
        create_failed: bool,
        /// The tag that was promoted for it, where this run did that.
        tag: Option<String>,
        /// Why, as far as the logs tell.
        reason: Option<String>,
        /// The last line of the application's output.
        last_line: Option<String>,
    },
    /// The deadline passed with the operation still running.
    #[error("the deployment did not end in time (last seen: {})", .last.as_ref().map_or("never listed".to_owned(), ToString::to_string))]
    GateTimeout {
        /// The status seen last.
        last: Option<OperationStatus>,
        /// How to go on following it.
        wait: String,
    },
    /// There is no such operation.
    #[error("operation {operation} was never listed")]
    NoOperation {
        /// The operation.
        operation: OperationId,
    },
    /// The operation cannot be followed any more.
    #[error("the deployment cannot be followed")]
    GateLost {
        /// How to go on following it.
        wait: String,
        /// What the target said.
        #[source]
        source: TargetError,
    },
    /// Stopped by a signal.
    #[error("cancelled during {stage}")]
    Cancelled {
        /// Which signal.
        signal: Signal,
        /// The stage that was under way, or about to begin.
        stage: Stage,
        /// The operation that the cloud goes on with, and how to follow it.
        running: Option<Running>,
    },
}

/// An operation that goes on without us.
#[derive(Clone, Debug)]
pub struct Running {
    /// The operation.
    pub operation: OperationId,
    /// How to go on following it.
    pub wait: String,
}

impl Running {
    /// The operation of a deployment that has started.
    #[must_use]
    pub fn new(started: &Started, wait: String) -> Self {
        Self { operation: started.operation.clone(), wait }
    }
}

impl Failure {
    /// A cancellation with nothing running. Work that ended because of a token knows no signal when the token was
    /// not a user's; SIGINT's code is the honest default then.
    #[must_use]
    pub fn cancelled(signal: Option<Signal>, stage: Stage) -> Self {
        Self::Cancelled { signal: signal.unwrap_or(Signal::Interrupt), stage, running: None }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Registry(_) => ExitCode::Usage,
            Self::Identity(_) => ExitCode::Identity,
            Self::Aws { source, .. } => {
                if source.is_denied() {
                    ExitCode::Identity
                } else {
                    ExitCode::Preflight
                }
            }
            Self::Service { source, .. } => {
                if source.is_denied() {
                    ExitCode::Identity
                } else {
                    ExitCode::Preflight
                }
            }
            Self::Resolve(ResolveError::Registry { source, .. }) if source.is_denied() => ExitCode::Identity,
            // The image is damaged where it comes from: the copy could only have failed.
            Self::Resolve(ResolveError::Registry { source, .. }) if source.is_corrupt() => ExitCode::Copy,
            Self::Resolve(_) | Self::NoService { .. } | Self::NoOperation { .. } => ExitCode::Preflight,
            Self::Preflight(checks) => preflight::exit_code(checks).unwrap_or(ExitCode::Internal),
            Self::Copy(_) | Self::Promote(_) => ExitCode::Copy,
            Self::Unhealthy { .. } => ExitCode::Unhealthy,
            Self::Unverifiable(_) => ExitCode::Unverifiable,
            Self::Release { source, .. } => release_exit_code(source),
            Self::Deployment { verdict, .. } => match verdict {
                Verdict::RolledBack => ExitCode::RolledBack,
                Verdict::Failed | Verdict::RollbackFailed => ExitCode::DeploymentFailed,
                Verdict::Deployed => ExitCode::Internal,
            },
            Self::GateTimeout { .. } | Self::GateLost { .. } => ExitCode::GateTimeout,
            Self::Cancelled { signal, .. } => signal.exit_code(),
        }
    }

    /// What the world looks like now, in one line.
    #[must_use]
    pub fn world(&self) -> String {
        match self {
            Self::Configuration(_)
            | Self::Identity(_)
            | Self::Aws { .. }
            | Self::Registry(_)
            | Self::Service { .. }
            | Self::NoService { .. }
            | Self::NoOperation { .. }
            | Self::Resolve(_)
            | Self::Preflight(_) => "nothing was changed".to_owned(),
            Self::Copy(_) => {
                "no tag was moved and nothing was deployed; unreferenced blobs may be left in the workload registry"
                    .to_owned()
            }
            Self::Unhealthy { .. } | Self::Unverifiable(_) => "no tag was moved and nothing was deployed".to_owned(),
            Self::Promote(_) => "the tag points where it did and nothing was deployed".to_owned(),
            Self::Release { tag, .. } => {
                format!("tag {tag} points at the new image; no deployment is known to run")
            }
            Self::Deployment { verdict: Verdict::RolledBack, tag: None, .. } => "the old version serves".to_owned(),
            Self::Deployment { verdict: Verdict::RolledBack, tag: Some(tag), .. } => {
                format!("the old version serves; tag {tag} still points at the image that failed")
            }
            Self::Deployment { create_failed: true, .. } => {
                "the service is in CREATE_FAILED: it holds its name and serves nothing".to_owned()
            }
            Self::Deployment { .. } => "what serves now is not known: look at the service".to_owned(),
            Self::GateLost { source, .. } if source.is_not_found() => "the service does not exist any more".to_owned(),
            Self::GateTimeout { last: None, .. } => {
                "whether the operation runs is not known: it was never listed".to_owned()
            }
            Self::GateTimeout { .. } | Self::GateLost { .. } => {
                "the operation still runs, as far as is known".to_owned()
            }
            Self::Cancelled { running: Some(running), .. } => {
                format!("operation {} goes on in App Runner, which cannot be stopped", running.operation)
            }
            Self::Cancelled { running: None, .. } => "nothing was deployed".to_owned(),
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Identity(error) => Some(error.hint()),
            Self::Resolve(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Preflight(checks) => failed(checks).find_map(|check| check.problem.as_ref()?.hint.clone()),
            Self::Copy(error) => error.hint(),
            Self::Unverifiable(error) => error.hint(),
            Self::Promote(error) => error.source.hint(),
            Self::Unhealthy { hint, .. } => hint.clone(),
            Self::Deployment { verdict: Verdict::RolledBack, .. } => Some(
                "mend the cause, then deploy again; what only the service is given can be given to the local check too \
                 (`verify.environment`)"
                    .to_owned(),
            ),
            Self::Deployment { create_failed: true, .. } => {
                Some("delete the service (aws apprunner delete-service --service-arn ARN) once the cause is mended, then run the same command again".to_owned())
            }
            Self::GateLost { source, .. } if source.is_not_found() => None,
            Self::NoOperation { .. } => Some("check the operation's id and the service's name".to_owned()),
            Self::GateTimeout { wait, .. } | Self::GateLost { wait, .. } => Some(format!("go on following it with: {wait}")),
            Self::Cancelled { running: Some(running), .. } => Some(format!("go on following it with: {}", running.wait)),
            Self::Release { source: TargetError::Call(fault), .. } if fault.message.contains("Error in assuming") => Some(
                "let App Runner assume the role: its trust policy must name build.apprunner.amazonaws.com for an access role, \
                 tasks.apprunner.amazonaws.com for an instance role"
                    .to_owned(),
            ),
            Self::NoService { .. } => Some("check the service's name, the region and the role".to_owned()),
            Self::Configuration(_)
            | Self::Aws { .. }
            | Self::Service { .. }
            | Self::Release { .. }
            | Self::Deployment { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    /// Why, outermost first: the failure itself, then its causes.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = vec![self.to_string()];
        match self {
            Self::Configuration(error) => causes.extend(error.problems.iter().map(ToString::to_string)),
            Self::Preflight(checks) => {
                causes.extend(failed(checks).map(|check| format!("{}: {}", check.name, check.detail)));
            }
            Self::Identity(error @ IdentityError::Hop { .. }) => causes.extend(error.hops()),
            Self::Deployment { reason, last_line, .. } => {
                causes.push(reason.clone().unwrap_or_else(|| "the logs give no reason".to_owned()));
                causes.extend(last_line.as_ref().map(|line| format!("the application's last line: {line}")));
            }
            Self::Identity(_)
            | Self::Aws { .. }
            | Self::Registry(_)
            | Self::Service { .. }
            | Self::NoService { .. }
            | Self::NoOperation { .. }
            | Self::Resolve(_)
            | Self::Copy(_)
            | Self::Unhealthy { .. }
            | Self::Unverifiable(_)
            | Self::Promote(_)
            | Self::Release { .. }
            | Self::GateTimeout { .. }
            | Self::GateLost { .. }
            | Self::Cancelled { .. } => {
                let mut source = self.source();
                while let Some(cause) = source {
                    causes.push(cause.to_string());
                    source = cause.source();
                }
            }
        }
        causes
    }
}

/// App Runner says "not now" and "I cannot assume that role" under codes it uses for much else, so the words count.
fn release_exit_code(error: &TargetError) -> ExitCode {
    let TargetError::Call(fault) = error else { return ExitCode::DeploymentFailed };
    let says = |words: &str| fault.message.contains(words);
    if fault.is_denied() || says("Error in assuming") {
        ExitCode::Identity
    } else if fault.has_code("InvalidStateException") || says("RUNNING state") {
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
