//! What `doctor` finds around a job: no configuration, a bad one, several targets, the engine, the clock.

use axum::{Router, http::header::DATE, routing::any};
use serde_json::Value;

use super::{check, found};
use crate::{
    oidc::job::{MAIN, endpoint, github, github_world, job, run, token},
    world::{CONFIGURATION, Ran, World},
};

const DOCTOR: &[&str] = &["doctor", "--no-verify", "--output", "json"];

fn names(ran: &Ran) -> Vec<String> {
    found(ran).iter().map(|one| one["check"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_a_configuration_there_are_no_roles() {
    let world = World::new();
    std::fs::remove_file(world.folder().join("shipgate.yaml")).unwrap();
    let mut command = world.shipgate();
    command.args(DOCTOR);
    let ran = run(command);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(names(&ran), ["ci", "token", "base-identity", "clock", "docker-engine"]);
    assert_eq!(check(&ran, "base-identity")["detail"], "arn:aws:iam::333333333333:user/ci");
    assert_eq!(check(&ran, "token")["outcome"], "skip");
    let named = run({
        let mut command = world.shipgate();
        command.args(DOCTOR).args(["--role", "arn:aws:iam::222222222222:role/closed"]);
        command
    });
    assert_eq!((named.code, check(&named, "role-default")["outcome"].as_str()), (3, Some("fail")));
}

#[test]
fn a_bad_configuration_is_no_identity() {
    let world = World::new();
    world.write("bad.yaml", &CONFIGURATION.replace("registry_role", "registry_rle"));
    let mut command = world.shipgate();
    command.args(DOCTOR).args(["--file", "bad.yaml"]);
    let ran = run(command);
    assert_eq!(ran.code, 2, "{}", ran.said());
    assert!(ran.stdout.contains("registry_rle") && found(&ran).is_empty(), "{}", ran.said());
}

#[test]
fn every_target_is_tried_where_none_is_named() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let more = "  closed: { role: 'arn:aws:iam::222222222222:role/closed', service: shop-api }\n  \
                unset: { role: '${ROLE_OF_ANOTHER_JOB}', service: shop-api }\n  open: { service: shop-api }\n";
    world.write("shipgate.yaml", &format!("{CONFIGURATION}{more}"));
    let ran = run(github(&world, &endpoint, DOCTOR));
    assert_eq!(ran.code, 3, "{}", ran.said());
    let outcomes: Vec<(String, Value)> =
        found(&ran).iter().map(|one| (one["check"].as_str().unwrap().to_owned(), one["outcome"].clone())).collect();
    let of =
        |name: &str| outcomes.iter().find(|(check, _)| check == name).map(|(_, outcome)| outcome.as_str().unwrap());
    assert_eq!(
        ["role-registry", "role-prod", "role-closed", "role-unset", "role-open"].map(of),
        [Some("ok"), Some("ok"), Some("fail"), Some("skip"), Some("skip")]
    );
    let one = run(github(&world, &endpoint, &["doctor", "--no-verify", "--target", "prod"]));
    assert_eq!(one.code, 0, "{}", one.said());
}

#[test]
fn credentials_that_are_used_instead_of_a_token_are_named() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let mut command = github(&world, &endpoint, DOCTOR);
    command.env("AWS_ACCESS_KEY_ID", "AKIASANDBOXCI0000000");
    command.env("AWS_SECRET_ACCESS_KEY", "sandbox/secret/of/the/ci/user/0000000000");
    let ran = run(command);
    assert_eq!((ran.code, endpoint.asked().len()), (0, 0), "{}", ran.said());
    let token = check(&ran, "token");
    assert!(token["detail"].as_str().unwrap().contains("AWS_ACCESS_KEY_ID"), "{token}");
}

#[test]
fn the_claims_of_each_system_are_told_by_their_own_names() {
    let world = github_world();
    let claims = serde_json::json!({
        "iss": "https://gitlab.com", "sub": "project_path:shop/api:ref_type:branch:ref:main",
        "aud": "sts.amazonaws.com", "project_path": "shop/api", "ref_protected": "true",
    });
    let mut command = job(&world, DOCTOR);
    command.env("GITLAB_CI", "true").env("SHIPGATE_ID_TOKEN", token(&world, &claims));
    let ran = run(command);
    assert_eq!(check(&ran, "ci")["detail"], "GitLab CI");
    let facts = check(&ran, "token")["facts"].clone();
    for (name, value) in claims.as_object().unwrap() {
        let fact = serde_json::json!({ "name": name, "value": value });
        assert!(facts.as_array().unwrap().contains(&fact), "{fact} in {facts}");
    }
    assert_eq!(check(&ran, "subject")["detail"], "project_path:shop/api:ref_type:branch:ref:main");
    assert_eq!(check(&ran, "subject")["facts"], serde_json::json!([]));
}

#[test]
fn the_engine_is_found_or_its_absence_is_a_failure_of_its_own() {
    let world = World::new();
    let doctor = |engine: Option<&str>| {
        let mut command = world.shipgate();
        command.args(["doctor", "--output", "json"]);
        command.envs(engine.map(|engine| ("DOCKER_HOST", engine)));
        run(command)
    };
    let ran = doctor(None);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let engine = check(&ran, "docker-engine");
    let reach = engine["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == "reach").unwrap();
    assert!(!reach["value"].as_str().unwrap().is_empty(), "{engine}");
    let none = doctor(Some("unix:///nowhere/docker.sock"));
    assert_eq!(none.code, 7, "{}", none.said());
    assert!(check(&none, "docker-engine")["detail"].as_str().unwrap().contains("/nowhere/docker.sock"));
    world.write("shipgate.yaml", &format!("defaults: {{ verify: {{ skip: true }} }}\n{CONFIGURATION}"));
    let unneeded = doctor(Some("unix:///nowhere/docker.sock"));
    assert_eq!(unneeded.code, 0, "{}", unneeded.said());
}

#[test]
fn a_clock_that_is_an_hour_off_is_told() {
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let behind = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let date = behind.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let app = Router::new().fallback(any(move || std::future::ready(([(DATE, date.clone())], "no"))));
    runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut command = world.shipgate();
    command.args(DOCTOR).env("AWS_ENDPOINT_URL", address);
    let ran = run(command);
    assert_eq!(ran.code, 3, "{}", ran.said());
    let clock = check(&ran, "clock");
    let detail = clock["detail"].as_str().unwrap();
    assert_eq!(clock["outcome"], "fail");
    assert!(detail.starts_with("36") && detail.ends_with("s ahead of AWS STS's"), "{detail}");
}
