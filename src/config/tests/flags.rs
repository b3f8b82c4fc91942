//! Flags: alone, and over a file.

use std::path::PathBuf;

use super::{FOUR_FACTS, load_flags, load_text, problems_with};
use crate::config::{environment::Environment, load, overrides::Overrides};
use shipgate_core::{
    pull_through::Via,
    release::{Consent, IfBusy, Naming, OnPush},
};

const ROLE: &str = "arn:aws:iam::222222222222:role/other";

#[expect(clippy::unnecessary_wraps, reason = "every flag is optional")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn flags_alone_are_enough() {
    let overrides = Overrides {
        image: text("111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v1"),
        service: text("shop-api"),
        role: text(ROLE),
        external_id: text("x-1"),
        access_role: text(ROLE),
        cpu: text("0.5"),
        memory: text("1"),
        create_repository: true,
        via: text("pull-through"),
        no_verify: true,
        stay: text("10s"),
        if_busy: text("fail"),
        busy_timeout: text("5m"),
        auto_deployments: text("off"),
        identifier: text("tag"),
        resume: true,
        force: true,
        gate_timeout: text("5s"),
        ..Overrides::default()
    };
    let deployment = load_flags(&overrides, &Environment::default()).unwrap();
    assert!(deployment.registry.hops.is_empty());
    let target = deployment.target;
    assert_eq!((target.name.as_str(), target.service.as_str()), ("default", "shop-api"));
    assert_eq!(target.access.hops[0].external_id.as_deref(), Some("x-1"));
    assert_eq!((target.create_repository, target.verify.skip, target.gate_timeout.as_secs()), (true, true, 5));
    assert_eq!((target.via, target.verify.stay.as_secs()), (Via::PullThrough, 10));
    let release = &target.release;
    let consent =
        Consent { resume: true, recreate: false, force: true, if_busy: IfBusy::Fail, on_push: OnPush::TurnOff };
    assert_eq!((release.consent, release.naming, release.unchecked), (consent, Naming::Tag, true));
    assert_eq!(target.create.unwrap().run.cpu_units, 512);
}

