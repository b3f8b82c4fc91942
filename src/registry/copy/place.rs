//! A repository in a registry, held by a copy for as long as it runs.

use std::fmt;

use crate::{domain::event::Emitter, registry::client::Registry};

/// `HOST/REPOSITORY`, with the client to reach it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) registry: Registry,
    pub(super) repository: String,
}

impl Place {
    pub(super) fn new(registry: &Registry, repository: &str, events: &Emitter) -> Self {
        Self { registry: registry.observed_by(events), repository: repository.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry.host(), self.repository)
    }
}
