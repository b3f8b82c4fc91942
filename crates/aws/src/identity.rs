//! Role chains: from the base identity, hop by hop, to credentials in an account. Held in memory only.

use std::time::{Duration, Instant, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use tokio::sync::Mutex;

use super::{
    base_identity::{self, BaseProblem},
    fault::AwsFault,
    refusal,
    session::{Base, REFRESH_BEFORE_EXPIRY},
    web_identity::{self, TokenRefusal, TokenSupply},
};
use shipgate_core::{access::Hop, account::AccountId, oidc::Claims, secret::Secret};

/// The way to an account failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is nothing to start from.
    #[error("{problem}{}", .no_token.as_ref().map(|refusal| format!(", and {refusal}")).unwrap_or_default())]
    NoBase {
        /// Why the job has no token to begin with either, where it could have one.
        no_token: Option<Box<TokenRefusal>>,
        /// What the standard chain of providers lacks.
        problem: Box<BaseProblem>,
    },
    /// AWS does not accept the credentials that every chain starts with.
    #[error("{problem}")]
    BaseRefused {
        /// What is wrong with them.
        problem: Box<BaseProblem>,
        /// AWS's answer.
        fault: Box<AwsFault>,
    },
    /// The job's token, which the first role is assumed with, could not be had.
    #[error("no OIDC token for {purpose}")]
    NoToken {
        /// What the identity is for.
        purpose: String,
        /// Why.
        #[source]
        source: Box<TokenRefusal>,
    },
    /// A role could not be assumed.
    #[error("cannot assume {role} for {purpose} (hop {number} of {total})")]
    Hop {
        /// What the identity is for.
        purpose: String,
        /// The role.
        role: String,
        /// Its place in the chain, from 1.
        number: usize,
        /// The chain's length.
        total: usize,
        /// The hops before it, which worked, the base identity first.
        passed: Vec<String>,
        /// What the token said that it was to be assumed with, if it was a token.
        claims: Option<Box<Claims>>,
        /// STS's answer.
        #[source]
        source: Box<AwsFault>,
    },
    /// The credentials work, but nobody can say whose they are.
    #[error("cannot tell whose credentials these are for {purpose}")]
    CallerUnknown {
        /// What the identity is for.
        purpose: String,
        /// STS's answer.
        #[source]
        source: AwsFault,
    },
    /// The credentials are another account's than the role's ARN names.
    #[error("{purpose}: the credentials answer for account {actual} ({arn}), not {expected}")]
    OtherAccount {
        /// What the identity is for.
        purpose: String,
        /// The account in the role's ARN.
        expected: AccountId,
        /// The account that answered.
        actual: String,
        /// The identity that answered.
        arn: String,
    },
}

/// Where to look when STS gives no usable answer.
const NO_ANSWER: &str = "run the same command again; if it stays so, `shipgate doctor` shows what STS answers";

impl IdentityError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoToken { source, .. } => source.hint.clone(),
            // What the job lacks of its CI system comes first: credentials beside it are another way.
            Self::NoBase { no_token: Some(refusal), .. } => refusal.hint.clone(),
            Self::NoBase { no_token: None, problem } | Self::BaseRefused { problem, .. } => problem.hint.clone(),
            Self::Hop { role, claims: Some(claims), source, .. } => refusal::token_hint(role, claims, source),
            Self::Hop { role, source, passed, .. } => refusal::hint(role, passed.len() > 1, source),
            Self::CallerUnknown { source, .. } => source.hint().unwrap_or_else(|| NO_ANSWER.to_owned()),
            Self::OtherAccount { .. } => "check the role's ARN and the endpoint it was assumed at".to_owned(),
        }
    }

    /// The chain as far as it went, a line a hop: what worked, then what did not.
    #[must_use]
    pub fn hops(&self) -> Vec<String> {
        match self {
            Self::Hop { passed, role, source, .. } => {
                passed.iter().map(|hop| format!("{hop}: ok")).chain([format!("{role}: {source}")]).collect()
            }
            Self::NoBase { .. }
            | Self::BaseRefused { .. }
            | Self::NoToken { .. }
            | Self::CallerUnknown { .. }
            | Self::OtherAccount { .. } => Vec::new(),
        }
    }

    /// AWS's answer, where there is one.
    #[must_use]
    pub fn fault(&self) -> Option<&AwsFault> {
        match self {
            Self::BaseRefused { fault, .. } => Some(fault),
            Self::Hop { source, .. } => Some(source),
            Self::CallerUnknown { source, .. } => Some(source),
            Self::NoBase { .. } | Self::NoToken { .. } | Self::OtherAccount { .. } => None,
        }
    }

    /// Whether it is about what every chain of a run starts with, and so the same for each of them.
    #[must_use]
    pub fn is_about_the_base(&self) -> bool {
        matches!(self, Self::NoBase { .. } | Self::BaseRefused { .. })
    }
}

