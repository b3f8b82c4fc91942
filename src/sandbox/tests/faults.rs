//! Trouble on demand, and the log of calls.

use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use serde_json::json;

use super::world::{DEPLOY, PULL, Plain, REGISTRY, WORKLOAD, assumed, calls, sandbox, set_faults};
use crate::domain::digest::Digest;

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
