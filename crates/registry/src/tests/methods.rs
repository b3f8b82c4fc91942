//! HEAD refused where GET is not, and writes that are redirected.

use super::{
    CREDENTIALS, client,
    fake::FakeRegistry,
    image::image,
    impatient, impatient_client,
    scripted::{Scripted, with_headers},
    serve::Fault,
};
use crate::{
    Authorization, Registry,
    copy::tests::{
        copy_impatiently, copy_over, pair,
        parts::{self, PART},
    },
};
use shipgate_core::{digest::Digest, secret::Secret};

#[tokio::test]
async fn a_refused_head_becomes_a_get() {
    let blob = "a blob";
    let digest = Digest::of(blob.as_bytes());
    for status in [400, 403, 405, 501] {
        let (there, absent) = (digest.clone(), Digest::of(b"another"));
        let server = Scripted::start(move |asked| {
            if asked.is("HEAD") {
                return with_headers(status, &[], "");
            }
            if asked.line.ends_with(there.as_str()) {
                return with_headers(200, &[("content-type", "application/vnd.oci.image.manifest.v1+json")], blob);
            }
            with_headers(404, &[], r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#)
        })
        .await;
        let registry = Registry::new("registry.test", &server.address, Authorization::Anonymous).unwrap();
        assert!(registry.has_blob("shop/api", &digest).await.unwrap(), "{status}");
        assert!(!registry.has_blob("shop/api", &absent).await.unwrap(), "{status}");
        assert!(registry.has_manifest("shop/api", &digest).await.unwrap(), "{status}");
        assert!(!registry.has_manifest("shop/api", &absent).await.unwrap(), "{status}");
        let found = registry.manifest_digest("shop/api", digest.as_str()).await.unwrap();
        assert_eq!(found, Some(digest.clone()), "{status}");
        assert_eq!(registry.manifest_digest("shop/api", "none").await.unwrap(), None, "{status}");
        assert_eq!(registry.head_manifest("shop/api", digest.as_str()).await.unwrap().unwrap().digest, digest);
        // Where HEAD is not known at all it is asked once.
        let heads = server.seen().iter().filter(|line| line.starts_with("HEAD")).count();
        assert_eq!(heads, if matches!(status, 405 | 501) { 1 } else { 7 }, "{status}");
    }
}

/// An address that is signed for GET is good for nothing else.
#[tokio::test]
async fn a_head_that_is_redirected_to_an_address_for_get_becomes_a_get() {
    let digest = Digest::of(b"a blob");
    let server = Scripted::start(|asked| match () {
        () if asked.is("GET /signed") => with_headers(206, &[("content-range", "bytes 0-0/6")], "a"),
        () if asked.is("HEAD /signed") => with_headers(403, &[], ""),
        () => with_headers(
            307,
            &[("location", format!("{}/signed?sig=s3cr3t", asked.address.replace("127.0.0.1", "localhost")).as_str())],
            "",
        ),
    })
    .await;
    let registry = Registry::new("registry.test", &server.address, Authorization::Anonymous).unwrap();
    assert!(registry.has_blob("shop/api", &digest).await.unwrap());
    let methods: Vec<String> = server.seen().iter().map(|line| line.split('?').next().unwrap().to_owned()).collect();
    let path = format!("/v2/shop/api/blobs/{digest} -");
    assert_eq!(
        methods,
        [format!("HEAD {path}"), "HEAD /signed".to_owned(), format!("GET {path}"), "GET /signed".to_owned()]
    );
}

#[tokio::test]
async fn a_get_that_is_refused_too_is_the_failure() {
    let server =
        Scripted::start(|_| with_headers(403, &[], r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#)).await;
    let registry = Registry::new("registry.test", &server.address, Authorization::Anonymous).unwrap();
    let error = registry.has_blob("shop/api", &Digest::of(b"")).await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("not yours"), "{error}");
    // HEAD, the base for its challenge, and GET.
    assert_eq!(server.seen().len(), 3);
}

/// Every kind of write, redirected to where it is taken. The body of a blob is read again.
#[tokio::test]
async fn redirected_writes_arrive() {
    let writes = ["POST /v2/shop/api/blobs/uploads/", "PUT /v2/shop/api/blobs/uploads/", "PUT /v2/shop/api/manifests/"];
    for write in writes {
        for status in [301, 302, 307, 308] {
            let (from, to) = pair().await;
            let image = image(&[900_000, 10]);
            from.hold(&image);
            to.fault(write, Fault::Answer(status, "", vec![("location", String::new())]));
            copy_over(&from, &to, &image.manifest.digest).await.unwrap();
            assert!(to.has(&image), "{write} {status}");
            to.assert_content();
        }
    }
}

#[tokio::test]
async fn a_redirected_part_is_sent_to_where_it_leads() {
    let (from, to) = pair().await;
    let image = image(&[4 * usize::try_from(PART).unwrap() + 1000]);
    from.hold(&image);
    for _ in 0..2 {
        to.fault("PATCH /v2/shop/api/blobs/uploads/", Fault::Answer(307, "", vec![("location", String::new())]));
    }
    parts::copied(&from, &to, &image).await;
    assert!(to.has(&image));
    to.assert_content();
}

#[tokio::test]
async fn writes_that_are_redirected_in_a_circle_end() {
    let (from, to) = pair().await;
    let image = image(&[1000]);
    from.hold(&image);
    for _ in 0..20 {
        to.fault("PUT /v2/shop/api/blobs/uploads/", Fault::Answer(307, "", vec![("location", String::new())]));
    }
    let error = copy_over(&from, &to, &image.manifest.digest).await.unwrap_err();
    assert!(error.to_string().ends_with("the registry redirects it to 127.0.0.1"), "{error}");
    assert_eq!(to.manifests(), 0);
}

/// What a redirected write shows to another host is its body alone.
#[tokio::test]
async fn credentials_do_not_follow_a_redirected_write() {
    let image = image(&[]);
    let (digest, there) = (image.manifest.digest.clone(), image.manifest.digest.clone());
    let server = Scripted::start(move |asked| match () {
        () if asked.is("PUT /elsewhere") => with_headers(201, &[("docker-content-digest", there.as_str())], ""),
        () => with_headers(
            307,
            &[("location", format!("{}/elsewhere", asked.address.replace("127.0.0.1", "localhost")).as_str())],
            "",
        ),
    })
    .await;
    client(&server.address).put_manifest("shop/api", digest.as_str(), &image.manifest).await.unwrap();
    assert_eq!(server.seen(), [format!("PUT /v2/shop/api/manifests/{digest} Basic"), "PUT /elsewhere -".to_owned()]);
}

/// A registry that drips is as bad as one that stands still: the rest is read over another connection.
#[tokio::test]
async fn a_source_that_drips_is_resumed() {
    let (from, to) = pair().await;
    let image = image(&[300_000]);
    from.hold(&image);
    from.fault(format!("GET /v2/shop/api/blobs/{}", Digest::of(&image.blobs[1])), Fault::DripAfter(100_000));
    let summary = copy_impatiently(&from, &to, &image.manifest.digest).await.unwrap();
    assert!(to.has(&image) && summary.bytes_sent == 300_100, "{summary:?}");
    from.assert_content();
}

#[tokio::test]
async fn a_registry_on_this_machine_that_drips_documents_is_given_up() {
    let server = FakeRegistry::start().await;
    let image = image(&[10]);
    server.hold(&image);
    let registry = impatient_client(server.address());
    (0..5).for_each(|_| server.fault("GET", Fault::DripAfter(5)));
    let error = registry.manifest("shop/api", image.manifest.digest.as_str()).await.unwrap_err();
    assert!(error.to_string().contains("bytes moved within 0.5 s"), "{error}");
}

/// `Basic` in the clear is nothing new for a loopback address; TLS there is found out, its certificate unchecked.
#[tokio::test]
async fn a_registry_without_tls_is_not_asked_with_it() {
    let server = Scripted::start(|_| with_headers(400, &[], "no TLS here, nor https")).await;
    let authorization = Authorization::Basic(Secret::new(CREDENTIALS));
    let registry = Registry::new("registry.test", &server.address, authorization).unwrap();
    let error = registry.or_with_tls().with_patience(impatient()).manifest("shop/api", "v1").await.unwrap_err();
    assert!(error.to_string().contains("no TLS here"), "{error}");
}
