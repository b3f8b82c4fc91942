//! Exchanges credentials, or nothing, for the short-lived tokens that registries other than ECR want (Docker Hub, GitHub,
//! GitLab …). Tokens are kept per repository and kind of access, and renewed before they expire.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Method, RequestBuilder, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    authorization::Presented,
    challenge::Challenge,
    client::Registry,
    error::{Action, RegistryError},
    location,
    request::{self, Reply, bad_answer, connection},
    retry,
};
use crate::domain::{image::EcrHost, secret::Secret};

/// How long a token is good when nobody says (distribution's token specification, `expires_in`).
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);

/// A token answer is a few kilobytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What token services know this program as.
const CLIENT_ID: &str = "shipgate";

/// What a token is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Access {
    pub(super) repository: String,
    pub(super) writes: bool,
}

impl Access {
    /// In the words of the token specification; what to ask for when the challenge does not say.
    fn scope(&self) -> String {
        let actions = if self.writes { "pull,push" } else { "pull" };
        format!("repository:{}:{actions}", self.repository)
    }
}

/// The tokens of one registry.
#[derive(Default)]
pub(super) struct Tokens {
    held: Mutex<HashMap<Access, (HeaderValue, Instant)>>,
    /// Held while a token is fetched, so that sixteen uploads that begin together fetch one.
    fetching: tokio::sync::Mutex<()>,
}

impl Tokens {
    fn held(&self) -> MutexGuard<'_, HashMap<Access, (HeaderValue, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The header with a token that is good for this access and not about to expire.
    pub(super) fn header(&self, access: &Access) -> Option<HeaderValue> {
        let held = self.held();
        held.get(access).filter(|(_, renew_at)| Instant::now() < *renew_at).map(|(header, _)| header.clone())
    }

    pub(super) fn forget(&self) {
        self.held().clear();
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// The challenge in the headers of a 401.
pub(super) fn challenge_in(headers: &reqwest::header::HeaderMap) -> Option<Challenge> {
    headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| Challenge::parse(value.to_str().ok()?))
}

impl Registry {
    /// Gets a token as the challenge says, unless somebody else just has: `refused` is what was sent in vain.
    pub(super) async fn answer_challenge(
        &self,
        challenge: &Challenge,
        access: &Access,
        refused: Option<&HeaderValue>,
    ) -> Result<(), RegistryError> {
        let tokens = self.tokens();
        let _fetching = tokens.fetching.lock().await;
        if tokens.header(access).is_some_and(|header| Some(&header) != refused) {
            return Ok(());
        }
        let scope = challenge.scope.clone().unwrap_or_else(|| access.scope());
        let action = self.action("get token", &scope, &access.repository);
        // ECR's own token is all it ever takes. A challenge in its name is somebody else's, and is shown nothing.
        if EcrHost::parse(self.host()).is_some() {
            return Err(bad_answer(action, "it asks for a token, which ECR never does".to_owned()));
        }
        let realm = self.realm(challenge).map_err(|reason| bad_answer(action.clone(), reason))?;
        let question = Question { realm, service: challenge.service.as_deref(), scope: &scope };
        let fetched = retry::persist(self, &action, || self.fetch_token(&question, &action)).await;
        let (header, lifetime) = fetched?;
        tokens.held().insert(access.clone(), (header, Instant::now() + lifetime.mul_f64(0.8)));
        Ok(())
    }

    async fn fetch_token(
        &self,
        question: &Question<'_>,
        action: &Action,
    ) -> Result<(HeaderValue, Duration), RegistryError> {
        let request = match self.credential_store().presented() {
            Presented::Nothing => question.get(self.http()),
            Presented::Header(header) => question.get(self.http()).header(AUTHORIZATION, header),
            Presented::RefreshToken(token) => question.post(self.http(), &token),
        };
        self.count_request();
        let response = tokio::time::timeout(self.patience().stall, request.send())
            .await
            .map_err(|_| RegistryError::Stalled { action: Box::new(action.clone()), after: self.patience().stall })?
            .map_err(|source| connection(action.clone(), source))?;
        if !response.status().is_success() {
            let answer = request::read_answer(response, None, self.patience().stall).await;
            return Err(request::judge(action.clone(), answer, true));
        }
        let mut reply = Reply { url: response.url().clone(), response };
        let body = self.read_whole(&mut reply, action, MAX_TOKEN_BYTES).await?;
        read_token(&body).map_err(|reason| bad_answer(action.clone(), reason.to_owned()))
    }

    /// The realm. It is another host by design, and is shown the credentials: so it must not be reached without TLS when
    /// the registry is.
    fn realm(&self, challenge: &Challenge) -> Result<Url, String> {
        location::follow(&self.resource("", ""), &challenge.realm)
    }
}

/// What a token service is asked.
struct Question<'a> {
    realm: Url,
    service: Option<&'a str>,
    scope: &'a str,
}

impl Question<'_> {
    /// For whoever has a password, or nothing (distribution's token specification, "Requesting a Token").
    fn get(&self, http: &Client) -> RequestBuilder {
        let mut url = self.realm.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(self.service.map(|service| ("service", service)));
        query.append_pair("scope", self.scope);
        drop(query);
        http.request(Method::GET, url)
    }

    /// For whoever has a refresh token (distribution's OAuth2 token specification). It is in no address, which proxies log.
    fn post(&self, http: &Client, refresh_token: &Secret) -> RequestBuilder {
        // A form is written as a query is.
        let mut form = self.realm.clone();
        form.query_pairs_mut()
            .clear()
            .append_pair("grant_type", "refresh_token")
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("scope", self.scope)
            .append_pair("client_id", CLIENT_ID)
            .append_pair("refresh_token", refresh_token.reveal());
        let form = form.query().unwrap_or_default().to_owned();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        http.request(Method::POST, self.realm.clone()).header(CONTENT_TYPE, kind).body(form)
    }
}

/// The header with the token, and how long it is good.
fn read_token(body: &[u8]) -> Result<(HeaderValue, Duration), &'static str> {
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| "its token service answers no JSON")?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
    let token = token.ok_or("its token service gave no token")?;
    let header = HeaderValue::try_from(format!("Bearer {token}"));
    let mut header = header.map_err(|_| "its token holds characters that no header may")?;
    header.set_sensitive(true);
    Ok((header, answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::{Challenge, Registry};
    use crate::{domain::secret::Secret, registry::Authorization};

    #[test]
    fn a_registry_with_tls_has_no_token_service_without() {
        let token = || Authorization::IdentityToken(Secret::new("hunter2"));
        let realm = |registry: &str, realm: &str| {
            let registry = Registry::new("r", registry, token()).unwrap();
            let challenge = Challenge { realm: realm.to_owned(), service: None, scope: None };
            registry.realm(&challenge).map(String::from)
        };
        let (secure, plain) = ("https://auth.example.com/token", "http://auth.example.com/token");
        assert_eq!(realm("https://r.example.com", secure).as_deref(), Ok(secure));
        assert!(realm("https://r.example.com", plain).is_err());
        assert_eq!(realm("http://127.0.0.1:5000", plain).as_deref(), Ok(plain));
        assert_eq!(realm("http://127.0.0.1:5000", secure).as_deref(), Ok(secure));
    }
}
