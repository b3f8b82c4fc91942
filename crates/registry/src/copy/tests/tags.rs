//! Tags: read once, written last, and never moved where they are immutable.

use super::{at, made, pair, request};
use crate::{
    copy::{CopyDestination, CopyError, CopyImage, CopySummary},
    tests::{
        client,
        fake::FakeRegistry,
        image::{TestImage, image},
    },
};

async fn tagged(from: &FakeRegistry, to: &FakeRegistry) -> Result<CopySummary, CopyError> {
    let (source, destination) = (client(from.address()), client(to.address()));
    let destinations = [CopyDestination { tag: Some("stable"), ..at(&destination) }];
    made(&request(&source, CopyImage::Tag("v1"), &destinations)).await.map(|mut summaries| summaries.remove(0))
}

fn tag(registry: &FakeRegistry, tag: &str, image: &TestImage) {
    registry.hold(image);
    registry.hold_manifest(tag, &image.manifest);
}

#[tokio::test]
async fn a_tag_costs_no_request_more_than_a_digest() {
    let (from, to) = pair().await;
    let image = image(&[100, 200]);
    tag(&from, "v1", &image);
    let summary = tagged(&from, &to).await.unwrap();
    assert!(to.has(&image));
    assert_eq!(to.digest_of("stable"), Some(image.manifest.digest.clone()));
    assert_eq!(summary.requests, 4 * 3 + 3);
    assert!(to.requests().last().unwrap().ends_with("/manifests/stable"));
    to.assert_content();
    from.assert_content();
}

#[tokio::test]
async fn nothing_to_do_is_two_requests_at_the_same_time() {
    let (from, to) = pair().await;
    let image = image(&[100]);
    tag(&from, "v1", &image);
    tag(&to, "stable", &image);
    let summary = tagged(&from, &to).await.unwrap();
    assert!(summary.is_unchanged());
    assert_eq!((summary.requests, from.requests().len(), to.requests().len()), (2, 1, 1));
}

#[tokio::test]
async fn a_tag_that_points_elsewhere_is_moved_when_all_is_there() {
    let (from, to) = pair().await;
    let (old, new) = (image(&[100]), image(&[200]));
    tag(&from, "v1", &new);
    tag(&to, "stable", &old);
    let summary = tagged(&from, &to).await.unwrap();
    assert_eq!(to.digest_of("stable"), Some(new.manifest.digest.clone()));
    assert!(to.has(&old) && to.has(&new) && !summary.is_unchanged());
    to.assert_content();
}

#[tokio::test]
async fn an_immutable_tag_on_the_same_digest_is_a_success_without_a_put() {
    let (from, to) = pair().await;
    let image = image(&[100]);
    tag(&from, "v1", &image);
    tag(&to, "stable", &image);
    to.make_tags_immutable();
    assert!(tagged(&from, &to).await.unwrap().is_unchanged());
    assert!(to.requests().iter().all(|line| !line.starts_with("PUT")));
}

#[tokio::test]
async fn an_immutable_tag_on_another_digest_shows_both_and_stays() {
    let (from, to) = pair().await;
    let (old, new) = (image(&[100]), image(&[200]));
    tag(&from, "v1", &new);
    tag(&to, "stable", &old);
    to.make_tags_immutable();
    let error = tagged(&from, &to).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, CopyError::TagTaken { .. }) && error.hint().is_some(), "{said}");
    assert!(said.contains(old.manifest.digest.as_str()) && said.contains(new.manifest.digest.as_str()), "{said}");
    assert_eq!(to.digest_of("stable"), Some(old.manifest.digest.clone()));
    to.assert_content();
}

#[tokio::test]
async fn a_tag_the_source_does_not_have_is_named_and_nothing_is_written() {
    let (from, to) = pair().await;
    let error = tagged(&from, &to).await.unwrap_err();
    assert!(matches!(&error, CopyError::SourceMissing { reference, .. } if reference == "v1"), "{error}");
    assert!(to.is_empty());
}

/// A destination that refuses leaves the copy, and the others are served.
#[tokio::test]
async fn a_destination_that_fails_fails_alone() {
    let (from, to) = pair().await;
    let locked = FakeRegistry::start().await;
    let (old, new) = (image(&[100]), image(&[200]));
    tag(&from, "v1", &new);
    tag(&locked, "stable", &old);
    locked.make_tags_immutable();
    let (source, good, bad) = (client(from.address()), client(to.address()), client(locked.address()));
    let destinations = [
        CopyDestination { tag: Some("stable"), ..at(&bad) },
        CopyDestination { tag: Some("stable"), ..at(&good) },
        CopyDestination { repository: "shop/none", ..at(&good) },
    ];
    let request = request(&source, CopyImage::Tag("v1"), &destinations);
    let ended = crate::copy::copy(
        &request,
        &shipgate_core::event::Emitter::silent(),
        &tokio_util::sync::CancellationToken::new(),
    )
    .await
    .unwrap();
    assert!(matches!(&ended[..], [Err(CopyError::TagTaken { .. }), Ok(_), Err(CopyError::Registry(_))]), "{ended:?}");
    assert_eq!(to.digest_of("stable"), Some(new.manifest.digest.clone()));
    assert_eq!(locked.digest_of("stable"), Some(old.manifest.digest.clone()));
    assert!(to.has(&new));
    to.assert_content();
}
