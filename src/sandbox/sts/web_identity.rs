//! OIDC tokens: their claims. Whether an issuer really signed them is not asked yet.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::{answer::ApiError, seed::WebIdentity};

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
    /// Decodes the claims of a JWT and checks its `exp`.
    pub(crate) fn read(token: &str, now: Timestamp) -> Result<Self, ApiError> {
        let malformed = || {
            let message =
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
            ApiError::new(400, "InvalidIdentityToken", message)
        };
        let payload = token.split('.').nth(1).ok_or_else(malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| malformed())?;
        let claims: Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        let expires = claims["exp"].as_i64().ok_or_else(malformed)?;
        if expires <= now.as_second() {
            let (now, expires) = (now.as_second(), expires);
            let message =
                format!("Token expired: current date/time {now} must be before the expiration date/time {expires}");
            return Err(ApiError::new(400, "ExpiredTokenException", message));
        }
        let audience = claims["aud"].as_str().or_else(|| claims["aud"][0].as_str());
        Ok(Self {
            issuer: bare(claims["iss"].as_str().ok_or_else(malformed)?).to_owned(),
            audience: audience.ok_or_else(malformed)?.to_owned(),
            subject: claims["sub"].as_str().ok_or_else(malformed)?.to_owned(),
        })
    }

    /// Whether they are what a role accepts.
    pub(crate) fn fit(&self, accepted: &WebIdentity) -> bool {
        bare(&accepted.issuer) == self.issuer
            && accepted.audience == self.audience
            && super::super::wildcard::matches(&accepted.subject, &self.subject)
    }
}

fn bare(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use jiff::Timestamp;

    use super::{Claims, WebIdentity};

    fn token(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_are_compared_with_what_a_role_accepts() {
        let now = Timestamp::from_second(1000).unwrap();
        let good = token(
            r#"{"iss":"https://ci.example","aud":["sts.amazonaws.com"],"sub":"repo:shop/api:ref:main","exp":1001}"#,
        );
        let claims = Claims::read(&good, now).unwrap();
        let accept = |issuer: &str, audience: &str, subject: &str| WebIdentity {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            subject: subject.to_owned(),
        };
        assert!(claims.fit(&accept("ci.example", "sts.amazonaws.com", "repo:shop/api:*")));
        assert!(!claims.fit(&accept("other.example", "sts.amazonaws.com", "*")));
        assert!(!claims.fit(&accept("ci.example", "else", "*")));
        assert!(!claims.fit(&accept("ci.example", "sts.amazonaws.com", "repo:shop/web:*")));
    }

    #[test]
    fn expired_and_malformed_tokens() {
        let now = Timestamp::from_second(1000).unwrap();
        let expired = token(r#"{"iss":"i","aud":"a","sub":"s","exp":1000}"#);
        assert_eq!(Claims::read(&expired, now).unwrap_err().code, "ExpiredTokenException");
        for bad in ["", "a.b.c", "no dots", &token("{}")] {
            assert_eq!(Claims::read(bad, now).unwrap_err().code, "InvalidIdentityToken", "{bad}");
        }
    }
}
