//! Takes blobs over from a repository of the same registry, without moving a byte, where the registry does that.

use futures_util::future::join_all;

use super::{
    place::Place,
    transfer::{Begun, Lane},
};
use crate::{domain::manifest::Descriptor, registry::uploads::Mount};

/// The lanes that still need the blob sent. Those to the source's own registry are asked to mount it first; a registry
/// that does not answers with an upload session, which is used. That a mount is refused says nothing about an upload.
pub(super) async fn without_mounted(lanes: Vec<Lane>, source: &Place, blob: &Descriptor) -> Vec<Begun> {
    let begun = join_all(lanes.into_iter().map(|lane| async move {
        if !lane.place.registry.is_same_as(&source.registry) {
            return Some(Begun { lane, session: None });
        }
        let place = &lane.place;
        match place.registry.mount_blob(&place.repository, &blob.digest, &source.repository).await {
            Ok(Mount::Done) => {
                lane.tally.blob_copied(blob, None);
                None
            }
            Ok(Mount::Declined(session)) => Some(Begun { lane, session: Some(session) }),
            Err(_) => Some(Begun { lane, session: None }),
        }
    }));
    begun.await.into_iter().flatten().collect()
}
