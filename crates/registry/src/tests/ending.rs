//! Tokens that end in mid-copy, at every request that may find it out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    CREDENTIALS, client,
    fake::FakeRegistry,
    image::{TestImage, image},
    retries_at_once,
    scripted::{Scripted, with_headers},
    sessions::Manners,
};
use crate::{
    Authorization, Registry,
    copy::tests::{copy_between, pair, parts::PART},
    retry::Patience,
};
use shipgate_core::secret::Secret;

/// A token service whose tokens say how often they have ended; `more` is the rest of its answers.
async fn token_service(ended: &Arc<AtomicU64>, more: &'static str) -> Scripted {
    let ended = ended.clone();
    Scripted::start(move |asked| {
        assert_eq!(asked.authorization, Some(format!("Basic {CREDENTIALS}")));
        let scope = asked.parameters("scope").remove(0);
        with_headers(200, &[], &format!(r#"{{"token":"{scope}#{}"{more}}}"#, ended.load(Relaxed)))
    })
    .await
}

fn logged_in(server: &FakeRegistry) -> Registry {
    let authorization = Authorization::Basic(Secret::new(CREDENTIALS));
    let registry = Registry::new("registry.test", server.address(), authorization).unwrap();
    registry.with_patience(Patience { part_bytes: PART, ..retries_at_once() })
}

/// Copies an image to a registry whose tokens end at a request, after so many such; how many tokens that took.
async fn tokens_of_a_copy(
    image: &TestImage,
    manners: Manners,
    ends_at: Option<(&str, u32)>,
    more: &'static str,
) -> usize {
    let (from, to) = pair().await;
    from.hold(image);
    to.behave(manners);
    let ended = Arc::new(AtomicU64::new(0));
    let service = token_service(&ended, more).await;
    to.want_tokens_of(&format!("{}/token", service.address));
    to.end_tokens(&ended);
    if let Some((request, before)) = ends_at {
        to.expire_after(before, request, "");
    }
    let patience = Patience { part_bytes: PART, ..retries_at_once() };
    copy_between(&client(from.address()).with_patience(patience), &[logged_in(&to)], &image.manifest.digest)
        .await
        .unwrap();
    assert!(to.has(image), "{ends_at:?}");
    assert_eq!(ended.load(Relaxed), u64::from(ends_at.is_some()), "{ends_at:?}");
    to.assert_content();
    service.seen().len()
}

#[tokio::test]
async fn a_token_may_end_at_any_request_of_a_copy() {
    let small = image(&[100_000, 30]);
    let large = image(&[4 * usize::try_from(PART).unwrap() + 1000]);
    let (uploads, layers) = ("/v2/shop/api/blobs/uploads/", "HEAD /v2/shop/api/blobs/");
    for request in [
        "HEAD /v2/shop/api/manifests/",
        layers,
        &format!("POST {uploads}"),
        &format!("PUT {uploads}"),
        "PUT /v2/shop/api/manifests/",
    ] {
        for before in [0, 1] {
            let ends_at =
                Some((request, before)).filter(|(request, before)| !request.contains("manifests") || *before == 0);
            tokens_of_a_copy(&small, Manners::Plain, ends_at, "").await;
        }
    }
    for manners in [Manners::Plain, Manners::Ecr, Manners::Strict] {
        for before in [0, 2, 4] {
            tokens_of_a_copy(&large, manners, Some(("PATCH", before)), "").await;
        }
        tokens_of_a_copy(&large, manners, Some(("PUT /v2/shop/api/blobs/uploads/", 1)), "").await;
    }
}

/// Five parts and the configuration: none is begun with a token that may end while it is sent.
#[tokio::test]
async fn a_short_lived_token_is_renewed_before_each_body() {
    let large = image(&[4 * usize::try_from(PART).unwrap() + 1000]);
    let tokens = tokens_of_a_copy(&large, Manners::Plain, None, r#","expires_in":1e-9"#).await;
    assert!(tokens >= 6, "{tokens}");
    for forever in [r#","expires_in":18446744073709551615"#, r#","expires_in":"300","issued_at":"9999-99-99""#] {
        assert_eq!(tokens_of_a_copy(&large, Manners::Plain, None, forever).await, 2, "{forever}");
    }
}
