//! What a deployment would do, as `plan` tells it: the steps in their order, and what would be different afterwards.

use serde::Serialize;

use super::{digest::Digest, event::Stage, operation::OperationId};

/// What a deployment would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Forecast {
    /// The service's name.
    pub service: String,
    /// The image identifier that it deploys from, or is to.
    pub identifier: String,
    /// The digest that would be deployed.
    pub digest: Digest,
    /// How it would be released: `start-deployment`, `update-service`, `nothing` and so on; absent when the service takes no
    /// deployment, which the checks tell.
    pub verb: Option<&'static str>,
    /// The operation that would be followed, where an earlier run has ordered it.
    pub operation: Option<OperationId>,
    /// What serves now, where that is on record.
    pub serving: Option<Digest>,
    /// Earlier deployments of the digest that failed or were rolled back, newest first.
    pub failed_before: Vec<OperationId>,
    /// Every tag that would be written, in order.
    pub tags: Vec<TagWrite>,
    /// What would be done, in order; empty when nothing would.
    pub steps: Vec<Step>,
    /// What would be different afterwards.
    pub changes: Vec<Change>,
}

/// A stage of the deployment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// What would be done in it.
    pub action: String,
    /// Whether there would be nothing to do.
    pub skipped: bool,
}

/// A tag that would be written in the workload repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TagWrite {
    /// The tag. An operation that has not started yet has no id: angle brackets say which one it is.
    pub tag: String,
    /// What it is for: `deployment`, `record` or `note`.
    pub kind: &'static str,
    /// What it would point at.
    pub digest: Digest,
    /// The operation that it speaks of; absent for the service's creation and for the deployment's own tag.
    pub operation: Option<OperationId>,
}

/// Something that would be different.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// Of what: `tag`, `service`, `repository`, `log-groups`.
    pub of: &'static str,
    /// What: the tag, or the setting's name.
    pub what: String,
    /// What it is now; absent when there is none. Values of an environment are not shown.
    pub from: Option<String>,
    /// What it would be; absent when it would be gone.
    pub to: Option<String>,
}

impl Forecast {
    /// What serves now and what would: `sha256:… → sha256:…`; one alone where it stays.
    #[must_use]
    pub fn serving_line(&self) -> String {
        let now = match (&self.serving, self.verb) {
            (Some(digest), _) => digest.as_str(),
            (None, Some("create-service")) => "nothing",
            (None, _) => "not on record",
        };
        let stays = self.verb.is_none() || self.serving.as_ref() == Some(&self.digest);
        if stays { now.to_owned() } else { format!("{now} → {}", self.digest) }
    }
}
