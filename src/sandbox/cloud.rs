//! Everything there is in one sandbox, shared by all of its listeners.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use jiff::SignedDuration;

use super::{
    apprunner::AppRunner,
    control::calls::Calls,
    ecr::{rate::Rate, store::Store, tokens::Tokens, upload::Uploads},
    faults::Faults,
    identities::Identities,
    logs::store::LogStore,
    registry::links::Links,
    sts::issuer::Issuer,
};
use crate::domain::account::{AccountId, Region};

/// The state of a sandbox.
pub(crate) struct Cloud {
    /// The region whose registries are served.
    pub(crate) region: Region,
    /// Whether the registries have ECR's own manners.
    pub(crate) ecr_manners: bool,
    /// Keys and roles.
    pub(crate) identities: Identities,
    /// OIDC tokens.
    pub(crate) issuer: Issuer,
    /// How long a new role cannot be used.
    pub(crate) role_propagation: SignedDuration,
    /// Repositories.
    pub(crate) images: Arc<Store>,
    /// Uploads under way.
    pub(crate) uploads: Uploads,
    /// How fast images may be put.
    pub(crate) rate: Rate,
    /// Registry logins.
    pub(crate) tokens: Tokens,
    /// Addresses of blobs.
    pub(crate) links: Links,
    /// Logs.
    pub(crate) logs: Arc<LogStore>,
    /// App Runner.
    pub(crate) app_runner: Arc<AppRunner>,
    /// Trouble on demand.
    pub(crate) faults: Faults,
    /// What was called.
    pub(crate) calls: Calls,
    /// Whether a process before this one kept its state where this one does.
    pub(crate) has_former_lives: bool,
    /// Where the registry of each account listens.
    pub(crate) registries: HashMap<AccountId, SocketAddr>,
}

impl Cloud {
    /// The registry of an account in a region: `http://ADDRESS`.
    pub(crate) fn registry_url(&self, account: &AccountId, region: &Region) -> Option<String> {
        let address = self.registries.get(account).filter(|_| *region == self.region)?;
        Some(format!("http://{address}"))
    }
}
