//! What is decided before anything is changed, by tables.

mod forecast;

use std::time::Duration;

use super::{Observation, Plan, destination, plan};
use crate::{
    config::deployment::{CreateSettings, ReleaseSettings, Target, VerifySettings},
    stages::release::{ReleaseOrder, Unreleasable},
};
use shipgate_core::{
    access::Access,
    digest::Digest,
    mutability::TagMutability,
    oidc::Start,
    operation::{OperationId, OperationStatus},
    pull_through::Via,
    release::{Consent, Naming, OperationKind, PastOperation, Refusal, ReleaseVerb},
    secret::Secret,
    service::{LiveService, RunSettings, ServiceStatus},
    service_secret::SecretSource,
};

const WORKLOAD: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";

fn target() -> Target {
    Target {
        name: "prod".to_owned(),
        access: Access { hops: Vec::new(), region: "ap-northeast-1".parse().unwrap() },
        start: Start::default(),
        service: "shop-api".parse().unwrap(),
        repository: None,
        tag: None,
        create: None,
        create_repository: false,
        via: Via::Copy,
        verify: VerifySettings::default(),
        release: ReleaseSettings {
            consent: Consent::default(),
            busy_timeout: Duration::from_mins(20),
            naming: Naming::AsLive,
            unchecked: false,
        },
        gate_timeout: Duration::from_mins(35),
        log_retention_days: None,
        smoke_test: None,
    }
}

fn live(status: &str, identifier: Option<&str>) -> LiveService {
    LiveService {
        arn: "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123".parse().unwrap(),
        status: ServiceStatus::from(status),
        url: "abc.ap-northeast-1.awsapprunner.com".to_owned(),
        image_identifier: identifier.map(str::to_owned),
        auto_deployments: false,
        settings: RunSettings {
            port: 3000,
            secrets: [("DATABASE_URL".to_owned(), SecretSource::read("/shop/db"))].into(),
            ..RunSettings::default()
        },
    }
}

fn wanted() -> Digest {
    Digest::of(b"wanted")
}

/// What there is, of a service in this state; nothing is on record, and the tag points at another image.
fn seen(live: Option<LiveService>) -> Observation {
    let operations = live.as_ref().map(|_| past("1", OperationKind::CreateService, "SUCCEEDED"));
    Observation {
        live,
        operations: operations.into_iter().collect(),
        repository: Ok(Some(TagMutability::default())),
        points_at: Some(Digest::of(b"other")),
        recorded: None,
        serving: None,
        claimed: None,
        began: jiff::Timestamp::now(),
    }
}

fn past(id: &str, kind: OperationKind, status: &str) -> PastOperation {
    PastOperation { id: OperationId::new(id), kind, status: OperationStatus::from(status.to_owned()), started_at: None }
}

fn planned(target: &Target, seen: &Observation) -> Plan {
    let source = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/team/api:v1".parse().unwrap();
    let place = destination(target, &source, seen.live.as_ref(), &"222222222222".parse().unwrap());
    plan(target, &source, &wanted(), &place, seen)
}

fn created() -> CreateSettings {
    CreateSettings {
        access_role: "arn:aws:iam::222222222222:role/apprunner-access".parse().unwrap(),
        instance_role: None,
        run: RunSettings { port: 4000, ..RunSettings::default() },
        secrets: std::collections::BTreeMap::new(),
    }
}

/// `identifier verb`, or the refusal.
fn said(plan: &Plan) -> String {
    match &plan.course {
        Ok(course) => format!("{} {}", plan.identifier.reference(), course.verb.name()),
        Err(why) => why.to_string(),
    }
}

#[test]
fn a_service_is_deployed_to_by_what_it_deploys_from() {
    let pinned = format!("{WORKLOAD}@{}", Digest::of(b"other"));
    let elsewhere = WORKLOAD.replace("222222222222", "111111111111") + ":prod";
    let table = [
        (format!("{WORKLOAD}:prod"), None, None, format!("{WORKLOAD}:prod start-deployment")),
        // No tag means `latest`.
        (WORKLOAD.to_owned(), None, None, format!("{WORKLOAD}:latest start-deployment")),
        // What a tag would not deploy is deployed by an update.
        (pinned.clone(), None, None, format!("{WORKLOAD}@{} update-service", wanted())),
        (pinned, None, Some("prod"), format!("{WORKLOAD}:prod update-service")),
        (elsewhere, None, None, format!("{WORKLOAD}:prod update-service")),
        (format!("{WORKLOAD}:prod"), None, Some("next"), format!("{WORKLOAD}:next update-service")),
        (
            format!("{WORKLOAD}:prod"),
            Some("other"),
            None,
            format!("{} update-service", WORKLOAD.replace("shop/api", "other") + ":prod"),
        ),
    ];
    for (identifier, repository, tag, expected) in table {
        let target = Target { repository: repository.map(str::to_owned), tag: tag.map(str::to_owned), ..target() };
        let plan = planned(&target, &seen(Some(live("RUNNING", Some(&identifier)))));
        assert_eq!(said(&plan), expected, "{identifier}");
    }
}

