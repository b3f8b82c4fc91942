//! The local OIDC issuer: it signs tokens for any `iss`, and STS accepts no others.
//!
//! `POST /_sandbox/oidc/token` takes the claims as JSON; `GET /_sandbox/oidc/token?issuer=…&subject=…&audience=…` is of the
//! shape that GitHub's `ACTIONS_ID_TOKEN_REQUEST_URL` has, to which clients append `&audience=…`. Both answer
//! `{"value": TOKEN}` to callers that send the control token as their bearer. Tokens are signed with ES256 (RFC 7518, 3.4) and a key that is made at the start; anybody can
//! verify them with the key of `/_sandbox/oidc/jwks`, which `/.well-known/openid-configuration` leads to.

use aws_lc_rs::{
    encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin},
    error::Unspecified,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::random::alphanumeric;

/// How long a token is good unless its claims say otherwise: five minutes, as GitHub's are.
const LIFETIME_SECONDS: i64 = 300;
/// The length of a coordinate of P-256, in bytes.
const COORDINATE: usize = 32;

/// Signs tokens and knows its own again.
pub(crate) struct Issuer {
    key: EcdsaKeyPair,
    /// The public key as a JSON web key, without what it is for.
    public: Value,
    /// Its thumbprint (RFC 7638).
    key_id: String,
}

impl Issuer {
    /// An issuer with a key of its own; an error when the system has no randomness to make it of.
    pub(crate) fn new() -> Result<Self, Unspecified> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let point: EcPublicKeyUncompressedBin<'_> = key.public_key().as_be_bytes()?;
        // Behind a byte that says it is not compressed.
        let (x, y) = point.as_ref().get(1..).ok_or(Unspecified)?.split_at_checked(COORDINATE).ok_or(Unspecified)?;
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        // The thumbprint's own form: these members, in this order, without blanks.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
        Ok(Self { public: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}), key, key_id })
    }

    /// A token with these claims; `iss`, `aud`, `iat`, `nbf`, `exp` and `jti` are filled in where they are absent.
    pub(crate) fn mint(&self, claims: &Value, now: Timestamp) -> Result<String, Unspecified> {
        let issued = now.as_second();
        let mut all = json!({
            "iss": "https://token.actions.githubusercontent.com",
            "aud": "sts.amazonaws.com",
            "sub": "repo:shop/api:ref:refs/heads/main",
            "iat": issued,
            "nbf": issued,
            "exp": issued + LIFETIME_SECONDS,
            "jti": alphanumeric(16),
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.key_id});
        let [header, payload] = [header, all].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{payload}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token, if they can be read, and whether this issuer signed them.
    pub(crate) fn read(&self, token: &str) -> Option<(Value, bool)> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let part = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        };
        // There is one key and one algorithm, and the header is signed too: what it names cannot be another.
        part(header)?;
        Some((part(payload)?, self.has_signed(signed, signature)))
    }

    fn has_signed(&self, signed: &str, signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('='));
        signature.is_ok_and(|signature| key.verify(signed.as_bytes(), &signature).is_ok())
    }

    /// The JSON web key set (RFC 7517) that tokens are verified with.
    pub(crate) fn key_set(&self) -> Value {
        let mut key = self.public.clone();
        key["kid"] = self.key_id.as_str().into();
        key["use"] = "sig".into();
        key["alg"] = "ES256".into();
        json!({"keys": [key]})
    }

    /// What an issuer says about itself (OpenID Connect Discovery 1.0, 3), as the one at this address.
    pub(crate) fn configuration(address: &str) -> Value {
        json!({
            "issuer": address,
            "jwks_uri": format!("{address}/_sandbox/oidc/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf"],
        })
    }
}
