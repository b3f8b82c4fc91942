//! Observe: what is there now, read and not judged: all that the decision how to release needs, and that preflight reports.

use crate::{
    aws::{ecr::Ecr, fault::AwsFault},
    domain::{
        digest::Digest,
        image::ImageReference,
        mutability::TagMutability,
        release::{PastOperation, record_tag},
        service::LiveService,
    },
    registry::Registry,
    stages::promote::{self, Place},
    target::{DeployTarget, TargetError},
};

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
}

/// Looks. `destination` is where the service deploys from, or is to; `live` what was seen of it just now.
///
/// # Errors
/// [`TargetError`] when the service's operations cannot be seen: without them nobody can say what runs.
pub async fn observe<T: DeployTarget>(
    sources: Sources<'_, T>,
    service: &str,
    live: Option<LiveService>,
    destination: &ImageReference,
) -> Result<Observation, TargetError> {
    let operations = async {
        match &live {
            Some(live) => sources.target.operations(&live.arn).await,
            None => Ok(Vec::new()),
        }
    };
    let at = |tag| Place { registry: sources.registry, repository: destination.repository(), tag };
    let (operations, repository, points_at) = tokio::join!(
        operations,
        sources.ecr.repository(destination.repository()),
        promote::points_at(at(destination.tag().unwrap_or("latest"))),
    );
    let mut seen =
        Observation { live, operations: operations?, repository, points_at: points_at.ok().flatten(), recorded: None };
    if let Some(tag) = seen.record_of_newest(service) {
        seen.recorded = promote::points_at(at(&tag)).await.ok().flatten();
    }
    Ok(seen)
}
