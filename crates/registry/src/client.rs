//! The client of one registry: where it is, who it is asked as, how patiently, and how often it has been asked.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;
use reqwest::{Client, Url};

use super::{
    address::Address,
    authentication::Authentication,
    authorization::Authorization,
    error::RegistryError,
    location::{self, Resource},
    pacing::Pacer,
    renewal::{CredentialStore, Renewal},
    retry::Patience,
    token::Tokens,
};
use shipgate_core::{digest::Digest, event::Emitter, image::EcrHost, proxy::ProxyRules};

/// Manifests that ECR takes in a second (Amazon ECR service quotas, PutImage).
const MANIFESTS_A_SECOND: usize = 10;

/// A registry: cheap to clone, clones share connections and the count of requests.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    patience: Patience,
    events: Emitter,
    /// Counts what this view of the registry asked; see [`Registry::observed_by`].
    own_requests: Arc<AtomicU64>,
    batch_check: Option<BatchCheck>,
    renewal: Option<Renewal>,
}

/// Asks the registry's control plane which of these layers of a repository it has, a hundred at a time at most.
pub type BatchCheck =
    Arc<dyn Fn(String, Vec<Digest>) -> BoxFuture<'static, Result<Vec<Digest>, BatchRefusal>> + Send + Sync>;

/// Why a batch of layers was not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchRefusal {
    /// There is no such repository, hence no layer in it.
    NoRepository,
    /// It may not be asked that way, or not now.
    Other(String),
}

/// Layers in one question (ECR API reference, BatchCheckLayerAvailability).
const LAYERS_IN_A_BATCH: usize = 100;

struct Shared {
    host: String,
    address: Address,
    credentials: CredentialStore,
    authentication: Authentication,
    tokens: Tokens,
    requests: AtomicU64,
    /// For ECR, which counts.
    pacer: Option<Pacer>,
    /// The batch check was refused once: it is not tried again.
    asks_one_by_one: AtomicBool,
    /// HEAD was refused where GET was not: it is not tried again.
    refuses_head: AtomicBool,
}

impl Registry {
    /// A client for the registry that image references call `host`, reached at `address` (`http://…` or `https://…`;
    /// for ECR the `proxyEndpoint` that comes with the token). Nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::InvalidAddress`], and [`RegistryError::Setup`] when there are no certificates to trust.
    pub fn new(host: impl Into<String>, address: &str, authorization: Authorization) -> Result<Self, RegistryError> {
        Self::behind(host, address, authorization, &ProxyRules::default())
    }

