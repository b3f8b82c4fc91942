//! `shipgate status`.

use serde_json::Value;

use super::{events, run, with_service};
use crate::world::{LIVE, World, layer};

fn status(world: &World) -> Value {
    let ran = run(world, &["status", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    events(&ran).into_iter().find(|event| event["event"] == "status").expect("a status")
}

fn drifts(status: &Value) -> Vec<&str> {
    status["drift"].as_array().unwrap().iter().map(|drift| drift["kind"].as_str().unwrap()).collect()
}

#[test]
fn a_service_is_told_with_what_it_deploys_from_and_what_ran() {
    let (world, id, arn) = with_service();
    let digest = world.push_to_workload(LIVE, &layer().image(&[("DEMO_VERSION", "v1")]));
    let before = super::changes(&world).len();
    let seen = status(&world);
    assert_eq!(seen["service_arn"], arn.as_str());
    assert_eq!(seen["status"], "RUNNING");
    assert_eq!(seen["points_at"], digest.as_str());
    assert_eq!(seen["deployed"], Value::Null, "nobody has put it on record");
    assert_eq!(seen["operations"][0]["kind"], "CREATE_SERVICE");
    assert_eq!(seen["operations"][0]["status"], "SUCCEEDED");
    assert!(seen["operations"][0]["began"].is_string() && seen["operations"][0]["ended"].is_string());
    assert_eq!(seen["log_groups"][0]["name"], format!("/aws/apprunner/shop-api/{id}/service"));
    assert_eq!(drifts(&seen), ["log-retention"], "30 days are configured and never were set");
    let text = run(&world, &["status"]);
    assert!(text.stdout.starts_with("shop-api RUNNING\n"), "{}", text.stdout);
    for told in [arn.as_str(), digest.as_str(), "CREATE_SERVICE", "not on record", "kept for ever"] {
        assert!(text.stdout.contains(told), "{told}: {}", text.stdout);
    }
    assert!(!text.said().contains("tiger-9431"));
    assert_eq!(super::changes(&world).len(), before, "it only reads");
}

#[test]
fn what_was_deployed_is_on_record_and_a_tag_that_was_moved_is_drift() {
    let world = World::new();
    let v1 = world.push("v1", &[]);
    world.deploy_well("v1");
    let seen = status(&world);
    assert_eq!(seen["deployed"]["digest"], v1.as_str(), "{seen}");
    assert_eq!(seen["deployed"]["known_from"], "record");
    assert_eq!(seen["points_at"], v1.as_str());
    assert_eq!(drifts(&seen), [""; 0], "{seen}");
    let other = world.push_to_workload(LIVE, &layer().image(&[("DEMO_VERSION", "somebody's")]));
    let seen = status(&world);
    assert_eq!((&seen["points_at"], &seen["deployed"]["digest"]), (&other.as_str().into(), &v1.as_str().into()));
    assert_eq!(drifts(&seen), ["tag"], "{seen}");
}

#[test]
fn what_cannot_be_had_is_told_by_the_exit_code() {
    let (world, _, _) = with_service();
    let none = run(&world, &["status", "--service", "shop-web"]);
    assert_eq!((none.code, none.stdout.as_str()), (4, ""), "{}", none.said());
    let closed = run(&world, &["status", "--role", "arn:aws:iam::222222222222:role/closed"]);
    assert_eq!((closed.code, closed.stdout.as_str()), (3, ""), "{}", closed.said());
}
