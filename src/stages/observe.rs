//! Observe: what is there now, read and not judged: all that the decision how to release needs, and that preflight reports.

use jiff::Timestamp;

use crate::{
    stages::promote::{self, Place},
    target::{DeployTarget, TargetError},
};
use shipgate_aws::{ecr::Ecr, fault::AwsFault};
use shipgate_core::{
    digest::Digest,
    image::ImageReference,
    mutability::TagMutability,
    release::{self, PastOperation, record_tag},
    service::LiveService,
};
use shipgate_registry::Registry;

/// What is there.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The service, if it exists.
    pub live: Option<LiveService>,
    /// Its last operations, newest first.
    pub operations: Vec<PastOperation>,
    /// What the workload repository allows its tags, if it exists; or why that is not known.
    pub repository: Result<Option<TagMutability>, AwsFault>,
    /// Where the tag in question points; `None` too where that is not known.
    pub points_at: Option<Digest>,
    /// What the newest operation is for by the record; `None` too where that is not known.
    pub recorded: Option<Digest>,
    /// What serves, by the record of the operation that brought it up; `None` too where that is not known.
    pub serving: Option<Digest>,
    /// What the operation after it is for by the record; `None` too where that is not known.
    pub claimed: Option<Digest>,
    /// When the run began that looks.
    pub began: Timestamp,
}

impl Observation {
    /// The newest operation.
    #[must_use]
    pub fn newest(&self) -> Option<&PastOperation> {
        self.operations.first()
    }

    /// The tag of the record that tells what the newest operation is for.
    #[must_use]
    pub fn record_of_newest(&self, service: &str) -> Option<String> {
        self.newest().map(|_| record_tag(service, self.operations.get(1).map(|before| &before.id)))
    }
}

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a, T> {
    /// Where services run.
    pub target: &'a T,
    /// ECR of the workload account.
    pub ecr: &'a Ecr,
    /// The workload registry.
    pub registry: &'a Registry,
    /// Whether its repository is a cache, which fetches a tag of the source when it is asked for it.
    pub is_cache: bool,
}

/// Looks. `destination` is where the service deploys from, or is to; `live` what was seen of it just now; `began` when the run
/// began.
///
/// # Errors
/// [`TargetError`] when the service's operations cannot be seen: without them nobody can say what runs.
pub async fn observe<T: DeployTarget>(
    sources: Sources<'_, T>,
    service: &str,
    live: Option<LiveService>,
    destination: &ImageReference,
    began: Timestamp,
) -> Result<Observation, TargetError> {
    let operations = async {
        match &live {
            Some(live) => sources.target.operations(&live.arn).await,
            None => Ok(Vec::new()),
        }
    };
    let points_at = async {
        let tag = destination.tag().unwrap_or("latest");
        if sources.is_cache && !deploys_from(live.as_ref(), destination) {
            return None;
        }
        let place = Place { registry: sources.registry, repository: destination.repository(), tag };
        promote::points_at(place).await.ok().flatten()
    };
    let (operations, repository, points_at) =
        tokio::join!(operations, sources.ecr.repository(destination.repository()), points_at,);
    let operations = operations?;
    let (recorded, serving, claimed) = (None, None, None);
    let seen = Observation { live, operations, repository, points_at, recorded, serving, claimed, began };
    let recorded = async |tag: Option<String>| {
        let place = Place { registry: sources.registry, repository: destination.repository(), tag: &tag? };
        promote::points_at(place).await.ok().flatten()
    };
    let next = seen.newest().map(|newest| record_tag(service, Some(&newest.id)));
    let of_serving = release::serving(&seen.operations);
    let serving = of_serving.map(|(_, before)| record_tag(service, before.map(|before| &before.id)));
    let newest = seen.record_of_newest(service);
    let (recorded, serving, claimed) = tokio::join!(recorded(newest), recorded(serving), recorded(next));
    Ok(Observation { recorded, serving, claimed, ..seen })
}

/// What a service deploys from is in the cache already.
fn deploys_from(live: Option<&LiveService>, destination: &ImageReference) -> bool {
    let identifier = live.and_then(|live| live.image_identifier.as_deref());
    identifier.and_then(|identifier| identifier.parse().ok()).is_some_and(|image: ImageReference| image == *destination)
}
