//! Everything there is in one sandbox, shared by all of its listeners.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use jiff::SignedDuration;

use super::{
    apprunner::AppRunner,
    budget::Budget,
    control::{calls::Calls, token::ControlToken},
    ecr::{caching::rules::Rules, rate::Rate, store::Store, tokens::Tokens, upload::Uploads},
    faults::Faults,
    identities::Identities,
    logs::store::LogStore,
    parameters::store::ParameterStore,
    registry::links::Links,
    secrets_manager::store::SecretStore,
    sts::issuer::Issuer,
};
use shipgate_core::account::{AccountId, Region};

/// The state of a sandbox.
pub(crate) struct Cloud {
    /// The main region: where things live that name none.
    pub(crate) region: Region,
    /// Whether the registries have ECR's own manners.
    pub(crate) ecr_manners: bool,
    /// Keys and roles.
    pub(crate) identities: Arc<Identities>,
    /// OIDC tokens.
    pub(crate) issuer: Issuer,
    /// How long a new role cannot be used.
    pub(crate) role_propagation: SignedDuration,
    /// Repositories.
    pub(crate) images: Arc<Store>,
    /// Uploads under way.
    pub(crate) uploads: Uploads,
    /// Rules of the pull-through cache.
    pub(crate) cache_rules: Rules,
    /// How fast images may be put.
    pub(crate) rate: Rate,
    /// Registry logins.
    pub(crate) tokens: Tokens,
    /// Addresses of blobs.
    pub(crate) links: Links,
    /// Logs.
    pub(crate) logs: Arc<LogStore>,
    /// Secrets Manager.
    pub(crate) secrets: Arc<SecretStore>,
    /// SSM's parameters.
    pub(crate) parameters: Arc<ParameterStore>,
    /// App Runner.
    pub(crate) app_runner: Arc<AppRunner>,
    /// Who may use the control interface.
    pub(crate) control: ControlToken,
    /// How much of requests is in memory.
    pub(crate) budget: Budget,
    /// Whether lists come in short and empty pages.
    pub(crate) short_pages: bool,
    /// Trouble on demand.
    pub(crate) faults: Faults,
    /// What was called.
    pub(crate) calls: Calls,
    /// Whether a process before this one kept its state where this one does.
    pub(crate) has_former_lives: bool,
    /// Where the registry of each account listens in each region.
    pub(crate) registries: BTreeMap<(AccountId, Region), SocketAddr>,
}

impl Cloud {
    /// The registry of an account in a region: `http://ADDRESS`.
    pub(crate) fn registry_url(&self, account: &AccountId, region: &Region) -> Option<String> {
        let address = self.registries.get(&(account.clone(), region.clone()))?;
        Some(format!("http://{address}"))
    }
}
