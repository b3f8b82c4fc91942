//! A token as the way into a first role: who supplies it, and the call that shows it to STS. Where tokens come from is not known
//! here.

use std::{fmt, sync::Arc};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use futures_util::future::BoxFuture;

use super::{fault::AwsFault, identity::credentials_of};
use shipgate_core::{access::Hop, secret::Secret};

/// The call.
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// Gives a token each time it is asked: tokens live for minutes, and sessions are renewed.
#[derive(Clone)]
pub struct TokenSupply(Arc<dyn Fn() -> BoxFuture<'static, Result<Secret, TokenRefusal>> + Send + Sync>);

/// Why there is no token, in the words of whoever was to supply it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TokenRefusal {
    /// What is missing, or what failed.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl TokenSupply {
    /// A supply by this function.
    pub fn new(ask: impl Fn() -> BoxFuture<'static, Result<Secret, TokenRefusal>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// A supply that has nothing to give.
    #[must_use]
    pub fn refusing(refusal: TokenRefusal) -> Self {
        Self::new(move || Box::pin(std::future::ready(Err(refusal.clone()))))
    }

    pub(super) async fn token(&self) -> Result<Secret, TokenRefusal> {
        (self.0)().await
    }
}

impl fmt::Debug for TokenSupply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenSupply")
    }
}

/// Assumes a role with a token. Nothing is signed: the token is the proof. STS takes no external id with it.
pub(super) async fn assume(sts: &SdkConfig, hop: &Hop, token: &Secret) -> Result<Credentials, AwsFault> {
    let mut config = sts.clone().into_builder();
    config.set_credentials_provider(None);
    let seconds = hop.duration.map(|duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
    let answer = aws_sdk_sts::Client::new(&config.build())
        .assume_role_with_web_identity()
        .role_arn(hop.role.as_str())
        .role_session_name(&hop.session_name)
        .web_identity_token(token.reveal())
        .set_duration_seconds(seconds)
        .send()
        .await
        .map_err(|error| AwsFault::new(ACTION, &error))?;
    credentials_of(ACTION, answer.credentials)
}
