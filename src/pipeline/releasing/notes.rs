//! What is put on record before the tag moves, of versions that are deployed already.

use super::Release;
use crate::{
    pipeline::plan,
    stages::{
        history::{self, Archive},
        promote, record,
    },
    target::DeployTarget,
};
use shipgate_core::{digest::Digest, release::note_tag};

impl<T: DeployTarget> Release<'_, T> {
    /// Before the tag moves. What serves now is noted, where nothing is on record, as what the service deploys from: the version
    /// to go back to must be known however this run ends. And if the record says that the newest operation deployed the very image
    /// that the tag is moved to, although it points elsewhere, then others have moved it since: from now on that record would be
    /// believed, and must not be.
    pub(super) async fn keep_the_record_true(&self) {
        if let Some((note, digest)) = self.unrecorded().await {
            self.write_as(&note, digest.as_str()).await;
        }
        let (seen, tag) = (&self.ready.look.seen, self.ready.look.plan.tag());
        let (Some(_), Some(found)) = (tag, &seen.points_at) else { return };
        let doubtful = found != self.image.digest() && seen.recorded.as_ref() == Some(self.image.digest());
        if let Some(to_correct) = seen.record_of_newest(self.service).filter(|_| doubtful) {
            self.write_as(&to_correct, found.as_str()).await;
        }
    }

    /// The note to write on what serves now, and what that is, where the record says nothing. A tag that points at this image already
    /// may have been moved by a run that was killed: it says nothing of what serves.
    async fn unrecorded(&self) -> Option<(String, Digest)> {
        let seen = &self.ready.look.seen;
        let (operation, tag) = plan::serving(self.service, &seen.operations)?;
        let note = note_tag(self.service, &operation.id);
        for tag in [&tag, &note] {
            if promote::points_at(self.place(tag)).await.ok()?.is_some() {
                return None;
            }
        }
        let (registry, repository) = (&self.adapters.destination, self.repository());
        let archive = Archive { registry, repository, service: self.service };
        let serves = history::meaning(archive, seen.live.as_ref()?).await.ok()??;
        (serves != *self.image.digest()).then_some((note, serves))
    }

    /// Points a tag of the record at what another tag, or a digest, is.
    async fn write_as(&self, tag: &str, reference: &str) {
        if let Ok(Some(there)) = self.adapters.destination.manifest(self.repository(), reference).await {
            let cancel = self.run.narrator.cancellation.token();
            record::write(self.place(tag), &there, self.run.events(), cancel).await;
        }
    }
}
