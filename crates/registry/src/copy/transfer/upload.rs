//! One blob's way into one destination, one attempt: whole by a single PUT, or, where much would be lost, in parts.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    super::{
        feed::{FeedEnd, Outlet},
        lane::Lane,
        progress::Sending,
    },
    blob::Begun,
};
use crate::{error::RegistryError, rate::Lag, receiving::too_slow, uploads::UploadSession};
use shipgate_core::manifest::Descriptor;

/// A destination that an attempt did not reach, and how far it came.
pub(super) struct Failure {
    pub(super) lane: Arc<Lane>,
    pub(super) sending: Arc<Sending>,
    pub(super) error: RegistryError,
    /// The session and the bytes it certainly has, when it may be gone on with.
    pub(super) reached: Option<(UploadSession, u64)>,
    /// Failures since anything was gained.
    pub(super) failed: u32,
    /// New credentials were tried since anything was gained.
    pub(super) renewed: bool,
}

/// One lane's part in one attempt.
pub(super) struct Upload {
    pub(super) begun: Begun,
    pub(super) session: UploadSession,
    pub(super) outlet: Outlet,
    pub(super) ended: oneshot::Receiver<FeedEnd>,
}

impl Upload {
    /// Sends the blob from where it was begun, and gives the account of it back.
    ///
    /// # Errors
    /// [`Failure`], whatever it is; whether another attempt may mend it is for the caller to know.
    pub(super) async fn run(self, blob: &Descriptor) -> Result<Arc<Sending>, Failure> {
        let Self { begun, session, outlet, ended } = self;
        let registry = &begun.lane.place.registry;
        let patience = registry.patience();
        let mut reached = None;
        let sent = async {
            let part_bytes = part_bytes(blob.size_bytes, patience.part_bytes);
            if blob.size_bytes <= patience.part_bytes.saturating_mul(2) {
                whole(&begun, session, blob, &outlet).await
            } else {
                in_parts(&begun, session, (blob, part_bytes), &outlet, &mut reached).await
            }
        };
        let outcome = tokio::select! {
            sent = sent => sent,
            lag = stalled(ended, patience.commit) => {
                let action = registry.action("upload blob", blob.digest.as_str(), &begun.lane.place.repository);
                Err(too_slow(action, lag))
            }
        };
        match outcome {
            Ok(()) => Ok(begun.sending),
            Err(error) => {
                if let RegistryError::Moved { to, .. } = &error {
                    let at = reached.as_ref().map_or(0, |(_, bytes)| *bytes);
                    reached = Some((UploadSession::at(to), at));
                }
                let at = reached.as_ref().map_or(0, |(_, bytes)| *bytes);
                begun.sending.back_to(at);
                let has_gained = at > begun.at_bytes;
                let failed = if has_gained { 1 } else { begun.failed.saturating_add(1) };
                let was_renewed = begun.renewed && !has_gained;
                let renewed = was_renewed || matches!(error, RegistryError::CredentialsExpired { .. });
                let error = if was_renewed { refused_again(error) } else { error };
                Err(Failure { lane: begun.lane, sending: begun.sending, error, reached, failed, renewed })
            }
        }
    }
}

/// What is refused with new credentials too is not refused for their age.
fn refused_again(error: RegistryError) -> RegistryError {
    if let RegistryError::CredentialsExpired { action, answer } = error {
        RegistryError::Denied { action, answer }
    } else {
        error
    }
}

/// Checkpoints in the smallest part. Parts begin at checkpoints, and an upload that goes on inside a part reads what is
/// between again.
pub(super) const CHECKPOINTS_A_PART: u64 = 32;

/// As many parts as a blob has at most. A broken connection costs one of them.
const MOST_PARTS: u64 = 8;

/// How large the parts of a blob are: a multiple of the distance between checkpoints.
fn part_bytes(blob_bytes: u64, smallest: u64) -> u64 {
    let distance = (smallest / CHECKPOINTS_A_PART).max(1);
    let part = blob_bytes.div_ceil(MOST_PARTS);
    smallest.max(part.checked_next_multiple_of(distance).unwrap_or(part))
}

async fn whole(begun: &Begun, session: UploadSession, blob: &Descriptor, outlet: &Outlet) -> Result<(), RegistryError> {
    let place = &begun.lane.place;
    place.registry.finish_upload(&place.repository, session, blob, outlet.body(blob.size_bytes)).await
}

async fn in_parts(
    begun: &Begun,
    mut session: UploadSession,
    (blob, part_bytes): (&Descriptor, u64),
    outlet: &Outlet,
    reached: &mut Option<(UploadSession, u64)>,
) -> Result<(), RegistryError> {
    let place = &begun.lane.place;
    let mut at = begun.at_bytes;
    *reached = Some((session.clone(), at));
    while at < blob.size_bytes {
        let end = blob.size_bytes.min(at.saturating_add(part_bytes));
        let body = outlet.body(end - at);
        session = place.registry.upload_part(&place.repository, session, &blob.digest, at..end, body).await?;
        at = end;
        *reached = Some((session.clone(), at));
    }
    place.registry.commit_upload(&place.repository, session, &blob.digest).await
}

/// Ends when an upload has to be given up: it takes too little, or was given all and does not come to an end, or its
/// source failed.
async fn stalled(ended: oneshot::Receiver<FeedEnd>, commit: Duration) -> Lag {
    match ended.await {
        Ok(FeedEnd::Complete) => {
            tokio::time::sleep(commit).await;
            Lag { moved_bytes: 0, within: commit }
        }
        Ok(FeedEnd::Behind(lag)) => lag,
        // The reader is gone, and with it the rest of the body: what the upload says to that interests nobody.
        Err(_) => Lag { moved_bytes: 0, within: Duration::ZERO },
    }
}

#[cfg(test)]
mod tests {
    use super::part_bytes;

    #[test]
    fn parts_grow_with_the_blob_and_begin_at_checkpoints() {
        let smallest = 64;
        let table = [(129, 64), (512, 64), (513, 66), (1024, 128), (1025, 130), (100_000, 12_500)];
        for (blob, part) in table {
            assert_eq!(part_bytes(blob, smallest), part, "{blob}");
        }
        for huge in [u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            assert!(part_bytes(huge, smallest) >= huge / 8, "{huge}");
            assert!(part_bytes(huge, u64::MAX) >= huge / 8, "{huge}");
        }
    }
}
