//! Exchanges credentials, or nothing, for the short-lived tokens that registries other than ECR want (Docker Hub, GitHub,
//! GitLab …). Tokens are kept per repository and kind of access, and renewed before they expire.

use reqwest::{
    Method, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION},
};
use tokio::time::Instant;

use super::{
    authorization::Presented,
    challenge::Challenge,
    client::Registry,
    error::{Action, Answer, RegistryError},
    location, refusal,
    request::{Reply, bad_answer, connection},
    token::{Access, Token},
};
use shipgate_core::{image::EcrHost, secret::Secret};

/// A token answer is a few kilobytes; one whose token names many groups or repositories, hundreds.
const MAX_TOKEN_BYTES: usize = 1024 * 1024;

/// As many redirects of a token service as are followed.
const MAX_REDIRECTS: usize = 3;

/// What token services know this program as.
const CLIENT_ID: &str = "shipgate";

/// Which token will do.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// The one that is held, if it is good and not the one that was refused; else a new one, which is held from then on.
    Shared { before_body: bool, refused: Option<&'a HeaderValue> },
    /// A new one that no other request shows: some tokens are good for one request.
    Own,
}

impl Registry {
    /// The header with a token that is good for this access, as the challenge says, by one question to the token service.
    ///
    /// # Errors
    /// Whatever keeps the token service from giving one. The caller's own retries repeat the question.
    pub(super) async fn get_token(
        &self,
        challenge: &Challenge,
        access: &Access,
        scopes: Vec<String>,
        wanted: Wanted<'_>,
    ) -> Result<HeaderValue, RegistryError> {
        let Wanted::Shared { before_body, refused } = wanted else {
            return Ok(self.new_token(challenge, access, scopes).await?.header);
        };
        let tokens = self.tokens();
        let _fetching = tokens.fetching.lock().await;
        // Another request may have fetched one meanwhile.
        let held = tokens.good(access, before_body).filter(|token| token.scopes == scopes);
        if let Some(token) = held.filter(|token| Some(&token.header) != refused) {
            return Ok(token.header);
        }
        let token = self.new_token(challenge, access, scopes).await?;
        let header = token.header.clone();
        tokens.keep(access, token);
        Ok(header)
    }

    async fn new_token(
        &self,
        challenge: &Challenge,
        access: &Access,
        scopes: Vec<String>,
    ) -> Result<Token, RegistryError> {
        let action = self.action("get token", &scopes.join(" "), &access.repository);
        // ECR's own token is all it ever takes. A challenge in its name is somebody else's, and is shown nothing.
        if EcrHost::parse(self.host()).is_some() {
            return Err(bad_answer(action, "it asks for a token, which ECR never does".to_owned()));
        }
        let realm = self.realm(challenge).map_err(|reason| bad_answer(action.clone(), reason))?;
        let question = Question { realm, service: challenge.service.clone(), scopes };
        self.fetch_token(&question, &action).await
    }

