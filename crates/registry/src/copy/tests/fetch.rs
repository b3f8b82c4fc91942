//! Destinations that fetch the image themselves: no byte of a blob comes through here, and no tag is written before all of it
//! is there. What they fetch is put into them beforehand; when it is said to be there is the test's to say.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{at, pair, request, told};
use crate::{
    BatchCheck, Registry,
    copy::{CopyDestination, CopyError, CopyImage, CopyOptions, CopySummary},
    retry::Patience,
    tests::{
        client,
        fake::FakeRegistry,
        image::{image, index},
        retries_at_once,
    },
};
use shipgate_core::{
    event::{BlobArrival, Emitter, Event},
    pull_through::Via,
    referrers::ReferrersPolicy,
};

const SIZES: [usize; 4] = [10, 700_000, 20_000, 1];

/// A destination whose control plane says that it has a blob more with each question, beginning with none.
fn slow(to: &FakeRegistry) -> Registry {
    let asked = Arc::new(AtomicUsize::new(0));
    let check: BatchCheck = Arc::new(move |_, digests| {
        let there = asked.fetch_add(1, Relaxed).min(1);
        Box::pin(async move { Ok(digests.into_iter().take(there).collect()) })
    });
    client(to.address()).with_batch_check(check)
}

fn options() -> CopyOptions {
    CopyOptions { via: Via::PullThrough, ..CopyOptions::default() }
}

async fn fetched(
    from: &FakeRegistry,
    to: &Registry,
    image: CopyImage<'_>,
    events: &Emitter,
) -> Result<CopySummary, CopyError> {
    let source = client(from.address());
    let destinations = [CopyDestination { tag: Some("stable"), ..at(to) }];
    let mut request = request(&source, image, &destinations);
    request.options = options();
    told(&request, events).await.map(|mut summaries| summaries.remove(0))
}

/// That the destination was asked to give, and at most to write a tag; and that nobody was asked for a blob's bytes.
fn assert_no_blob_moved(registries: [&FakeRegistry; 2]) {
    for registry in registries {
        let moved = |line: &&String| line.contains("/blobs/") && !line.starts_with("HEAD");
        assert_eq!(registry.requests().iter().find(moved), None, "{:#?}", registry.requests());
    }
}

#[tokio::test]
async fn blobs_are_waited_for_and_then_the_tag_is_written() {
    let (from, to) = pair().await;
    let image = image(&SIZES);
    from.hold(&image);
    to.hold(&image);
    let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
    let hearing = heard.clone();
    let events = Emitter::new(move |event| hearing.lock().unwrap().push(event));
    let summary = fetched(&from, &slow(&to), CopyImage::Digest(&image.manifest.digest), &events).await.unwrap();
    let blobs = SIZES.len() as u64 + 1;
    assert_eq!((summary.blobs_fetched, summary.blobs_present, summary.blobs_copied), (blobs, 0, 0));
    assert_eq!((summary.bytes_sent, summary.bytes_received), (0, 0));
    // The manifest here and there; a question before and one for each blob; the tag, looked at and written.
    assert_eq!(summary.requests, 2 + 1 + blobs + 2);
    assert_eq!(to.digest_of("stable"), Some(image.manifest.digest.clone()));
    assert!(to.requests().last().unwrap().ends_with("PUT /v2/shop/api/manifests/stable"), "{:#?}", to.requests());
    assert_no_blob_moved([&from, &to]);
    let heard = heard.lock().unwrap();
    let arrived = heard.iter().filter(|event| matches!(event, Event::BlobCopied { how: BlobArrival::Fetched, .. }));
    assert_eq!(arrived.count() as u64, blobs);
    let of_all = heard
        .iter()
        .any(|event| matches!(event, Event::CopyProgress { bytes_done, bytes_total, .. } if bytes_done == bytes_total));
    assert!(of_all, "{heard:#?}");
    to.assert_content();
    from.assert_content();
}

