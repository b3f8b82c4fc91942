//! `shipgate plan`.

use serde_json::Value;

use super::{events, run, with_service};
use crate::{
    said::without_what_varies,
    world::{CONFIGURATION, LIVE, Ran, SEED, SOURCE, World, layer},
};

const ROLE: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
const PULL: &str = "arn:aws:iam::111111111111:role/shipgate-pull";

fn plan(world: &World, version: &str, arguments: &[&str]) -> Ran {
    let mut command = world.shipgate();
    command.env("VERSION", version).arg("plan").args(arguments).output().unwrap().into()
}

fn planned(world: &World, version: &str, arguments: &[&str]) -> (i32, Value) {
    let ran = plan(world, version, &[arguments, &["--output", "json"]].concat());
    let planned = events(&ran).into_iter().find(|event| event["event"] == "planned");
    (ran.code, planned.unwrap_or_else(|| panic!("{}", ran.said())))
}

/// What would be different: of what, and what.
fn changes(planned: &Value) -> Vec<String> {
    let text = |change: &Value| format!("{} {}", change["of"].as_str().unwrap(), change["what"].as_str().unwrap());
    planned["changes"].as_array().unwrap().iter().map(text).collect()
}

fn stages(planned: &Value) -> Vec<&str> {
    planned["steps"].as_array().unwrap().iter().map(|step| step["stage"].as_str().unwrap()).collect()
}

#[test]
fn what_init_writes_plans_to_no_change_of_the_service() {
    let (world, _, arn) = with_service();
    world.push_to_workload(LIVE, &layer().image(&[("DEMO_VERSION", "old")]));
    let new = world.push("v1", &[]);
    let arguments = [
        "init",
        "--from-service",
        &arn,
        "--registry-image",
        SOURCE,
        "--registry-role",
        PULL,
        "--role",
        ROLE,
        "--write",
        "shipgate.yaml",
        "--force",
    ];
    let written = run(&world, &arguments);
    assert_eq!(written.code, 0, "{}", written.said());
    let before = super::changes(&world).len();
    let (code, planned) = planned(&world, "v1", &[]);
    assert_eq!((code, planned["verb"].as_str()), (0, Some("start-deployment")), "{planned}");
    assert_eq!(changes(&planned), ["tag shop-api"], "{planned}");
    assert_eq!(planned["changes"][0]["to"], new.as_str());
    assert_eq!(stages(&planned), ["copy", "verify", "promote", "release", "gate"], "{planned}");
    assert_eq!(super::changes(&world).len(), before, "it only reads");
}

#[test]
fn what_is_planned_is_what_is_done() {
    let (world, _, _) = with_service();
    world.push("v1", &[]);
    let (code, first) = planned(&world, "v1", &["--no-verify"]);
    assert_eq!((code, first["verb"].as_str()), (0, Some("start-deployment")), "{first}");
    assert_eq!(world.orders(), [""; 0]);
    let deployed = world.deploy("v1", &["--no-verify"]);
    assert_eq!(deployed.code, 0, "{}", deployed.said());
    assert_eq!(world.orders(), ["StartDeployment"]);
    let (code, second) = planned(&world, "v1", &["--no-verify"]);
    assert_eq!((code, second["verb"].as_str()), (0, Some("nothing")), "{second}");
    assert_eq!((changes(&second).len(), stages(&second).len()), (0, 0), "{second}");
    let text = plan(&world, "v1", &[]);
    insta::assert_snapshot!("nothing_to_do", without_what_varies(&text));
    assert_eq!(world.orders(), ["StartDeployment"]);
}

#[test]
fn a_service_that_is_to_be_created_is_told_with_its_settings() {
    let world = World::with_seed(&format!("{SEED}scripted: true\n"));
    let variables = "create:\n      environment: { DB_URL: \"postgres://u:tiger-9431@db/shop\" }";
    world.write("shipgate.yaml", &CONFIGURATION.replace("create:", variables));
    world.push("v1", &[]);
    let (code, planned) = planned(&world, "v1", &[]);
    assert_eq!((code, planned["verb"].as_str()), (0, Some("create-service")), "{planned}");
    for change in ["service port", "service access role", "service variable DB_URL", "service secrets", "tag shop-api"]
    {
        assert!(changes(&planned).iter().any(|found| found == change), "{change}: {planned}");
    }
    assert!(!planned.to_string().contains("tiger-9431"));
    insta::assert_snapshot!("to_be_created", without_what_varies(&plan(&world, "v1", &[])));
    assert_eq!((world.service(), world.tag(LIVE)), (None, None));
}

