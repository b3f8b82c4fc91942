//! The pull-through cache, with other registries of the sandbox as its upstreams.
//!
//! `rule` says which rule covers a repository and what it leads to, `rules` keeps them, `calls` are the actions on them,
//! `import` is what a pull does first. Layers lie in one directory by their digests, so that no byte is copied.

pub(super) mod calls;
mod import;
mod rule;
pub(crate) mod rules;

pub(super) use import::import_each;
pub(crate) use import::{NotImported, import};

/// As whom ECR assumes the role of a rule (Amazon ECR User Guide, "Setting up permissions for cross-account ECR to ECR PTC").
pub(crate) const SERVICE: &str = "pullthroughcache.ecr.amazonaws.com";
