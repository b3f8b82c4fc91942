//! Between the one reader of a blob and each of its uploads: a short queue, and a body that is complete or fails.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use reqwest::Body;
use tokio::sync::{mpsc, oneshot};

use super::progress::Sending;

/// Chunks a reader may be ahead of an upload. A chunk is what a connection had ready: some kilobytes, at most about 400.
const CHUNKS_AHEAD: usize = 4;

/// Why a feed ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FeedEnd {
    /// All has been given.
    Complete,
    /// The upload took nothing for too long.
    Stalled,
}

/// The reader's end.
pub(super) struct Feed {
    chunks: Option<mpsc::Sender<Bytes>>,
    end: Option<oneshot::Sender<FeedEnd>>,
}

/// A feed, the body that its upload sends, and word of the feed's end (an error when the reader failed).
pub(super) fn feed(size_bytes: u64, sending: Arc<Sending>) -> (Feed, Body, oneshot::Receiver<FeedEnd>) {
    let (chunks, received) = mpsc::channel(CHUNKS_AHEAD);
    let (end, ended) = oneshot::channel();
    (Feed { chunks: Some(chunks), end: Some(end) }, body(received, size_bytes, sending), ended)
}

impl Feed {
    /// Whether anybody is still interested.
    pub(super) fn is_open(&self) -> bool {
        self.chunks.is_some()
    }

    /// Gives a chunk as soon as there is room for it. A feed whose upload has ended, or takes nothing for too long, is
    /// closed: its upload will say why.
    pub(super) async fn give(&mut self, chunk: Bytes, stall: Duration) {
        let Some(chunks) = &self.chunks else { return };
        match tokio::time::timeout(stall, chunks.send(chunk)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => self.chunks = None,
            Err(_) => self.close(FeedEnd::Stalled),
        }
    }

    /// Says that there is no more.
    pub(super) fn finish(mut self) {
        self.close(FeedEnd::Complete);
    }

    fn close(&mut self, why: FeedEnd) {
        self.chunks = None;
        if let Some(end) = self.end.take() {
            // Nobody listens when the upload is over already.
            end.send(why).ok();
        }
    }
}

/// The body ends only after all its bytes: if the feed closes before, it fails, and the connection with it.
fn body(received: mpsc::Receiver<Bytes>, size_bytes: u64, sending: Arc<Sending>) -> Body {
    Body::wrap_stream(stream::try_unfold((received, size_bytes), move |(mut received, left)| {
        let sending = sending.clone();
        async move {
            match received.recv().await {
                Some(chunk) => {
                    let bytes = chunk.len() as u64;
                    sending.sent(bytes);
                    Ok(Some((chunk, (received, left.saturating_sub(bytes)))))
                }
                None if left == 0 => Ok(None),
                None => Err(io::Error::other("the source ended early")),
            }
        }
    }))
}
