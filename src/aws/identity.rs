//! Role chains: from the base identity, hop by hop, to credentials in an account. Held in memory only.

use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};

use super::fault::AwsFault;
use crate::domain::{access::Hop, account::AccountId, secret::Secret};

/// The way to an account failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is nothing to start from.
    #[error("no base identity for {purpose}: no AWS credentials were found")]
    NoBase {
        /// What the identity is for.
        purpose: String,
        /// What the standard chain of providers said.
        #[source]
        source: CredentialsError,
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

impl IdentityError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoBase { .. } => {
                "give AWS credentials by any standard means: AWS_PROFILE, AWS_ACCESS_KEY_ID, `aws sso login`, \
                 or AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN"
                    .to_owned()
            }
            Self::Hop { role, number, source, .. } if source.is_denied() => {
                let who = if *number == 1 { "the base identity" } else { "the role before it" };
                format!(
                    "let {who} assume it: the trust policy of {role} must name that principal (and its external id, if it asks \
                     for one), and that principal needs sts:AssumeRole on it"
                )
            }
            Self::Hop { .. } | Self::CallerUnknown { .. } => {
                "check the region, the endpoint and the network between here and AWS STS".to_owned()
            }
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
            Self::NoBase { .. } | Self::CallerUnknown { .. } | Self::OtherAccount { .. } => Vec::new(),
        }
    }
}

/// A credentials provider that walks a chain of roles. The SDK asks it again before what it gave expires, and it
/// then walks the whole chain anew.
#[derive(Debug)]
pub(super) struct RoleChain {
    purpose: String,
    sts: SdkConfig,
    base: SharedCredentialsProvider,
    hops: Vec<Hop>,
    prepared: Mutex<Option<Credentials>>,
}

impl RoleChain {
    /// A chain for `purpose` that starts at the credentials of `base`.
    pub(super) fn new(purpose: &str, base: &SdkConfig, hops: &[Hop]) -> Result<Self, IdentityError> {
        let provider = base.credentials_provider().ok_or_else(|| IdentityError::NoBase {
            purpose: purpose.to_owned(),
            source: CredentialsError::not_loaded_no_source(),
        })?;
        Ok(Self {
            purpose: purpose.to_owned(),
            sts: base.clone(),
            base: provider,
            hops: hops.to_vec(),
            prepared: Mutex::new(None),
        })
    }

    /// Walks the chain and keeps what it gave for the SDK's first question.
    pub(super) async fn prepare(&self) -> Result<(), IdentityError> {
        let credentials = self.walk().await?;
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
        Ok(())
    }

    /// Walks the chain.
    async fn walk(&self) -> Result<Credentials, IdentityError> {
        let mut credentials = self
            .base
            .provide_credentials()
            .await
            .map_err(|source| IdentityError::NoBase { purpose: self.purpose.clone(), source })?;
        let mut passed = vec!["base identity".to_owned()];
        for (index, hop) in self.hops.iter().enumerate() {
            credentials = self.assume(hop, credentials).await.map_err(|source| IdentityError::Hop {
                purpose: self.purpose.clone(),
                role: hop.role.to_string(),
                number: index + 1,
                total: self.hops.len(),
                passed: passed.clone(),
                source: Box::new(source),
            })?;
            passed.push(hop.role.to_string());
        }
        Ok(credentials)
    }

    async fn assume(&self, hop: &Hop, with: Credentials) -> Result<Credentials, AwsFault> {
        let config = self.sts.clone().into_builder().credentials_provider(SharedCredentialsProvider::new(with)).build();
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
        let given = answer.credentials.ok_or_else(|| AwsFault {
            action: "sts:AssumeRole",
            code: None,
            message: "the answer holds no credentials".to_owned(),
        })?;
        let secret = Secret::new(given.secret_access_key);
        Ok(Credentials::new(
            given.access_key_id,
            secret.reveal(),
            Some(given.session_token),
            std::time::SystemTime::try_from(given.expiration).ok(),
            "shipgate role chain",
        ))
    }
}

impl ProvideCredentials for RoleChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).take();
        future::ProvideCredentials::new(async move {
            match prepared {
                Some(credentials) => Ok(credentials),
                None => self.walk().await.map_err(CredentialsError::provider_error),
            }
        })
    }
}
