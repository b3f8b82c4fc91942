//! What a failure tells: what the world looks like now, how to mend it, and why it came to this.

use std::error::Error;

use super::{Failure, Returned, failed};
use crate::{
    pipeline::progress::{MovedTag, Progress},
    stages::{
        prepare::PrepareError,
        promote::PromoteError,
        release::{self, ReleaseError},
    },
    target::TargetError,
};
use shipgate_aws::identity::IdentityError;
use shipgate_core::{operation::Verdict, release::OVERTAKEN};

impl Failure {
    /// What the world looks like now, in one line. `progress` is how far the run came.
    #[must_use]
    pub fn world(&self, progress: &Progress) -> String {
        match progress.deleted_log_groups() {
            0 if progress.is_reading() => return "nothing was changed".to_owned(),
            0 => {}
            1 => return "1 log group was deleted; nothing else was changed".to_owned(),
            count => return format!("{count} log groups were deleted; nothing else was changed"),
        }
        let serving = self.what_serves(progress);
        match progress.moved_tag() {
            Some(MovedTag { tag, .. }) => format!("{serving}; tag {tag} {}", self.what_the_tag_points_at(progress)),
            None => serving,
        }
    }

    fn what_the_tag_points_at(&self, progress: &Progress) -> &'static str {
        if matches!(self, Self::SmokeTest { returned: Some(Returned::To(_)), .. }) {
            "points at it again"
        } else if progress.is_going_back() {
            "points at the version before"
        } else if matches!(self, Self::Deployment { .. }) {
            "still points at the image that failed"
        } else if matches!(self, Self::Overtaken { .. }) {
            "points at this run's image"
        } else if matches!(self, Self::TagTaken { .. }) {
            "points at somebody else's image"
        } else {
            "points at the new image"
        }
    }

    fn what_serves(&self, progress: &Progress) -> String {
        let text = match self {
            Self::Configuration(_)
            | Self::Identity(_)
            | Self::Credentials(_)
            | Self::Aws { .. }
            | Self::Registry(_)
            | Self::Service { .. }
            | Self::NoService { .. }
            | Self::NoOperation { .. }
            | Self::NothingBefore { .. }
            | Self::History { .. }
            | Self::Services(_)
            | Self::NoConsent { .. }
            | Self::FileExists { .. }
            | Self::File { .. }
            | Self::Diagnosed(_)
            | Self::Stopped { .. }
            | Self::Resolve(_)
            | Self::Preflight(_) => "nothing was changed",
            Self::Copy(_) => {
                "no tag was moved and nothing was deployed; unreferenced blobs may be left in the workload registry"
            }
            Self::Mirror(failure) => failure.world(),
            Self::Destinations(failure) => failure.world(),
            Self::CopyStopped { world, .. } => world,
            Self::Changed(_) if progress.moved_tag().is_some() => "nothing was deployed",
            Self::Unhealthy { .. }
            | Self::Unverifiable(_)
            | Self::NoEngine(_)
            | Self::Prepare(PrepareError::StillBusy { .. })
            | Self::Changed(_) => "no tag was moved and nothing was deployed",
            Self::Overtaken { .. } => "the service deploys the other run's image",
            Self::Promote(PromoteError::NotMoved { .. } | PromoteError::NoImage { .. }) => {
                "the tag points where it did and nothing was deployed"
            }
            Self::Promote(PromoteError::Unknown { .. }) => "nothing was deployed; where the tag points is not known",
            Self::Prepare(_) => "no tag was moved; what the service is like now is not known: look at it",
            Self::Release(ReleaseError::NoPush) => "the deployment that the push of the tag begins may be running",
            Self::Release(ReleaseError::Nothing { .. }) => "nothing was deployed, as far as is known",
            Self::Release(ReleaseError::Unknown(_)) => "a deployment may be running, and was not found",
            Self::Release(ReleaseError::Refused(_) | ReleaseError::NotTaken(_) | ReleaseError::Busy(_))
            | Self::TagTaken { deployed: false, .. }
            | Self::TagUnseen { deployed: false, .. } => "nothing was deployed",
            Self::TagUnseen { deployed: true, .. } => "the deployment succeeded, of what the tag pointed at",
            Self::TagTaken { deployed: true, .. } => "the deployment succeeded, and may have deployed the other image",
            Self::SmokeTest { returned: Some(Returned::To(digest)), .. } => {
                return format!("{} serves again, the version before", digest.short());
            }
            Self::SmokeTest { returned: Some(Returned::Not(_)), .. } => {
                "the new version serves; the version before could not be deployed again"
            }
            Self::SmokeTest { returned: Some(Returned::Unclear(_)), .. } => {
                "the version before was ordered again; what serves now is not known: look at the service"
            }
            Self::SmokeTest { returned: None, .. } => "the new version serves",
            Self::Deployment { verdict: Verdict::RolledBack, .. } => "the old version serves",
            Self::Deployment { create_failed: true, .. } => {
                "the service is in CREATE_FAILED: it holds its name and serves nothing"
            }
            Self::Deployment { .. } => "what serves now is not known: look at the service",
            Self::GateLost(source) if source.is_not_found() => "the service does not exist any more",
            Self::GateTimeout { last: None } => "whether the operation runs is not known: it was never listed",
            Self::GateTimeout { last: Some(_) } | Self::GateLost(_) | Self::GateDenied(_) => {
                "the operation still runs, as far as is known"
            }
            Self::Cancelled { .. } => {
                return match progress.operation() {
                    Some(operation) => format!("operation {operation} goes on in App Runner, which cannot be stopped"),
                    None if progress.order_is_given() => {
                        "a deployment may be running: the order for it was given, and not answered".to_owned()
                    }
                    None if progress.verdict() == Some(Verdict::Deployed) => "the new version serves".to_owned(),
                    None if progress.verdict() == Some(Verdict::RolledBack) => "the old version serves".to_owned(),
                    None if progress.verdict().is_some() => "the deployment failed; look at the service".to_owned(),
                    None if progress.tag_is_moving() => {
                        "nothing was deployed; where the tag points is not known".to_owned()
                    }
                    None if progress.push_is_unseen() => {
                        "the deployment that the push of the tag begins may be running".to_owned()
                    }
                    None if progress.has_deployed() => "the new version serves".to_owned(),
                    None => "nothing was deployed".to_owned(),
                };
            }
        };
        text.to_owned()
    }

    /// How to mend it.
    #[must_use]
    pub fn hint(&self, progress: &Progress) -> Option<String> {
        match self {
            Self::Identity(errors) => {
                let mut hints: Vec<String> = errors.iter().map(IdentityError::hint).collect();
                hints.dedup();
                Some(hints.join("\n"))
            }
            Self::Aws { source, .. } => source.hint(),
            Self::Service { source, .. } | Self::Services(source) => source.hint(),
            Self::Resolve(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Credentials(error) => Some(error.hint()),
            Self::Preflight(checks) => failed(checks).find_map(|check| check.problem.as_ref()?.hint.clone()),
            Self::Copy(error) => error.hint(),
            Self::Unverifiable(error) => error.hint(),
            Self::Promote(error) => error.hint(),
            Self::Unhealthy { hint, .. } => hint.clone(),
            Self::Deployment { create_failed: true, reason, .. } => Some(format!(
                "{}\nthen run the same command again: it rebuilds the service in place. With --recreate it deletes the service and \
                 creates it anew: its URL, ARN and log groups change",
                reason.next
            )),
            Self::Deployment { reason, .. } => Some(format!("{}\nthen deploy again", reason.next)),
            Self::GateLost(source) if source.is_not_found() => None,
            Self::Prepare(PrepareError::StillBusy { .. }) => Some(
                "run the same command again when the service is free, or wait longer: --busy-timeout".to_owned(),
            ),
            Self::Prepare(PrepareError::Failed { .. }) => {
                Some("look at the service's log of events, then run the same command again".to_owned())
            }
            Self::Release(ReleaseError::NoPush) => Some(
                "run the same command again: it follows the deployment if it has begun, and orders it if it has not".to_owned(),
            ),
            Self::Cancelled { .. } if progress.order_is_given() => Some(
                "run the same command again: it follows the deployment if it has begun, and orders it if it has not".to_owned(),
            ),
            Self::Prepare(_) | Self::GateTimeout { .. } | Self::GateLost(_) | Self::Cancelled { .. } => {
                progress.wait_line().map(|line| format!("go on following it with: {line}"))
            }
            Self::Release(ReleaseError::Refused(TargetError::Call(fault))) if release::is_about_a_role(fault) => Some(
                "let App Runner assume the role: its trust policy must allow sts:AssumeRole to build.apprunner.amazonaws.com for \
                 an access role, to tasks.apprunner.amazonaws.com for an instance role"
                    .to_owned(),
            ),
            Self::Release(ReleaseError::Unknown(_)) => Some(
                "look for it: aws apprunner list-operations --service-arn ARN; follow it with: shipgate wait OPERATION".to_owned(),
            ),
            Self::Overtaken { .. } => Some(OVERTAKEN.to_owned()),
            Self::GateDenied(_) => Some(match progress.wait_line() {
                Some(line) => format!("renew the credentials or the permission, then follow the deployment with: {line}"),
                None => "renew the credentials or the permission, then run the same command again".to_owned(),
            }),
            Self::Release(ReleaseError::Busy(_)) => {
                Some("run the same command again when the operation has ended, or let shipgate wait: --if-busy wait".to_owned())
            }
            Self::TagTaken { .. } => Some("let one job at a time deploy to a service, then run the same command again".to_owned()),
            Self::Changed(_) => Some("run the same command again once the service is RUNNING".to_owned()),
            Self::TagUnseen { source, .. } | Self::History { source, .. } => source.hint(),
            Self::NoEngine(_) => Some("start Docker, or set DOCKER_HOST to an engine that answers".to_owned()),
            Self::NoOperation { .. } => Some("check the operation's id and the service's name".to_owned()),
            Self::NothingBefore { .. } => Some("name a digest of the workload repository: --to sha256:…".to_owned()),
            Self::NoService { .. } => Some("check the service's name, the region and the role".to_owned()),
            Self::Configuration(error) => error.hint(),
            Self::Mirror(failure) => failure.hint(),
            Self::Destinations(failure) => failure.hint(),
            Self::CopyStopped { .. } => {
                Some("run the same command again: what has been copied is kept and will be skipped".to_owned())
            }
            Self::NoConsent { .. } => Some("pass --yes, or answer y on a terminal".to_owned()),
            Self::FileExists { .. } => Some("name another file, or pass --force to replace it".to_owned()),
            Self::File { .. } => Some("name a file in a folder that exists and can be written".to_owned()),
            Self::SmokeTest { returned: None, .. } => {
                Some("look at the application's logs; to have the version before deployed again by itself: `smoke_test.on_failure: return`".to_owned())
            }
            Self::SmokeTest { returned: Some(Returned::Unclear(_)), .. } if progress.operation().is_some() => {
                progress.wait_line().map(|line| format!("go on following it with: {line}"))
            }
            Self::SmokeTest { returned: Some(_), .. } => Some("look at the application's logs of the version that failed".to_owned()),
            Self::Release(ReleaseError::Refused(error)) => error.hint(),
            Self::Diagnosed(_) | Self::Stopped { .. } | Self::Release(_) => None,
        }
    }

    /// Why, outermost first: the failure itself, then its causes.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = vec![self.to_string()];
        match self {
            Self::Configuration(error) => causes.extend(error.problems.iter().map(ToString::to_string)),
            Self::Mirror(failure) => causes.extend(failure.reasons()),
            Self::Destinations(failure) => causes.extend(failure.reasons()),
            Self::Preflight(checks) => {
                causes.extend(failed(checks).map(|check| format!("{}: {}", check.name, check.detail)));
            }
            Self::Identity(errors) => {
                // One of several tells itself; the only one is the failure, which has been told.
                if errors.len() > 1 {
                    causes.clear();
                }
                for error in errors {
                    causes.extend((errors.len() > 1).then(|| error.to_string()));
                    causes.extend(why(error));
                }
            }
            Self::Diagnosed(found) => {
                let failed = found.iter().filter(|one| one.is_failure());
                causes.extend(failed.map(|one| format!("{}: {}", one.check, one.detail)));
            }
            Self::Deployment { reason, .. } => {
                causes.push(reason.said.clone().unwrap_or_else(|| "the logs give no reason".to_owned()));
                causes.extend(reason.last_lines.last().map(|line| format!("the application's last line: {line}")));
            }
            Self::SmokeTest { returned, .. } => {
                if let Some(Returned::Not(reason) | Returned::Unclear(reason)) = returned {
                    causes.push(format!("the version before could not be deployed again: {reason}"));
                }
            }
            Self::Aws { .. }
            | Self::Credentials(_)
            | Self::Registry(_)
            | Self::Service { .. }
            | Self::NoService { .. }
            | Self::NoOperation { .. }
            | Self::NothingBefore { .. }
            | Self::History { .. }
            | Self::Resolve(_)
            | Self::Copy(_)
            | Self::Unhealthy { .. }
            | Self::Unverifiable(_)
            | Self::Promote(_)
            | Self::Prepare(_)
            | Self::Release(_)
            | Self::TagTaken { .. }
            | Self::TagUnseen { .. }
            | Self::Changed(_)
            | Self::Overtaken { .. }
            | Self::NoEngine(_)
            | Self::GateTimeout { .. }
            | Self::GateLost(_)
            | Self::GateDenied(_)
            | Self::CopyStopped { .. }
            | Self::Services(_)
            | Self::NoConsent { .. }
            | Self::FileExists { .. }
            | Self::File { .. }
            | Self::Stopped { .. }
            | Self::Cancelled { .. } => {
                causes.extend(sources(self));
            }
        }
        causes
    }
}

/// Why an identity could not be had: hop by hop where a chain was walked.
fn why(error: &IdentityError) -> Vec<String> {
    let hops = error.hops();
    if hops.is_empty() { sources(error) } else { hops }
}

fn sources(error: &dyn Error) -> Vec<String> {
    let mut texts = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    texts
}
