//! Blobs read over connections that break, and from sources that lie.

use bytes::Bytes;

use super::{
    client,
    fake::FakeRegistry,
    image::random_bytes,
    impatient_client,
    relay::{Relay, Trouble},
    serve::Fault,
    store::Store,
};
use crate::RegistryError;
use shipgate_core::{digest::Digest, manifest::Descriptor};

fn descriptor(bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: "application/octet-stream".to_owned(),
        digest: Digest::of(bytes),
        size_bytes: bytes.len() as u64,
    }
}

async fn holding(blob: &Bytes) -> FakeRegistry {
    let server = FakeRegistry::start().await;
    server.hold_blob(Digest::of(blob).as_str(), blob.clone());
    server
}

#[tokio::test]
async fn a_blob_is_read_whole() {
    for size in [0, 1, 100_000] {
        let blob = random_bytes(size);
        let server = holding(&blob).await;
        assert_eq!(client(server.address()).blob_bytes("shop/api", &descriptor(&blob)).await.unwrap(), blob);
        server.assert_content();
    }
}

#[tokio::test]
async fn every_way_to_break_off_is_resumed_from_the_last_byte() {
    let blob = random_bytes(300_000);
    for fault in [Fault::CutAfter(100_000), Fault::EndAfter(100_000), Fault::StallAfter(100_000)] {
        let server = holding(&blob).await;
        server.fault("GET", fault.clone());
        server.fault("GET", Fault::CutAfter(0));
        let registry = impatient_client(server.address());
        assert_eq!(registry.blob_bytes("shop/api", &descriptor(&blob)).await.unwrap(), blob, "{fault:?}");
        assert_eq!(registry.requests(), 3, "{fault:?}");
        server.assert_content();
    }
}

#[tokio::test]
async fn a_range_that_is_not_honoured_is_no_harm() {
    let blob = random_bytes(300_000);
    let server = holding(&blob).await;
    server.fault("GET", Fault::CutAfter(200_000));
    server.fault("GET", Fault::IgnoreRange);
    assert_eq!(client(server.address()).blob_bytes("shop/api", &descriptor(&blob)).await.unwrap(), blob);
    server.assert_content();
}

#[tokio::test]
async fn a_source_that_never_gets_on_is_given_up() {
    let blob = random_bytes(300_000);
    let server = holding(&blob).await;
    server.fault("GET", Fault::CutAfter(100_000));
    (0..5).for_each(|_| server.fault("GET", Fault::CutAfter(0)));
    let error = client(server.address()).blob_bytes("shop/api", &descriptor(&blob)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Connection { .. }), "{error}");
}

/// Whatever has been given away by the time of the error, it is not the whole blob.
#[tokio::test]
async fn a_wrong_blob_is_never_given_away_whole() {
    let blob = random_bytes(100_000);
    let mut flipped = blob.to_vec();
    flipped[99_999] ^= 1;
    let wrong = [flipped, blob[..99_999].to_vec(), [&blob[..], b"x"].concat()];
    for body in wrong {
        let server = holding(&blob).await;
        (0..6).for_each(|_| server.fault("GET", Fault::Instead(body.clone().into())));
        let mut reader = client(server.address()).blob("shop/api", &descriptor(&blob));
        let mut given = 0;
        let error = loop {
            match reader.next_chunk().await {
                Ok(chunk) => given += chunk.unwrap().len(),
                Err(error) => break error,
            }
        };
        assert!(given < blob.len(), "{error}");
        assert!(matches!(error, RegistryError::DigestMismatch { .. } | RegistryError::SizeMismatch { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_flipped_bit_on_the_wire_is_seen() {
    let blob = random_bytes(100_000);
    let server = holding(&blob).await;
    let relay = Relay::to(server.address(), vec![Trouble { flip_down: Some(50_000), ..Trouble::default() }]).await;
    let error = client(&relay.address).blob_bytes("shop/api", &descriptor(&blob)).await.unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    server.assert_content();
}

#[tokio::test]
async fn redirects_are_followed_without_credentials_and_renewed_when_expired() {
    let blob = random_bytes(1000);
    let server = holding(&blob).await;
    let store = Store::behind(&server).await;
    let registry = client(server.address());
    assert_eq!(registry.blob_bytes("shop/api", &descriptor(&blob)).await.unwrap(), blob);
    assert_eq!((registry.requests(), store.requests()), (2, 1));

    store.expire_next(2);
    assert_eq!(registry.blob_bytes("shop/api", &descriptor(&blob)).await.unwrap(), blob);
    assert_eq!((server.requests().len(), store.requests()), (4, 4));

    store.expire_next(5);
    let error = registry.blob_bytes("shop/api", &descriptor(&blob)).await.unwrap_err();
    assert!(error.is_refused_link() && !error.is_denied(), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    server.assert_content();
}

#[tokio::test]
async fn what_cannot_be_a_configuration_is_not_read_into_memory() {
    let server = FakeRegistry::start().await;
    let huge = Descriptor { size_bytes: 1 << 40, ..descriptor(b"") };
    let error = client(server.address()).blob_bytes("shop/api", &huge).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    assert!(server.requests().is_empty());
}
