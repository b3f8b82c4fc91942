//! Events of the verbs that read: `status`, `plan`, `logs`, `export`.

use serde_json::json;

use shipgate_core::{
    diagnosis::Diagnosis,
    digest::Digest,
    event::{Event, LogSource, Stage},
    forecast::{Change, Forecast, Step, TagWrite},
    log_group::LogGroup,
    operation::{OperationId, OperationStatus},
    service::ServiceStatus,
    status::{Drift, GroupFacts, Knowledge, OnRecord, RanOperation, StatusReport},
};

pub(in crate::report) fn diagnosed() -> Diagnosis {
    let found = Diagnosis::failed("role-prod", "cannot assume arn:aws:iam::222222222222:role/deploy: AccessDenied");
    let found = found.knowing("session", "none").mended_by("add this statement to the trust policy");
    Diagnosis { statement: Some(json!({ "Effect": "Allow", "Action": "sts:AssumeRole" })), ..found }
}

pub(in crate::report) fn status() -> StatusReport {
    let group = |kind: &str, exists, retention_days| GroupFacts {
        name: format!("/aws/apprunner/shop-api/0123456789abcdef0123456789abcdef/{kind}"),
        exists: Some(exists),
        retention_days,
    };
    StatusReport {
        service: "shop-api".to_owned(),
        service_arn: super::ARN.to_owned(),
        status: ServiceStatus::Running,
        service_url: "https://abc.eu-west-1.awsapprunner.com".to_owned(),
        image_identifier: Some(format!("{}:shop-api", super::DESTINATION)),
        points_at: Some(Digest::of(b"newer")),
        deployed: Some(OnRecord {
            digest: super::digest(),
            operation: Some(super::operation()),
            known_from: Knowledge::Record,
        }),
        auto_deployments: false,
        operations: vec![
            RanOperation {
                operation: OperationId::new("27fe9f557e914097b243fcabbb69a4cf"),
                kind: "UPDATE_SERVICE".to_owned(),
                status: OperationStatus::RollbackSucceeded,
                began: "2026-01-02T02:50:00Z".parse().ok(),
                ended: "2026-01-02T03:01:30Z".parse().ok(),
            },
            RanOperation {
                operation: super::operation(),
                kind: "START_DEPLOYMENT".to_owned(),
                status: OperationStatus::Succeeded,
                began: "2026-01-01T10:00:00Z".parse().ok(),
                ended: "2026-01-01T10:04:05Z".parse().ok(),
            },
        ],
        log_groups: vec![group("service", true, Some(30)), group("application", false, None)],
        drift: vec![Drift {
            kind: "tag",
            detail: "its tag points elsewhere".to_owned(),
            command: Some(format!("shipgate rollback --to {}", super::digest())),
        }],
    }
}

pub(in crate::report) fn logged(source: LogSource, line: &str) -> Event {
    Event::LoggedLine {
        logged_at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        source,
        stream: "instance/0123".to_owned(),
        line: line.to_owned(),
    }
}

pub(in crate::report) fn orphan() -> LogGroup {
    LogGroup {
        name: "/aws/apprunner/shop-old/ffff456789abcdef0123456789abcdef/application".to_owned(),
        stored_bytes: 12_900_000,
        retention_days: None,
    }
}

pub(in crate::report) fn planned() -> Forecast {
    let written =
        |tag: &str, kind, operation| TagWrite { tag: tag.to_owned(), kind, digest: super::digest(), operation };
    let step = |stage, action: &str, skipped| Step { stage, action: action.to_owned(), skipped };
    let change = |of, what: &str, from: Option<&str>, to: Option<&str>| Change {
        of,
        what: what.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    Forecast {
        service: "shop-api".to_owned(),
        identifier: format!("{}:shop-api", super::DESTINATION),
        digest: super::digest(),
        verb: Some("update-service"),
        operation: None,
        serving: Some(Digest::of(b"older")),
        failed_before: vec![OperationId::new("27fe9f557e914097b243fcabbb69a4cf")],
        tags: vec![
            written("shipgate-was-shop-api-17fe", "note", Some(super::operation())),
            written("shop-api", "deployment", None),
            written("shipgate-next-shop-api-17fe", "record", Some(super::operation())),
        ],
        steps: vec![
            step(Stage::Copy, "the image to shop/api, by its digest", false),
            step(Stage::Verify, "the local check is switched off", true),
            step(Stage::Release, "apprunner:UpdateService", false),
        ],
        changes: vec![
            change("tag", "shop-api", Some("sha256:0"), Some("sha256:1")),
            change("service", "port", None, Some("3000")),
            change("service", "variable MODE", Some("a value"), None),
        ],
    }
}
