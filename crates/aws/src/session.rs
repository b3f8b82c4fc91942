//! A session: an identity in an account, checked, from which clients are built.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_sdk_sts::config::IdentityCache;
use tokio::sync::Mutex;

use super::{
    base_identity::{self, BaseProblem, CredentialVariables},
    clock,
    fault::AwsFault,
    http,
    identity::{IdentityError, RoleChain},
    web_identity::{TokenRefusal, TokenSupply},
};
use shipgate_core::{
    access::Access,
    account::{AccountId, Region},
    proxy::ProxyRules,
    secret::Secret,
};

/// A role session is renewed this long before it expires, so that no call is signed with credentials that end
/// while it is under way.
pub(super) const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_mins(5);

/// Chains that start within this time start from one load of the base identity.
const SHARED: Duration = Duration::from_secs(30);

/// Where AWS is and who we are there, when it is not what the environment says: how a run is pointed at a sandbox.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The address of every service.
    pub endpoint: String,
    /// The base identity's access key id.
    pub access_key_id: String,
    /// And its secret.
    pub secret_access_key: Secret,
}

/// What role chains start from, and everything else clients share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Base {
    region: Region,
    /// The base identity, by the standard chain or pinned.
    pub(super) config: SdkConfig,
    /// Who gives the token that first roles are assumed with, where chains start with one.
    pub(super) token: Option<TokenSupply>,
    /// Why there is none, where there could be.
    pub(super) no_token: Option<TokenRefusal>,
    /// What the environment has of credentials.
    pub(super) variables: CredentialVariables,
    /// What the last walk of the standard chain found; shared by all clones.
    walked: Arc<Mutex<Option<Walked>>>,
    /// Which requests go through which proxy.
    pub(super) proxies: ProxyRules,
}

/// What a walk of the standard chain found, and when.
#[derive(Debug)]
struct Walked {
    at: Instant,
    found: Result<Credentials, BaseProblem>,
    /// Whether any walk has found credentials.
    has_succeeded: bool,
    /// AWS has refused what came of it.
    is_refused: bool,
}

impl Walked {
    /// Whether another chain of roles can start from it. A run whose first walk failed has nothing to start from, and every
    /// chain reports the same: the SDK gives the reason of a broken profile, or of a refused SSO refresh, once.
    fn is_shared(&self) -> bool {
        if self.is_refused {
            return false;
        }
        match &self.found {
            Err(_) if !self.has_succeeded => true,
            Err(_) => self.at.elapsed() < SHARED,
            Ok(credentials) => {
                let left = credentials.expiry().map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
                self.at.elapsed() < SHARED && left.is_none_or(|left| left > REFRESH_BEFORE_EXPIRY)
            }
        }
    }
}

impl Base {
    /// The same, but first roles are assumed with a token of this supply. Where there is no role, nothing is assumed.
    #[must_use]
    pub fn entered_with(self, supply: TokenSupply) -> Self {
        Self { token: Some(supply), ..self }
    }

    /// The region that calls are made in.
    #[must_use]
    pub fn region(&self) -> Region {
        self.region.clone()
    }

    /// Loads the base identity by the standard chain of providers, once for all chains that start together.
    pub(super) async fn load(&self) -> Result<Credentials, BaseProblem> {
        let mut walked = self.walked.lock().await;
        if let Some(walked) = walked.as_ref().filter(|walked| walked.is_shared()) {
            return walked.found.clone();
        }
        let loaded = match self.config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded_no_source()),
        };
        let found = match loaded {
            Ok(credentials) => Ok(credentials),
            Err(error) => {
                let variables = self.variables.with_profiles().await;
                Err(base_identity::missing(&error, &variables, self.region.as_str()))
            }
        };
        let has_succeeded = found.is_ok() || walked.as_ref().is_some_and(|walked| walked.has_succeeded);
        *walked = Some(Walked { at: Instant::now(), found: found.clone(), has_succeeded, is_refused: false });
        found
    }

    /// Has the next chain load the base identity again: AWS has refused what came of it.
    pub(super) async fn forget(&self) {
        if let Some(walked) = self.walked.lock().await.as_mut().filter(|walked| walked.found.is_ok()) {
            walked.is_refused = true;
        }
    }

    /// Explains a refusal that is about the base identity itself, or this machine's clock; `None` for every other.
    pub(super) async fn refusal(&self, fault: &AwsFault) -> Option<BaseProblem> {
        let ahead = if base_identity::is_about_the_clock(fault) { clock::seconds_ahead(self).await } else { None };
        let variables = self.variables.with_profiles().await;
        base_identity::refused(fault, &variables, self.region.as_str(), ahead)
    }

    /// The same, with the reason why there is no token: it is told where nothing else is found.
    #[must_use]
    pub fn without_token(self, why: TokenRefusal) -> Self {
        Self { no_token: Some(why), ..self }
    }
}

