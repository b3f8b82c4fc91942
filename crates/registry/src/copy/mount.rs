//! Takes blobs over from a repository of the same registry, without moving a byte, where the registry does that.

use futures_util::future::join_all;

use super::{place::Place, transfer::Begun};
use crate::uploads::Mount;
use shipgate_core::{event::BlobArrival, manifest::Descriptor};

/// What still has to be sent. Destinations in the source's own registry are asked to mount the blob first; a registry
/// that does not answers with an upload session, which is used. That a mount is refused says nothing about an upload.
pub(super) async fn without_mounted(begun: Vec<Begun>, source: &Place, blob: &Descriptor) -> Vec<Begun> {
    let begun = join_all(begun.into_iter().map(|mut begun| async move {
        let place = &begun.lane.place;
        if !place.registry.is_same_as(&source.registry) || place.repository == source.repository {
            return Some(begun);
        }
        match place.registry.mount_blob(&place.repository, &blob.digest, &source.repository).await {
            Ok(Mount::Done) => {
                begun.lane.tally.blob_arrived(blob, &begun.sending, BlobArrival::Mounted);
                return None;
            }
            Ok(Mount::Declined(session)) => begun.session = Some(session),
            Err(_) => {}
        }
        Some(begun)
    }));
    begun.await.into_iter().flatten().collect()
}
