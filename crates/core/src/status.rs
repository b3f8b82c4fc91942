//! How a service stands, and where that is not what the configuration and the record say. Pure.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    digest::Digest,
    image::ImageReference,
    operation::{OperationId, OperationStatus},
    service::ServiceStatus,
};

/// How a service stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StatusReport {
    /// Its name.
    pub service: String,
    /// Its ARN.
    pub service_arn: String,
    /// Its state.
    pub status: ServiceStatus,
    /// Where it answers, with a scheme; empty when nowhere.
    pub service_url: String,
    /// The image identifier it is configured with; absent for one that is built from source code.
    pub image_identifier: Option<String>,
    /// What the identifier's tag, or the identifier itself, names now; absent when that cannot be read.
    pub points_at: Option<Digest>,
    /// What serves.
    pub deployed: Option<OnRecord>,
    /// Whether a push of its tag deploys.
    pub auto_deployments: bool,
    /// Its last operations, the newest first.
    pub operations: Vec<RanOperation>,
    /// Its two log groups.
    pub log_groups: Vec<GroupFacts>,
    /// What is not as it should be.
    pub drift: Vec<Drift>,
}

impl StatusReport {
    /// The operation that runs.
    #[must_use]
    pub fn running(&self) -> Option<&RanOperation> {
        self.operations.first().filter(|newest| newest.runs())
    }
}

/// What is on record as deployed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OnRecord {
    /// The digest.
    pub digest: Digest,
    /// The operation that brought it up, where there is one.
    pub operation: Option<OperationId>,
    /// Where that is known from.
    pub known_from: Knowledge,
}

/// Where it is known from what serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knowledge {
    /// The identifier can only ever mean this digest.
    Identifier,
    /// The record tells.
    Record,
    /// The tag pointed there when shipgate first moved it: an assumption.
    Note,
}

/// An operation in a service's list, with its times.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RanOperation {
    /// Its id.
    pub operation: OperationId,
    /// Its type, in App Runner's word.
    pub kind: String,
    /// Where it stands.
    pub status: OperationStatus,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it ended; absent while it runs.
    pub ended: Option<Timestamp>,
}

impl RanOperation {
    /// Whether it runs, as far as its status tells.
    #[must_use]
    pub fn runs(&self) -> bool {
        match self.status {
            OperationStatus::Pending | OperationStatus::InProgress | OperationStatus::RollbackInProgress => true,
            OperationStatus::Failed
            | OperationStatus::Succeeded
            | OperationStatus::RollbackFailed
            | OperationStatus::RollbackSucceeded
            | OperationStatus::Unknown(_) => false,
        }
    }

    /// How long it took, in milliseconds, once it has ended.
    #[must_use]
    pub fn took_ms(&self) -> Option<u64> {
        let (began, ended) = (self.began?, self.ended?);
        u64::try_from(ended.as_millisecond() - began.as_millisecond()).ok()
    }
}

/// A log group of the service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GroupFacts {
    /// Its name.
    pub name: String,
    /// Whether it exists; absent when that cannot be read.
    pub exists: Option<bool>,
    /// Days its lines are kept; absent: for ever, or not known.
    pub retention_days: Option<u32>,
}

/// Something that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Drift {
    /// What kind, stable: `tag`, `identifier`, `auto-deployments`, `log-retention`.
    pub kind: &'static str,
    /// What is seen, next to what should be.
    pub detail: String,
    /// The command that fixes it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What the configuration asks for, as far as drift is about it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Wanted<'a> {
    /// The workload repository, if it is named.
    pub repository: Option<&'a str>,
    /// The tag, if it is named.
    pub tag: Option<&'a str>,
    /// Days the service's logs are to be kept, if they are named.
    pub log_retention_days: Option<u32>,
}

/// Where a service is not as it should be: its tag next to what was deployed, itself next to what is configured.
#[must_use]
pub fn drift(seen: &StatusReport, wanted: Wanted<'_>) -> Vec<Drift> {
    let mut found = Vec::new();
    found.extend(moved_tag(seen));
    found.extend(other_identifier(seen, wanted));
    if seen.auto_deployments {
        found.push(Drift {
            kind: "auto-deployments",
            detail: "every push of the tag deploys by itself (AutoDeploymentsEnabled)".to_owned(),
            command: None,
        });
    }
    for group in seen.log_groups.iter().filter(|group| group.exists == Some(true)) {
        if let Some(days) = wanted.log_retention_days.filter(|days| group.retention_days != Some(*days)) {
            let kept = group.retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
            let detail = format!("{} keeps its lines {kept}, and {days} days are configured", group.name);
            found.push(Drift { kind: "log-retention", detail, command: None });
        }
    }
    found
}

