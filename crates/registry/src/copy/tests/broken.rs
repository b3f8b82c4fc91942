//! Copies over broken networks and from broken sources: the destination has the exact image, or no manifest; never a
//! wrong blob.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    at, copy_between, copy_impatiently, copy_over, made, pair, parts::in_parts, request, told as copy_telling,
};
use crate::{
    RegistryError,
    copy::{CopyDestination, CopyError, CopyImage, copy},
    tests::{
        client,
        fake::FakeRegistry,
        image::image,
        impatient_client,
        relay::{Relay, Trouble},
        serve::Fault,
        sessions::Manners,
        store::Store,
    },
};
use shipgate_core::{digest::Digest, event::Emitter};

#[tokio::test]
async fn a_corrupt_blob_is_never_committed() {
    let (from, to) = pair().await;
    let image = image(&[600_000]);
    from.hold(&image);
    let mut corrupt = image.blobs[1].to_vec();
    corrupt[300_000] ^= 1;
    let digest = Digest::of(&image.blobs[1]);
    for _ in 0..2 {
        from.fault(format!("GET /v2/shop/api/blobs/{digest}"), Fault::Instead(corrupt.clone().into()));
    }
    let error = copy_over(&from, &to, &image.manifest.digest).await.unwrap_err();
    assert!(matches!(&error, CopyError::Registry(RegistryError::DigestMismatch { .. })), "{error}");
    assert!(error.to_string().contains(digest.as_str()), "{error}");
    assert!(to.any_blob(digest.as_str()).is_none());
    assert_eq!(to.manifests(), 0);
    to.assert_content();
    from.assert_content();
}

#[tokio::test]
async fn a_blob_that_came_corrupt_is_read_once_more() {
    let (from, to) = pair().await;
    let image = image(&[600_000]);
    from.hold(&image);
    let mut corrupt = image.blobs[1].to_vec();
    corrupt[300_000] ^= 1;
    from.fault(format!("GET /v2/shop/api/blobs/{}", Digest::of(&image.blobs[1])), Fault::Instead(corrupt.into()));
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert!(summary.bytes_received > 600_100, "{summary:?}");
    assert!(to.has(&image));
    to.assert_content();
    from.assert_content();
}

#[tokio::test]
async fn a_wrong_content_length_is_refused_before_anything_is_uploaded() {
    let (from, to) = pair().await;
    let image = image(&[1000]);
    from.hold(&image);
    from.hold_blob(Digest::of(&image.blobs[1]).as_str(), image.blobs[1].slice(1..));
    let error = copy_over(&from, &to, &image.manifest.digest).await.unwrap_err();
    assert!(matches!(&error, CopyError::Registry(RegistryError::SizeMismatch { .. })), "{error}");
    assert_eq!(to.manifests(), 0);
    to.assert_content();
}

#[tokio::test]
async fn a_manifest_that_is_not_itself_is_refused() {
    let (from, to) = pair().await;
    let image = image(&[1000]);
    from.hold(&image);
    from.fault("GET /v2/shop/api/manifests/", Fault::Instead(image.manifest.bytes.slice(1..)));
    let error = copy_over(&from, &to, &image.manifest.digest).await.unwrap_err();
    assert!(matches!(&error, CopyError::Registry(RegistryError::DigestMismatch { .. })), "{error}");
    assert!(to.is_empty());
    to.assert_content();
}

#[tokio::test]
async fn a_source_cut_in_the_middle_is_resumed_into_the_same_upload() {
    let (from, to) = pair().await;
    let image = image(&[900_000]);
    from.hold(&image);
    let digest = Digest::of(&image.blobs[1]);
    for fault in [Fault::CutAfter(400_000), Fault::StallAfter(100_000), Fault::EndAfter(300_000)] {
        from.fault(format!("GET /v2/shop/api/blobs/{digest}"), fault);
    }
    let summary = copy_impatiently(&from, &to, &image.manifest.digest).await.unwrap();
    assert!(to.has(&image));
    assert_eq!(summary.bytes_sent, 900_100, "bytes were sent twice");
    from.assert_content();
    to.assert_content();
}

