//! Manifests: what is believed, and what is not.

use bytes::Bytes;

use super::{
    client,
    fake::FakeRegistry,
    image::{IMAGE, image},
    serve::Fault,
};
use crate::RegistryError;
use shipgate_core::manifest::{MAX_MANIFEST_BYTES, RawManifest};

#[tokio::test]
async fn a_tag_is_described_in_one_request() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    server.hold_manifest("v1", &image.manifest);
    let registry = client(server.address());
    let descriptor = registry.head_manifest("shop/api", "v1").await.unwrap().unwrap();
    assert_eq!(descriptor.digest, image.manifest.digest);
    assert_eq!(descriptor.media_type, IMAGE);
    assert_eq!(descriptor.size_bytes, image.manifest.bytes.len() as u64);
    assert_eq!((registry.requests(), server.requests().len()), (1, 1));
    server.assert_content();
}

#[tokio::test]
async fn a_registry_that_names_no_digest_is_read_instead() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    server.hold_manifest("v1", &image.manifest);
    server.keep_digests_secret();
    let descriptor = client(server.address()).head_manifest("shop/api", "v1").await.unwrap().unwrap();
    assert_eq!(descriptor.digest, image.manifest.digest);
    server.assert_content();
}

#[tokio::test]
async fn absent_tags_and_absent_repositories_are_not_the_same() {
    let server = FakeRegistry::start().await;
    let registry = client(server.address());
    assert_eq!(registry.head_manifest("shop/api", "v1").await.unwrap(), None);
    assert_eq!(registry.manifest("shop/api", "v1").await.unwrap(), None);
    for error in [
        registry.head_manifest("shop/none", "v1").await.unwrap_err(),
        registry.manifest("shop/none", "v1").await.unwrap_err(),
        registry.start_upload("shop/none", &image(&[]).manifest.digest).await.unwrap_err(),
    ] {
        assert!(matches!(error, RegistryError::RepositoryNotFound { .. }), "{error}");
        assert!(error.hint().unwrap().contains("shop/none"));
    }
    server.assert_content();
}

#[tokio::test]
async fn a_manifest_is_what_its_digest_says_or_an_error() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    let digest = image.manifest.digest.as_str();
    server.hold_manifest(digest, &image.manifest);
    server.hold_manifest("v1", &image.manifest);
    let registry = client(server.address());
    assert_eq!(registry.manifest("shop/api", digest).await.unwrap().unwrap(), image.manifest);
    for reference in [digest, "v1"] {
        // By tag, only the header can give it away.
        server.fault("GET", Fault::Instead(Bytes::from_static(b"{}")));
        let error = registry.manifest("shop/api", reference).await.unwrap_err();
        assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{reference}: {error}");
    }
    server.assert_content();
}

#[tokio::test]
async fn a_manifest_without_end_is_not_read_to_the_end() {
    let server = FakeRegistry::start().await;
    let huge = RawManifest::new(IMAGE, vec![b' '; MAX_MANIFEST_BYTES + 1].into());
    server.hold_manifest("v1", &huge);
    let error = client(server.address()).manifest("shop/api", "v1").await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_media_type_left_out_is_taken_from_the_manifest() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    let untyped = RawManifest { media_type: "application/json".to_owned(), ..image.manifest.clone() };
    server.hold_manifest("v1", &untyped);
    let read = client(server.address()).manifest("shop/api", "v1").await.unwrap().unwrap();
    assert_eq!(read, image.manifest);
}

#[tokio::test]
async fn trouble_that_passes_is_sat_out_and_told() {
    let server = FakeRegistry::start().await;
    server.hold_manifest("v1", &image(&[10]).manifest);
    for (status, headers) in [(429, vec![("retry-after", "0".to_owned())]), (503, vec![]), (500, vec![])] {
        server.fault("HEAD", Fault::Answer(status, "", headers));
    }
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = told.clone();
    let events = shipgate_core::event::Emitter::new(move |event| log.lock().unwrap().push(format!("{event:?}")));
    let registry = client(server.address()).observed_by(&events);
    assert!(registry.head_manifest("shop/api", "v1").await.unwrap().is_some());
    let told = told.lock().unwrap();
    assert_eq!((told.len(), registry.requests()), (3, 4));
    assert!(told[0].contains("look for manifest v1 of registry.test/shop/api") && told[0].contains("429"));
    server.assert_content();
}

#[tokio::test]
async fn patience_ends() {
    let server = FakeRegistry::start().await;
    (0..5).for_each(|_| server.fault("HEAD", Fault::Answer(503, "", vec![])));
    let registry = client(server.address());
    let error = registry.head_manifest("shop/api", "v1").await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
    assert_eq!(registry.requests(), 5);
    server.assert_content();
}

