//! Credentials that expire while they are in use.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{CREDENTIALS, NEW_CREDENTIALS, client, fake::FakeRegistry, image::image};
use crate::{
    Authorization, Registry, RegistryError, Renewal,
    copy::{
        CopyError,
        tests::{
            copy_between, pair,
            parts::{PART, in_parts},
        },
    },
    tests::sessions::Manners,
};
use shipgate_core::secret::Secret;

/// Renews to these credentials, or fails for this reason; and how often it was asked to.
fn renewal(to: Result<&'static str, &'static str>) -> (Renewal, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let renewal: Renewal = Arc::new(move || {
        count.fetch_add(1, Relaxed);
        Box::pin(async move {
            // As long as it takes for others to be refused too.
            tokio::task::yield_now().await;
            to.map(|basic| Authorization::Basic(Secret::new(basic))).map_err(str::to_owned)
        })
    });
    (renewal, asked)
}

fn renewed(registry: Registry) -> (Registry, Arc<AtomicU64>) {
    let (renewal, asked) = renewal(Ok(NEW_CREDENTIALS));
    (registry.renewed_by(renewal), asked)
}

#[tokio::test]
async fn every_request_of_a_copy_may_be_the_first_to_find_them_expired() {
    let requests = ["HEAD /v2/", "GET /v2/", "POST /v2/", "PUT /v2/shop/api/blobs/", "PUT /v2/shop/api/manifests/"];
    for request in requests {
        for status in [401, 403] {
            let (from, to) = pair().await;
            let image = image(&[900_000, 1000, 30]);
            from.hold(&image);
            for server in [&from, &to] {
                server.tell_expired_by(status);
            }
            let server = if request.starts_with("GET") { &from } else { &to };
            server.expire_at(request, NEW_CREDENTIALS);
            let (source, source_asked) = renewed(client(from.address()));
            let (destination, asked) = renewed(client(to.address()));
            copy_between(&source, &[destination], &image.manifest.digest).await.unwrap();
            assert!(to.has(&image), "{request}");
            assert_eq!(asked.load(Relaxed) + source_asked.load(Relaxed), 1, "{request} {status}");
            from.assert_content();
            to.assert_content();
        }
    }
}

/// The part whose credentials had expired is sent again, and no other.
#[tokio::test]
async fn an_upload_in_parts_goes_on_where_the_credentials_expired() {
    for manners in [Manners::Plain, Manners::Ecr] {
        let (from, to) = pair().await;
        let image = image(&[4 * usize::try_from(PART).unwrap() + 1000]);
        from.hold(&image);
        to.behave(manners);
        let (destination, asked) = renewed(in_parts(to.address()));
        to.expire_after(2, "PATCH /v2/shop/api/blobs/uploads/", NEW_CREDENTIALS);
        copy_between(&in_parts(from.address()), &[destination], &image.manifest.digest).await.unwrap();
        assert!(to.has(&image));
        let patches = to.requests().iter().filter(|line| line.starts_with("PATCH")).count();
        assert_eq!((patches, asked.load(Relaxed)), (6, 1), "{manners:?}");
        to.assert_content();
    }
}

#[tokio::test]
async fn requests_that_fail_together_renew_once() {
    let server = FakeRegistry::start().await;
    let image = image(&[1000]);
    server.hold(&image);
    server.expire_at("HEAD", NEW_CREDENTIALS);
    let (client, asked) = renewed(client(server.address()));
    let looks = image.blobs.iter().cycle().take(20).map(|blob| {
        let (client, digest) = (client.clone(), shipgate_core::digest::Digest::of(blob));
        async move { client.has_blob("shop/api", &digest).await.unwrap() }
    });
    assert!(futures_util::future::join_all(looks).await.into_iter().all(|there| there));
    assert_eq!(asked.load(Relaxed), 1);
    assert!(server.requests().len() <= 40, "{}", server.requests().len());
    server.assert_content();
}

/// Each of these renewals helps nothing: what was asked is asked twice at most, and then the refusal is told.
#[tokio::test]
async fn a_renewal_that_does_not_help_is_made_once() {
    let server = FakeRegistry::start().await;
    server.expire_at("GET", "bm9ib2R5");
    let table = [(Ok(CREDENTIALS), 1), (Ok("b3RoZXI="), 2), (Err("the role is gone"), 1)];
    for (to, requests) in table {
        let before = server.requests().len();
        let (renewal, asked) = renewal(to);
        let client = client(server.address()).renewed_by(renewal);
        let error = client.manifest("shop/api", "v1").await.unwrap_err();
        assert!(error.is_denied() && !error.is_transient(), "{error}");
        assert_eq!((asked.load(Relaxed), server.requests().len() - before), (1, requests), "{to:?}: {error}");
        let again = client.manifest("shop/api", "v1").await.unwrap_err();
        assert_eq!((again.to_string(), asked.load(Relaxed)), (error.to_string(), 1), "renewed too soon");
        let Err(reason) = to else { continue };
        let expired = "Your authorization token has expired. Reauthenticate and try again.";
        let text = error.to_string();
        assert!(matches!(error, RegistryError::NotRenewed { .. }) && error.hint().is_some());
        assert!(text.contains(expired) && text.ends_with(&format!("could not be renewed: {reason}")), "{text}");
    }
}

/// The upload is made again with credentials that are no better, and then given up; the destination has nothing of it.
#[tokio::test]
async fn a_copy_whose_credentials_cannot_be_mended_ends() {
    for (to_basic, uploads) in [(Ok("b3RoZXI="), 2), (Err("the role is gone"), 2)] {
        let (from, to) = pair().await;
        let image = image(&[900_000]);
        from.hold(&image);
        to.expire_at("PUT /v2/shop/api/blobs/", "bm9ib2R5");
        let (renewal, asked) = renewal(to_basic);
        let destination = client(to.address()).renewed_by(renewal);
        let error = copy_between(&client(from.address()), &[destination], &image.manifest.digest).await.unwrap_err();
        assert!(matches!(&error, CopyError::Registry(error) if error.is_denied()), "{error}");
        let puts = to.requests().iter().filter(|line| line.starts_with("PUT")).count();
        assert!(asked.load(Relaxed) == 1 && puts <= uploads, "{puts} uploads, {} renewals", asked.load(Relaxed));
        assert!(to.is_empty());
    }
}

#[tokio::test]
async fn without_a_renewal_a_refusal_is_told_at_once() {
    let server = FakeRegistry::start().await;
    server.expire_at("GET", NEW_CREDENTIALS);
    let error = client(server.address()).manifest("shop/api", "v1").await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("expired"), "{error}");
    assert_eq!(server.requests().len(), 1);
    server.assert_content();
}
