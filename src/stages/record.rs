//! The record of what is deployed: tags of the workload repository that nothing is deployed from. A record that cannot be written
//! fails nothing: it is told, and what it costs is a deployment of what is deployed already.

use tokio_util::sync::CancellationToken;

use crate::stages::promote::{self, Place};
use shipgate_core::{
    event::{Emitter, Event},
    manifest::RawManifest,
};

/// Points a tag of the record at a manifest that the repository has.
pub async fn write(place: Place<'_>, manifest: &RawManifest, events: &Emitter, cancel: &CancellationToken) {
    if let Err(error) = promote::point(place, manifest, cancel).await {
        let why = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let why: Vec<String> = why.map(ToString::to_string).collect();
        events.emit(Event::Warning {
            message: format!(
                "it could not be put on record what is deployed (tag {}): {}; the next run may deploy the same once more",
                place.tag,
                why.join(": ")
            ),
        });
    }
}
