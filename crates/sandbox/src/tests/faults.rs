//! Trouble on demand, and the log of calls.

use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use serde_json::json;

use super::world::{ACCESS, DEPLOY, PULL, Plain, REGISTRY, WORKLOAD, answer_json, assumed, calls, sandbox, set_faults};
use crate::{Options, apprunner::Pace, start};
use shipgate_core::digest::Digest;

#[tokio::test]
async fn a_corrupt_blob_arrives_with_another_digest_and_the_same_size() {
    let sandbox = sandbox(|seed| seed.ecr_manners = false).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let digest = plain.push_blob("shop/api", b"0123456789").await;
    let path = format!("/v2/shop/api/blobs/{digest}");
    set_faults(&sandbox, json!([{"kind": "corrupt-blob", "digest": digest}])).await;
    let corrupt = plain.send("GET", &path).await.bytes().await.unwrap();
    assert_eq!(corrupt.len(), 10);
    assert_ne!(Digest::of(&corrupt), digest);
    set_faults(&sandbox, json!([])).await;
    assert_eq!(Digest::of(&plain.send("GET", &path).await.bytes().await.unwrap()), digest);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn errors_come_as_often_as_asked_for() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let fault = json!([{"kind": "error", "service": "ecr", "action": "DescribeRepositories", "status": 400,
        "code": "ThrottlingException", "message": "Rate exceeded", "times": 1}]);
    set_faults(&sandbox, fault).await;
    let error = ecr.describe_repositories().send().await.unwrap_err().into_service_error();
    assert_eq!((error.code(), error.message()), (Some("ThrottlingException"), Some("Rate exceeded")));
    ecr.describe_repositories().send().await.unwrap();
    let plain = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    set_faults(&sandbox, json!([{"kind": "error", "service": "registry", "action": "POST upload", "status": 503}]))
        .await;
    assert_eq!(plain.send("POST", "/v2/shop/api/blobs/uploads/").await.status(), 503);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn links_and_tokens_expire_on_demand() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let digest = plain.push_blob("shop/api", b"x").await;
    set_faults(&sandbox, json!([{"kind": "expire-links"}])).await;
    let redirect = plain.send("GET", &format!("/v2/shop/api/blobs/{digest}")).await;
    let link = redirect.headers()["location"].to_str().unwrap();
    assert_eq!(plain.client.get(link).send().await.unwrap().status(), 403);
    set_faults(&sandbox, json!([{"kind": "expire-tokens"}])).await;
    let answer = plain.send("GET", "/v2/").await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("Your authorization token has expired"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_log_of_calls_tells_what_was_done() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    plain.send("GET", "/v2/shop/api/manifests/v1").await;
    assert_eq!(calls(&sandbox, "sts").await, ["AssumeRole"]);
    assert_eq!(calls(&sandbox, "ecr").await, ["GetAuthorizationToken"]);
    assert_eq!(calls(&sandbox, "registry").await, ["GET manifest"]);
    assert!(calls(&sandbox, "apprunner").await.is_empty());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_download_is_cut_and_then_not() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let digest = plain.push_blob("shop/api", &vec![7; 100_000]).await;
    set_faults(&sandbox, json!([{"kind": "cut", "service": "layers", "after_bytes": 1000, "times": 1}])).await;
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let redirect = plain.send("GET", &format!("/v2/shop/api/blobs/{digest}")).await;
        let answer = plain.client.get(redirect.headers()["location"].to_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.headers()["content-length"], "100000");
        outcomes.push(answer.bytes().await.map(|bytes| bytes.len()).ok());
    }
    assert_eq!(outcomes, [None, Some(100_000)]);
    assert_eq!(calls(&sandbox, "layers").await, ["GET layer", "GET layer"]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_upload_is_cut_and_nothing_is_stored() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let fault = json!([{"kind": "cut-upload", "service": "registry", "action": "PUT upload", "after_bytes": 10,
        "times": 1}]);
    set_faults(&sandbox, fault).await;
    let start = plain.send("POST", "/v2/shop/api/blobs/uploads/").await;
    let location = start.headers()["location"].to_str().unwrap().to_owned();
    let bytes = [7_u8; 100];
    let digest = Digest::of(&bytes);
    let put = async || plain.request("PUT", &format!("{location}?digest={digest}")).body(bytes.to_vec()).send().await;
    assert!(put().await.is_err());
    assert_eq!(plain.send("HEAD", &format!("/v2/shop/api/blobs/{digest}")).await.status(), 404);
    let again = put().await.unwrap();
    assert_eq!(again.status(), 416);
    assert!(again.text().await.unwrap().contains("is 0 instead of 10"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_answer_is_lost_though_the_tag_has_moved() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let digest = plain.push_image("shop/api", "v1", "1").await;
    let text = plain.send("GET", "/v2/shop/api/manifests/v1").await.text().await.unwrap();
    let fault =
        json!([{"kind": "cut-upload", "service": "registry", "action": "PUT manifest", "after_bytes": 100_000}]);
    set_faults(&sandbox, fault).await;
    assert!(plain.request("PUT", "/v2/shop/api/manifests/v2").body(text).send().await.is_err());
    let tag = plain.send("HEAD", "/v2/shop/api/manifests/v2").await;
    assert_eq!(tag.headers()["docker-content-digest"], digest.as_str());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_service_that_hangs_up_gives_no_answer() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    set_faults(&sandbox, json!([{"kind": "cut", "service": "ecr", "after_bytes": 0, "times": 1}])).await;
    let error = ecr.describe_repositories().send().await.unwrap_err();
    assert!(matches!(error, aws_sdk_ecr::error::SdkError::DispatchFailure(_)), "{error:?}");
    ecr.describe_repositories().send().await.unwrap();
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_outcome_of_a_deployment_is_ordered() {
    let mut options = Options::default();
    options.app_runner.scripted = true;
    options.app_runner.pace = Pace::even(std::time::Duration::ZERO);
    options.seed.scripts = vec![serde_json::from_value(json!({"service": "by-seed", "outcome": "FAILED"})).unwrap()];
    let sandbox = start(options).await.unwrap();
    let url = format!("{}/_sandbox/apprunner", sandbox.endpoint());
    let http = reqwest::Client::new();
    let order = json!([{"kind": "script", "service": "by-order", "outcome": "FAILED"}]);
    let post = |body: String| http.post(&url).bearer_auth(sandbox.control_token()).body(body).send();
    let answer = post(order.to_string()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer_json(answer).await["scripts"].as_array().unwrap().len(), 2);
    let none = post(r#"{"kind": "release", "operation": "none"}"#.to_owned()).await.unwrap();
    assert_eq!(none.status(), 400);
    Plain::login(&sandbox, DEPLOY, WORKLOAD).await.push_image("shop/api", "v1", "1").await;
    let app_runner = aws_sdk_apprunner::Client::new(&assumed(&sandbox, DEPLOY).await);
    for name in ["by-seed", "by-order", "by-nobody"] {
        super::iam::create(&app_runner, name, ACCESS).await.unwrap();
    }
    let seen = loop {
        let seen = http.get(&url).bearer_auth(sandbox.control_token()).send().await.unwrap();
        let seen = answer_json(seen).await;
        let services = seen["services"].as_array().unwrap().clone();
        let words = services.iter().map(|one| one["Service"]["Status"].as_str().unwrap().to_owned());
        let words: Vec<String> = words.collect();
        if !words.iter().any(|word| word == "OPERATION_IN_PROGRESS") {
            break words;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(seen, ["CREATE_FAILED", "CREATE_FAILED", "RUNNING"]);
    sandbox.shutdown().await;
}
