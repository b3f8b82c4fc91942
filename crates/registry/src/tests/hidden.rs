//! Registries that name their challenge at `/v2/` alone.

use axum::{body::Body, response::Response};

use super::{
    REFRESH_TOKEN, retries_at_once,
    scripted::{Asked, Scripted, with_headers},
};
use crate::{Authorization, Registry};
use shipgate_core::{digest::Digest, secret::Secret};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
const TOKEN: &str = "Bearer good";

fn client(server: &Scripted, authorization: Authorization) -> Registry {
    Registry::new("registry.test", &server.address, authorization).unwrap().with_patience(retries_at_once())
}

fn manifest() -> Response<Body> {
    with_headers(200, &[("content-type", "application/vnd.oci.image.index.v1+json")], MANIFEST)
}

fn challenge(asked: &Asked) -> Response<Body> {
    let challenge = format!("Bearer realm=\"{}/token\"", asked.address);
    with_headers(401, &[("www-authenticate", challenge.as_str())], "")
}

/// Hides everything by this status from requests without a token.
async fn hiding(status: u16) -> Scripted {
    Scripted::start(move |asked| match () {
        () if asked.is("GET /token") || asked.is("POST /token") => with_headers(200, &[], r#"{"token":"good"}"#),
        () if asked.authorization.as_deref() == Some(TOKEN) => manifest(),
        () if asked.line == "GET /v2/" => challenge(asked),
        () => with_headers(status, &[], ""),
    })
    .await
}

#[tokio::test]
async fn hidden_challenge_leads_to_token() {
    for status in [401, 403, 404] {
        for authorization in [Authorization::Anonymous, Authorization::IdentityToken(Secret::new(REFRESH_TOKEN))] {
            let server = hiding(status).await;
            let registry = client(&server, authorization.clone());
            for tag in ["v1", "v2"] {
                let read = registry.manifest("shop/api", tag).await.unwrap().unwrap();
                assert_eq!(read.digest, Digest::of(MANIFEST.as_bytes()), "{status} {authorization:?}");
            }
            let seen = server.seen();
            let lines: Vec<&str> = seen.iter().map(|line| line.split('?').next().unwrap()).collect();
            let get = "GET /v2/shop/api/manifests";
            assert_eq!(lines.len(), 5, "{status} {authorization:?}: {seen:#?}");
            assert_eq!(lines[..2], [format!("{get}/v1 -"), "GET /v2/ -".to_owned()]);
            assert_eq!(lines[3..], [format!("{get}/v1 Bearer"), format!("{get}/v2 Bearer")]);
        }
    }
}

#[tokio::test]
async fn hidden_challenge_is_found_by_head() {
    let server = hiding(404).await;
    let registry = client(&server, Authorization::Anonymous);
    let digest = Digest::of(MANIFEST.as_bytes());
    assert_eq!(registry.manifest_digest("shop/api", "v1").await.unwrap(), Some(digest));
}

#[tokio::test]
async fn hidden_challenge_opens_uploads() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /token") => with_headers(200, &[], r#"{"token":"good"}"#),
        () if asked.line == "GET /v2/" => challenge(asked),
        () if asked.authorization.as_deref() == Some(TOKEN) => with_headers(202, &[("location", "/v2/u/1")], ""),
        () => with_headers(401, &[], ""),
    })
    .await;
    let registry = client(&server, Authorization::Anonymous);
    registry.start_upload("shop/api", &Digest::of(b"")).await.unwrap();
}

#[tokio::test]
async fn missing_manifest_asks_base_once() {
    let server = Scripted::start(|asked| with_headers(if asked.line == "GET /v2/" { 200 } else { 404 }, &[], "")).await;
    let registry = client(&server, Authorization::Anonymous);
    assert!(!registry.has_blob("shop/api", &Digest::of(b"")).await.unwrap());
    assert_eq!(server.seen().len(), 1, "a blob is expected to be missing");
    for tag in ["v1", "v2", "v1"] {
        assert_eq!(registry.manifest("shop/api", tag).await.unwrap(), None);
    }
    assert_eq!(server.seen().len(), 5, "{:#?}", server.seen());
}

/// The base asks for what a request without credentials does not have: the 404 stands.
#[tokio::test]
async fn missing_manifest_stays_missing_without_token() {
    for basic in [true, false] {
        let server = Scripted::start(move |asked| match () {
            () if asked.is("GET /token") => with_headers(401, &[], ""),
            () if asked.line == "GET /v2/" && basic => with_headers(401, &[("www-authenticate", "Basic")], ""),
            () if asked.line == "GET /v2/" => challenge(asked),
            () => with_headers(404, &[], ""),
        })
        .await;
        let registry = client(&server, Authorization::Anonymous);
        assert_eq!(registry.manifest("shop/api", "v1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn hidden_challenge_of_ecr_is_not_looked_for() {
    for status in [401, 403, 404] {
        let server = hiding(status).await;
        let host = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com";
        let registry = Registry::new(host, &server.address, Authorization::Anonymous).unwrap();
        let read = registry.manifest("shop/api", "v1").await;
        assert!(!matches!(read, Ok(Some(_))), "{read:?}");
        assert_eq!(server.seen(), ["GET /v2/shop/api/manifests/v1 -"], "{status}");
    }
}
