//! `shipgate logs --orphans`.

use super::{group_names, put, run, with_service};
use crate::{said::without_what_varies, world::World};

const GONE: &str = "/aws/apprunner/shop-old/ffff456789abcdef0123456789abcdef";
const OTHERS: &str = "/aws/apprunner/shop-old/notes";

/// The groups of a service that is no more, next to those of one that lives, and one that is none of App Runner's.
fn with_orphans() -> (World, String) {
    let (world, id, _) = with_service();
    let application = format!("/aws/apprunner/shop-api/{id}/application");
    for group in [&application, &format!("{GONE}/service"), &format!("{GONE}/application"), &OTHERS.to_owned()] {
        put(&world, group, "events", &["a line"]);
    }
    (world, id)
}

#[test]
fn orphans_are_listed_and_nothing_is_deleted() {
    let (world, id) = with_orphans();
    let before = group_names(&world);
    let ran = run(&world, &["logs", "--orphans"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    let line = |kind: &str| format!("32 B  kept for ever  {GONE}/{kind}");
    assert_eq!(lines, [line("application"), line("service")], "{}", ran.stdout);
    assert!(!ran.stdout.contains(&id));
    assert_eq!(group_names(&world), before);
}

#[test]
fn nothing_is_deleted_without_consent() {
    let (world, _) = with_orphans();
    let before = group_names(&world);
    let ran = run(&world, &["logs", "--orphans", "--delete"]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    insta::assert_snapshot!("without_consent", without_what_varies(&ran));
    assert_eq!(group_names(&world), before);
}

#[test]
fn with_consent_the_orphans_go_and_all_others_stay() {
    let (world, id) = with_orphans();
    let ran = run(&world, &["logs", "--orphans", "--delete", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let living = ["application", "service"].map(|kind| format!("/aws/apprunner/shop-api/{id}/{kind}"));
    assert_eq!(group_names(&world), [&living[..], &[OTHERS.to_owned()]].concat());
    let again = run(&world, &["logs", "--orphans", "--delete", "--yes"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{}", again.said());
}

#[test]
fn a_service_that_was_deleted_leaves_its_groups() {
    let (world, id, arn) = with_service();
    world.app_runner(async |client| client.delete_service().service_arn(&arn).send().await.unwrap());
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let ran = loop {
        let ran = run(&world, &["logs", "--orphans"]);
        if !ran.stdout.is_empty() || std::time::Instant::now() > deadline {
            break ran;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert!(ran.stdout.contains(&format!("/aws/apprunner/shop-api/{id}/service")), "{}", ran.said());
}

#[test]
fn services_that_cannot_be_listed_cost_no_group() {
    let (world, _) = with_orphans();
    let before = group_names(&world);
    world.fault(&serde_json::json!({
        "kind": "error", "service": "apprunner", "action": "ListServices", "status": 400, "code": "AccessDeniedException",
        "times": 20,
    }));
    let ran = run(&world, &["logs", "--orphans", "--delete", "--yes"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert_eq!(group_names(&world), before);
}
