//! What a good configuration comes to.

use std::time::Duration;

use super::{FOUR_FACTS, load_text, loaded};
use crate::config::{deployment::Target, overrides::Overrides};
use shipgate_core::{
    health::Protocol,
    release::{Consent, IfBusy, Naming, OnPush},
};

const HEAD: &str = "image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1\n";

fn target(text: &str) -> Target {
    loaded(&format!("{HEAD}{text}")).target
}

#[test]
fn four_facts_are_enough() {
    let deployment = loaded(FOUR_FACTS);
    assert_eq!(deployment.image.tag(), Some("0a1b2c3"));
    assert_eq!(deployment.registry.hops.len(), 1);
    assert_eq!(deployment.registry.region.as_str(), "ap-northeast-1");
    let target = deployment.target;
    assert_eq!((target.name.as_str(), target.service.as_str()), ("prod", "shop-api"));
    assert_eq!(target.access.region.as_str(), "ap-northeast-1");
    let hop = &target.access.hops[0];
    assert_eq!(hop.role.as_str(), "arn:aws:iam::222222222222:role/shipgate-deploy");
    assert_eq!((hop.session_name.as_str(), &hop.external_id, hop.duration), ("shipgate", &None, None));
    assert_eq!((target.repository, target.tag, target.create), (None, None, None));
    assert_eq!((target.create_repository, target.verify.skip), (false, false));
    assert_eq!((target.gate_timeout, target.log_retention_days), (Duration::from_mins(35), None));
    assert_eq!(target.release.consent, Consent::default());
    assert_eq!((target.release.busy_timeout, target.release.naming), (Duration::from_mins(20), Naming::AsLive));
}

#[test]
fn without_roles_the_base_identity_is_used() {
    let deployment = loaded(&format!("{HEAD}targets: {{ prod: {{ service: shop-api }} }}\n"));
    assert!(deployment.registry.hops.is_empty() && deployment.target.access.hops.is_empty());
}

#[test]
fn a_role_is_an_arn_a_mapping_or_a_list() {
    let a = "arn:aws:iam::222222222222:role/a";
    let b = "arn:aws:iam::222222222222:role/b";
    let table = [
        (a.to_owned(), vec![a]),
        (format!("{{ arn: {a} }}"), vec![a]),
        (format!("{{ arn: {b}, via: [{a}] }}"), vec![a, b]),
        (format!("{{ arn: {b}, via: [{{ arn: {a}, external_id: x-1 }}] }}"), vec![a, b]),
        (format!("[{a}, {{ arn: {b}, session_name: ci }}]"), vec![a, b]),
        ("[]".to_owned(), vec![]),
    ];
    for (role, expected) in table {
        let target = target(&format!("targets:\n  prod:\n    service: shop-api\n    role: {role}\n"));
        let roles: Vec<&str> = target.access.hops.iter().map(|hop| hop.role.as_str()).collect();
        assert_eq!(roles, expected, "{role}");
    }
}