/// While an operation runs, what is deployed is about to be what the tag points at.
fn moved_tag(seen: &StatusReport) -> Option<Drift> {
    let (deployed, points_at) = (seen.deployed.as_ref()?, seen.points_at.as_ref()?);
    if deployed.digest == *points_at || seen.running().is_some() {
        return None;
    }
    let detail = format!("its tag points at {}, and {} is deployed", points_at.short(), deployed.digest.short());
    Some(Drift { kind: "tag", detail, command: None })
}

fn other_identifier(seen: &StatusReport, wanted: Wanted<'_>) -> Option<Drift> {
    let identifier = seen.image_identifier.as_deref()?;
    let live: ImageReference = identifier.parse().ok()?;
    let tag = live.digest().is_none().then(|| live.tag().unwrap_or("latest"));
    let other_repository = wanted.repository.is_some_and(|repository| repository != live.repository());
    let other_tag = wanted.tag.is_some_and(|wanted| Some(wanted) != tag);
    if !other_repository && !other_tag {
        return None;
    }
    let repository = wanted.repository.unwrap_or_else(|| live.repository());
    let named = wanted.tag.map_or_else(|| repository.to_owned(), |tag| format!("{repository}:{tag}"));
    let detail = format!("it deploys from {identifier}, and {named} is configured");
    Some(Drift { kind: "identifier", detail, command: None })
}

#[cfg(test)]
mod tests {
    use super::{
        Digest, GroupFacts, Knowledge, OnRecord, OperationId, OperationStatus, RanOperation, ServiceStatus,
        StatusReport, Wanted, drift,
    };

    fn running(status: OperationStatus) -> RanOperation {
        let (operation, kind) = (OperationId::new("a1"), "START_DEPLOYMENT".to_owned());
        RanOperation { operation, kind, status, began: None, ended: None }
    }

    fn report() -> StatusReport {
        let digest = Digest::of(b"image");
        StatusReport {
            service: "shop-api".to_owned(),
            service_arn: String::new(),
            status: ServiceStatus::Running,
            service_url: String::new(),
            image_identifier: Some("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:shop-api".to_owned()),
            points_at: Some(digest.clone()),
            deployed: Some(OnRecord { digest, operation: None, known_from: Knowledge::Record }),
            auto_deployments: false,
            operations: vec![running(OperationStatus::Succeeded)],
            log_groups: vec![GroupFacts { name: "/g".to_owned(), exists: Some(true), retention_days: Some(30) }],
            drift: Vec::new(),
        }
    }

    fn kinds(report: &StatusReport, wanted: Wanted<'_>) -> Vec<&'static str> {
        drift(report, wanted).iter().map(|drift| drift.kind).collect()
    }

    #[test]
    fn a_service_as_it_should_be_has_no_drift() {
        let wanted = Wanted { repository: Some("shop/api"), tag: Some("shop-api"), log_retention_days: Some(30) };
        assert_eq!(drift(&report(), wanted), []);
        assert_eq!(drift(&report(), Wanted::default()), []);
    }

    #[test]
    fn each_difference_is_named() {
        let elsewhere = StatusReport { points_at: Some(Digest::of(b"other")), ..report() };
        let none = Wanted::default();
        assert_eq!(kinds(&elsewhere, none), ["tag"]);
        let under_way = StatusReport { operations: vec![running(OperationStatus::InProgress)], ..elsewhere.clone() };
        assert_eq!(kinds(&under_way, none), [""; 0], "it is about to be deployed");
        assert_eq!(kinds(&StatusReport { deployed: None, ..elsewhere }, none), [""; 0], "nobody knows");
        assert_eq!(kinds(&StatusReport { auto_deployments: true, ..report() }, none), ["auto-deployments"]);
        assert_eq!(kinds(&report(), Wanted { tag: Some("v1"), ..none }), ["identifier"]);
        assert_eq!(kinds(&report(), Wanted { repository: Some("shop"), ..none }), ["identifier"]);
        assert_eq!(kinds(&report(), Wanted { log_retention_days: Some(7), ..none }), ["log-retention"]);
        let missing = GroupFacts { name: "/g".to_owned(), exists: Some(false), retention_days: None };
        let without = StatusReport { log_groups: vec![missing], ..report() };
        assert_eq!(kinds(&without, Wanted { log_retention_days: Some(7), ..none }), [""; 0]);
    }
}
