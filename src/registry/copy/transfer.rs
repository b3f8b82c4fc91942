//! Moves one blob: read once, written to every destination that lacks it, nothing kept but a few chunks.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{join, join_all, try_join, try_join_all};
use reqwest::Body;
use tokio::sync::oneshot;

use super::{
    error::CopyError,
    feed::{Feed, FeedEnd, feed},
    mount,
    place::Place,
    progress::{Sending, Tally},
};
use crate::{
    domain::manifest::Descriptor,
    registry::{blob_reader::BlobReader, error::RegistryError, retry, uploads::UploadSession},
};

/// A destination, and the account of what it has been sent.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) place: Place,
    pub(super) tally: Arc<Tally>,
}

/// A blob to move.
pub(super) struct Transfer {
    source: Place,
    blob: Descriptor,
}

/// A lane, and the upload session it has already been given.
pub(super) struct Begun {
    pub(super) lane: Lane,
    pub(super) session: Option<UploadSession>,
}

/// A destination that an attempt did not reach.
struct Failure {
    lane: Lane,
    error: RegistryError,
}

/// One lane's part in one attempt.
struct Upload {
    lane: Lane,
    session: UploadSession,
    body: Body,
    sending: Arc<Sending>,
    ended: oneshot::Receiver<FeedEnd>,
}

impl Transfer {
    pub(super) fn new(source: Place, blob: Descriptor) -> Self {
        Self { source, blob }
    }

    /// Brings the blob to all these destinations. Those that fail in a way another attempt may mend are served again,
    /// together, from a new reading; the others keep what they have got.
    pub(super) async fn run(self, lanes: Vec<Lane>) -> Result<(), CopyError> {
        let mut waiting = mount::without_mounted(lanes, &self.source, &self.blob).await;
        let mut failed = 0;
        while !waiting.is_empty() {
            let failures = self.attempt(waiting).await?;
            failed += 1;
            let again = try_join_all(failures.into_iter().map(|failure| self.try_again(failure, failed))).await?;
            waiting = again.into_iter().flatten().map(|lane| Begun { lane, session: None }).collect();
        }
        Ok(())
    }

    /// One reading. The uploads are asked for while the source is; they begin once it has sent something.
    async fn attempt(&self, lanes: Vec<Begun>) -> Result<Vec<Failure>, RegistryError> {
        let mut reader = self.source.registry.blob(&self.source.repository, &self.blob);
        let (first, sessions) =
            try_join(reader.next_chunk(), try_join_all(lanes.iter().map(|lane| self.session(lane)))).await?;
        let (feeds, uploads): (Vec<Feed>, Vec<Upload>) =
            lanes.into_iter().zip(sessions).map(|(begun, session)| self.prepare(begun.lane, session)).unzip();
        let stall = self.source.registry.patience().stall;
        let uploads = join_all(uploads.into_iter().map(|upload| self.upload(upload)));
        let (read, failures) = join(hand_out(&mut reader, first, feeds, stall), uploads).await;
        // A source that fails has failed for all, whatever their uploads made of it.
        read?;
        Ok(failures.into_iter().flatten().collect())
    }

    async fn session(&self, begun: &Begun) -> Result<UploadSession, RegistryError> {
        let Begun { lane, session } = begun;
        if let Some(session) = session {
            return Ok(session.clone());
        }
        lane.place.registry.start_upload(&lane.place.repository, &self.blob.digest).await
    }

    fn prepare(&self, lane: Lane, session: UploadSession) -> (Feed, Upload) {
        let sending = Sending::new(lane.tally.clone());
        let (feed, body, ended) = feed(self.blob.size_bytes, sending.clone());
        (feed, Upload { lane, session, body, sending, ended })
    }

    async fn upload(&self, upload: Upload) -> Option<Failure> {
        let Upload { lane, session, body, sending, ended } = upload;
        let place = &lane.place;
        let patience = place.registry.patience();
        let stalled_after = tokio::select! {
            sent = place.registry.finish_upload(&place.repository, session, &self.blob, body) => match sent {
                Ok(()) => {
                    lane.tally.blob_copied(&self.blob, Some(&sending));
                    return None;
                }
                Err(error) => {
                    sending.failed();
                    return Some(Failure { lane, error });
                }
            },
            after = stalled(ended, patience.stall, patience.commit) => after,
        };
        sending.failed();
        let action = place.registry.action("upload blob", self.blob.digest.as_str(), &place.repository);
        let error = RegistryError::Stalled { action: Box::new(action), after: stalled_after };
        Some(Failure { lane, error })
    }

    /// Waits before another attempt, then looks whether there is need for one: the answer that got lost may have been
    /// a success.
    async fn try_again(&self, failure: Failure, failed: u32) -> Result<Option<Lane>, RegistryError> {
        let Failure { lane, error } = failure;
        if !error.is_transient() && !is_about_the_session(&error) {
            return Err(error);
        }
        let registry = &lane.place.registry;
        let what = registry.action("upload blob", self.blob.digest.as_str(), &lane.place.repository);
        retry::pause(registry, &what, failed, error).await?;
        if registry.has_blob(&lane.place.repository, &self.blob.digest).await? {
            lane.tally.blob_copied(&self.blob, None);
            return Ok(None);
        }
        Ok(Some(lane))
    }
}

/// Reads to the end and gives every chunk to every feed: the slowest that is still open sets the pace, once it is as
/// far behind as its queue is long. Stops early when nobody listens any more.
async fn hand_out(
    reader: &mut BlobReader,
    first: Option<Bytes>,
    mut feeds: Vec<Feed>,
    stall: Duration,
) -> Result<(), RegistryError> {
    let mut next = first;
    while let Some(chunk) = next {
        join_all(feeds.iter_mut().map(|feed| feed.give(chunk.clone(), stall))).await;
        if !feeds.iter().any(Feed::is_open) {
            break;
        }
        next = reader.next_chunk().await?;
    }
    feeds.into_iter().for_each(Feed::finish);
    Ok(())
}

/// Ends when an upload has to be given up: it takes nothing, or was given all and does not come to an end, or its
/// source failed. Says after how long.
async fn stalled(ended: oneshot::Receiver<FeedEnd>, stall: Duration, commit: Duration) -> Duration {
    match ended.await {
        Ok(FeedEnd::Complete) => {
            tokio::time::sleep(commit).await;
            commit
        }
        Ok(FeedEnd::Stalled) => stall,
        // The reader is gone, and with it the rest of the body: what the upload says to that interests nobody.
        Err(_) => Duration::ZERO,
    }
}

/// Failures that a fresh upload session mends: this one was forgotten, or is not where we think it is.
fn is_about_the_session(error: &RegistryError) -> bool {
    let RegistryError::Refused { answer, .. } = error else { return false };
    match answer.code.as_deref() {
        Some("BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID" | "DIGEST_INVALID" | "SIZE_INVALID") => true,
        Some(_) => false,
        None => matches!(answer.status, 404 | 416),
    }
}
