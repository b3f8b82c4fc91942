//! What is left of the body of a request that is refused. Unread, it would cost the client its connection, and perhaps the
//! answer with it: a connection that is closed upon bytes that nobody has read is reset.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::{Body, BodyDataStream};
use futures_util::{StreamExt as _, stream};

use crate::locking::lock;

/// The most that is read for nothing. Who has more to send finds the connection closed, as on other servers.
const MOST: usize = 16 * 1024 * 1024;
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The body of a request, after somebody has read as much of it as they wanted.
pub(crate) struct Rest(Arc<Mutex<BodyDataStream>>);

/// The body to read from, and a hold on what is left of it.
pub(crate) fn share(body: Body) -> (Body, Rest) {
    let shared = Arc::new(Mutex::new(body.into_data_stream()));
    let read = Arc::clone(&shared);
    let body = Body::from_stream(stream::poll_fn(move |context| lock(&read).poll_next_unpin(context)));
    (body, Rest(shared))
}

impl Rest {
    /// Reads it to its end, within reason.
    pub(crate) async fn read(self) {
        let mut chunks = stream::poll_fn(|context| lock(&self.0).poll_next_unpin(context));
        let mut left = MOST;
        let reading = async {
            while let Some(Ok(chunk)) = chunks.next().await {
                let Some(less) = left.checked_sub(chunk.len()) else { return };
                left = less;
            }
        };
        // Whether the end was reached or patience: the answer goes out.
        drop(tokio::time::timeout(PATIENCE, reading).await);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Arc, Body, MOST, share, stream};
    use futures_util::StreamExt as _;

    const CHUNK: usize = 1024 * 1024;

    /// How many of so many chunks are asked for when one has been read before the refusal.
    async fn asked_for(chunks: usize) -> usize {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let all = stream::iter(0..chunks).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![0; CHUNK])
        });
        let (body, rest) = share(Body::from_stream(all));
        body.into_data_stream().next().await.unwrap().unwrap();
        rest.read().await;
        asked.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_is_left_is_read_within_reason() {
        assert_eq!(asked_for(1).await, 1);
        assert_eq!(asked_for(5).await, 5);
        assert_eq!(asked_for(100).await, 1 + MOST / CHUNK + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_no_more_is_not_waited_for() {
        let (_body, rest) = share(Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>()));
        rest.read().await;
    }
}