#[tokio::test]
async fn every_member_of_an_index_is_pulled_by_its_digest() {
    let (from, to) = pair().await;
    let (one, other) = (image(&[10, 20]), image(&[30]));
    let both = index(&[&one.manifest, &other.manifest]);
    for registry in [&from, &to] {
        registry.hold(&one);
        registry.hold(&other);
        registry.hold_manifest(both.digest.as_str(), &both);
    }
    from.hold_manifest("v1", &both);
    // Without a control plane each blob is looked for by itself.
    let summary = fetched(&from, &client(to.address()), CopyImage::Tag("v1"), &Emitter::silent()).await.unwrap();
    assert_eq!((summary.blobs_fetched, summary.digest.clone()), (5, both.digest.clone()));
    for manifest in [&both, &one.manifest, &other.manifest] {
        let line = format!("GET /v2/shop/api/manifests/{}", manifest.digest);
        assert!(to.requests().contains(&line), "{line}: {:#?}", to.requests());
    }
    assert_no_blob_moved([&from, &to]);
}

#[tokio::test]
async fn what_does_not_arrive_gets_no_tag() {
    let (from, to) = pair().await;
    let (old, image) = (image(&[5]), image(&SIZES));
    from.hold(&image);
    to.hold(&image);
    to.hold_manifest("stable", &old.manifest);
    let none: BatchCheck = Arc::new(|_, _| Box::pin(async { Ok(Vec::new()) }));
    let patience = Patience { commit: Duration::from_millis(20), ..retries_at_once() };
    let never = client(to.address()).with_batch_check(none).with_patience(patience);
    let error =
        fetched(&from, &never, CopyImage::Digest(&image.manifest.digest), &Emitter::silent()).await.unwrap_err();
    assert!(matches!(&error, CopyError::NotArrived { missing: 5, .. }), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(to.digest_of("stable"), Some(old.manifest.digest));
    assert!(to.requests().iter().all(|line| !line.starts_with("PUT")), "{:#?}", to.requests());
}

#[tokio::test]
async fn a_manifest_that_is_not_fetched_is_looked_for_again_and_then_given_up() {
    let (from, to) = pair().await;
    let image = image(&SIZES);
    from.hold(&image);
    let error = fetched(&from, &slow(&to), CopyImage::Digest(&image.manifest.digest), &Emitter::silent()).await;
    assert!(matches!(&error, Err(CopyError::NotFetched { .. })), "{error:?}");
    let asked = to.requests().iter().filter(|line| line.starts_with("GET")).count();
    assert_eq!(asked, retries_at_once().attempts as usize, "{:#?}", to.requests());
    assert!(to.is_empty());
    to.assert_content();
}

#[tokio::test]
async fn what_the_source_does_not_have_is_not_asked_for() {
    let (from, to) = pair().await;
    let error = fetched(&from, &slow(&to), CopyImage::Tag("v1"), &Emitter::silent()).await;
    assert!(matches!(&error, Err(CopyError::SourceMissing { .. })), "{error:?}");
    assert_eq!(to.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_there_is_nothing_to_do() {
    let (from, to) = pair().await;
    let image = image(&SIZES);
    from.hold(&image);
    to.hold(&image);
    to.hold_manifest("stable", &image.manifest);
    let all: BatchCheck = Arc::new(|_, digests| Box::pin(async { Ok(digests) }));
    let there = client(to.address()).with_batch_check(all);
    let source = client(from.address());
    let destinations = [CopyDestination { tag: Some("stable"), ..at(&there) }];
    let mut request = request(&source, CopyImage::Digest(&image.manifest.digest), &destinations);
    request.options = CopyOptions { referrers: ReferrersPolicy::BestEffort, ..options() };
    let notices: Arc<Mutex<Vec<String>>> = Arc::default();
    let hearing = notices.clone();
    let events = Emitter::new(move |event| {
        if let Event::Notice { message } = event {
            hearing.lock().unwrap().push(message);
        }
    });
    let summary = told(&request, &events).await.unwrap().remove(0);
    assert!(summary.is_unchanged(), "{summary:?}");
    assert_eq!(summary.blobs_present, SIZES.len() as u64 + 1);
    assert!(notices.lock().unwrap()[0].contains("are left out"), "{notices:?}");
}
