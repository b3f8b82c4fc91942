//! Between the one reader of a blob and each of its uploads: a queue bounded by bytes, and bodies that are complete or
//! fail.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use reqwest::Body;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};

use super::progress::Sending;
use crate::rate::{Lag, RateWatch};

/// As many bytes as a reader may be ahead of an upload. Enough to keep both connections busy over a few milliseconds of
/// unevenness; what a round trip takes, the system's own buffers hold.
pub(super) const WINDOW_BYTES: usize = 768 * 1024;

/// Why a feed ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FeedEnd {
    /// All has been given.
    Complete,
    /// The upload took too little for too long.
    Behind(Lag),
}

/// A chunk, and the room in the window that it takes until it is sent.
type Queued = (Bytes, OwnedSemaphorePermit);

/// The reader's end.
pub(super) struct Feed {
    queue: Option<mpsc::UnboundedSender<Queued>>,
    window: Arc<Semaphore>,
    /// Bytes at the beginning that the upload has had before.
    to_skip: u64,
    /// Watches how fast the upload takes what is ready for it.
    watch: RateWatch,
    end: Option<oneshot::Sender<FeedEnd>>,
}

/// The upload's end: gives bodies, one after the other.
pub(super) struct Outlet {
    queue: Arc<Mutex<Queue>>,
    sending: Arc<Sending>,
}

struct Queue {
    received: mpsc::UnboundedReceiver<Queued>,
    /// The rest of a chunk that reached into the next body.
    rest: Option<Queued>,
}

/// A feed that leaves out its first bytes, its upload's end, and word of the feed's end (an error when the reader failed).
pub(super) fn feed(
    to_skip: u64,
    watch: RateWatch,
    sending: Arc<Sending>,
) -> (Feed, Outlet, oneshot::Receiver<FeedEnd>) {
    let (queue, received) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel();
    let window = Arc::new(Semaphore::new(WINDOW_BYTES));
    let outlet = Outlet { queue: Arc::new(Mutex::new(Queue { received, rest: None })), sending };
    (Feed { queue: Some(queue), window, to_skip, watch, end: Some(end) }, outlet, ended)
}

impl Feed {
    /// Whether anybody is still interested.
    pub(super) fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Gives a chunk as soon as there is room for it. A feed whose upload has ended, or takes too little for too long, is
    /// closed: its upload will say why.
    pub(super) async fn give(&mut self, chunk: Bytes) {
        let Some(queue) = &self.queue else { return };
        let seen = self.to_skip.min(chunk.len() as u64);
        self.to_skip -= seen;
        let chunk = chunk.slice(usize::try_from(seen).unwrap_or(chunk.len())..);
        if chunk.is_empty() {
            return;
        }
        let room = u32::try_from(chunk.len().min(WINDOW_BYTES)).unwrap_or(u32::MAX);
        let began = Instant::now();
        tokio::select! {
            permit = Arc::clone(&self.window).acquire_many_owned(room) => {
                let is_given = permit.is_ok_and(|permit| queue.send((chunk, permit)).is_ok());
                // Room for these bytes means that as many have been taken.
                let pace = self.watch.moved(began.elapsed(), room.into());
                match pace {
                    _ if !is_given => self.queue = None,
                    Ok(()) => {}
                    Err(lag) => self.close(FeedEnd::Behind(lag)),
                }
            }
            () = queue.closed() => self.queue = None,
            () = tokio::time::sleep(self.watch.allowance()) => self.close(FeedEnd::Behind(self.watch.lag())),
        }
    }

    /// Says that there is no more.
    pub(super) fn finish(mut self) {
        self.close(FeedEnd::Complete);
    }

    fn close(&mut self, why: FeedEnd) {
        self.queue = None;
        if let Some(end) = self.end.take() {
            // Nobody listens when the upload is over already.
            end.send(why).ok();
        }
    }
}

impl Outlet {
    /// A body of the next so many bytes. It ends only after all of them: if the feed closes before, it fails, and the
    /// connection with it. Bodies must be sent one after the other.
    pub(super) fn body(&self, size_bytes: u64) -> Body {
        let (queue, sending) = (Arc::clone(&self.queue), Arc::clone(&self.sending));
        Body::wrap_stream(stream::try_unfold((queue, size_bytes), move |(queue, left)| {
            let sending = Arc::clone(&sending);
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let next = queue.lock().await.next(left).await;
                let Some(chunk) = next else { return Err(io::Error::other("the source ended early")) };
                let bytes = chunk.len() as u64;
                sending.sent(bytes);
                Ok(Some((chunk, (queue, left - bytes))))
            }
        }))
    }
}

impl Queue {
    /// The next bytes, at most so many.
    async fn next(&mut self, limit: u64) -> Option<Bytes> {
        let (mut chunk, permit) = match self.rest.take() {
            Some(rest) => rest,
            None => self.received.recv().await?,
        };
        let taken = chunk.split_to(usize::try_from(limit).unwrap_or(usize::MAX).min(chunk.len()));
        if !chunk.is_empty() {
            self.rest = Some((chunk, permit));
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bytes::Bytes;

    use super::{super::lane::Lane, Feed, FeedEnd, Lag, RateWatch, Sending, WINDOW_BYTES, feed};
    use crate::{Authorization, Registry, copy::CopyDestination};
    use shipgate_core::event::Emitter;

    /// A feed of an upload that takes so many bytes every seven seconds; when it was given up, and why.
    async fn fed(bytes: usize) -> (Duration, FeedEnd) {
        let registry = Registry::new("r.test", "http://127.0.0.1:1", Authorization::Anonymous).unwrap();
        let lane = Lane::new(&CopyDestination { registry: &registry, repository: "a", tag: None }, &Emitter::silent());
        let (mut feed, outlet, ended) = feed(0, RateWatch::new(Duration::from_secs(30)), Sending::new(lane));
        feed.give(Bytes::from(vec![0; WINDOW_BYTES])).await;
        let window = Arc::clone(&feed.window);
        let taking = async {
            for _ in 0..500 {
                tokio::time::sleep(Duration::from_secs(7)).await;
                window.add_permits(bytes);
            }
        };
        let began = tokio::time::Instant::now();
        let giving = async {
            while feed.is_open() {
                feed.give(Bytes::from(vec![0; bytes])).await;
            }
            began.elapsed()
        };
        let after = tokio::select! { after = giving => after, () = taking => began.elapsed() };
        Feed::finish(feed);
        drop(outlet);
        (after, ended.await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_takes_drops_is_given_up() {
        let lag = Lag { moved_bytes: 4, within: Duration::from_secs(30) };
        assert_eq!(fed(1).await, (Duration::from_secs(30), FeedEnd::Behind(lag)));
        assert_eq!(fed(8 * 1024).await, (Duration::from_secs(3500), FeedEnd::Complete));
    }
}
