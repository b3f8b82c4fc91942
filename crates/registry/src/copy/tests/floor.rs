//! Requests counted against the floor, and nothing done twice.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use super::{at, copy_between, copy_over, pair, request, told as copy_telling};
use crate::{
    BatchCheck, BatchRefusal,
    copy::CopyImage,
    tests::{client, fake::FakeRegistry, image::image, store::Store},
};
use shipgate_core::{
    digest::Digest,
    event::{Emitter, Event},
};

const SIZES: [usize; 6] = [10, 700_000, 0, 20_000, 300_000, 1];

fn assert_nothing_twice(registry: &FakeRegistry) {
    let requests = registry.requests();
    let uploads = |line: &&String| !line.contains("/blobs/uploads/");
    let distinct: HashSet<&String> = requests.iter().filter(uploads).collect();
    assert_eq!(distinct.len(), requests.iter().filter(uploads).count(), "{requests:#?}");
}

#[tokio::test]
async fn a_cold_copy_makes_no_more_requests_than_it_must() {
    let (from, to) = pair().await;
    let image = image(&SIZES);
    from.hold(&image);
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert!(to.has(&image));
    let blobs = SIZES.len() as u64 + 1;
    // HEAD, GET, POST, PUT a blob; the manifest's HEAD, GET and PUT; and the empty blob need not be read.
    assert_eq!(summary.requests, 4 * blobs + 3 - 1);
    assert_eq!((summary.blobs_copied, summary.blobs_present), (blobs, 0));
    assert_eq!(summary.bytes_sent, image.blobs.iter().map(|blob| blob.len() as u64).sum::<u64>());
    assert_nothing_twice(&from);
    assert_nothing_twice(&to);
    from.assert_content();
    to.assert_content();
}

/// ECR: a redirect a blob, and a hundred blobs in one question.
#[tokio::test]
async fn where_blobs_are_asked_for_in_batches_the_floor_is_four_requests_a_blob() {
    let (from, to) = pair().await;
    let store = Store::behind(&from).await;
    let image = image(&(0..120).collect::<Vec<_>>());
    from.hold(&image);
    let present = Digest::of(&image.blobs[7]);
    to.hold_blob(present.as_str(), image.blobs[7].clone());
    let held = to.clone();
    let batches: BatchCheck = Arc::new(move |repository, digests| {
        assert!(repository == "shop/api" && (1..=100).contains(&digests.len()), "{}", digests.len());
        let present = digests.into_iter().filter(|digest| held.any_blob(digest.as_str()).is_some()).collect();
        Box::pin(async { Ok(present) })
    });
    let (source, destination) = (client(from.address()), client(to.address()).with_batch_check(batches));
    let destinations = [at(&destination)];
    let copying = request(&source, CopyImage::Digest(&image.manifest.digest), &destinations);
    let summary = copy_telling(&copying, &Emitter::silent()).await.unwrap().remove(0);
    let blobs = 120;
    // The one that is there costs nothing more; the empty one is not read.
    assert_eq!((summary.requests, store.requests()), (4 * blobs + 3 + 2 - 2, blobs - 1));
    assert_eq!((summary.blobs_copied, summary.blobs_present), (blobs, 1));
    assert!(to.requests().iter().all(|line| !line.starts_with("HEAD") || line.contains("/manifests/")));
    assert!(to.has(&image));
    to.assert_content();
}

/// An identity that may not ask that way can still copy.
#[tokio::test]
async fn a_batch_that_is_refused_is_asked_one_by_one() {
    let (from, to) = pair().await;
    let image = image(&[10, 20]);
    from.hold(&image);
    let refused: BatchCheck = Arc::new(|_, _| Box::pin(async { Err(BatchRefusal::Other("AccessDenied".to_owned())) }));
    let (source, destination) = (client(from.address()), client(to.address()).with_batch_check(refused));
    let destinations = [at(&destination)];
    let copying = request(&source, CopyImage::Digest(&image.manifest.digest), &destinations);
    copy_telling(&copying, &Emitter::silent()).await.unwrap();
    assert!(to.has(&image));
    to.assert_content();
}

