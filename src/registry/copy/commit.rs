//! Writes the manifests, by digest: the innermost first, so that none is ever there without what it names.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{error::CopyError, place::Place, survey::Level};

/// Manifests written to all destinations at the same time. ECR takes ten a second (Amazon ECR service quotas, PutImage).
const WRITES_IN_FLIGHT: usize = 8;

/// Writes each manifest where it is lacking.
pub(super) async fn commit(levels: &[Level], destinations: &[Place]) -> Result<(), CopyError> {
    for level in levels.iter().rev() {
        let writes = level.iter().flat_map(|manifest| manifest.lacking.iter().map(move |index| (manifest, *index)));
        stream::iter(writes)
            .map(|(manifest, index)| async move {
                let place = &destinations[index];
                let raw = &manifest.raw;
                place.registry.put_manifest(&place.repository, raw.digest.as_str(), raw).await
            })
            .buffer_unordered(WRITES_IN_FLIGHT)
            .try_collect::<()>()
            .await?;
    }
    Ok(())
}