#[test]
fn every_key_arrives() {
    let target = target(
        "\
targets:
  prod:
    service: shop-api
    role: { arn: 'arn:aws:iam::222222222222:role/d', external_id: 'x:1', session_name: ci, duration: 1h30m }
    region: eu-west-1
    repository: shop/api-copy
    tag: 1.10
    create:
      access_role: arn:aws:iam::222222222222:role/pull
      instance_role: arn:aws:iam::222222222222:role/run
      cpu: .25
      memory: 0.5
      port: 3000
      start_command: ./run --all
      environment: { MODE: production, DEBUG: false, LIMIT: 010, PASSWORD: '${DB_PASSWORD}' }
      secrets: { TOKEN: 'arn:aws:ssm:eu-west-1:222222222222:parameter/token' }
      health_check: { protocol: http, path: /up, interval: 1, timeout: 3, healthy_threshold: 4, unhealthy_threshold: 6 }
    create_repository: true
    verify: { environment: { TOKEN: stub }, skip: true }
    release: { if_busy: fail, busy_timeout: 5m, auto_deployments: off, identifier: digest }
    gate: { timeout: 90s }
    logs: { retention_days: 14 }
",
    );
    let hop = &target.access.hops[0];
    assert_eq!((hop.external_id.as_deref(), hop.session_name.as_str()), (Some("x:1"), "ci"));
    assert_eq!(hop.duration, Some(Duration::from_mins(90)));
    assert_eq!(target.access.region.as_str(), "eu-west-1");
    assert_eq!((target.repository.as_deref(), target.tag.as_deref()), (Some("shop/api-copy"), Some("1.10")));
    assert_eq!((target.create_repository, target.verify.skip), (true, true));
    assert_eq!(target.verify.environment["TOKEN"].reveal(), "stub");
    assert_eq!((target.gate_timeout, target.log_retention_days), (Duration::from_secs(90), Some(14)));
    let release = target.release;
    let consent = Consent { if_busy: IfBusy::Fail, on_push: OnPush::TurnOff, ..Consent::default() };
    assert_eq!((release.consent, release.busy_timeout), (consent, Duration::from_mins(5)));
    assert_eq!(
        (release.naming, release.unchecked),
        (Naming::Digest, false),
        "a file does not consent to an unchecked first"
    );
    let create = target.create.unwrap();
    assert_eq!(create.access_role.name(), "pull");
    assert_eq!(create.instance_role.unwrap().name(), "run");
    assert_eq!(create.secrets["TOKEN"], "arn:aws:ssm:eu-west-1:222222222222:parameter/token");
    let run = create.run;
    assert_eq!((run.cpu_units, run.memory_mib, run.port), (256, 512, 3000));
    assert_eq!(run.start_command.as_deref(), Some("./run --all"));
    assert_eq!(run.secrets.keys().collect::<Vec<_>>(), ["TOKEN"]);
    let value = |name: &str| run.environment[name].reveal().to_owned();
    assert_eq!(["MODE", "DEBUG", "LIMIT", "PASSWORD"].map(value), ["production", "false", "010", "hunter2"]);
    let check = run.health_check;
    assert_eq!((check.protocol, check.path.as_str()), (Protocol::Http, "/up"));
    assert_eq!((check.interval_seconds, check.timeout_seconds), (1, 3));
    assert_eq!((check.healthy_threshold, check.unhealthy_threshold), (4, 6));
}

#[test]
fn defaults_fill_in_key_by_key() {
    let target = target(
        "\
defaults:
  region: eu-west-1
  tag: live
  create:
    access_role: arn:aws:iam::222222222222:role/pull
    port: 3000
    environment: { A: default, B: default }
targets:
  prod:
    service: shop-api
    tag: prod
    create:
      environment: { B: own, C: own }
",
    );
    assert_eq!((target.access.region.as_str(), target.tag.as_deref()), ("eu-west-1", Some("prod")));
    let run = target.create.unwrap().run;
    assert_eq!(run.port, 3000);
    let environment: Vec<_> = run.environment.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    assert_eq!(environment, [("A", "default"), ("B", "own"), ("C", "own")]);
}

#[test]
fn a_target_may_be_empty_and_may_be_an_alias() {
    let text = format!("{HEAD}defaults: {{ service: shop-api }}\ntargets:\n  prod:\n");
    assert_eq!(loaded(&text).target.service.as_str(), "shop-api");
    let text = format!("{HEAD}targets:\n  a: &a {{ service: shop-api, tag: x }}\n  b: *a\n");
    let overrides = Overrides { target: Some("b".to_owned()), ..Overrides::default() };
    let target = load_text(&text, &overrides).unwrap().target;
    assert_eq!((target.name.as_str(), target.tag.as_deref()), ("b", Some("x")));
}

#[test]
fn variables_of_other_targets_may_be_unset() {
    let text = format!(
        "{HEAD}targets:\n  prod: {{ service: shop-api }}\n  staging: {{ service: shop-api, region: '${{STAGING_REGION}}' }}\n"
    );
    let overrides = |name: &str| Overrides { target: Some(name.to_owned()), ..Overrides::default() };
    assert!(load_text(&text, &overrides("prod")).is_ok());
    assert!(load_text(&text, &overrides("staging")).is_err());
}

#[test]
fn debug_shows_no_value_of_an_environment() {
    let text = "\
targets:
  prod:
    service: shop-api
    create:
      access_role: arn:aws:iam::222222222222:role/pull
      environment: { PASSWORD: '${DB_PASSWORD}' }
    verify:
      environment: { PASSWORD: '${DB_PASSWORD}' }
";
    assert!(!format!("{:?}", target(text)).contains("hunter2"));
}