#[test]
fn what_is_deployed_and_what_runs_is_seen() {
    let identifier = format!("{WORKLOAD}:prod");
    let observation = |status: &str, operation: &str, tag: &Digest, recorded: Option<Digest>| Observation {
        operations: vec![
            past("2", OperationKind::StartDeployment, operation),
            past("1", OperationKind::CreateService, "SUCCEEDED"),
        ],
        points_at: Some(tag.clone()),
        recorded,
        ..seen(Some(live(status, Some(&identifier))))
    };
    let (ours, other) = (wanted(), Digest::of(b"other"));
    let table = [
        ("RUNNING", "SUCCEEDED", &ours, Some(&ours), "nothing"),
        ("OPERATION_IN_PROGRESS", "IN_PROGRESS", &ours, Some(&ours), "follow"),
        // The status lags behind the list.
        ("RUNNING", "PENDING", &ours, Some(&ours), "follow"),
        // The tag is in place, and nobody has deployed it.
        ("RUNNING", "SUCCEEDED", &ours, None, "start-deployment"),
        ("RUNNING", "SUCCEEDED", &ours, Some(&other), "start-deployment"),
        ("RUNNING", "ROLLBACK_SUCCEEDED", &ours, Some(&ours), "start-deployment"),
        // It was deployed, and the tag has been moved since.
        ("RUNNING", "SUCCEEDED", &other, Some(&ours), "start-deployment"),
    ];
    for (status, operation, tag, recorded, verb) in table {
        let plan = planned(&target(), &observation(status, operation, tag, recorded.cloned()));
        let course = plan.course.unwrap();
        assert_eq!((course.verb.name(), course.first), (verb, None), "{status} {operation} {tag} {recorded:?}");
    }
    // Somebody else's operation is waited for, whatever the status still says.
    for status in ["RUNNING", "OPERATION_IN_PROGRESS"] {
        let course =
            planned(&target(), &observation(status, "IN_PROGRESS", &other, Some(other.clone()))).course.unwrap();
        assert_eq!(course.first, Some(shipgate_core::release::Preparation::Wait), "{status}");
    }
}

#[test]
fn an_identifier_that_means_one_digest_needs_no_record() {
    let pinned = seen(Some(live("RUNNING", Some(&format!("{WORKLOAD}@{}", wanted())))));
    assert_eq!(planned(&target(), &pinned).course.unwrap().verb, ReleaseVerb::Nothing);
    let immutable = TagMutability { immutable: true, exclusions: Vec::new() };
    let fixed = Observation {
        repository: Ok(Some(immutable)),
        points_at: Some(wanted()),
        ..seen(Some(live("RUNNING", Some(&format!("{WORKLOAD}:v1")))))
    };
    let plan = planned(&target(), &fixed);
    assert_eq!(said(&plan), format!("{WORKLOAD}:v1 nothing"));
    assert_eq!(plan.taken_by, None, "the same digest again is no trouble");
}

#[test]
fn a_tag_that_cannot_be_moved_is_left_for_the_images_own() {
    let observation = Observation {
        repository: Ok(Some(TagMutability { immutable: true, exclusions: Vec::new() })),
        ..seen(Some(live("RUNNING", Some(&format!("{WORKLOAD}:v0")))))
    };
    let plan = planned(&target(), &observation);
    assert_eq!((said(&plan), plan.taken_by.clone()), (format!("{WORKLOAD}:v1 update-service"), None));
    let named = Target { tag: Some("v0".to_owned()), ..target() };
    assert_eq!(planned(&named, &observation).taken_by, Some(Digest::of(b"other")), "for preflight to refuse");
}

#[test]
fn other_refusals_are_named() {
    let identifier = format!("{WORKLOAD}:prod");
    let refusal = |live: LiveService| planned(&target(), &seen(Some(live))).course.unwrap_err();
    assert_eq!(refusal(live("RUNNING", None)), Refusal::NotAnImage.into());
    assert_eq!(refusal(live("PAUSED", Some(&identifier))), Refusal::Paused.into());
    assert_eq!(refusal(live("DELETE_FAILED", Some(&identifier))), Refusal::DeleteFailed.into());
    let recreate = Consent { recreate: true, ..Consent::default() };
    let mut target = target();
    target.release.consent = recreate;
    let refused = planned(&target, &seen(Some(live("CREATE_FAILED", Some(&identifier))))).course.unwrap_err();
    assert_eq!(refused, Unreleasable::NoSettings { service: "shop-api".to_owned() }, "it would be gone for good");
    target.create = Some(created());
    let course = planned(&target, &seen(Some(live("CREATE_FAILED", Some(&identifier))))).course.unwrap();
    assert_eq!(course.verb, ReleaseVerb::CreateService);
}

