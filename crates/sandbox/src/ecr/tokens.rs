//! Authorization tokens: what GetAuthorizationToken hands out and the registries ask for.

use std::{collections::HashMap, sync::Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};

use crate::{identities::Principal, locking::lock, random};
use shipgate_core::account::Region;

/// How long a token is good (Amazon ECR User Guide, private registry authentication).
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// The tokens there are: the opaque half to whom it was given and until when.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, (Holder, Timestamp)>>);

/// To whom a token was given, and for which region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    /// Whom.
    pub(crate) principal: Principal,
    /// The region of the registries it opens.
    pub(crate) region: Region,
}

/// What an Authorization header comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Login {
    /// There is none, or not one of ours.
    Unknown,
    /// It was good once.
    Expired,
    /// It was given to somebody.
    Good(Holder),
}

impl Tokens {
    /// A new token: base64 of `AWS:` and the opaque half, and when it expires.
    pub(crate) fn issue(&self, holder: Holder, now: Timestamp) -> (String, Timestamp) {
        let (secret, expires) = (random::alphanumeric(600), now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX));
        let token = STANDARD.encode(format!("AWS:{secret}"));
        lock(&self.0).insert(secret, (holder, expires));
        (token, expires)
    }

    /// Who an `Authorization: Basic …` header is.
    pub(crate) fn login(&self, authorization: Option<&str>, now: Timestamp) -> Login {
        let basic = authorization.and_then(|text| text.strip_prefix("Basic "));
        let decoded = basic.and_then(|text| STANDARD.decode(text.trim()).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let Some(secret) = text.strip_prefix("AWS:") else { return Login::Unknown };
        match lock(&self.0).get(secret) {
            None => Login::Unknown,
            Some((_, expires)) if *expires <= now => Login::Expired,
            Some((holder, _)) => Login::Good(holder.clone()),
        }
    }

    /// Lets every token expire now.
    pub(crate) fn expire_all(&self, now: Timestamp) {
        for (_, expires) in lock(&self.0).values_mut() {
            *expires = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Holder, Login, Principal, Tokens};

    #[test]
    fn twelve_hours() {
        let (tokens, now) = (Tokens::default(), Timestamp::UNIX_EPOCH);
        let principal = Principal {
            account: "111111111111".parse().unwrap(),
            arn: "arn:aws:iam::111111111111:user/u".to_owned(),
            user_id: String::new(),
            role: None,
            session_policy: None,
            tags: Vec::new(),
        };
        let holder = Holder { principal, region: "eu-west-1".parse().unwrap() };
        let (token, expires) = tokens.issue(holder.clone(), now);
        assert_eq!(expires, now + SignedDuration::from_hours(12));
        let header = format!("Basic {token}");
        assert_eq!(tokens.login(Some(&header), now), Login::Good(holder));
        assert_eq!(tokens.login(Some(&header), expires), Login::Expired);
        for bad in [None, Some("Basic QVdTOng="), Some("Bearer x"), Some("Basic !")] {
            assert_eq!(tokens.login(bad, now), Login::Unknown, "{bad:?}");
        }
    }
}
