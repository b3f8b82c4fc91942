//! What a sandbox knows of its own former lives.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{control::token::ControlToken, random, seed::Seed};
use shipgate_core::account::{AccountId, Region};

/// The document `sandbox.json`. No `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Life {
    /// How often it has been started before.
    pub(crate) former_lives: u64,
    /// The ports of the main region's registries, to be had again if they are free.
    pub(crate) registries: BTreeMap<AccountId, u16>,
    /// Those of the registries of further regions.
    #[serde(default)]
    pub(crate) further_registries: BTreeMap<Region, BTreeMap<AccountId, u16>>,
    /// The port of the blobs' second address.
    pub(crate) second: u16,
    /// The repositories, cache rules, secrets and parameters that a seed has brought in, by ARN: one that was deleted since
    /// does not come back.
    pub(crate) seeded: BTreeSet<String>,
    /// The control token: whoever has it keeps it across a restart.
    #[serde(default)]
    control_token: String,
    /// The keys made for users of the seed that have none there, by ARN: id and secret.
    #[serde(default)]
    keys: BTreeMap<String, (String, String)>,
}

impl Life {
    /// Makes what is missing of the users' keys and the control token, the same as in the lives before.
    pub(crate) fn complete_keys(&mut self, seed: &mut Seed) {
        if self.control_token.is_empty() {
            self.control_token = ControlToken::generate();
        }
        let region = seed.region.clone();
        for user in
            seed.users.iter_mut().filter(|user| user.access_key_id.is_none() || user.secret_access_key.is_none())
        {
            let arn = user.arn(&region);
            let made = || (random::iam_id("AKIA"), random::alphanumeric(40));
            let (id, secret) = self.keys.entry(arn).or_insert_with(made).clone();
            user.access_key_id.get_or_insert(id);
            user.secret_access_key.get_or_insert(secret);
        }
    }

    /// The control token.
    pub(crate) fn control_token(&self) -> &str {
        &self.control_token
    }

    /// The port that a registry had; 0, which stands for any free one, if it had none.
    pub(crate) fn port(&self, account: &AccountId, region: &Region, main: &Region) -> u16 {
        let of_region = if region == main { Some(&self.registries) } else { self.further_registries.get(region) };
        of_region.and_then(|ports| ports.get(account)).copied().unwrap_or_default()
    }

    /// Remembers the port of a registry.
    pub(crate) fn remember(&mut self, account: &AccountId, region: &Region, main: &Region, port: u16) {
        let of_region = if region == main {
            &mut self.registries
        } else {
            self.further_registries.entry(region.clone()).or_default()
        };
        of_region.insert(account.clone(), port);
    }
}

/// Its name.
pub(crate) const LIFE: &str = "sandbox.json";
