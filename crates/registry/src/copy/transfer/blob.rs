//! One blob: read once, written to every destination that lacks it, nothing kept but a few chunks.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{join, join_all};

use super::{
    super::{
        error::CopyError,
        feed::{Feed, feed},
        lane::Lane,
        mount,
        place::Place,
        progress::Sending,
    },
    Reading,
    upload::{CHECKPOINTS_A_PART, Failure, Upload},
};
use crate::{
    blob_reader::BlobReader, checkpoints::Checkpoints, error::RegistryError, rate::RateWatch, retry,
    uploads::UploadSession,
};
use shipgate_core::{
    event::{BlobArrival, Event},
    manifest::Descriptor,
};

/// Attempts to read a blob that came corrupt: a wire that flips a bit will hardly do so again, and a registry that holds
/// the wrong bytes always does.
const ATTEMPTS_AT_CORRUPT: u32 = 2;

/// A blob to move.
pub(in crate::copy) struct Transfer {
    source: Place,
    blob: Descriptor,
    reading: Arc<Reading>,
    checkpoints: Arc<Checkpoints>,
}

/// A destination, and where its upload begins.
pub(in crate::copy) struct Begun {
    pub(in crate::copy) lane: Arc<Lane>,
    pub(in crate::copy) sending: Arc<Sending>,
    /// The session it has been given already.
    pub(in crate::copy) session: Option<UploadSession>,
    /// How many bytes that session has.
    pub(in crate::copy) at_bytes: u64,
    /// Failures since anything was gained.
    pub(in crate::copy) failed: u32,
    /// New credentials were tried since anything was gained.
    pub(in crate::copy) renewed: bool,
}

impl Begun {
    fn fresh(lane: Arc<Lane>, sending: Arc<Sending>, (failed, renewed): (u32, bool)) -> Self {
        sending.back_to(0);
        Self { lane, sending, session: None, at_bytes: 0, failed, renewed }
    }
}

impl Transfer {
    pub(super) fn new(source: Place, blob: Descriptor, reading: Arc<Reading>) -> Self {
        let checkpoints = Arc::new(Checkpoints::every(source.registry.patience().part_bytes / CHECKPOINTS_A_PART));
        Self { source, blob, reading, checkpoints }
    }

    pub(super) fn blob(&self) -> &Descriptor {
        &self.blob
    }

