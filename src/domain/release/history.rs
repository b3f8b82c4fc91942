//! Which version serves, and which one served before it: read from a service's operations and the record of what they deployed.

use std::collections::BTreeMap;

use super::{
    record::{note, tag},
    standing::{OperationKind, PastOperation},
};
use crate::domain::{
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
}

/// The deployments that succeeded, newest first, as `operations` are. Those may be the first page alone: what came before the oldest of
/// them is known only if it is the one that created the service.
#[must_use]
pub fn deployments(service: &str, operations: &[PastOperation]) -> Vec<PastDeployment> {
    let succeeded = |one: &PastOperation| one.kind.deploys() && one.status == OperationStatus::Succeeded;
    let with_tags = |(at, one): (usize, &PastOperation)| {
        let record = match operations.get(at + 1) {
            Some(before) => Some(tag(service, Some(&before.id))),
            None if one.kind == OperationKind::CreateService => Some(tag(service, None)),
            None => None,
        };
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
                return History { serving: Some(serving.clone()), before: Some(digest.clone()), unknown };
            }
            Some(_) => {}
            None => unknown.push(deployment.operation.clone()),
        }
    }
    History { serving: Some(serving.clone()), before: None, unknown }
}

#[cfg(test)]
mod tests;
