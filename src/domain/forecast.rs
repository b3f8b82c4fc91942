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
