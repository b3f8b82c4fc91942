//! The local OIDC issuer: it signs tokens for any `iss`, and STS accepts no others.
//!
//! `POST /_sandbox/oidc/token` takes the claims as JSON; `GET /_sandbox/oidc/token?issuer=…&subject=…&audience=…` is of the
//! shape that GitHub's `ACTIONS_ID_TOKEN_REQUEST_URL` has, to which clients append `&audience=…`. Both answer
//! `{"value": TOKEN}`. Tokens are signed with HS256: only the sandbox itself ever verifies them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::{
    control::digesting::{equal_in_constant_time, hmac_sha256},
    identities::opaque,
};

/// How long a token is good unless its claims say otherwise: five minutes, as GitHub's are.
const LIFETIME_SECONDS: i64 = 300;

/// Signs tokens and knows its own again.
pub(crate) struct Issuer {
    secret: String,
}

impl Issuer {
    /// An issuer with a secret of its own.
    pub(crate) fn new() -> Self {
        Self { secret: opaque(64) }
    }

    /// A token with these claims; `iss`, `aud`, `iat`, `nbf`, `exp` and `jti` are filled in where they are absent.
    pub(crate) fn mint(&self, claims: &Value, now: Timestamp) -> String {
        let issued = now.as_second();
        let mut all = json!({
            "iss": "https://token.actions.githubusercontent.com",
            "aud": "sts.amazonaws.com",
            "sub": "repo:shop/api:ref:refs/heads/main",
            "iat": issued,
            "nbf": issued,
            "exp": issued + LIFETIME_SECONDS,
            "jti": opaque(16),
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT", "kid": "sandbox"}).to_string());
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(all.to_string()));
        let signature = self.signature(&signed);
        format!("{signed}.{signature}")
    }

    /// The claims of a token, if they can be read, and whether this issuer signed them.
    pub(crate) fn read(&self, token: &str) -> Option<(Value, bool)> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, payload) = signed.split_once('.')?;
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims = serde_json::from_slice(&bytes).ok()?;
        Some((claims, equal_in_constant_time(self.signature(signed).as_bytes(), signature.as_bytes())))
    }

    fn signature(&self, signed: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac_sha256(self.secret.as_bytes(), signed.as_bytes()))
    }
}