#[test]
fn without_anything_the_flags_are_named() {
    let shown = load_flags(&Overrides::default(), &Environment::default()).unwrap_err().to_string();
    insta::assert_snapshot!(shown, @r"
    --image: there is no `image`
    --service: the target `default` has no `service`
    ");
}

#[test]
fn bad_flags_are_told_by_name_and_all_at_once() {
    let overrides = Overrides {
        image: text("shop:v1"),
        role: text("me"),
        registry_external_id: text("x-1"),
        service: text("${GIT_SHA}"),
        region: text("tokyo"),
        repository: text("A"),
        tag: text("a b"),
        via: text("pigeon"),
        access_role: text(""),
        cpu: text("7"),
        port: text("0"),
        stay: text("long"),
        if_busy: text("hope"),
        busy_timeout: text("soon"),
        auto_deployments: text("on"),
        identifier: text("name"),
        gate_timeout: text("35"),
        log_retention_days: text("2"),
        ..Overrides::default()
    };
    let shown = load_flags(&overrides, &Environment::from_pairs([("GIT_SHA", "abcdef")])).unwrap_err().to_string();
    insta::assert_snapshot!(shown, @r"
    --access-role: `` is not the ARN of an IAM role (arn:aws:iam::123456789012:role/name)
    --auto-deployments: `on` is not what to do about automatic deployments (follow or off)
    --busy-timeout: `soon` is not a timeout (such as 35m or 1h30m, at most 24h)
    --cpu: `7` is not a CPU size of App Runner (0.25, 0.5, 1, 2 or 4 vCPU, or 256 to 4096 units)
    --gate-timeout: `35` is not a timeout (such as 35m or 1h30m, at most 24h)
    --identifier: `name` is not how the service names its image (live, tag or digest)
    --if-busy: `hope` is not what to do about a busy service (wait or fail)
    --image: `shop:v1` is not an image reference: it must begin with a registry host and a /
    --log-retention-days: `2` is not a retention of CloudWatch Logs in days (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653)
    --port: `0` is not a port (1 to 65535)
    --region: `tokyo` is not an AWS region (such as ap-northeast-1)
    --registry-external-id: there is no role that it could be for
    --repository: `A` is not a repository's path without its host (lower-case words joined by . _ - /)
    --role: `me` is not the ARN of an IAM role (arn:aws:iam::123456789012:role/name)
    --service: `${GIT_SHA}` is not an App Runner service name (4 to 40 letters, digits, - and _, beginning with a letter or digit)
    --stay: `long` is not a time (such as 10s or 2m, at most 1h)
    --tag: `a b` is not a tag (at most 128 of letters, digits, . _ - and not beginning with . or -)
    --via: `pigeon` is not a way to the destination (copy or pull-through)
    ");
}

#[test]
fn flags_take_the_place_of_what_the_file_says() {
    let file = FOUR_FACTS.replace("GIT_SHA", "NOT_SET").replace("service: shop-api", "service: no\n    region: tokyo");
    let overrides = Overrides {
        image: text("111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v2"),
        service: text("other-api"),
        region: text("eu-west-3"),
        role: text(ROLE),
        registry_external_id: text("x-1"),
        ..Overrides::default()
    };
    let deployment = load_text(&file, &overrides).unwrap();
    assert_eq!(deployment.image.tag(), Some("v2"));
    assert_eq!(deployment.registry.hops[0].external_id.as_deref(), Some("x-1"));
    assert_eq!(deployment.target.service.as_str(), "other-api");
    assert_eq!(deployment.target.access.region.as_str(), "eu-west-3");
    assert_eq!(deployment.target.access.hops[0].role.as_str(), ROLE);
}

#[test]
fn an_external_id_goes_to_the_last_role_wherever_it_is_written() {
    let head = "image: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v1\n";
    let overrides = Overrides { external_id: text("x-1"), ..Overrides::default() };
    for body in [
        format!("targets: {{ prod: {{ service: shop-api, role: {ROLE} }} }}"),
        format!("targets: {{ prod: {{ service: shop-api, role: [{ROLE}, {ROLE}] }} }}"),
        format!("targets: {{ prod: {{ service: shop-api, role: {{ arn: {ROLE}, external_id: y-1 }} }} }}"),
        format!("defaults: {{ role: {ROLE} }}\ntargets: {{ prod: {{ service: shop-api }} }}"),
    ] {
        let target = load_text(&format!("{head}{body}\n"), &overrides).unwrap().target;
        assert_eq!(target.access.hops.last().unwrap().external_id.as_deref(), Some("x-1"), "{body}");
    }
    let without = format!("{head}targets: {{ prod: {{ service: shop-api }} }}\n");
    assert_eq!(problems_with(&without, &overrides), "--external-id: there is no role that it could be for");
}

#[test]
fn flags_are_checked_even_where_the_target_is_unknown() {
    let overrides = Overrides { target: text("prd"), tag: text("a b"), ..Overrides::default() };
    let shown = problems_with(FOUR_FACTS, &overrides);
    assert!(shown.contains("--target: there is no target `prd` (did you mean `prod`?)"), "{shown}");
    assert!(shown.contains("--tag: `a b` is not a tag"), "{shown}");
}

#[test]
fn the_region_may_come_from_the_environment() {
    let overrides =
        Overrides { image: text("127.0.0.1:5000/shop/api:v1"), service: text("shop-api"), ..Overrides::default() };
    let environment = Environment::from_pairs([("AWS_REGION", "eu-west-1")]);
    let deployment = load_flags(&overrides, &environment).unwrap();
    assert_eq!(deployment.target.access.region.as_str(), "eu-west-1");
    assert_eq!(deployment.registry.region.as_str(), "eu-west-1");
    let shown = load_flags(&overrides, &Environment::default()).unwrap_err().to_string();
    assert_eq!(shown, "--region: there is no `region`, and the image's host `127.0.0.1:5000` names none");
}

#[test]
fn a_variable_that_is_not_a_region_is_named() {
    let overrides =
        Overrides { image: text("127.0.0.1:5000/shop/api:v1"), service: text("shop-api"), ..Overrides::default() };
    let table = [
        ("AWS_REGION", "tokyo", "to the name of a region, such as ap-northeast-1, or unset it"),
        ("AWS_REGION", "EU-WEST-1", "to eu-west-1"),
        ("AWS_REGION", "us-east-1a", "to us-east-1"),
        ("AWS_DEFAULT_REGION", "-", "to the name of a region, such as ap-northeast-1, or unset it"),
    ];
    for (variable, value, hint) in table {
        let error = load_flags(&overrides, &Environment::from_pairs([(variable, value)])).unwrap_err();
        assert_eq!(error.to_string(), format!("--region: {variable} is `{value}`, which is not a region"));
        assert_eq!(error.hint(), Some(format!("set {variable} {hint}")));
    }
    let of_image = Overrides { image: text("111111111111.dkr.ecr.eu-west-1.amazonaws.com/a:v1"), ..overrides };
    assert!(load_flags(&of_image, &Environment::from_pairs([("AWS_REGION", "tokyo")])).is_ok(), "it is not used");
}

#[test]
fn a_named_file_must_be_there() {
    let overrides = Overrides { file: Some(PathBuf::from("no/such/file.yaml")), ..Overrides::default() };
    let shown = load(&overrides, &Environment::default()).unwrap_err().to_string();
    assert!(shown.starts_with("--file: cannot read no/such/file.yaml: "), "{shown}");
}

#[test]
fn a_file_is_read_from_disk_and_named_as_it_was_given() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.yaml");
    std::fs::write(&path, FOUR_FACTS).unwrap();
    let overrides = Overrides { file: Some(path.clone()), ..Overrides::default() };
    assert!(load(&overrides, &super::environment()).is_ok());
    let shown = load(&overrides, &Environment::default()).unwrap_err().to_string();
    assert_eq!(shown, format!("{}:1:8: the variable `GIT_SHA` is not set", path.display()));
    std::fs::write(&path, b"image: \xff").unwrap();
    assert_eq!(load(&overrides, &Environment::default()).unwrap_err().problems.len(), 1);
}