    async fn fetch_token(&self, question: &Question, action: &Action) -> Result<Token, RegistryError> {
        let presented = self.credential_store().presented();
        let issued = Instant::now();
        let mut response = match &presented {
            Presented::Nothing => self.get_answer(question, None, action).await?,
            Presented::Header(header) => self.get_answer(question, Some(header), action).await?,
            Presented::RefreshToken(token) => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", token.reveal())];
                self.post_answer(question, &grant, action).await?
            }
        };
        // A service that speaks OAuth2 alone takes passwords in forms.
        let login = self.credential_store().login().filter(|_| response.status() == StatusCode::METHOD_NOT_ALLOWED);
        if let Some((username, password)) = login {
            let grant = [("grant_type", "password"), ("username", &username), ("password", password.reveal())];
            response = self.post_answer(question, &grant, action).await?;
        }
        if !response.status().is_success() {
            let token_service = Some(host_of(response.url()));
            let answer = refusal::read_answer(response, None, self.patience().stall).await;
            return Err(refusal::judge(action.clone(), Answer { token_service, ..answer }, true));
        }
        let mut reply = Reply { url: response.url().clone(), response };
        let body = self.read_whole(&mut reply, action, MAX_TOKEN_BYTES).await?;
        let scopes = question.scopes.clone();
        Token::read(&body, scopes, issued).map_err(|reason| bad_answer(action.clone(), reason.to_owned()))
    }

    /// The answer to the question as those ask it who have a password, or nothing (distribution's token specification,
    /// "Requesting a Token"). The password goes no further than to the realm's own host.
    async fn get_answer(
        &self,
        question: &Question,
        authorization: Option<&HeaderValue>,
        action: &Action,
    ) -> Result<Response, RegistryError> {
        let first = question.address();
        let mut url = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.http_for(&url).request(Method::GET, url.clone());
            if let Some(header) = authorization.filter(|_| location::is_same_party(&first, &url)) {
                request = request.header(AUTHORIZATION, header);
            }
            let response = self.answer_of(request, action).await?;
            match leads_to(&url, &response).map_err(|reason| bad_answer(action.clone(), reason))? {
                Some(to) => url = to,
                None => return Ok(response),
            }
        }
        Err(bad_answer(action.clone(), format!("its token service redirects more than {MAX_REDIRECTS} times")))
    }

    /// The answer to the question with this grant (distribution's OAuth2 token specification). Secrets are in no address,
    /// which proxies log, and go to the realm's own host alone.
    async fn post_answer(
        &self,
        question: &Question,
        grant: &[(&str, &str)],
        action: &Action,
    ) -> Result<Response, RegistryError> {
        let form = question.form(grant);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut url = question.realm.clone();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.http_for(&url).request(Method::POST, url.clone()).header(CONTENT_TYPE, &kind);
            let response = self.answer_of(request.body(form.reveal().to_owned()), action).await?;
            match leads_to(&url, &response).map_err(|reason| bad_answer(action.clone(), reason))? {
                Some(to) if location::is_same_party(&question.realm, &to) => url = to,
                Some(to) => {
                    let host = to.host_str().unwrap_or_default();
                    let reason = format!("its token service redirects to {host}, which may not see the credentials");
                    return Err(bad_answer(action.clone(), reason));
                }
                None => return Ok(response),
            }
        }
        Err(bad_answer(action.clone(), format!("its token service redirects more than {MAX_REDIRECTS} times")))
    }

    async fn answer_of(&self, request: reqwest::RequestBuilder, action: &Action) -> Result<Response, RegistryError> {
        self.count_request();
        let after = self.patience().stall;
        match tokio::time::timeout(after, request.send()).await {
            Ok(answer) => answer.map_err(|source| connection(action.clone(), &source)),
            Err(_) => Err(RegistryError::Stalled { action: Box::new(action.clone()), after }),
        }
    }

    /// The realm. It is another host by design, and is shown the credentials: so it must not be reached without TLS when
    /// the registry is.
    fn realm(&self, challenge: &Challenge) -> Result<Url, String> {
        location::follow(&self.base(), &challenge.realm)
    }
}

/// The host of an address, with its port where that is not the scheme's own.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Where an answer redirects to, if it does.
fn leads_to(from: &Url, response: &Response) -> Result<Option<Url>, String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    match response.headers().get(LOCATION) {
        Some(to) => location::follow(from, &String::from_utf8_lossy(to.as_bytes())).map(Some),
        None => Err("its token service redirects without a Location".to_owned()),
    }
}

/// What a token service is asked.
struct Question {
    realm: Url,
    service: Option<String>,
    scopes: Vec<String>,
}

impl Question {
    fn address(&self) -> Url {
        let mut url = self.realm.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(self.service.iter().map(|service| ("service", service)));
        query.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        drop(query);
        url
    }

    fn form(&self, grant: &[(&str, &str)]) -> Secret {
        // A form is written as a query is.
        let mut form = self.realm.clone();
        form.query_pairs_mut()
            .clear()
            .extend_pairs(grant.iter().take(1))
            .extend_pairs(self.service.iter().map(|service| ("service", service)))
            .append_pair("scope", &self.scopes.join(" "))
            .append_pair("client_id", CLIENT_ID)
            .extend_pairs(grant.iter().skip(1));
        Secret::new(form.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Challenge, Registry};
    use crate::Authorization;
    use shipgate_core::secret::Secret;

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
