//! Odd manifests: which of them the registry takes, and what App Runner finds in an index.

use serde_json::{Value, json};

use super::world::{DEPLOY, Plain, WORKLOAD, answer_json, manifest, sandbox};
use crate::Sandbox;
use shipgate_core::digest::Digest;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Pushes an image for a platform under its digest.
async fn image(plain: &Plain, os: &str, architecture: &str) -> Digest {
    let config = json!({"os": os, "architecture": architecture}).to_string();
    let config = plain.push_blob("shop/api", config.as_bytes()).await;
    put(plain, &manifest(&config, &[])).await
}

async fn put(plain: &Plain, text: &str) -> Digest {
    let digest = Digest::of(text.as_bytes());
    assert_eq!(plain.put_manifest("shop/api", digest.as_str(), text).await.status(), 201, "{text}");
    digest
}

async fn index(plain: &Plain, members: &[Value]) -> Digest {
    put(plain, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": members}).to_string()).await
}

/// The architecture of what App Runner would run, or why it would run nothing.
fn found(sandbox: &Sandbox, digest: &Digest) -> String {
    let identifier = format!("{WORKLOAD}.dkr.ecr.{}.amazonaws.com/shop/api@{digest}", sandbox.region());
    match sandbox.cloud.images.image_for_app_runner(&identifier) {
        Ok(image) => serde_json::from_slice::<Value>(&image.config).unwrap()["architecture"].to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn app_runner_searches_indexes_within_indexes_and_members_without_a_platform() {
    let sandbox = sandbox(|seed| seed.ecr_manners = false).await;
    let plain = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    let (arm, intel) = (image(&plain, "linux", "arm64").await, image(&plain, "linux", "amd64").await);
    let platform = |digest: &Digest, os: &str, architecture: &str| json!({"digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}});
    let bare = |digest: &Digest| json!({"digest": digest, "size": 1, "platform": {}});
    let both = index(&plain, &[platform(&arm, "linux", "arm64"), platform(&intel, "linux", "amd64")]).await;
    let nested = index(&plain, &[bare(&both)]).await;
    let deep = index(&plain, &[platform(&arm, "linux", "arm64"), bare(&nested)]).await;
    let without = index(&plain, &[bare(&arm), bare(&intel)]).await;
    for digest in [&intel, &both, &nested, &deep, &without] {
        assert_eq!(found(&sandbox, digest), "\"amd64\"", "{digest}");
    }
    let attested = index(&plain, &[platform(&intel, "unknown", "unknown")]).await;
    let arm_only = index(&plain, &[bare(&arm)]).await;
    let mut deepest = deep;
    for _ in 0..3 {
        deepest = index(&plain, &[bare(&deepest)]).await;
    }
    let empty = index(&plain, &[]).await;
    for digest in [&attested, &arm_only, &deepest, &empty] {
        assert!(found(&sandbox, digest).contains("linux/amd64"), "{}", found(&sandbox, digest));
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn ecr_takes_no_unknown_field_and_no_index_of_blobs() {
    for (ecr_manners, refusals) in [(true, [405, 405, 400]), (false, [400, 201, 404])] {
        let sandbox = sandbox(|seed| seed.ecr_manners = ecr_manners).await;
        let plain = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
        let config = plain.push_blob("shop/api", b"{}").await;
        let mut unknown: Value = serde_json::from_str(&manifest(&config, &[])).unwrap();
        unknown["blobs"] = json!([]);
        let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": config, "size": 2});
        let cache = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [layer]});
        for (text, status) in ["{".to_owned(), unknown.to_string(), cache.to_string()].iter().zip(refusals) {
            let answer = plain.put_manifest("shop/api", "v1", text).await;
            assert_eq!(answer.status().as_u16(), status, "{ecr_manners} {text}");
            if ecr_manners {
                let body = answer_json(answer).await;
                assert_eq!(body["errors"][0]["code"], "UNSUPPORTED");
                assert!(body["errors"][0]["message"].as_str().unwrap().contains("'Invalid JSON syntax'"), "{body}");
            }
        }
        // What the specification knows, and null, is taken.
        let mut known: Value = serde_json::from_str(&manifest(&config, &[])).unwrap();
        known["artifactType"] = json!("application/vnd.example");
        known["annotations"] = json!({"a": "b"});
        known["subject"] = Value::Null;
        put(&plain, &known.to_string()).await;
        sandbox.shutdown().await;
    }
}