#[tokio::test]
async fn redirects_cost_one_request_a_blob_and_show_no_credentials() {
    let (from, to) = pair().await;
    let store = Store::behind(&from).await;
    let sizes = &SIZES[..2];
    let image = image(sizes);
    from.hold(&image);
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    let blobs = sizes.len() as u64 + 1;
    assert_eq!((summary.requests, store.requests()), (5 * blobs + 3, blobs));
    assert!(to.has(&image));
    from.assert_content();
    to.assert_content();
}

#[tokio::test]
async fn nothing_to_do_is_one_request() {
    let (from, to) = pair().await;
    let image = image(&SIZES);
    from.hold(&image);
    to.hold(&image);
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert_eq!((summary.requests, summary.bytes_sent, summary.blobs_copied), (1, 0, 0));
    assert!(from.requests().is_empty());
    to.assert_content();
}

#[tokio::test]
async fn blobs_that_are_there_are_not_read() {
    let (from, to) = pair().await;
    let image = image(&[1000, 2000]);
    from.hold(&image);
    to.hold_blob(shipgate_core::digest::Digest::of(&image.blobs[2]).as_str(), image.blobs[2].clone());
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert_eq!((summary.blobs_copied, summary.blobs_present, summary.bytes_sent), (2, 1, 1100));
    assert_eq!(from.requests().len(), 3);
    assert!(to.has(&image));
    to.assert_content();
}

#[tokio::test]
async fn many_destinations_are_one_reading() {
    let from = FakeRegistry::start().await;
    let image = image(&SIZES);
    from.hold(&image);
    let to = [FakeRegistry::start().await, FakeRegistry::start().await, FakeRegistry::start().await];
    to[1].hold(&image);
    let clients: Vec<_> = to.iter().map(|to| client(to.address())).collect();
    let summaries = copy_between(&client(from.address()), &clients, &image.manifest.digest).await.unwrap();
    assert_eq!(summaries.iter().map(|summary| summary.blobs_copied).collect::<Vec<_>>(), [7, 0, 7]);
    assert_nothing_twice(&from);
    for to in &to {
        assert!(to.has(&image));
        to.assert_content();
    }
    assert_eq!(to[1].requests().len(), 1);
}

#[tokio::test]
async fn the_largest_blob_goes_first_and_everything_is_told() {
    let (from, to) = pair().await;
    let image = image(&[1000, 900_000, 50_000]);
    from.hold(&image);
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let events = Emitter::new(move |event| log.lock().unwrap().push(event));
    let (source, destination) = (client(from.address()), client(to.address()));
    copy_telling(&request(&source, CopyImage::Digest(&image.manifest.digest), &[at(&destination)]), &events)
        .await
        .unwrap();
    let largest = shipgate_core::digest::Digest::of(&image.blobs[2]);
    let heads: Vec<_> =
        to.requests().into_iter().filter(|line| line.starts_with("HEAD") && line.contains("/blobs/")).collect();
    assert!(heads[0].contains(largest.as_str()), "{heads:#?}");

    let told = told.lock().unwrap();
    assert!(
        matches!(told.first(), Some(Event::CopyPlanned { blobs: 4, bytes: 951_100, blobs_present: 0, .. })),
        "{told:?}"
    );
    assert_eq!(told.iter().filter(|event| matches!(event, Event::BlobCopied { .. })).count(), 4);
    let last_progress = told.iter().rev().find(|event| matches!(event, Event::CopyProgress { .. }));
    assert!(
        matches!(last_progress, Some(Event::CopyProgress { bytes_done: 951_100, bytes_total: 951_100, .. })),
        "{told:?}"
    );
    let Some(Event::CopyFinished { destination, digest, bytes_sent: 951_100, .. }) = told.last() else {
        panic!("{told:?}")
    };
    assert_eq!((destination.as_str(), digest), ("registry.test/shop/api", &image.manifest.digest));
}
