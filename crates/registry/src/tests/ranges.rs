//! Blobs that are resumed at servers with ideas of their own about ranges and lengths.

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    client,
    fake::{AbortOnDrop, FakeRegistry},
    retries_at_once,
    serve::Fault,
};
use crate::{RegistryError, retry::Patience};
use shipgate_core::{digest::Digest, manifest::Descriptor};

const TEXT: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

fn descriptor() -> Descriptor {
    Descriptor {
        media_type: "application/octet-stream".to_owned(),
        digest: Digest::of(TEXT.as_bytes()),
        size_bytes: TEXT.len() as u64,
    }
}

/// A registry that ends the first GET after ten bytes, then does this.
async fn after_cut(faults: Vec<Fault>) -> FakeRegistry {
    let server = FakeRegistry::start().await;
    server.hold_blob(Digest::of(TEXT.as_bytes()).as_str(), Bytes::from_static(TEXT.as_bytes()));
    std::iter::once(Fault::EndAfter(10)).chain(faults).for_each(|fault| server.fault("GET", fault));
    server
}

fn part(range: &str, body: &'static str) -> Fault {
    Fault::Answer(206, body, vec![("content-range", range.to_owned())])
}

#[tokio::test]
async fn resumes_whole_where_ranges_are_useless() {
    for fault in [
        Fault::Answer(416, "", Vec::new()),
        Fault::Answer(400, "no ranges", Vec::new()),
        Fault::Answer(403, "", Vec::new()),
        Fault::Answer(206, "x", Vec::new()),
        part("pages 1-2/3", "x"),
        part("bytes 11-35/36", &TEXT[11..]),
    ] {
        // The whole blob ends early as well: ranges are not tried again.
        let server = after_cut(vec![fault.clone(), Fault::EndAfter(20), Fault::IgnoreRange]).await;
        let registry = client(server.address());
        assert_eq!(registry.blob_bytes("shop/api", &descriptor()).await.unwrap(), TEXT, "{fault:?}");
        assert_eq!(registry.requests(), 4, "{fault:?}");
        server.assert_content();
    }
}

#[tokio::test]
async fn lasting_refusal_of_resumed_blob_ends() {
    let server = after_cut((0..2).map(|_| Fault::Answer(403, "", Vec::new())).collect()).await;
    let error = client(server.address()).blob_bytes("shop/api", &descriptor()).await.unwrap_err();
    assert!(error.is_denied(), "{error}");
    server.assert_content();
}

#[tokio::test]
async fn shorter_ranges_are_read_and_continued() {
    let parts = vec![
        part("Bytes 10-14/36", &TEXT[10..15]),
        part("bytes 15-15/*", &TEXT[15..16]),
        part("BYTES 12-19/36", &TEXT[12..20]),
    ];
    let server = after_cut(parts).await;
    // Short ranges are no failures: the early end is the one failure that two attempts allow.
    let registry = client(server.address()).with_patience(Patience { attempts: 2, ..retries_at_once() });
    assert_eq!(registry.blob_bytes("shop/api", &descriptor()).await.unwrap(), TEXT);
    assert_eq!(registry.requests(), 5);
    server.assert_content();
}

/// A range without a byte that is new, and one of a blob of another size.
#[tokio::test]
async fn ranges_that_lead_nowhere_end() {
    let server = after_cut((0..4).map(|_| part("bytes 5-9/36", &TEXT[5..10])).collect()).await;
    let error = client(server.address()).blob_bytes("shop/api", &descriptor()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Truncated { .. }), "{error}");
    let server = after_cut(vec![part("bytes 10-14/40", &TEXT[10..15])]).await;
    let error = client(server.address()).blob_bytes("shop/api", &descriptor()).await.unwrap_err();
    assert!(matches!(error, RegistryError::SizeMismatch { actual: 40, .. }), "{error}");
}

/// RFC 9112, section 6.3: Transfer-Encoding overrides Content-Length.
#[tokio::test]
async fn content_length_of_chunked_body_is_ignored() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let _server = AbortOnDrop(tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await.unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{:x}\r\n{TEXT}\r\n0\r\n\r\n",
            TEXT.len()
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
        connection.flush().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await;
    }));
    assert_eq!(client(&address).blob_bytes("shop/api", &descriptor()).await.unwrap(), TEXT);
}