#[tokio::test]
async fn an_upload_that_fails_begins_anew_with_a_session_of_its_own() {
    let (from, to) = pair().await;
    let image = image(&[900_000]);
    from.hold(&image);
    to.fault("PUT /v2/shop/api/blobs/uploads/", Fault::Answer(503, "", vec![("retry-after", "0".to_owned())]));
    to.fault("PUT /v2/shop/api/blobs/uploads/", Fault::Answer(404, "", vec![]));
    copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert!(to.has(&image));
    to.assert_content();
}

/// More than fits into the buffers on the way: only then does an upload that is not taken hold the reader up.
#[tokio::test]
async fn an_upload_that_is_not_taken_is_given_up_and_made_again() {
    let (from, to) = pair().await;
    let image = image(&[24_000_000]);
    from.hold(&image);
    let trouble = Trouble { stall_up: Some(1_000_000), ..Trouble::default() };
    let relay = Relay::to(to.address(), vec![trouble; 2]).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let events = Emitter::new(move |event| log.lock().unwrap().push(format!("{event:?}")));
    let (source, destination) = (impatient_client(from.address()), impatient_client(&relay.address));
    copy_telling(&request(&source, CopyImage::Digest(&image.manifest.digest), &[at(&destination)]), &events)
        .await
        .unwrap();
    assert!(to.has(&image));
    let told = told.lock().unwrap();
    assert!(
        told.iter().any(|event| event.contains("Retrying") && event.contains("nothing moved for 0.5 s")),
        "{told:#?}"
    );
    to.assert_content();
}

#[tokio::test]
async fn a_success_whose_answer_was_lost_is_found_out() {
    let (from, to) = pair().await;
    let image = image(&[]);
    from.hold(&image);
    to.fault("PUT /v2/shop/api/blobs/uploads/", Fault::StoredButFailed);
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert_eq!((summary.blobs_copied, summary.bytes_sent), (1, 100));
    assert!(to.has(&image));
    to.assert_content();
}

#[tokio::test]
async fn a_refused_upload_is_not_repeated() {
    let (from, to) = pair().await;
    let image = image(&[]);
    from.hold(&image);
    to.fault("PUT /v2/shop/api/blobs/uploads/", Fault::Answer(403, "", vec![]));
    let error = copy_over(&from, &to, &image.manifest.digest).await.unwrap_err();
    assert!(error.is_denied(), "{error}");
    assert!(to.is_empty());
    to.assert_content();
}

#[tokio::test]
async fn one_destination_in_trouble_does_not_repeat_the_others() {
    let from = FakeRegistry::start().await;
    let image = image(&[500_000]);
    from.hold(&image);
    let to = [FakeRegistry::start().await, FakeRegistry::start().await];
    to[0].fault("PUT /v2/shop/api/blobs/uploads/", Fault::Answer(503, "", vec![]));
    let clients = [client(to[0].address()), client(to[1].address())];
    let summaries = copy_between(&client(from.address()), &clients, &image.manifest.digest).await.unwrap();
    assert_eq!(summaries[1].bytes_sent, 500_100);
    for to in &to {
        assert!(to.has(&image));
        to.assert_content();
    }
}

#[tokio::test]
async fn an_expired_link_is_asked_for_again() {
    let (from, to) = pair().await;
    let store = Store::behind(&from).await;
    let image = image(&[1000]);
    from.hold(&image);
    store.expire_next(3);
    copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert!(to.has(&image));
    from.assert_content();
}

#[tokio::test]
async fn a_missing_repository_is_named() {
    let (from, to) = pair().await;
    let image = image(&[10]);
    from.hold(&image);
    let (source, destination) = (client(from.address()), client(to.address()));
    let error = made(&request(
        &source,
        CopyImage::Digest(&image.manifest.digest),
        &[CopyDestination { repository: "shop/none", ..at(&destination) }],
    ))
    .await
    .unwrap_err();
    assert!(matches!(&error, CopyError::Registry(RegistryError::RepositoryNotFound { .. })), "{error}");
    assert!(error.hint().unwrap().contains("shop/none"));
    assert!(to.is_empty());
}