#[tokio::test]
async fn denied_is_not_tried_again() {
    let server = FakeRegistry::start().await;
    server.fault("HEAD", Fault::Answer(403, "", vec![]));
    let registry = client(server.address());
    let error = registry.head_manifest("shop/api", "v1").await.unwrap_err();
    assert!(error.is_denied() && error.hint().is_some(), "{error}");
    assert_eq!(registry.requests(), 1);
}

#[tokio::test]
async fn an_immutable_tag_is_told_as_such_and_keeps_what_it_had() {
    let server = FakeRegistry::start().await;
    let (old, new) = (image(&[10]), image(&[10]));
    server.hold(&new);
    server.hold_manifest("v1", &old.manifest);
    let says = r#"{"errors":[{"code":"TAG_INVALID","message":"The image tag 'v1' already exists in the 'shop/api' repository and cannot be overwritten because the tag is immutable."}]}"#;
    server.fault("PUT", Fault::Answer(400, says, vec![]));
    let registry = client(server.address());
    let error = registry.put_manifest("shop/api", "v1", &new.manifest).await.unwrap_err();
    assert!(matches!(error, RegistryError::TagImmutable { .. }), "{error}");
    assert_eq!(registry.manifest("shop/api", "v1").await.unwrap().unwrap(), old.manifest);
    server.assert_content();
}

#[tokio::test]
async fn content_not_yet_visible_is_waited_for() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    server.hold(&image);
    let says = r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#;
    (0..2).for_each(|_| server.fault("PUT", Fault::Answer(404, says, vec![])));
    client(server.address()).put_manifest("shop/api", "v1", &image.manifest).await.unwrap();
    server.assert_content();
}

#[tokio::test]
async fn a_registry_that_took_a_manifest_in_silence_is_asked_for_it() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    server.hold(&image);
    server.keep_digests_secret();
    let digest = image.manifest.digest.as_str();
    client(server.address()).put_manifest("shop/api", digest, &image.manifest).await.unwrap();
    assert_eq!(server.requests().iter().filter(|line| line.starts_with("HEAD")).count(), 1);
}

#[tokio::test]
async fn unreadable_digest_counts_as_none() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    server.hold(&image);
    let unreadable = || vec![("docker-content-digest", format!("sha256:{}", "A".repeat(64)))];
    server.fault("PUT", Fault::Answer(201, "", unreadable()));
    let digest = image.manifest.digest.as_str();
    client(server.address()).put_manifest("shop/api", digest, &image.manifest).await.unwrap();
    server.fault("HEAD", Fault::Answer(200, "", unreadable()));
    let described = client(server.address()).head_manifest("shop/api", digest).await.unwrap().unwrap();
    assert_eq!(described.digest, image.manifest.digest);
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let server = FakeRegistry::start().await;
    (0..6).for_each(|_| server.fault("GET", Fault::Answer(307, "", vec![("location", "?again".to_owned())])));
    let error = client(server.address()).manifest("shop/api", "v1").await.unwrap_err();
    assert!(matches!(error, RegistryError::BadAnswer { .. }), "{error}");
    server.assert_content();
}

#[test]
fn addresses_that_are_none() {
    for bad in ["", "registry.example.com", "ftp://r", "http://"] {
        let error = super::Registry::new("r", bad, super::Authorization::Anonymous).unwrap_err();
        assert!(matches!(error, RegistryError::InvalidAddress { .. }), "{bad}");
    }
}

/// See Other after a PUT: the manifest is stored, which is found out by its digest.
#[tokio::test]
async fn stored_manifest_answered_303_is_read_back() {
    for (held, is_written) in [(200, true), (404, false)] {
        let manifest = image(&[]).manifest;
        let digest = manifest.digest.to_string();
        let server = super::scripted::Scripted::start(move |asked| match () {
            () if asked.is("PUT") => super::scripted::with_headers(303, &[("location", "/elsewhere")], ""),
            () if asked.line.ends_with(&digest) => {
                super::scripted::with_headers(held, &[("docker-content-digest", digest.as_str())], "")
            }
            () => super::scripted::with_headers(500, &[], ""),
        })
        .await;
        let written = client(&server.address).put_manifest("shop/api", "v1", &manifest).await;
        assert_eq!(written.is_ok(), is_written, "{written:?}");
        assert!(server.seen().iter().all(|line| !line.contains("elsewhere")), "{:?}", server.seen());
    }
}