#[test]
fn a_missing_service_is_created_only_with_a_role_for_its_image() {
    let nothing = Observation { points_at: None, ..seen(None) };
    assert_eq!(
        planned(&target(), &nothing).course.unwrap_err(),
        Unreleasable::NoAccessRole { service: "shop-api".to_owned() }
    );
    let plan = planned(&Target { create: Some(created()), ..target() }, &nothing);
    // The source's repository, and a tag of the service's own.
    let reference = plan.identifier.reference().to_string();
    assert_eq!(reference, "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/team/api:shop-api");
    assert_eq!(plan.settings.port, 4000);
    let order = plan.order(&ReleaseVerb::CreateService, None);
    assert!(matches!(order, Some(ReleaseOrder::Create(order)) if order.image.to_string() == reference));
}

#[test]
fn what_a_service_begins_with_is_checked_unless_that_is_typed_out() {
    let failed = || seen(Some(live("CREATE_FAILED", Some(&format!("{WORKLOAD}:prod")))));
    let running = || seen(Some(live("RUNNING", Some(&format!("{WORKLOAD}:prod")))));
    let table = [
        (seen(None), false, false, true),
        (seen(None), true, false, false),
        (seen(None), true, true, true),
        (failed(), true, false, false),
        (failed(), true, true, true),
        (running(), true, false, true),
    ];
    for (observation, skip, typed, goes) in table {
        let mut target = Target { create: Some(created()), ..target() };
        (target.verify.skip, target.release.unchecked) = (skip, typed);
        let course = planned(&target, &observation).course;
        let unchecked = Unreleasable::Unchecked { service: "shop-api".to_owned() };
        assert_eq!(course.as_ref().err(), (!goes).then_some(&unchecked), "{:?} {skip} {typed}", observation.live);
    }
}

#[test]
fn a_rebuilt_service_gets_what_it_would_be_created_with() {
    let failed = live("CREATE_FAILED", Some(&format!("{WORKLOAD}:prod")));
    let arn = failed.arn.clone();
    let plan = planned(&Target { create: Some(created()), ..target() }, &seen(Some(failed.clone())));
    assert_eq!(plan.settings.port, 4000, "and is checked under it");
    let Some(ReleaseOrder::Update(order)) = plan.order(&ReleaseVerb::Rebuild, Some(&arn)) else { panic!() };
    assert_eq!(order.like_new.unwrap().settings.port, 4000);
    let plan = planned(&target(), &seen(Some(failed)));
    assert_eq!(plan.settings.port, 3000);
    let Some(ReleaseOrder::Update(order)) = plan.order(&ReleaseVerb::Rebuild, Some(&arn)) else { panic!() };
    assert!(order.like_new.is_none(), "else it stays as it is");
}

#[test]
fn the_check_runs_under_the_live_settings_and_what_it_alone_is_given() {
    let observation = seen(Some(live("RUNNING", Some(&format!("{WORKLOAD}:prod")))));
    let without = planned(&target(), &observation);
    assert_eq!((without.settings.port, without.settings.secrets.len()), (3000, 1));
    let mut given = target();
    given.verify.environment.insert("DATABASE_URL".to_owned(), Secret::new("postgres://test"));
    let plan = planned(&given, &observation);
    assert!(plan.settings.secrets.is_empty(), "a secret that is given is not missing");
    assert_eq!(plan.settings.environment["DATABASE_URL"].reveal(), "postgres://test");
}

/// While another run's operation is in progress, a late write may make tag and record name two images. Neither is the winner yet.
#[test]
fn disputed_record_names_no_winner() {
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    let table = [
        ("IN_PROGRESS", &first, &first, true),
        ("IN_PROGRESS", &first, &second, false),
        ("IN_PROGRESS", &first, &wanted(), true),
        ("SUCCEEDED", &first, &second, true),
    ];
    for (status, recorded, tagged, is_overtaken) in table {
        let mut seen = seen(Some(live("OPERATION_IN_PROGRESS", Some(&format!("{WORKLOAD}:prod")))));
        let started_at = Some(seen.began);
        let operation = PastOperation { started_at, ..past("2", OperationKind::StartDeployment, status) };
        seen.operations.insert(0, operation);
        (seen.recorded, seen.points_at) = (Some(recorded.clone()), Some(tagged.clone()));
        let overtaken = matches!(planned(&target(), &seen).course, Err(Unreleasable::Refused(Refusal::Overtaken(_))));
        assert_eq!(overtaken, is_overtaken, "{status} {recorded} {tagged}");
    }
}
