//! What a sandbox knows of its own former lives.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;

/// The document `sandbox.json`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Life {
    /// How often it has been started before.
    pub(crate) former_lives: u64,
    /// The ports of the registries, to be had again if they are free.
    pub(crate) registries: BTreeMap<AccountId, u16>,
    /// The port of the blobs' second address.
    pub(crate) second: u16,
    /// The repositories that a seed has brought in, by ARN: one that was deleted since does not come back.
    pub(crate) seeded: BTreeSet<String>,
}

/// Its name.
pub(crate) const LIFE: &str = "sandbox.json";