    /// Brings the blob to all these destinations. Those that fail in a way another attempt may mend are served again; a
    /// destination that fails for good takes no part any more.
    pub(super) async fn run(self, lanes: Vec<Arc<Lane>>) -> Result<(), CopyError> {
        let begun =
            lanes.into_iter().map(|lane| Begun::fresh(Arc::clone(&lane), Sending::new(lane), (0, false))).collect();
        let mut waiting = mount::without_mounted(begun, &self.source, &self.blob).await;
        let mut corrupt = 0;
        while !waiting.is_empty() {
            let everybody: Vec<_> = waiting.iter().map(|b| (Arc::clone(&b.lane), Arc::clone(&b.sending))).collect();
            let attempts = join_all(together(waiting).into_iter().map(|group| self.attempt(group))).await;
            match attempts.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(failures) => {
                    let again = failures.into_iter().flatten().map(|failure| self.try_again(failure));
                    waiting = join_all(again).await.into_iter().flatten().collect();
                }
                Err(error) if error.is_corrupt() && corrupt + 1 < ATTEMPTS_AT_CORRUPT => {
                    corrupt += 1;
                    waiting = self.begin_anew(everybody, error, corrupt).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// One reading. The uploads are asked for while the source is; they begin once it has sent something.
    async fn attempt(&self, group: Vec<Begun>) -> Result<Vec<Failure>, RegistryError> {
        let start = group.iter().map(|begun| begun.at_bytes).min().unwrap_or_default();
        let mut reader = self.source.registry.blob(&self.source.repository, &self.blob);
        let read_from = reader.go_on_from(&self.checkpoints, start);
        let sessions = join_all(group.into_iter().map(|begun| self.session(begun)));
        let (first, sessions) = join(reader.next_chunk(), sessions).await;
        let first = first?;
        let (mut feeds, mut uploads) = (Vec::new(), Vec::new());
        for (begun, session) in sessions.into_iter().flatten() {
            let watch = RateWatch::new(begun.lane.place.registry.patience().stall);
            let to_skip = begun.at_bytes.saturating_sub(read_from);
            let (feed, outlet, ended) = feed(to_skip, watch, Arc::clone(&begun.sending));
            feeds.push(feed);
            uploads.push(Upload { begun, session, outlet, ended }.run(&self.blob));
        }
        let uploads = join_all(uploads.into_iter().map(|upload| self.conclude(upload)));
        let (read, failures) = join(self.hand_out(&mut reader, first, feeds), uploads).await;
        // A source that fails has failed for all, whatever their uploads made of it.
        read?;
        Ok(failures.into_iter().flatten().collect())
    }

    /// The session, one that is begun now if there is none yet.
    async fn session(&self, begun: Begun) -> Option<(Begun, UploadSession)> {
        if let Some(session) = begun.session.clone() {
            return Some((begun, session));
        }
        let place = &begun.lane.place;
        match place.registry.start_upload(&place.repository, &self.blob.digest).await {
            Ok(session) => Some((begun, session)),
            // It has been tried as often as is sensible.
            Err(error) => {
                begun.lane.fail(error);
                None
            }
        }
    }

    /// Marks the upload's success.
    async fn conclude(&self, upload: impl Future<Output = Result<Arc<Sending>, Failure>>) -> Option<Failure> {
        match upload.await {
            Ok(sending) => {
                sending.lane().tally.blob_arrived(&self.blob, &sending, BlobArrival::Sent);
                None
            }
            Err(failure) => Some(failure),
        }
    }

    /// Reads to the end and gives every chunk to every feed: the slowest that is still open sets the pace, once it is as
    /// far behind as its window is wide. Stops early when nobody listens any more.
    async fn hand_out(
        &self,
        reader: &mut BlobReader,
        first: Option<Bytes>,
        mut feeds: Vec<Feed>,
    ) -> Result<(), RegistryError> {
        let mut next = first;
        while let Some(chunk) = next {
            self.reading.received(chunk.len() as u64);
            give_all(&mut feeds, &chunk).await;
            if !feeds.iter().any(Feed::is_open) {
                break;
            }
            next = reader.next_chunk().await?;
        }
        feeds.into_iter().for_each(Feed::finish);
        Ok(())
    }

    /// Waits before another attempt, then looks whether there is need for one: the answer that got lost may have been
    /// a success.
    async fn try_again(&self, failure: Failure) -> Option<Begun> {
        let lane = Arc::clone(&failure.lane);
        self.another_attempt(failure).await.unwrap_or_else(|error| {
            lane.fail(error);
            None
        })
    }

    async fn another_attempt(&self, failure: Failure) -> Result<Option<Begun>, RegistryError> {
        let Failure { lane, sending, error, reached, failed, renewed } = failure;
        if !error.is_transient() && !is_about_the_session(&error) {
            return Err(error);
        }
        let (registry, repository) = (&lane.place.registry, &lane.place.repository);
        let what = registry.action("upload blob", self.blob.digest.as_str(), repository);
        let told_bytes = error.answer().and_then(|answer| answer.received_bytes);
        let is_lost = is_about_the_session(&error) && told_bytes.is_none();
        let has_moved = matches!(error, RegistryError::Moved { .. });
        retry::pause(registry, &what, failed, error).await?;
        if registry.has_blob(repository, &self.blob.digest).await? {
            lane.tally.blob_arrived(&self.blob, &sending, BlobArrival::Found);
            return Ok(None);
        }
        let Some((session, sure_bytes)) = reached.filter(|_| !is_lost) else {
            return Ok(Some(Begun::fresh(lane, sending, (failed, renewed))));
        };
        if has_moved && (sure_bytes == 0 || self.checkpoints.vouch_for(sure_bytes)) {
            sending.back_to(sure_bytes);
            return Ok(Some(Begun { lane, sending, session: Some(session), at_bytes: sure_bytes, failed, renewed }));
        }
        let known = sure_bytes..=self.blob.size_bytes;
        let has = registry.uploaded_bytes(repository, &session, &self.blob.digest, known, told_bytes).await;
        let Some(at_bytes) = has.filter(|bytes| *bytes > 0 && self.checkpoints.vouch_for(*bytes)) else {
            return Ok(Some(Begun::fresh(lane, sending, (failed, renewed))));
        };
        sending.back_to(at_bytes);
        let bytes = self.blob.size_bytes;
        registry.events().emit(Event::Resumed { what: what.to_string(), at_bytes, bytes });
        Ok(Some(Begun { lane, sending, session: Some(session), at_bytes, failed, renewed }))
    }

    /// All of it once more, from the first byte and into new sessions, for those that another reading has not served.
    async fn begin_anew(
        &self,
        everybody: Vec<(Arc<Lane>, Arc<Sending>)>,
        error: RegistryError,
        failed: u32,
    ) -> Result<Vec<Begun>, CopyError> {
        self.checkpoints.forget();
        let registry = &self.source.registry;
        let what = registry.action("read blob", self.blob.digest.as_str(), &self.source.repository);
        retry::pause(registry, &what, failed, error).await?;
        let begun = everybody.into_iter().filter(|(lane, sending)| lane.is_open() && !sending.has_arrived());
        Ok(begun.map(|(lane, sending)| Begun::fresh(lane, sending, (0, false))).collect())
    }
}

/// All that begin at the first byte are served by one reading; each that goes on somewhere else has its own.
fn together(waiting: Vec<Begun>) -> Vec<Vec<Begun>> {
    let (fresh, resumed): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|begun| begun.at_bytes == 0);
    let groups = resumed.into_iter().map(|begun| vec![begun]);
    std::iter::once(fresh).filter(|fresh| !fresh.is_empty()).chain(groups).collect()
}

async fn give_all(feeds: &mut [Feed], chunk: &Bytes) {
    match feeds {
        [feed] => feed.give(chunk.clone()).await,
        feeds => {
            join_all(feeds.iter_mut().map(|feed| feed.give(chunk.clone()))).await;
        }
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
