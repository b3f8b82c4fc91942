//! Uploads in parts: what a cut costs, and registries of several manners.

use std::sync::{Arc, Mutex};

use super::{at, made, pair, request, told};
use crate::{
    Registry,
    copy::{CopyImage, CopySummary},
    retry::Patience,
    tests::{
        client,
        fake::FakeRegistry,
        image::{TestImage, image},
        relay::{Relay, Trouble},
        retries_at_once,
        serve::Fault,
        sessions::Manners,
    },
};
use shipgate_core::event::{Emitter, Event};

/// What a part has in these tests.
pub(crate) const PART: u64 = 256 * 1024;

const MANNERS: [Manners; 3] = [Manners::Plain, Manners::Ecr, Manners::Strict];

/// A client that sends in parts what is larger than two of them.
pub(crate) fn in_parts(address: &str) -> Registry {
    client(address).with_patience(Patience { part_bytes: PART, ..retries_at_once() })
}

/// An image with one layer of somewhat more than four parts.
fn large() -> TestImage {
    image(&[4 * usize::try_from(PART).unwrap() + 1000])
}

pub(crate) async fn copied(from: &FakeRegistry, to: &FakeRegistry, image: &TestImage) -> CopySummary {
    let (source, destination) = (in_parts(from.address()), in_parts(to.address()));
    let destinations = [at(&destination)];
    made(&request(&source, CopyImage::Digest(&image.manifest.digest), &destinations)).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_large_blob_goes_in_parts_and_is_committed_by_a_request_without_a_body() {
    for manners in MANNERS {
        let (from, to) = pair().await;
        let image = large();
        from.hold(&image);
        to.behave(manners);
        let summary = copied(&from, &to, &image).await;
        assert!(to.has(&image));
        let patches = to.requests().iter().filter(|line| line.starts_with("PATCH")).count();
        assert_eq!((patches, summary.bytes_sent), (5, 4 * PART + 1100), "{manners:?}");
        to.assert_content();
        from.assert_content();
    }
}

/// The third part breaks off in its middle, and so does its second attempt.
#[tokio::test]
async fn a_cut_costs_at_most_one_part_where_the_registry_lets_it() {
    for manners in MANNERS {
        let (from, to) = pair().await;
        let image = large();
        from.hold(&image);
        to.behave(manners);
        // HEADs and the configuration go over one or two connections, the layer over one of its own.
        let part = usize::try_from(PART).unwrap();
        let cut = |bytes| Trouble { cut_up: Some(bytes), ..Trouble::default() };
        let relay = Relay::to(to.address(), vec![cut(2 * part + part / 2); 4]).await;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = heard.clone();
        let events = Emitter::new(move |event| log.lock().unwrap().push(event));
        let (source, destination) = (in_parts(from.address()), in_parts(&relay.address));
        let destinations = [at(&destination)];
        let copying = request(&source, CopyImage::Digest(&image.manifest.digest), &destinations);
        let summary = told(&copying, &events).await.unwrap().remove(0);
        assert!(to.has(&image), "{manners:?}");
        to.assert_content();
        let resumed = heard.lock().unwrap().iter().any(|event| matches!(event, Event::Resumed { .. }));
        assert!(resumed, "{manners:?}");
        let whole = 4 * PART + 1100;
        // Each of the cuts that the layer met cost at most a part, and the window that was on its way.
        let lost = summary.bytes_sent - whole;
        assert!(manners == Manners::Strict || lost <= 4 * PART, "{manners:?}: {lost} bytes lost");
    }
}

/// ECR tells nobody how far an upload is, except by refusing what does not fit.
#[tokio::test]
async fn a_part_whose_answer_was_lost_is_found_out_by_the_refusal_of_its_second_sending() {
    let (from, to) = pair().await;
    let image = large();
    from.hold(&image);
    to.behave(Manners::Ecr);
    for _ in 0..2 {
        to.fault("PATCH /v2/shop/api/blobs/uploads/", Fault::StoredButFailed);
    }
    copied(&from, &to, &image).await;
    assert!(to.has(&image));
    to.assert_content();
}

#[tokio::test]
async fn a_session_that_is_forgotten_is_begun_anew() {
    let (from, to) = pair().await;
    let image = large();
    from.hold(&image);
    to.fault(
        "PATCH /v2/shop/api/blobs/uploads/",
        Fault::Answer(404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#, vec![]),
    );
    copied(&from, &to, &image).await;
    assert!(to.has(&image));
    to.assert_content();
}

/// The other destination is not sent anything twice, and the source is read again only from where it has to be.
#[tokio::test]
async fn one_destination_that_resumes_leaves_the_others_alone() {
    let from = FakeRegistry::start().await;
    let image = large();
    from.hold(&image);
    let to = [FakeRegistry::start().await, FakeRegistry::start().await];
    to[0].behave(Manners::Ecr);
    to[0].fault("PATCH /v2/shop/api/blobs/uploads/", Fault::Answer(503, "", vec![]));
    let clients = [in_parts(to[0].address()), in_parts(to[1].address())];
    let destinations = [at(&clients[0]), at(&clients[1])];
    let source = in_parts(from.address());
    let summaries = made(&request(&source, CopyImage::Digest(&image.manifest.digest), &destinations)).await.unwrap();
    assert_eq!(summaries[1].bytes_sent, 4 * PART + 1100);
    for to in &to {
        assert!(to.has(&image));
        to.assert_content();
    }
}