#[test]
fn another_identifier_is_a_change_of_the_service() {
    let (world, _, _) = with_service();
    let digest = world.push("v1", &[]);
    let (code, planned) = planned(&world, "v1", &["--identifier", "digest"]);
    assert_eq!((code, planned["verb"].as_str()), (0, Some("update-service")), "{planned}");
    assert_eq!(changes(&planned), ["service image identifier"], "{planned}");
    let text = plan(&world, "v1", &["--identifier", "digest"]);
    insta::assert_snapshot!("another_identifier", without_what_varies(&text));
    assert!(planned["identifier"].as_str().unwrap().ends_with(digest.as_str()));
}

#[test]
fn what_would_be_refused_is_told_with_its_hint_and_exit_code() {
    let (world, _, arn) = with_service();
    world.push("v1", &[]);
    world.app_runner(async |client| client.pause_service().service_arn(&arn).send().await.unwrap());
    while world.service().unwrap().1 != "PAUSED" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let refused = plan(&world, "v1", &[]);
    assert_eq!(refused.code, 11, "{}", refused.said());
    insta::assert_snapshot!("refused", without_what_varies(&refused));
    assert!(refused.stderr.contains("hint: ") && refused.stderr.contains("--resume"), "{}", refused.stderr);
    assert_eq!(world.deploy("v1", &["--no-verify"]).code, 11, "deploy ends alike");
    let (code, resumed) = planned(&world, "v1", &["--resume"]);
    assert_eq!((code, resumed["verb"].as_str()), (0, Some("start-deployment")), "{resumed}");
    assert!(stages(&resumed).contains(&"prepare"), "{resumed}");
    assert_eq!(world.service().unwrap().1, "PAUSED");
}

#[test]
fn no_docker_engine_is_needed() {
    let (world, _, _) = with_service();
    world.push("v1", &[]);
    let mut command = world.shipgate();
    command.env("VERSION", "v1").env("DOCKER_HOST", "tcp://127.0.0.1:1").arg("plan");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("docker-engine: the deployment would ask for it"), "{}", ran.stderr);
}

/// `plan` lists every tag that `deploy` writes, says what serves, and that this digest failed before.
#[test]
fn tags_serving_version_and_earlier_failures_are_listed() {
    let (world, _, _) = with_service();
    let digests = ["v1", "v2"].map(|version| world.push_image(version, &crate::images::image(version)));
    let tags = |world: &World| -> Vec<String> {
        world.ecr(ROLE, async |client| {
            let listed = client.list_images().repository_name("shop/api").send().await.unwrap();
            listed.image_ids().iter().filter_map(|id| id.image_tag().map(str::to_owned)).collect()
        })
    };
    let mut known = tags(&world);
    for (version, code) in [("v1", 0), ("v2", 8), ("v2", 0)] {
        let (ended, planned) = planned(&world, version, &["--no-verify"]);
        assert_eq!(ended, 0, "{planned}");
        if code == 8 {
            let script = serde_json::json!({ "kind": "script", "outcome": "ROLLBACK_SUCCEEDED", "at": "checking" });
            world.control(Some(&script));
        }
        let deployed = world.deploy(version, &["--no-verify"]);
        assert_eq!(deployed.code, code, "{}", deployed.said());
        let listed: Vec<&str> =
            planned["tags"].as_array().unwrap().iter().map(|write| write["tag"].as_str().unwrap()).collect();
        let now = tags(&world);
        let new: Vec<&String> = now.iter().filter(|tag| !known.contains(tag)).collect();
        assert!(new.iter().all(|tag| listed.contains(&tag.as_str())), "{new:?} {planned:#}");
        for tag in &listed {
            assert!(now.iter().any(|known| known == tag), "{tag} was not written: {now:?}");
        }
        known = now;
    }
    let failed = plan(&world, "v1", &["--no-verify"]);
    let text = plan(&world, "v2", &["--force"]);
    assert!(failed.stdout.contains(&format!("{} → {}", digests[1], digests[0])), "{}", failed.stdout);
    assert!(text.stdout.contains("this digest was rolled back or failed before, in operation"), "{}", text.stdout);
}