/// These errors, with what is the same for several chains said once.
#[must_use]
pub fn distinct(errors: Vec<IdentityError>) -> Vec<IdentityError> {
    let mut said = Vec::new();
    let is_new = |error: &IdentityError| {
        let text = error.to_string();
        let is_new = !error.is_about_the_base() || !said.contains(&text);
        said.push(text);
        is_new
    };
    errors.into_iter().filter(is_new).collect()
}

/// Credentials without an expiry are fetched again after this long: what they come from may have changed.
const WITHOUT_EXPIRY: Duration = Duration::from_mins(15);
/// Credentials as new as this are not renewed: several calls that were refused together renew them once.
const NEW: Duration = Duration::from_secs(2);
/// Credentials that are about to expire, and could not be renewed, are used for this long before the next attempt.
const RENEW_AGAIN: Duration = Duration::from_secs(30);

/// A credentials provider that walks a chain of roles. It keeps what it was given until shortly before that expires, or until it
/// is told to forget it, and then walks the whole chain again, with a new token where it begins with one.
#[derive(Debug)]
pub(super) struct RoleChain {
    purpose: String,
    base: Base,
    hops: Vec<Hop>,
    kept: Mutex<Option<Kept>>,
}

/// Credentials, when they were given, and when they last could not be renewed.
#[derive(Debug)]
struct Kept {
    credentials: Credentials,
    since: Instant,
    failed: Option<Instant>,
}

impl Kept {
    fn new(credentials: Credentials) -> Self {
        Self { credentials, since: Instant::now(), failed: None }
    }

    /// Whether they need no renewal yet.
    fn is_good(&self) -> bool {
        match self.left() {
            None => self.since.elapsed() < WITHOUT_EXPIRY,
            Some(left) => {
                let has_failed = self.failed.is_some_and(|failed| failed.elapsed() < RENEW_AGAIN);
                left > REFRESH_BEFORE_EXPIRY || (has_failed && !left.is_zero())
            }
        }
    }

    /// How long they are valid; `None` when they say nothing of that.
    fn left(&self) -> Option<Duration> {
        let expiry = self.credentials.expiry()?;
        Some(expiry.duration_since(SystemTime::now()).unwrap_or_default())
    }
}

/// How far a chain has been walked.
struct Walked {
    credentials: Credentials,
    passed: Vec<String>,
}

impl RoleChain {
    /// A chain for `purpose` that starts where `base` does.
    pub(super) fn new(purpose: &str, base: &Base, hops: &[Hop]) -> Self {
        Self { purpose: purpose.to_owned(), base: base.clone(), hops: hops.to_vec(), kept: Mutex::new(None) }
    }

    /// Walks the chain and keeps what it gave for the SDK's first request.
    pub(super) async fn prepare(&self) -> Result<(), IdentityError> {
        self.credentials().await.map(drop)
    }

