//! OIDC tokens: their claims.

use jiff::Timestamp;
use serde_json::Value;

use super::issuer::Issuer;
use crate::{answer::ApiError, iam::Context};

/// What a token claims.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Claims {
    /// `iss`, without `https://`.
    pub(crate) issuer: String,
    /// `aud`.
    pub(crate) audience: String,
    /// `sub`.
    pub(crate) subject: String,
}

impl Claims {
    /// Reads a token that the issuer must have signed, and whose time it must be: `exp`, `iat`, and `nbf` if it is there.
    pub(crate) fn read(issuer: &Issuer, token: &str, now: Timestamp) -> Result<Self, ApiError> {
        let invalid = |message: &str| ApiError::new(400, "InvalidIdentityToken", message);
        let malformed = || {
            invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
        };
        let (claims, signed) = issuer.read(token).ok_or_else(malformed)?;
        if !signed {
            return Err(invalid(
                "Couldn't retrieve verification key from your identity provider, please reference \
                 AssumeRoleWithWebIdentity documentation for requirements",
            ));
        }
        let expires = claims["exp"].as_i64().ok_or_else(malformed)?;
        if expires <= now.as_second() {
            let now = now.as_second();
            let message =
                format!("Token expired: current date/time {now} must be before the expiration date/time {expires}");
            return Err(ApiError::new(400, "ExpiredTokenException", message));
        }
        let minted = claims["iat"].as_i64().ok_or_else(malformed)?;
        let begins = claims.get("nbf").map_or(Some(minted), Value::as_i64).ok_or_else(malformed)?.max(minted);
        if begins > now.as_second() {
            let now = now.as_second();
            return Err(invalid(&format!(
                "Token is not yet valid: current date/time {now} must not be before the token's date/time {begins}"
            )));
        }
        let audience = claims["aud"].as_str().or_else(|| claims["aud"][0].as_str());
        let issuer = claims["iss"].as_str().ok_or_else(malformed)?;
        Ok(Self {
            issuer: issuer.strip_prefix("https://").unwrap_or(issuer).to_owned(),
            audience: audience.ok_or_else(malformed)?.to_owned(),
            subject: claims["sub"].as_str().ok_or_else(malformed)?.to_owned(),
        })
    }

    /// With the condition keys of the token: `ISSUER:aud`, `ISSUER:sub`.
    pub(crate) fn context(&self, context: Context) -> Context {
        context
            .with(&format!("{}:aud", self.issuer), self.audience.as_str())
            .with(&format!("{}:sub", self.issuer), self.subject.as_str())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{Claims, Issuer};

    #[test]
    fn only_the_issuers_own_tokens_are_good_and_only_for_a_while() {
        let (issuer, now) = (Issuer::new().unwrap(), Timestamp::from_second(1000).unwrap());
        let claims = json!({"iss": "https://ci.example", "sub": "repo:shop/api", "aud": ["sts.amazonaws.com"]});
        let good = issuer.mint(&claims, now).unwrap();
        let read = Claims::read(&issuer, &good, now).unwrap();
        assert_eq!((read.issuer.as_str(), read.subject.as_str()), ("ci.example", "repo:shop/api"));
        assert_eq!(read.audience, "sts.amazonaws.com");
        let later = Timestamp::from_second(1300).unwrap();
        assert_eq!(Claims::read(&issuer, &good, later).unwrap_err().code, "ExpiredTokenException");
        let forged = Issuer::new().unwrap().mint(&claims, now).unwrap();
        let (_, signature) = good.rsplit_once('.').unwrap();
        let another = issuer.mint(&json!({"sub": "repo:other/api"}), now).unwrap();
        let (other, _) = another.rsplit_once('.').unwrap();
        let patched = format!("{other}.{signature}");
        for bad in ["", "a.b.c", "no dots", forged.as_str(), patched.as_str()] {
            assert_eq!(Claims::read(&issuer, bad, now).unwrap_err().code, "InvalidIdentityToken", "{bad}");
        }
    }

    #[test]
    fn a_token_has_its_time() {
        let (issuer, now) = (Issuer::new().unwrap(), Timestamp::from_second(1000).unwrap());
        for (times, code) in [
            (json!({}), None),
            (json!({"iat": 1000, "nbf": 1000, "exp": 1001}), None),
            (json!({"exp": 1000}), Some("ExpiredTokenException")),
            (json!({"nbf": 1001}), Some("InvalidIdentityToken")),
            (json!({"iat": 1001}), Some("InvalidIdentityToken")),
            (json!({"exp": null}), Some("InvalidIdentityToken")),
            (json!({"iat": "now"}), Some("InvalidIdentityToken")),
            (json!({"nbf": "now"}), Some("InvalidIdentityToken")),
        ] {
            let token = issuer.mint(&times, now).unwrap();
            let refused = Claims::read(&issuer, &token, now).err().map(|refused| refused.code);
            assert_eq!(refused, code, "{times}");
        }
    }

    #[test]
    fn a_header_that_was_changed_is_refused() {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let (issuer, now) = (Issuer::new().unwrap(), Timestamp::from_second(1000).unwrap());
        let good = issuer.mint(&json!({}), now).unwrap();
        let (_, rest) = good.split_once('.').unwrap();
        let key_id = issuer.key_set()["keys"][0]["kid"].clone();
        for header in [json!({"alg": "none", "kid": key_id}), json!({"alg": "HS256", "kid": key_id}), json!({})] {
            let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
            assert_eq!(Claims::read(&issuer, &token, now).unwrap_err().code, "InvalidIdentityToken", "{header}");
        }
    }
}
