//! What a token says of itself. It is read, not verified: STS does that. Nothing here keeps the token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// The claims of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads the middle part of a JSON web token (RFC 7519); `None` when it is not one.
    #[must_use]
    pub fn read(token: &Secret) -> Option<Self> {
        let mut parts = token.reveal().split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
        parts.next().is_none().then_some(Self(claims))
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// `iss` as IAM names it in ARNs and condition keys: without `https://`.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.text("iss").map(|issuer| issuer.strip_prefix("https://").unwrap_or(issuer))
    }

    /// `sub`: whose token it is.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// `aud`: whom it may be shown to; the first of several.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        let named = self.0.get("aud")?;
        named.as_str().or_else(|| named.as_array()?.first()?.as_str())
    }

    /// When the system that gave it says that it did: seconds since 1970.
    #[must_use]
    pub fn issued_at(&self) -> Option<i64> {
        self.0.get("iat")?.as_i64()
    }

    /// `sub` in the form that names cannot be taken over in: GitHub's, with the numbers of owner and repository (repositories
    /// that were made or renamed since 2026-07-15 have it, others can be switched to it). `None` for tokens that have no such
    /// form, and for a `sub` that a repository has customized.
    #[must_use]
    pub fn immutable_subject(&self) -> Option<String> {
        let subject = self.subject()?;
        let rest = subject.strip_prefix("repo:")?;
        let (repository, rest) = rest.split_once(':')?;
        if repository.contains('@') {
            return Some(subject.to_owned());
        }
        let (owner, name) = repository.split_once('/')?;
        let (owner_id, id) = (self.number("repository_owner_id")?, self.number("repository_id")?);
        Some(format!("repo:{owner}@{owner_id}/{name}@{id}:{rest}"))
    }

    /// GitHub writes ids as texts.
    fn number(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?;
        let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))?;
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
    }
}