#[tokio::test]
async fn a_cancelled_copy_stops_and_commits_nothing_more() {
    let (from, to) = pair().await;
    let image = image(&[900_000]);
    from.hold(&image);
    let digest = Digest::of(&image.blobs[1]);
    from.fault(format!("GET /v2/shop/api/blobs/{digest}"), Fault::StallAfter(500_000));
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    // Cancelled by the first retry, which the stall brings about: no clock of the test's own is involved.
    let events = Emitter::new(move |_| stop.cancel());
    let (source, destination) = (impatient_client(from.address()), impatient_client(to.address()));
    let error =
        copy(&request(&source, CopyImage::Digest(&image.manifest.digest), &[at(&destination)]), &events, &cancel)
            .await
            .unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(to.manifests(), 0);
    assert!(to.any_blob(digest.as_str()).is_none());
    to.assert_content();
}

/// The source stalls, and is tried again for longer than the copy may take.
#[tokio::test]
async fn a_copy_that_takes_too_long_is_given_up_and_commits_nothing_more() {
    let (from, to) = pair().await;
    let image = image(&[900_000]);
    from.hold(&image);
    let digest = Digest::of(&image.blobs[1]);
    for _ in 0..3 {
        from.fault(format!("GET /v2/shop/api/blobs/{digest}"), Fault::StallAfter(1000));
    }
    let (source, destination) = (impatient_client(from.address()), impatient_client(to.address()));
    let destinations = [at(&destination)];
    let mut request = request(&source, CopyImage::Digest(&image.manifest.digest), &destinations);
    request.options.deadline = Duration::from_millis(600);
    let error = made(&request).await.unwrap_err();
    assert!(matches!(&error, CopyError::DeadlinePassed { .. }) && error.hint().is_some(), "{error}");
    assert_eq!(to.manifests(), 0);
    assert!(to.any_blob(digest.as_str()).is_none());
    to.assert_content();
}

/// Connections to either side are cut, and bits flipped, at random points.
#[tokio::test]
async fn whatever_the_network_does_there_is_the_exact_image_or_none() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut whole, mut failed) = (0, 0);
    let connections = in_parts("http://127.0.0.1:1");
    for round in 0..500 {
        let (from, to) = pair().await;
        let image = image(&[random.usize(0..900_000), random.usize(0..3000)]);
        to.behave([Manners::Plain, Manners::Ecr, Manners::Strict][random.usize(0..3)]);
        let worst = random.usize(1..24);
        from.hold(&image);
        let mut troubles = |flips: bool| -> Vec<Trouble> {
            (0..random.usize(0..worst))
                .map(|_| Trouble {
                    stall_up: None,
                    cut_up: random.bool().then(|| random.usize(0..600_000)),
                    cut_down: random.bool().then(|| random.usize(0..600_000)),
                    flip_down: (flips && random.u8(..) < 40).then(|| random.usize(0..100_000)),
                })
                .collect()
        };
        let near = Relay::to(from.address(), troubles(true)).await;
        let far = Relay::to(to.address(), troubles(false)).await;
        let copied = tokio::time::timeout(
            Duration::from_mins(1),
            copy_between(
                &connections.moved_to(&near.address),
                &[connections.moved_to(&far.address)],
                &image.manifest.digest,
            ),
        )
        .await
        .unwrap_or_else(|_| panic!("seed {seed}, round {round}: hangs"));
        if copied.is_ok() {
            whole += 1;
            assert!(to.has(&image), "seed {seed}, round {round}");
        } else {
            failed += 1;
            assert!(to.manifests() == 0 || to.has(&image), "seed {seed}, round {round}");
        }
        to.assert_content();
    }
    assert!(whole > 0 && failed > 0, "seed {seed}: {whole} whole, {failed} failed: not a test of both");
}