    /// Has the next request walk the chain again.
    pub(super) async fn forget(&self) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.since.elapsed() >= NEW) {
            *kept = None;
            self.base.forget().await;
        }
    }

    /// What is kept, if it is still good; else the chain is walked, once for all who need it.
    async fn credentials(&self) -> Result<Credentials, IdentityError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_good()) {
            return Ok(kept.credentials.clone());
        }
        match (self.walk().await, kept.as_mut().filter(|kept| kept.left().is_none_or(|left| !left.is_zero()))) {
            (Ok(credentials), _) => {
                *kept = Some(Kept::new(credentials.clone()));
                Ok(credentials)
            }
            (Err(_), Some(valid)) => {
                valid.failed = Some(Instant::now());
                Ok(valid.credentials.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Walks the chain.
    async fn walk(&self) -> Result<Credentials, IdentityError> {
        let (mut walked, rest) = match (&self.base.token, self.hops.split_first()) {
            (Some(supply), Some((first, rest))) => (self.enter(supply, first).await?, rest),
            _ => (self.begin().await?, self.hops.as_slice()),
        };
        for hop in rest {
            let assumed = assume(&self.base.config, hop, walked.credentials.clone()).await;
            let credentials = match assumed {
                Ok(credentials) => credentials,
                Err(source) => return Err(self.refused(hop, walked.passed, source).await),
            };
            walked = Walked { credentials, passed: with(walked.passed, hop) };
        }
        Ok(walked.credentials)
    }

    /// The base identity as the standard chain of providers finds it.
    async fn begin(&self) -> Result<Walked, IdentityError> {
        let no_token = self.base.no_token.clone().or_else(|| self.base.token.as_ref().map(|_| needs_a_role()));
        let none = |problem: BaseProblem| IdentityError::NoBase {
            no_token: no_token.clone().map(Box::new),
            problem: Box::new(problem),
        };
        if let Some(problem) = self.base.variables.contradiction() {
            return Err(none(problem));
        }
        let credentials = self.base.load().await.map_err(none)?;
        keep_secret(&credentials);
        Ok(Walked { credentials, passed: vec!["base identity".to_owned()] })
    }

    /// What it means that a role was not assumed by a signed request: the credentials that signed it are refused, or the role is.
    async fn refused(&self, hop: &Hop, passed: Vec<String>, source: AwsFault) -> IdentityError {
        let starts_at_base = passed.len() == 1 && self.base.token.is_none();
        match self.base.refusal(&source).await {
            Some(problem) if starts_at_base || is_of_every_chain(&source) => {
                IdentityError::BaseRefused { problem: Box::new(problem), fault: Box::new(source) }
            }
            _ => self.failed(hop, passed, None, source),
        }
    }

    /// The first role, by the job's token.
    async fn enter(&self, supply: &TokenSupply, first: &Hop) -> Result<Walked, IdentityError> {
        let token = supply
            .token()
            .await
            .map_err(|source| IdentityError::NoToken { purpose: self.purpose.clone(), source: Box::new(source) })?;
        let passed = vec!["the job's OIDC token".to_owned()];
        match web_identity::assume(&self.base.config, first, &token).await {
            Ok(credentials) => Ok(Walked { credentials, passed: with(passed, first) }),
            Err(source) => match self.base.refusal(&source).await {
                Some(problem) if is_of_every_chain(&source) => {
                    Err(IdentityError::BaseRefused { problem: Box::new(problem), fault: Box::new(source) })
                }
                _ => Err(self.failed(first, passed, Claims::read(&token), source)),
            },
        }
    }

    fn failed(&self, hop: &Hop, passed: Vec<String>, claims: Option<Claims>, source: AwsFault) -> IdentityError {
        IdentityError::Hop {
            purpose: self.purpose.clone(),
            role: hop.role.to_string(),
            // What the chain begins at is among what was passed.
            number: passed.len(),
            total: self.hops.len(),
            passed,
            claims: claims.map(Box::new),
            source: Box::new(source),
        }
    }
}

/// Whether a failure has nothing to do with the role: every chain would fail with it.
fn is_of_every_chain(fault: &AwsFault) -> bool {
    fault.connection.is_some() || base_identity::is_about_the_clock(fault)
}

/// A token says nothing to any service but STS.
fn needs_a_role() -> TokenRefusal {
    TokenRefusal {
        message: "the job's OIDC token is of use with a role alone".to_owned(),
        hint: "name the role that the token is to be shown for: `role` of the target, `registry_role` of the image"
            .to_owned(),
    }
}

/// With this hop passed too.
fn with(mut passed: Vec<String>, hop: &Hop) -> Vec<String> {
    passed.push(hop.role.to_string());
    passed
}

async fn assume(sts: &SdkConfig, hop: &Hop, with: Credentials) -> Result<Credentials, AwsFault> {
    let config = sts.clone().into_builder().credentials_provider(SharedCredentialsProvider::new(with)).build();
    let seconds = hop.duration.map(|duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
    let answer = aws_sdk_sts::Client::new(&config)
        .assume_role()
        .role_arn(hop.role.as_str())
        .role_session_name(&hop.session_name)
        .set_external_id(hop.external_id.clone())
        .set_duration_seconds(seconds)
        .send()
        .await
        .map_err(|error| AwsFault::new("sts:AssumeRole", &error))?;
    credentials_of("sts:AssumeRole", answer.credentials)
}

/// The credentials in an answer.
pub(super) fn credentials_of(
    action: &'static str,
    given: Option<aws_sdk_sts::types::Credentials>,
) -> Result<Credentials, AwsFault> {
    let given = given.ok_or_else(|| AwsFault::unusable(action, "the answer holds no credentials"))?;
    let credentials = Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        std::time::SystemTime::try_from(given.expiration).ok(),
        "shipgate role chain",
    );
    keep_secret(&credentials);
    Ok(credentials)
}

/// Has the parts that are secret masked in all output. The id of an access key is none: it is in logs of AWS, and says whose
/// key it is.
fn keep_secret(credentials: &Credentials) {
    drop(Secret::new(credentials.secret_access_key()));
    drop(credentials.session_token().map(Secret::new));
}

impl ProvideCredentials for RoleChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(
            async move { self.credentials().await.map_err(CredentialsError::provider_error) },
        )
    }
}
