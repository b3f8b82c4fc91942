//! Servers that compress bodies although the client accepts `identity` alone.

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use tokio::net::TcpListener;

use super::{
    fake::AbortOnDrop,
    image::{IMAGE, image},
    retries_at_once,
};
use crate::{Authorization, Registry, encoding::tests::gzip};
use shipgate_core::{
    digest::Digest,
    manifest::{Descriptor, MAX_MANIFEST_BYTES},
};

const TOKEN: &str = r#"{"token":"t0k"}"#;
const REFUSAL: &str = r#"{"errors":[{"code":"DENIED","message":"not for you"}]}"#;

#[derive(Clone)]
struct Served {
    realm: String,
    manifest: Bytes,
}

/// A registry that compresses all bodies; its token service too.
async fn compressing(manifest: Bytes) -> (Registry, AbortOnDrop) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = Served { realm: format!("{address}/token"), manifest };
    let app = axum::Router::new().fallback(answer).with_state(served);
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let registry = Registry::new("registry.test", &address, Authorization::Anonymous).unwrap();
    (registry.with_patience(retries_at_once()), AbortOnDrop(task))
}

async fn answer(State(served): State<Served>, request: Request) -> Response<Body> {
    let accepted: Vec<_> = request.headers().get_all("accept-encoding").iter().collect();
    assert_eq!(accepted, ["identity"], "{}", request.uri());
    let response = Response::builder().header("content-encoding", "gzip").header("content-type", IMAGE);
    let path = request.uri().path();
    let (status, body) = match path.rsplit('/').next().unwrap_or_default() {
        "token" => (200, gzip(TOKEN.as_bytes())),
        _ if !request.headers().contains_key("authorization") => {
            let challenge = format!("Bearer realm=\"{}\"", served.realm);
            return response.status(401).header("www-authenticate", challenge).body(Body::empty()).unwrap();
        }
        "refused" => (403, gzip(REFUSAL.as_bytes())),
        "plain" => (200, served.manifest.clone()),
        "broken" => (200, gzip(&served.manifest).slice(..20)),
        "bomb" => (200, gzip(&vec![b' '; MAX_MANIFEST_BYTES + 1])),
        _ => (200, gzip(&served.manifest)),
    };
    response.status(status).body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn compressed_manifests_and_tokens_are_decoded() {
    let image = image(&[10]);
    let (registry, _server) = compressing(image.manifest.bytes.clone()).await;
    for reference in ["v1", "plain", image.manifest.digest.as_str()] {
        let read = registry.manifest("shop/api", reference).await.unwrap().unwrap();
        assert_eq!(read, image.manifest, "{reference}");
        let described = registry.head_manifest("shop/api", reference).await.unwrap().unwrap();
        assert_eq!(described.size_bytes, image.manifest.bytes.len() as u64, "{reference}");
    }
}

#[tokio::test]
async fn compressed_refusals_are_shown() {
    let (registry, _server) = compressing(image(&[10]).manifest.bytes).await;
    let error = registry.manifest("shop/api", "refused").await.unwrap_err();
    assert!(error.to_string().contains("not for you"), "{error}");
}

#[tokio::test]
async fn undecodable_manifests_are_refused() {
    let (registry, _server) = compressing(image(&[10]).manifest.bytes).await;
    let error = registry.manifest("shop/api", "broken").await.unwrap_err();
    assert!(error.to_string().contains("cannot be decoded (gzip)"), "{error}");
    let error = registry.manifest("shop/api", "bomb").await.unwrap_err();
    assert!(error.to_string().contains(&MAX_MANIFEST_BYTES.to_string()), "{error}");
}

/// The bytes of a layer are what its digest is of, whatever the headers say.
#[tokio::test]
async fn blobs_are_never_decoded() {
    let (registry, _server) = compressing(Bytes::from_static(b"layer")).await;
    let raw = gzip(b"layer");
    let descriptor = Descriptor { media_type: String::new(), digest: Digest::of(&raw), size_bytes: raw.len() as u64 };
    assert_eq!(registry.blob_bytes("shop/api", &descriptor).await.unwrap(), raw);
}