    /// The same, where some hosts are reached through proxies.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn behind(
        host: impl Into<String>,
        address: &str,
        authorization: Authorization,
        proxies: &ProxyRules,
    ) -> Result<Self, RegistryError> {
        let host = host.into();
        let invalid = |reason: String| RegistryError::InvalidAddress {
            host: host.clone(),
            address: super::redact::fit_to_show(address),
            reason,
        };
        let url = Address::parse(address).map_err(&invalid)?;
        let presented = authorization
            .present()
            .map_err(|_| invalid("the credentials for it hold characters that no header may".to_owned()))?;
        let address =
            Address::new(url, proxies).map_err(|source| RegistryError::Setup { host: host.clone(), source })?;
        let pacer = EcrHost::parse(&host).map(|_| Pacer::new(MANIFESTS_A_SECOND));
        Ok(Self {
            shared: Arc::new(Shared {
                host,
                address,
                credentials: CredentialStore::new(presented),
                authentication: Authentication::default(),
                tokens: Tokens::default(),
                requests: AtomicU64::new(0),
                pacer,
                asks_one_by_one: AtomicBool::new(false),
                refuses_head: AtomicBool::new(false),
            }),
            patience: Patience::default(),
            events: Emitter::silent(),
            own_requests: Arc::default(),
            batch_check: None,
            renewal: None,
        })
    }

    /// The host, as image references have it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.shared.host
    }

    /// Requests sent so far by all clones, those that redirects and retries made included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// The same registry for one piece of work: its retries are told to `events`, its requests counted apart.
    #[must_use]
    pub fn observed_by(&self, events: &Emitter) -> Self {
        Self { events: events.clone(), own_requests: Arc::default(), ..self.clone() }
    }

    /// Requests sent through this view, and clones of it, since [`Registry::observed_by`] made it.
    #[must_use]
    pub(super) fn own_requests(&self) -> u64 {
        self.own_requests.load(Ordering::Relaxed)
    }

    /// With a quicker way to find out which layers are there than to ask for one after the other.
    #[must_use]
    pub fn with_batch_check(self, check: BatchCheck) -> Self {
        Self { batch_check: Some(check), ..self }
    }

    /// A registry that is known to take Basic is shown the credentials with the first request; others only when they ask.
    /// ECR is such a registry, and a request that is refused first would be one too many.
    #[must_use]
    pub fn with_preemptive_basic(self) -> Self {
        self.shared.authentication.expect_basic();
        self
    }

    /// A registry at a loopback address that may speak TLS as well: it is asked in plain HTTP first, and with TLS when its
    /// answer shows that it speaks nothing else.
    #[must_use]
    pub fn or_with_tls(self) -> Self {
        self.shared.address.may_be_tls();
        self
    }

    /// With a way to get the credentials anew when they expire in mid-copy.
    #[must_use]
    pub fn renewed_by(self, renewal: Renewal) -> Self {
        Self { renewal: Some(renewal), ..self }
    }

    /// Which of these blobs are there, by as few questions as possible; `None` where there is no such way, and after it
    /// has been refused once, which is told then.
    pub(super) async fn check_in_batches(
        &self,
        repository: &str,
        digests: &[&Digest],
    ) -> Option<Result<Vec<Digest>, String>> {
        let check = self.batch_check.as_ref().filter(|_| !self.shared.asks_one_by_one.load(Ordering::Relaxed))?;
        let batches = digests.chunks(LAYERS_IN_A_BATCH).map(|batch| {
            self.count_request();
            check(repository.to_owned(), batch.iter().map(|digest| (*digest).clone()).collect())
        });
        match futures_util::future::try_join_all(batches).await {
            Ok(present) => Some(Ok(present.into_iter().flatten().collect())),
            Err(BatchRefusal::NoRepository) => Some(Ok(Vec::new())),
            Err(BatchRefusal::Other(reason)) => {
                let is_told = self.shared.asks_one_by_one.swap(true, Ordering::Relaxed);
                (!is_told).then_some(Err(reason))
            }
        }
    }

    /// Waits until another manifest may be written: ECR refuses the eleventh in a second.
    pub(super) async fn pace(&self) {
        if let Some(pacer) = &self.shared.pacer {
            pacer.wait().await;
        }
    }

    #[cfg(test)]
    pub(super) fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same client for a registry elsewhere: making one is slow, because of the certificates it reads.
    #[cfg(test)]
    pub(super) fn moved_to(&self, address: &str) -> Self {
        let Shared { host, credentials, .. } = &*self.shared;
        let authentication = Authentication::default();
        if self.shared.authentication.is_preemptive() {
            authentication.expect_basic();
        }
        let shared = Shared {
            host: host.clone(),
            address: self.shared.address.moved_to(address.parse().unwrap()),
            credentials: CredentialStore::new(credentials.presented()),
            authentication,
            tokens: Tokens::default(),
            requests: AtomicU64::new(0),
            pacer: None,
            asks_one_by_one: AtomicBool::new(false),
            refuses_head: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), ..self.clone() }
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    pub(super) fn events(&self) -> &Emitter {
        &self.events
    }

    pub(super) fn http_for(&self, url: &Url) -> &Client {
        self.shared.address.http_for(url)
    }

    pub(super) fn address(&self) -> &Address {
        &self.shared.address
    }

    pub(super) fn authentication(&self) -> &Authentication {
        &self.shared.authentication
    }

    /// Whether HEAD was refused before where GET was not.
    pub(super) fn refuses_head(&self) -> &AtomicBool {
        &self.shared.refuses_head
    }

    pub(super) fn proxies(&self) -> &ProxyRules {
        self.shared.address.proxies()
    }

    pub(super) fn count_request(&self) {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        self.own_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether both are the same registry, whoever asks it.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.shared.host == other.shared.host && self.is_at(&other.shared.address.url())
    }

    /// Whether an address is one of the registry's own.
    pub(super) fn is_at(&self, url: &Url) -> bool {
        location::same_origin(&self.shared.address.url(), url)
    }

    pub(super) fn credential_store(&self) -> &CredentialStore {
        &self.shared.credentials
    }

    pub(super) fn renewal(&self) -> Option<&Renewal> {
        self.renewal.as_ref()
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.shared.tokens
    }

    /// The address of a repository's resource.
    pub(super) fn resource(&self, repository: &str, resource: Resource<'_>) -> Url {
        let mut url = self.shared.address.url();
        url.set_path(&location::path_of(repository, resource));
        url
    }

    /// The address that registries give their challenge at: `/v2/`.
    pub(super) fn base(&self) -> Url {
        let mut url = self.shared.address.url();
        url.set_path("/v2/");
        url
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registry").field("host", &self.shared.host).finish_non_exhaustive()
    }
}
