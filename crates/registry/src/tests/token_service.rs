//! Token services that fail, and tokens that never help or help once.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use axum::{body::Body, response::Response};
use futures_util::future::join_all;

use super::{
    client,
    fake::FakeRegistry,
    image::image,
    retries_at_once,
    scripted::{Asked, Scripted, with_headers},
};
use crate::{
    Authorization, Registry, RegistryError,
    copy::{
        CopyError,
        tests::{
            copy_between,
            parts::{PART, in_parts},
        },
    },
    retry::Patience,
};
use shipgate_core::digest::Digest;

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn stranger(server: &Scripted) -> Registry {
    let patience = Patience { part_bytes: PART, ..retries_at_once() };
    Registry::new("registry.test", &server.address, Authorization::Anonymous).unwrap().with_patience(patience)
}

fn challenged(asked: &Asked) -> Response<Body> {
    let challenge = format!(r#"Bearer realm="{}/token",scope="a:b:c""#, asked.address);
    with_headers(401, &[("www-authenticate", challenge.as_str())], r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#)
}

fn manifest() -> Response<Body> {
    with_headers(200, &[("content-type", "application/vnd.oci.image.index.v1+json")], MANIFEST)
}

fn count(server: &Scripted, start: &str) -> usize {
    server.seen().iter().filter(|line| line.starts_with(start)).count()
}

/// A registry whose token service answers 503 so often.
async fn with_failing_service(failures: u64, headers: &'static [(&'static str, &'static str)]) -> Scripted {
    let asked_for = AtomicU64::new(0);
    Scripted::start(move |asked| match () {
        () if asked.is("GET /token") && asked_for.fetch_add(1, Relaxed) < failures => {
            with_headers(503, headers, "down")
        }
        () if asked.is("GET /token") => with_headers(200, &[], r#"{"token":"t"}"#),
        () if asked.authorization.is_some() => manifest(),
        () => challenged(asked),
    })
    .await
}

#[tokio::test]
async fn token_service_is_asked_five_times() {
    let server = with_failing_service(u64::MAX, &[]).await;
    let error = stranger(&server).manifest("shop/api", "v1").await.unwrap_err();
    assert_eq!(count(&server, "GET /token"), 5);
    let text = error.to_string();
    let host = server.address.trim_start_matches("http://");
    assert!(text.ends_with(&format!("the token service {host} answered 503: down")), "{text}");
    assert!(text.starts_with("could not get token"), "{text}");

    let server = with_failing_service(4, &[]).await;
    stranger(&server).manifest("shop/api", "v1").await.unwrap().unwrap();
    assert_eq!(count(&server, "GET /token"), 5);
}

#[tokio::test]
async fn long_wait_of_token_service_is_named_once() {
    let server = with_failing_service(u64::MAX, &[("retry-after", "600")]).await;
    let text = stranger(&server).manifest("shop/api", "v1").await.unwrap_err().to_string();
    assert_eq!((count(&server, "GET /token"), text.matches("asks to wait 600 s").count()), (1, 1), "{text}");
}

/// A refusal of the token service does not make shipgate try GET instead of HEAD.
#[tokio::test]
async fn refusal_of_token_service_is_final_for_head() {
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /token") => with_headers(403, &[], "no"),
        () => challenged(asked),
    })
    .await;
    let error = stranger(&server).manifest_digest("shop/api", "v1").await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("the token service"), "{error}");
    assert_eq!(count(&server, "GET /v2/shop"), 0);
}