/// What the environment says about the way to AWS.
#[derive(Clone, Default, Debug)]
pub struct AwsEnvironment {
    /// What it has of credentials.
    pub variables: CredentialVariables,
    /// Its proxies.
    pub proxies: ProxyRules,
}

/// The base identity and everything else clients share: by the standard chain (environment, profile, SSO, container,
/// web identity token), or pinned.
pub async fn base(region: &Region, environment: AwsEnvironment, pinned: Option<&Pinned>) -> Base {
    let AwsEnvironment { variables, proxies } = environment;
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(SdkRegion::new(region.to_string()))
        .http_client(http::client(&proxies))
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(10))
                .read_timeout(Duration::from_secs(30))
                .build(),
        )
        .identity_cache(IdentityCache::lazy().buffer_time(REFRESH_BEFORE_EXPIRY).build());
    let config = match pinned {
        None => Box::pin(loader.load()).await,
        Some(pinned) => {
            let credentials = aws_credential_types::Credentials::from_keys(
                &pinned.access_key_id,
                pinned.secret_access_key.reveal(),
                None,
            );
            Box::pin(loader.endpoint_url(&pinned.endpoint).credentials_provider(credentials).load()).await
        }
    };
    Base { region: region.clone(), config, token: None, no_token: None, variables, walked: Arc::default(), proxies }
}

/// An identity in an account.
#[derive(Clone, Debug)]
pub struct Session {
    config: SdkConfig,
    account: AccountId,
    arn: String,
    proxies: ProxyRules,
    renewal: Renewal,
}

/// The credentials of a session's clients, which can be renewed before their time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Renewal(Arc<RoleChain>);

impl ProvideCredentials for Renewal {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.provide_credentials()
    }
}

impl Renewal {
    /// The next call assumes the session's roles again.
    pub async fn renew(&self) {
        self.0.forget().await;
    }
}

impl Session {
    /// Walks the chain of `access` from `base` and asks STS who that is. `purpose` names the identity in errors.
    ///
    /// # Errors
    /// [`IdentityError`] naming the hop that failed, or the account that answered instead of the expected one.
    pub async fn open(base: &Base, access: &Access, purpose: &str) -> Result<Self, IdentityError> {
        let renewal = Renewal(Arc::new(RoleChain::new(purpose, base, &access.hops)));
        // Walked once here for an error that names the hop; the SDK would bury it in layers.
        renewal.0.prepare().await?;
        let config = base
            .config
            .clone()
            .into_builder()
            .region(SdkRegion::new(access.region.to_string()))
            .credentials_provider(SharedCredentialsProvider::new(renewal.clone()))
            // The chain keeps its credentials itself, so that it can be told to forget them.
            .identity_cache(IdentityCache::no_cache())
            .build();
        let (account, arn) = match caller(&config, purpose).await {
            Ok(caller) => caller,
            Err(error) if access.hops.is_empty() => return Err(of_base(base, error).await),
            Err(error) => return Err(error),
        };
        if let Some(expected) = access.hops.last().map(|hop| hop.role.account())
            && *expected != account
        {
            return Err(IdentityError::OtherAccount {
                purpose: purpose.to_owned(),
                expected: expected.clone(),
                actual: account.to_string(),
                arn,
            });
        }
        Ok(Self { config, account, arn, proxies: base.proxies.clone(), renewal })
    }

    /// Which requests go through which proxy.
    #[must_use]
    pub fn proxies(&self) -> &ProxyRules {
        &self.proxies
    }

    /// The account this identity answers for.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The identity's ARN as STS gives it.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What renews its credentials before their time.
    #[must_use]
    pub fn renewal(&self) -> Renewal {
        self.renewal.clone()
    }

    /// What SDK clients are built from.
    #[must_use]
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }
}

/// The error of a chain without hops: the credentials that are refused are the base identity's.
async fn of_base(base: &Base, error: IdentityError) -> IdentityError {
    let IdentityError::CallerUnknown { purpose, source } = error else { return error };
    match base.refusal(&source).await {
        Some(problem) => IdentityError::BaseRefused { problem: Box::new(problem), fault: Box::new(source) },
        None => IdentityError::CallerUnknown { purpose, source },
    }
}

async fn caller(config: &SdkConfig, purpose: &str) -> Result<(AccountId, String), IdentityError> {
    let unknown = |source| IdentityError::CallerUnknown { purpose: purpose.to_owned(), source };
    let answer = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| unknown(AwsFault::new("sts:GetCallerIdentity", &error)))?;
    let arn = answer.arn.unwrap_or_default();
    let account = answer.account.unwrap_or_default().parse().map_err(|error| {
        unknown(AwsFault::unusable("sts:GetCallerIdentity", format!("the answer is unusable: {error}")))
    })?;
    Ok((account, arn))
}

#[cfg(test)]
mod tests;
