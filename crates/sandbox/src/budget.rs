//! How many bytes of request bodies are in memory at the same time, over all requests together. Requests that nobody has
//! signed share a small part of it, so that they cannot keep the others out.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// A unit of the budget.
const KIB: usize = 1024;
/// For requests whose sender is known: two layer parts of ECR at a time.
const KNOWN: usize = 64 * 1024 * KIB;
/// For all others.
const UNKNOWN: usize = 8 * 1024 * KIB;
/// How long a request waits until others have gone.
const WAIT: Duration = Duration::from_secs(20);
/// How long a client may pause within a body.
const IDLE: Duration = Duration::from_secs(20);

/// The budget of a sandbox.
pub(crate) struct Budget {
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
}

/// Who sends a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sender {
    /// Someone with a key, a login or the control token.
    Known,
    /// Anyone.
    Unknown,
}

/// A body in memory. It counts until it is dropped.
pub(crate) struct Buffered {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

/// Why a body is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotRead {
    /// It is longer than the limit.
    TooLarge,
    /// Too many others are in memory, for too long.
    Busy,
    /// It did not arrive whole.
    Broken,
}

impl Default for Budget {
    fn default() -> Self {
        Self { known: Arc::new(Semaphore::new(KNOWN / KIB)), unknown: Arc::new(Semaphore::new(UNKNOWN / KIB)) }
    }
}

impl Budget {
    /// Reads a body of at most `limit` bytes. `announced` is its Content-Length; nothing of a longer one is read.
    pub(crate) async fn read(
        &self,
        body: Body,
        announced: Option<u64>,
        limit: usize,
        sender: Sender,
    ) -> Result<Buffered, NotRead> {
        let size = match announced {
            None => limit,
            Some(bytes) => usize::try_from(bytes).ok().filter(|bytes| *bytes <= limit).ok_or(NotRead::TooLarge)?,
        };
        let (share, whole) = match sender {
            Sender::Known => (&self.known, KNOWN),
            Sender::Unknown => (&self.unknown, UNKNOWN),
        };
        let permits = u32::try_from(size.min(whole).div_ceil(KIB)).map_err(|_| NotRead::TooLarge)?;
        let waited = timeout(WAIT, Arc::clone(share).acquire_many_owned(permits)).await;
        // It is never closed.
        let permit = waited.map_err(|_| NotRead::Busy)?.map_err(|_| NotRead::Busy)?;
        let mut chunks = body.into_data_stream();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = timeout(IDLE, chunks.next()).await.map_err(|_| NotRead::Broken)? {
            let chunk = chunk.map_err(|_| NotRead::Broken)?;
            if bytes.len() + chunk.len() > limit {
                return Err(NotRead::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Buffered { bytes: bytes.freeze(), _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use axum::body::Body;
    use futures_util::stream;

    use super::{Budget, KIB, NotRead, Sender, UNKNOWN};

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let budget = Budget::default();
        let read = async |size: usize, announced: Option<u64>| {
            let read = budget.read(Body::from(vec![0; size]), announced, 4, Sender::Unknown).await;
            read.map(|read| read.bytes.len())
        };
        assert_eq!(read(4, Some(4)).await, Ok(4));
        assert_eq!(read(4, None).await, Ok(4));
        assert_eq!(read(5, Some(5)).await, Err(NotRead::TooLarge));
        assert_eq!(read(5, None).await, Err(NotRead::TooLarge));
        assert_eq!(read(0, Some(u64::MAX)).await, Err(NotRead::TooLarge));
    }

    /// Two hundred senders that never finish: what is in memory stays below their share, and a known sender is served.
    #[tokio::test(start_paused = true)]
    async fn unfinished_bodies_stay_within_their_share() {
        const EACH: usize = 128 * KIB;
        let (budget, buffered) = (Arc::new(Budget::default()), Arc::new(AtomicUsize::new(0)));
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (budget, counter) = (Arc::clone(&budget), Arc::clone(&buffered));
            let chunks = stream::poll_fn(move |_| {
                counter.fetch_add(EACH / 2, Ordering::Relaxed);
                std::task::Poll::Ready(Some(Ok::<_, io::Error>(vec![0; EACH / 2])))
            });
            let unfinished = Body::from_stream(futures_util::StreamExt::chain(
                futures_util::StreamExt::take(chunks, 1),
                stream::pending(),
            ));
            senders.spawn(async move {
                let read = budget.read(unfinished, None, EACH, Sender::Unknown).await;
                read.map(|_| ()).unwrap_err()
            });
        }
        tokio::task::yield_now().await;
        let known = budget.read(Body::from("x"), Some(1), 4, Sender::Known).await.map(|read| read.bytes.len());
        assert_eq!(known, Ok(1));
        assert!(buffered.load(Ordering::Relaxed) <= UNKNOWN, "{buffered:?}");
        let ends = senders.join_all().await;
        assert!(ends.iter().all(|end| [NotRead::Broken, NotRead::Busy].contains(end)), "{ends:?}");
    }
}
