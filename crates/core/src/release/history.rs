//! Which version serves, and which one served before it: read from a service's operations and the record of what they deployed.

use std::collections::BTreeMap;

use super::{
    record::{note, tag},
    standing::{OperationKind, PastOperation},
};
use crate::{
    digest::Digest,
    operation::{OperationId, OperationStatus},
};

/// A deployment that succeeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastDeployment {
    /// Its operation.
    pub operation: OperationId,
    /// The tags of the record that may tell what it deployed; the first that is there counts.
    pub tags: Vec<String>,
}

/// What is known of a service's versions.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct History {
    /// What serves now.
    pub serving: Option<Digest>,
    /// What served before that: another image.
    pub before: Option<Digest>,
    /// Deployments between the two of which nothing is on record.
    pub unknown: Vec<OperationId>,
    /// The newest deployment, unless it succeeded: what the service's tag points at then may not be what serves.
    pub attempt: Option<Attempt>,
}

/// A deployment that has not succeeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Its operation.
    pub operation: OperationId,
    /// How far it came.
    pub end: AttemptEnd,
    /// What it was to deploy, by the record.
    pub digest: Option<Digest>,
}

/// How far a deployment came that has not succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptEnd {
    /// It has not ended.
    Running,
    /// App Runner went back: what served before it serves.
    RolledBack,
    /// It failed without a rollback, or the rollback failed: what serves is not known.
    Failed,
}

/// The newest deployment, unless it succeeded, with the record's tag that says what it was to deploy. `operations` are newest first.
#[must_use]
pub fn attempt(service: &str, operations: &[PastOperation]) -> Option<(OperationId, AttemptEnd, Option<String>)> {
    let at = operations.iter().position(|one| one.kind.deploys())?;
    let newest = operations.get(at)?;
    let end = match &newest.status {
        OperationStatus::Succeeded => return None,
        OperationStatus::Pending | OperationStatus::InProgress | OperationStatus::RollbackInProgress => {
            AttemptEnd::Running
        }
        OperationStatus::RollbackSucceeded => AttemptEnd::RolledBack,
        OperationStatus::Failed | OperationStatus::RollbackFailed | OperationStatus::Unknown(_) => AttemptEnd::Failed,
    };
    Some((newest.id.clone(), end, record_of(service, operations, at)))
}

/// The record's tag of an operation of the list; none of the oldest of a list that is cut off.
fn record_of(service: &str, operations: &[PastOperation], at: usize) -> Option<String> {
    match operations.get(at + 1) {
        Some(before) => Some(tag(service, Some(&before.id))),
        None if operations.get(at)?.kind == OperationKind::CreateService => Some(tag(service, None)),
        None => None,
    }
}

/// The deployments that failed, newest first, each with the record's tag that says what it was to deploy.
#[must_use]
pub fn failed_deployments(service: &str, operations: &[PastOperation]) -> Vec<(OperationId, String)> {
    let failed = |one: &PastOperation| {
        one.kind.deploys()
            && match &one.status {
                OperationStatus::Failed | OperationStatus::RollbackFailed | OperationStatus::RollbackSucceeded => true,
                OperationStatus::Pending
                | OperationStatus::InProgress
                | OperationStatus::RollbackInProgress
                | OperationStatus::Succeeded
                | OperationStatus::Unknown(_) => false,
            }
    };
    let all = operations.iter().enumerate().filter(|(_, one)| failed(one));
    all.filter_map(|(at, one)| Some((one.id.clone(), record_of(service, operations, at)?))).collect()
}

/// Which version a rollback means that names none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WayBack<'h> {
    /// The version that serves: the deployment after it has not succeeded.
    Serving(&'h Digest, &'h Attempt),
    /// The version that served before.
    Previous {
        /// What serves.
        serving: &'h Digest,
        /// What served before it.
        before: &'h Digest,
    },
}

impl History {
    /// Decides. After a deployment that did not succeed, the way back leads to what serves, never one version further. The same holds
    /// while a deployment runs, unless it is of one of the two versions: then a rollback was cut off, and is resumed. `None`: the record
    /// does not show it.
    #[must_use]
    pub fn way_back(&self) -> Option<WayBack<'_>> {
        let serving = self.serving.as_ref()?;
        if let Some(attempt) = &self.attempt {
            let is_known = attempt.digest.is_some() && [&self.serving, &self.before].contains(&&attempt.digest);
            if attempt.end != AttemptEnd::Running || !is_known {
                return Some(WayBack::Serving(serving, attempt));
            }
        }
        Some(WayBack::Previous { serving, before: self.before.as_ref()? })
    }

    /// Whether this version serves although the newest deployment was of another: App Runner went back to it.
    #[must_use]
    pub fn was_rolled_back_to(&self, digest: &Digest) -> bool {
        let rolled_back = self.attempt.as_ref().is_some_and(|attempt| attempt.end == AttemptEnd::RolledBack);
        rolled_back && self.serving.as_ref() == Some(digest)
    }
}

/// The deployments that succeeded, newest first, as `operations` are. Those may be the first page alone: what came before the oldest of
/// them is known only if it is the one that created the service.
#[must_use]
pub fn deployments(service: &str, operations: &[PastOperation]) -> Vec<PastDeployment> {
    let succeeded = |one: &PastOperation| one.kind.deploys() && one.status == OperationStatus::Succeeded;
    let with_tags = |(at, one): (usize, &PastOperation)| {
        let record = record_of(service, operations, at);
        let tags = record.into_iter().chain([note(service, &one.id)]).collect();
        PastDeployment { operation: one.id.clone(), tags }
    };
    operations.iter().enumerate().filter(|(_, one)| succeeded(one)).map(with_tags).collect()
}

/// Reads the history. `record` is where the record's tags point, those that are there; `serving` what is certain to serve, whatever
/// the record says; `assumed` what the newest deployment is taken to have deployed where the record does not tell.
///
/// A version is another image: the same one deployed twice is one. Deployments of which nothing is on record are passed over, and
/// named.
#[must_use]
pub fn history(
    deployments: &[PastDeployment],
    record: &BTreeMap<String, Digest>,
    serving: Option<&Digest>,
    assumed: Option<&Digest>,
) -> History {
    let recorded = |one: &PastDeployment| one.tags.iter().find_map(|tag| record.get(tag));
    let Some((newest, earlier)) = deployments.split_first() else {
        return History { serving: serving.cloned(), ..History::default() };
    };
    let Some(serving) = serving.or_else(|| recorded(newest)).or(assumed) else { return History::default() };
    let mut unknown = Vec::new();
    for deployment in earlier {
        match recorded(deployment) {
            Some(digest) if digest != serving => {
                return History {
                    serving: Some(serving.clone()),
                    before: Some(digest.clone()),
                    unknown,
                    attempt: None,
                };
            }
            Some(_) => {}
            None => unknown.push(deployment.operation.clone()),
        }
    }
    History { serving: Some(serving.clone()), before: None, unknown, attempt: None }
}

#[cfg(test)]
mod tests;