/// The token service refuses: that is neither the end of a list nor a subject without referrers.
#[tokio::test]
async fn refusal_of_token_service_ends_no_list() {
    for status in [400, 404] {
        let server = Scripted::start(move |asked| match () {
            () if asked.is("GET /token") => with_headers(status, &[], r#"{"error":"invalid_grant"}"#),
            () => challenged(asked),
        })
        .await;
        let registry = stranger(&server);
        let digest = Digest::of(b"");
        let errors = [
            registry.tags("shop/api").await.unwrap_err().to_string(),
            registry.tagged_referrers("shop/api", &digest).await.unwrap_err().to_string(),
            registry.listed_referrers("shop/api", &digest).await.unwrap_err().to_string(),
        ];
        for error in errors {
            assert!(error.contains("the token service"), "{status}: {error}");
        }
    }
}

/// A registry that takes everything but bodies of blobs; the token service gives another token each time, or the same.
async fn refusing_bodies(is_new: bool) -> Scripted {
    let given = AtomicU64::new(0);
    Scripted::start(move |asked| match () {
        () if asked.is("GET /token") => {
            let number = if is_new { given.fetch_add(1, Relaxed) } else { 0 };
            with_headers(200, &[], &format!(r#"{{"token":"t{number}"}}"#))
        }
        () if asked.authorization.is_none() => challenged(asked),
        () if asked.is("HEAD") || asked.is("GET") => with_headers(404, &[], ""),
        () if asked.is("POST") => with_headers(202, &[("location", "/v2/shop/api/blobs/uploads/1")], ""),
        () => challenged(asked),
    })
    .await
}

#[tokio::test]
async fn lasting_401_of_uploads_is_a_refusal() {
    for (size, is_new, most) in [(1000, true, 2), (1000, false, 1), (4 * PART, true, 2), (4 * PART, false, 1)] {
        let from = FakeRegistry::start().await;
        let image = image(&[usize::try_from(size).unwrap()]);
        from.hold(&image);
        let server = refusing_bodies(is_new).await;
        let source = in_parts(from.address());
        let error = copy_between(&source, &[stranger(&server)], &image.manifest.digest).await.unwrap_err();
        let CopyError::Registry(refusal) = &error else { panic!("{error}") };
        assert!(matches!(refusal, RegistryError::Denied { .. }) && error.hint().is_some(), "{error}");
        assert!(error.to_string().starts_with("not allowed to upload"), "{error}");
        let mut bodies = HashMap::<String, usize>::new();
        for line in server.seen().into_iter().filter(|line| line.starts_with("PUT") || line.starts_with("PATCH")) {
            *bodies.entry(line).or_default() += 1;
        }
        assert!(!bodies.is_empty() && bodies.values().all(|times| *times <= most), "{size} {is_new}: {bodies:#?}");
    }
}

#[tokio::test]
async fn lasting_401_of_reads_ends() {
    let server = refusing_bodies(true).await;
    let registry = stranger(&server);
    let error = registry.put_manifest("shop/api", "v1", &image(&[]).manifest).await.unwrap_err();
    assert!(error.is_denied(), "{error}");
    // For our scope, for the challenge's too, and three times more.
    assert_eq!((count(&server, "GET /token"), count(&server, "PUT")), (5, 6));
}

/// A registry whose tokens are good for one request each.
async fn with_tokens_for_one_use(blobs: HashMap<String, bytes::Bytes>) -> Scripted {
    let (given, used) = (AtomicU64::new(0), Mutex::new(HashSet::new()));
    Scripted::start(move |asked| {
        if asked.is("GET /token") {
            return with_headers(200, &[], &format!(r#"{{"token":"t{}"}}"#, given.fetch_add(1, Relaxed)));
        }
        let Some(token) = asked.authorization.clone() else { return challenged(asked) };
        if !used.lock().unwrap().insert(token) {
            return challenged(asked);
        }
        let digest = asked.line.rsplit('/').next().unwrap();
        match () {
            () if asked.is("GET /v2/shop/api/blobs/") => Response::new(Body::from(blobs[digest].clone())),
            () if asked.is("HEAD") || asked.is("GET") => with_headers(404, &[], ""),
            () if asked.is("POST") => with_headers(202, &[("location", "/v2/shop/api/blobs/uploads/1")], ""),
            () if asked.is("PATCH") => with_headers(202, &[("location", "/v2/shop/api/blobs/uploads/1")], ""),
            () if asked.is("PUT /v2/shop/api/manifests/") => {
                with_headers(201, &[("docker-content-digest", Digest::of(&asked.body).as_str())], "")
            }
            () => with_headers(201, &[], ""),
        }
    })
    .await
}

#[tokio::test]
async fn tokens_for_one_use_serve_parallel_reads() {
    let image = image(&[1000; 16]);
    let blobs = image.blobs.iter().map(|blob| (Digest::of(blob).to_string(), blob.clone())).collect();
    let server = with_tokens_for_one_use(blobs).await;
    let registry = stranger(&server);
    let descriptors = image.blobs.iter().map(|blob| shipgate_core::manifest::Descriptor {
        media_type: "application/octet-stream".to_owned(),
        digest: Digest::of(blob),
        size_bytes: blob.len() as u64,
    });
    let read = join_all(descriptors.map(|descriptor| {
        let registry = registry.clone();
        async move { registry.blob_bytes("shop/api", &descriptor).await.unwrap() }
    }));
    assert_eq!(read.await, image.blobs);
}

#[tokio::test]
async fn tokens_for_one_use_serve_uploads() {
    for sizes in [[1000, 2000, 3000], [4 * PART, 1000, 3 * PART]] {
        let from = FakeRegistry::start().await;
        let image = image(&sizes.map(|size| usize::try_from(size).unwrap()));
        from.hold(&image);
        let server = with_tokens_for_one_use(HashMap::new()).await;
        let source = client(from.address());
        copy_between(&source, &[stranger(&server)], &image.manifest.digest).await.unwrap();
    }
}
