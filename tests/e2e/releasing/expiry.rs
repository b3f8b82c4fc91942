//! A lifecycle policy that expires images with the record on them: what was deployed is then unknown, and nothing is guessed.

use serde_json::{Value, json};

use super::{changes, serving};
use crate::world::{LIVE, REPOSITORY, Ran, World};

/// Keeps the newest image that a tag begins with this, and waits until the tag is gone.
fn expire(world: &World, prefix: &str, gone: &str) {
    let policy = json!({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {
        "tagStatus": "tagged", "tagPrefixList": [prefix], "countType": "imageCountMoreThan", "countNumber": 1,
    }}]});
    world.ecr("arn:aws:iam::222222222222:role/shipgate-deploy", async |client| {
        let put = client.put_lifecycle_policy().repository_name(REPOSITORY).lifecycle_policy_text(policy.to_string());
        put.send().await.unwrap();
    });
    while world.tag(gone).is_some() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    world.ecr("arn:aws:iam::222222222222:role/shipgate-deploy", async |client| {
        client.delete_lifecycle_policy().repository_name(REPOSITORY).send().await.unwrap();
    });
}

fn deployed(world: &World) -> Value {
    let ran: Ran = world.shipgate().args(["status", "--output", "json"]).output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.into_iter().find(|event| event["event"] == "status").unwrap()["deployed"].clone()
}

#[test]
fn an_expired_record_is_unknown() {
    let (world, _, new) = serving();
    world.deploy_well("v2");
    // The image of v1 expires, with the record of the service's creation on it.
    expire(&world, "shipgate-next-", "shipgate-next-shop-api-create");
    assert_eq!(deployed(&world)["digest"], new.as_str(), "what serves is still on record");
    let before = changes(&world);
    let ran: Ran = world.shipgate().arg("rollback").output().unwrap().into();
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.said().contains("hint: name a digest"), "{}", ran.said());
    assert_eq!(changes(&world), before, "nothing is deployed that nobody has named");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new.clone())));

    // A newer image takes the last place: what serves expires too, with tag and record. The same version is deployed once more.
    world.push_to_workload("shipgate-next-other", &crate::world::layer().image(&[("DEMO_VERSION", "other")]));
    expire(&world, "shipgate-next-", LIVE);
    assert_eq!(deployed(&world), Value::Null);
    let orders = world.orders().len();
    world.deploy_well("v2");
    assert_eq!(world.orders().len(), orders + 1);
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
    world.deploy_well("v2");
    assert_eq!(world.orders().len(), orders + 1, "now it is on record again");
}
