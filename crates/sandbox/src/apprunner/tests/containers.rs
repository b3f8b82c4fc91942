//! With the real Docker engine: what is deployed runs, what is not healthy does not replace what is.

use std::{collections::HashMap, time::Duration};

use serde_json::json;

use super::{
    fixture::{Fixture, IDENTIFIER, fast, service},
    images::{self, image},
};
use crate::apprunner::{
    Options,
    engine::{ContainerSpec, Engine},
    identity::SandboxId,
};

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn pair(kind: &str, status: &str) -> (String, String) {
    (kind.to_owned(), status.to_owned())
}

/// A fixture with one running service, of an image that answers `v1`.
async fn running(options: Options) -> (Fixture, String) {
    let fixture = Fixture::new(options);
    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v1"]));
    let arn = fixture.create(service("shop-api")).await;
    assert_eq!(fixture.status(&arn).await, "RUNNING", "{:?}", fixture.lines("service", ""));
    (fixture, arn)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_service_runs_as_configured_and_says_so() {
    let secret = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:token";
    let fixture = Fixture::new(fast());
    fixture.vault.put(secret, "s3cret");
    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v1"]));
    let mut input = service("shop-api");
    let image_configuration = &mut input["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"];
    image_configuration["RuntimeEnvironmentVariables"] = json!({ "COLOUR": "blue" });
    image_configuration["RuntimeEnvironmentSecrets"] = json!({ "TOKEN": secret });
    image_configuration["StartCommand"] = json!("one 'two words' $HOME");
    let role = "arn:aws:iam::222222222222:role/apprunner-instance";
    input["InstanceConfiguration"] = json!({ "Cpu": "0.25 vCPU", "Memory": "0.5 GB", "InstanceRoleArn": role });
    let arn = fixture.create(input).await;

    let url = fixture.url(&arn).await;
    assert_eq!(get(&url).await, (200, "v1".to_owned()), "{:?}", fixture.lines("service", ""));
    assert_eq!(get(&format!("{url}/args")).await.1, "one|two words|$HOME");
    let environment = get(&format!("{url}/env")).await.1;
    let environment: HashMap<&str, &str> = environment.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(environment["COLOUR"], "blue");
    assert_eq!(environment["TOKEN"], "s3cret");
    assert_eq!(environment["PORT"], "3000");
    assert_eq!(environment["HOSTNAME"].len(), 12);
    let containers = fixture.runner.app.engine.own_containers().await.unwrap();
    assert_eq!(fixture.runner.app.engine.memory_limit(&containers[0]).await, Some(512 * 1024 * 1024));

    let id = arn.rsplit('/').next().unwrap();
    let operation = fixture.on("ListOperations", &arn).await.unwrap()["OperationSummaryList"][0]["Id"].take();
    let operation = operation.as_str().unwrap().replace('-', "");
    assert_eq!(
        fixture.lines(&format!("/aws/apprunner/shop-api/{id}/service"), &format!("deployment/{operation}")),
        [
            &format!("[AppRunner] Deployment with ID : {operation} started. Triggering event : SERVICE_CREATE"),
            "[AppRunner] Successfully pulled your application image from ECR.",
            "[AppRunner] Provisioning instances and deploying image for publicly accessible service.",
            "[AppRunner] Performing health check on protocol `HTTP` [Path: '/health'], [Port: '3000'].",
            "[AppRunner] Health check is successful. Routing traffic to application.",
            "[AppRunner] Successfully routed incoming traffic to application.",
        ]
    );
    fixture.runner.shutdown().await;
    let mut output = fixture.lines(&format!("/aws/apprunner/shop-api/{id}/application"), "instance/");
    output.sort();
    assert_eq!(output, ["a word on stderr", "v1 begins"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_never_stops_answering_while_a_deployment_switches_it() {
    let (fixture, arn) = running(fast()).await;
    let url = fixture.url(&arn).await;
    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v2"]));
    // One client for all requests: its connections are kept, and must follow the switch.
    let client = reqwest::Client::new();
    let in_flight = tokio::spawn(client.get(format!("{url}/slow")).send());
    while !fixture.lines("/application", "").contains(&"slow begins".to_owned()) {
        tokio::task::yield_now().await;
    }
    let deployment = fixture.on("StartDeployment", &arn).await.unwrap();
    assert!(deployment["OperationId"].is_string());

    let mut seen = Vec::new();
    loop {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.text().await.unwrap();
        if seen.last() != Some(&body) {
            seen.push(body);
        }
        if fixture.status(&arn).await == "RUNNING" && seen.last().is_some_and(|body| body == "v2") {
            break;
        }
    }
    assert_eq!(seen, ["v1", "v2"]);
    assert_eq!(in_flight.await.unwrap().unwrap().text().await.unwrap(), "v1");
    assert_eq!(fixture.newest(&arn).await, pair("START_DEPLOYMENT", "SUCCEEDED"));
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap().len(), 1);
    assert_eq!(fixture.runner.shutdown().await, Vec::<String>::new());
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_green_leaves_blue_and_its_configuration_as_they_were() {
    let (fixture, arn) = running(fast()).await;
    let (url, before) = (fixture.url(&arn).await, fixture.describe(&arn).await);
    let other = IDENTIFIER.replace("live", "broken");
    fixture.shelf.put(&other, || image(&["BODY=v2", "HEALTH=404"]));
    let source = json!({ "ImageRepository": { "ImageIdentifier": other, "ImageRepositoryType": "ECR" } });
    let updated = fixture.call("UpdateService", json!({ "ServiceArn": arn, "SourceConfiguration": source })).await;
    assert_eq!(updated["Service"]["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"], json!(other));
    fixture.runner.settle().await;

    assert_eq!(fixture.newest(&arn).await, pair("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED"));
    let after = fixture.describe(&arn).await;
    assert_eq!(after["Status"], "RUNNING");
    assert_eq!(after["SourceConfiguration"], before["SourceConfiguration"]);
    assert_eq!(get(&url).await, (200, "v1".to_owned()));
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap().len(), 1);
    let id = updated["OperationId"].as_str().unwrap().replace('-', "");
    let lines = fixture.lines("/service", &format!("deployment/{id}"));
    assert_eq!(
        *lines.last().unwrap(),
        format!("[AppRunner] Deployment with ID : {id} failed. Failure reason : Health check failed.")
    );
    fixture.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_overrules_what_containers_do() {
    let (fixture, arn) = running(fast()).await;
    let url = fixture.url(&arn).await;
    let script = |script| fixture.runner.add_script(serde_json::from_value(script).unwrap());
    script(json!({ "outcome": "ROLLBACK_FAILED", "at": "routing" }));
    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v2"]));
    fixture.on("StartDeployment", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await, pair("START_DEPLOYMENT", "ROLLBACK_FAILED"));
    assert_eq!(get(&url).await, (200, "v1".to_owned()));
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap().len(), 1);

    // App Runner is content, and what it put live is not: seen in the field.
    script(json!({ "outcome": "SUCCEEDED" }));
    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v3", "EXIT=1"]));
    fixture.on("StartDeployment", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(
        fixture.newest(&arn).await,
        pair("START_DEPLOYMENT", "SUCCEEDED"),
        "{:?}",
        fixture.lines("/service", "")
    );
    let dead = async {
        while get(&url).await.0 != 503 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), dead).await.expect("the URL of a dead application answers 503");
    fixture.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_creation_holds_the_name_until_it_is_rebuilt_or_deleted() {
    let fixture = Fixture::new(fast());
    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v1", "EXIT=3"]));
    let arn = fixture.create(service("shop-api")).await;
    assert_eq!(fixture.status(&arn).await, "CREATE_FAILED");
    assert_eq!(fixture.newest(&arn).await, pair("CREATE_SERVICE", "FAILED"));
    let said = "[AppRunner] Your application stopped or failed to start. See logs for more information.  Container exit code: 3";
    let lines = fixture.lines("/service", "deployment/");
    assert!(lines.iter().any(|line| line == said), "{lines:?}");
    assert!(fixture.lines("/application", "instance/").contains(&"v1 begins".to_owned()));

    let refused = fixture.on("StartDeployment", &arn).await.unwrap_err();
    assert_eq!(refused.code, "InvalidRequestException");
    let taken = fixture.try_call("CreateService", service("shop-api")).await.unwrap_err();
    assert_eq!(taken.message, "Service with the provided name already exists: shop-api");

    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v2"]));
    fixture.on("UpdateService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await, pair("UPDATE_SERVICE", "SUCCEEDED"));
    let url = fixture.url(&arn).await;
    assert_eq!(get(&url).await, (200, "v2".to_owned()));

    fixture.on("DeleteService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.status(&arn).await, "DELETED");
    assert!(reqwest::get(&url).await.is_err());
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap(), Vec::<String>::new());
    let again = fixture.create(service("shop-api")).await;
    assert_ne!(again, arn);
    fixture.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_missing_is_an_exit_code_and_has_no_application_log() {
    let fixture = Fixture::new(fast());
    fixture.shelf.put(IDENTIFIER, || {
        let mut image = image(&[]);
        image.config = String::from_utf8(image.config).unwrap().replace("/server", "/nothing").into_bytes();
        image
    });
    let arn = fixture.create(service("shop-api")).await;
    assert_eq!(fixture.status(&arn).await, "CREATE_FAILED");
    let lines = fixture.lines("/service", "deployment/");
    assert!(lines.iter().any(|line| line.ends_with("Container exit code: 127")), "{lines:?}");
    assert!(!fixture.streams().iter().any(|(group, _)| group.ends_with("/application")));
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap(), Vec::<String>::new());
    fixture.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_service_answers_nothing_and_resumes_with_what_it_ran() {
    let (fixture, arn) = running(fast()).await;
    let url = fixture.url(&arn).await;
    fixture.on("PauseService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.status(&arn).await, "PAUSED");
    assert_eq!(get(&url).await.0, 404);
    assert_eq!(fixture.runner.app.engine.own_containers().await.unwrap(), Vec::<String>::new());

    fixture.shelf.put(IDENTIFIER, || image(&["BODY=v2"]));
    fixture.on("ResumeService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await, pair("RESUME_SERVICE", "SUCCEEDED"));
    assert_eq!(get(&url).await, (200, "v1".to_owned()));
    fixture.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_the_deployment_fails_and_says_why() {
    let fixture = Fixture::new(Options { docker_host: Some("unix:///nowhere/docker.sock".into()), ..fast() });
    fixture.shelf.put(IDENTIFIER, || image(&[]));
    let arn = fixture.create(service("shop-api")).await;
    assert_eq!(fixture.status(&arn).await, "CREATE_FAILED");
    let lines = fixture.lines("/service", "deployment/");
    assert!(
        lines.iter().any(|line| line.starts_with("[AppRunner] the sandbox can't reach a Docker engine")),
        "{lines:?}"
    );
    fixture.on("DeleteService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.status(&arn).await, "DELETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_nobody_knows_fails_the_deployment_and_blue_goes_on() {
    let (fixture, arn) = running(fast()).await;
    let secrets = json!({ "TOKEN": "arn:aws:secretsmanager:eu-west-1:222222222222:secret:unknown" });
    let source = json!({ "ImageRepository": {
        "ImageIdentifier": IDENTIFIER, "ImageRepositoryType": "ECR",
        "ImageConfiguration": { "RuntimeEnvironmentSecrets": secrets },
    }});
    let mut update = json!({ "ServiceArn": arn, "SourceConfiguration": source });
    let refused = fixture.try_call("UpdateService", update.clone()).await.unwrap_err();
    assert!(refused.message.starts_with("Instance Role have to be provided"), "{refused}");
    update["InstanceConfiguration"] = json!({ "InstanceRoleArn": "arn:aws:iam::222222222222:role/apprunner-instance" });
    fixture.call("UpdateService", update).await;
    fixture.runner.settle().await;
    let lines = fixture.lines("/service", "deployment/");
    assert!(lines.iter().any(|line| line.contains("secret TOKEN. no such secret")), "{lines:?}");
    assert_eq!(fixture.newest(&arn).await, pair("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED"));
    assert_eq!(get(&fixture.url(&arn).await).await, (200, "v1".to_owned()));
    fixture.runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_of_a_killed_sandbox_are_swept_and_those_of_a_living_one_are_not() {
    let (alive, arn) = running(fast()).await;
    let image = alive.runner.app.engine.load(&image(&["BODY=v1"])).await.unwrap();
    let gone = Engine::new(SandboxId::of_a_gone_process(), None);
    let instance = alive.runner.app.ids.hex();
    let killed =
        gone.create(ContainerSpec { instance, image, environment: vec![], command: None, memory_mib: 64 }).await;
    let killed = killed.unwrap();
    let left_image = gone.load(&images::image(&["BODY=left"])).await.unwrap();
    let (next, _) = running(fast()).await;
    assert!(!next.runner.app.engine.knows(&killed).await);
    assert!(!next.runner.app.engine.knows_image(&left_image).await);
    assert_eq!(get(&alive.url(&arn).await).await, (200, "v1".to_owned()));
    alive.runner.shutdown().await;
    next.runner.shutdown().await;
}
