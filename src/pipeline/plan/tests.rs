//! What is decided before anything is changed, by tables.

use std::time::Duration;

use super::plan;
use crate::{
    config::deployment::{CreateSettings, Target, VerifySettings},
    domain::{
        access::Access,
        pull_through::Via,
        release::Refusal,
        secret::Secret,
        service::{LiveService, RunSettings, ServiceStatus},
        service_secret::SecretSource,
    },
    stages::release::{ReleaseOrder, Unreleasable},
};

const WORKLOAD: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";

fn target() -> Target {
    Target {
        name: "prod".to_owned(),
        access: Access { hops: Vec::new(), region: "ap-northeast-1".parse().unwrap() },
        service: "shop-api".parse().unwrap(),
        repository: None,
        tag: None,
        create: None,
        create_repository: false,
        via: Via::Copy,
        verify: VerifySettings::default(),
        gate_timeout: Duration::from_mins(35),
        log_retention_days: None,
    }
}

fn live(status: &str, identifier: Option<&str>) -> LiveService {
    LiveService {
        arn: "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123".parse().unwrap(),
        status: ServiceStatus::from(status),
        url: "abc.ap-northeast-1.awsapprunner.com".to_owned(),
        image_identifier: identifier.map(str::to_owned),
        auto_deployments: false,
        settings: RunSettings { port: 3000, secrets: [("DATABASE_URL".to_owned(), SecretSource::read("/shop/db"))].into(), ..RunSettings::default() },
    }
}

fn planned(target: &Target, live: Option<&LiveService>) -> super::Plan {
    let source = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/team/api:v1".parse().unwrap();
    plan(target, &source, live, &"222222222222".parse().unwrap())
}

#[test]
fn a_running_service_is_deployed_to_by_the_tag_it_follows() {
    let table = [
        (format!("{WORKLOAD}:prod"), format!("{WORKLOAD}:prod")),
        // No tag means `latest`.
        (WORKLOAD.to_owned(), format!("{WORKLOAD}:latest")),
    ];
    for (identifier, destination) in table {
        let plan = planned(&target(), Some(&live("RUNNING", Some(&identifier))));
        assert_eq!(plan.destination.to_string(), destination);
        assert!(matches!(plan.order, Ok(ReleaseOrder::Deploy(_))), "{:?}", plan.order);
    }
}

#[test]
fn what_a_tag_would_not_deploy_is_refused() {
    let digest = format!("{WORKLOAD}@sha256:{}", "a".repeat(64));
    let elsewhere = WORKLOAD.replace("222222222222", "111111111111") + ":prod";
    for identifier in [digest, elsewhere] {
        let plan = planned(&target(), Some(&live("RUNNING", Some(&identifier))));
        assert!(
            matches!(plan.order, Err(Unreleasable::Refused(Refusal::OtherImage { .. }))),
            "{identifier}: {:?}",
            plan.order
        );
    }
    for (repository, tag) in [(Some("other"), None), (None, Some("next"))] {
        let target = Target { repository: repository.map(str::to_owned), tag: tag.map(str::to_owned), ..target() };
        let plan = planned(&target, Some(&live("RUNNING", Some(&format!("{WORKLOAD}:prod")))));
        assert!(matches!(plan.order, Err(Unreleasable::Refused(Refusal::OtherImage { .. }))), "{:?}", plan.order);
    }
}

#[test]
fn other_refusals_are_named() {
    let identifier = format!("{WORKLOAD}:prod");
    let automatic = LiveService { auto_deployments: true, ..live("RUNNING", Some(&identifier)) };
    let refusal = |live: &LiveService| planned(&target(), Some(live)).order.unwrap_err();
    assert_eq!(refusal(&automatic), Refusal::AutoDeployments.into());
    assert_eq!(refusal(&live("RUNNING", None)), Refusal::NotAnImage.into());
    assert_eq!(refusal(&live("PAUSED", Some(&identifier))), Refusal::Paused.into());
    assert_eq!(refusal(&live("OPERATION_IN_PROGRESS", Some(&identifier))), Refusal::Busy.into());
}

#[test]
fn a_missing_service_is_created_only_with_a_role_for_its_image() {
    assert_eq!(
        planned(&target(), None).order.unwrap_err(),
        Unreleasable::NoAccessRole { service: "shop-api".to_owned() }
    );
    let create = CreateSettings {
        access_role: "arn:aws:iam::222222222222:role/apprunner-access".parse().unwrap(),
        instance_role: None,
        run: RunSettings { port: 4000, ..RunSettings::default() },
        secrets: std::collections::BTreeMap::new(),
    };
    let plan = planned(&Target { create: Some(create), ..target() }, None);
    // The source's repository, and a tag of the service's own.
    assert_eq!(plan.destination.to_string(), "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/team/api:shop-api");
    assert_eq!(plan.settings.port, 4000);
    assert!(matches!(plan.order, Ok(ReleaseOrder::Create(order)) if order.image == plan.destination));
}

#[test]
fn the_check_runs_under_the_live_settings_and_what_it_alone_is_given() {
    let identifier = format!("{WORKLOAD}:prod");
    let without = planned(&target(), Some(&live("RUNNING", Some(&identifier))));
    assert_eq!((without.settings.port, without.settings.secrets.len()), (3000, 1));
    let mut given = target();
    given.verify.environment.insert("DATABASE_URL".to_owned(), Secret::new("postgres://test"));
    let plan = planned(&given, Some(&live("RUNNING", Some(&identifier))));
    assert!(plan.settings.secrets.is_empty(), "a secret that is given is not missing");
    assert_eq!(plan.settings.environment["DATABASE_URL"].reveal(), "postgres://test");
}
