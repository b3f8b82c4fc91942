//! Who a request says it is from: nobody until the registry asks, then as its challenge says. What a registry has asked for once
//! it is shown from then on.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderValue},
};

use super::{
    authorization::Presented,
    bearer::Wanted,
    challenge::{Challenge, Offers},
    client::Registry,
    error::RegistryError,
    request::Request,
    token::Access,
};
use shipgate_core::image::EcrHost;

/// What a request shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    Nothing,
    Basic(HeaderValue),
    Token(HeaderValue),
}

impl Shown {
    pub(super) fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::Nothing => None,
            Self::Basic(header) | Self::Token(header) => Some(header),
        }
    }
}

/// What a registry has asked for so far.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
enum Scheme {
    #[default]
    Unknown,
    Basic,
    Bearer(Challenge),
}

/// What is known of how a registry wants to be asked.
#[derive(Default)]
pub(super) struct Authentication {
    scheme: Mutex<Scheme>,
    /// It is known to take Basic, and is shown nothing else unless it asks for a token. ECR is such a registry.
    is_preemptive: AtomicBool,
    /// What `/v2/` offers, once it has been asked.
    of_base: tokio::sync::OnceCell<Offers>,
}

impl Authentication {
    fn scheme(&self) -> MutexGuard<'_, Scheme> {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn expect_basic(&self) {
        self.is_preemptive.store(true, Relaxed);
        *self.scheme() = Scheme::Basic;
    }

    pub(super) fn is_preemptive(&self) -> bool {
        self.is_preemptive.load(Relaxed)
    }
}

/// What has been shown in vain for one request.
#[derive(Default)]
pub(super) struct Attempts {
    offers: Offers,
    showed_nothing: bool,
    showed_basic: bool,
    /// The scopes of the tokens that were fetched for it.
    fetched: Vec<Vec<String>>,
    /// The tokens that were refused.
    refused_tokens: Vec<HeaderValue>,
    token_state: TokenState,
    /// Tokens that were fetched again for scopes that had one.
    repeats: u32,
    /// The registry's base was asked for its challenge.
    asked_base: bool,
    /// Why no token could be had.
    failure: Option<RegistryError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum TokenState {
    #[default]
    Untried,
    /// The last refusal was a 401 to a token.
    Refused,
    /// The token service does not answer now: it is not asked again for this request.
    ServiceDown,
}

/// What may help a request that was refused.
#[derive(PartialEq, Eq, Debug)]
enum Next {
    /// A token, as this challenge says, for these scopes.
    Token(Challenge, Vec<String>),
    /// Another token for scopes that had one.
    AnotherToken(Challenge, Vec<String>),
    Basic,
    /// To be asked again without credentials: only so do some registries offer tokens.
    Nothing,
    /// The challenge of `/v2/`, since the request's own refusal has none.
    AskBase,
}

/// What the client has, and may do.
#[derive(Clone, Copy)]
struct Means {
    /// A user name and a password.
    has_password: bool,
    is_preemptive: bool,
    /// Its challenge may be asked for at `/v2/`.
    asks_base: bool,
}

/// For how many sets of scopes a request may need a token. shipgate stops following a registry that names new scopes in each refusal.
const MAX_SCOPES: usize = 4;

/// How often a token is fetched again for a request after a new one was refused. One that can be used once may have been
/// used by another request.
const MAX_TOKEN_REPEATS: u32 = 3;

impl Attempts {
    /// Notes a refusal.
    fn refused(&mut self, status: StatusCode, shown: &Shown, offers: Offers) {
        let is_token_refused = status == StatusCode::UNAUTHORIZED && matches!(shown, Shown::Token(_));
        if self.token_state != TokenState::ServiceDown {
            self.token_state = if is_token_refused { TokenState::Refused } else { TokenState::Untried };
        }
        match shown {
            Shown::Nothing => self.showed_nothing = true,
            Shown::Basic(_) => self.showed_basic = true,
            Shown::Token(token) => self.refused_tokens.push(token.clone()),
        }
        self.offers = offers.or(std::mem::take(&mut self.offers));
    }

    fn next(&self, access: &Access, means: Means) -> Option<Next> {
        let bearer = self.offers.bearer.as_ref().filter(|_| self.token_state != TokenState::ServiceDown);
        if let Some(challenge) = bearer {
            let scope = challenge.scope.as_deref();
            let wanted = [access.scopes(scope), access.scopes_and_those_of(scope)];
            let is_new = |scopes: &Vec<String>| self.fetched.len() < MAX_SCOPES && !self.fetched.contains(scopes);
            if let Some(scopes) = wanted.into_iter().find(is_new) {
                return Some(Next::Token(challenge.clone(), scopes));
            }
        }
        // A refusal without a challenge, from a registry that has none elsewhere, leaves nothing else to be meant.
        let takes_basic = self.offers.basic || self.offers.is_empty() && (self.asked_base || means.is_preemptive);
        if takes_basic && means.has_password && !self.showed_basic {
            return Some(Next::Basic);
        }
        if let (Some(challenge), Some(scopes), true) = (bearer, self.fetched.last(), self.may_repeat()) {
            return Some(Next::AnotherToken(challenge.clone(), scopes.clone()));
        }
        if means.is_preemptive {
            return None;
        }
        if !self.showed_nothing && self.fetched.is_empty() {
            return Some(Next::Nothing);
        }
        (self.offers.is_empty() && means.asks_base && !self.asked_base).then_some(Next::AskBase)
    }

    fn may_repeat(&self) -> bool {
        // Another token for scopes that do not suffice is as good as this one.
        self.token_state == TokenState::Refused && self.repeats < MAX_TOKEN_REPEATS && !self.offers.needs_more_scope
    }

    /// Notes why no token could be had.
    fn failed(&mut self, failure: RegistryError) {
        if failure.is_transient() {
            self.token_state = TokenState::ServiceDown;
        }
        self.repeats = MAX_TOKEN_REPEATS;
        self.failure.get_or_insert(failure);
    }
}

impl Registry {
    /// What the request shows: what its registry has asked for before, and nothing to anybody else.
    ///
    /// # Errors
    /// Whatever keeps the token service from answering.
    pub(super) async fn authorization_for(&self, request: &Request, access: &Access) -> Result<Shown, RegistryError> {
        if !self.is_at(request.url()) {
            return Ok(Shown::Nothing);
        }
        let scheme = self.authentication().scheme().clone();
        match scheme {
            Scheme::Unknown => Ok(Shown::Nothing),
            Scheme::Basic => Ok(self.basic().map_or(Shown::Nothing, Shown::Basic)),
            Scheme::Bearer(challenge) => {
                let before_body = request.streams();
                let scopes = self.tokens().scopes(access).unwrap_or_else(|| access.scopes(None));
                if before_body && self.tokens().has_own_before_body() {
                    return self.get_token(&challenge, access, scopes, Wanted::Own).await.map(Shown::Token);
                }
                if let Some(token) = self.tokens().good(access, before_body) {
                    return Ok(Shown::Token(token.header));
                }
                let wanted = Wanted::Shared { before_body, refused: None };
                self.get_token(&challenge, access, scopes, wanted).await.map(Shown::Token)
            }
        }
    }

    /// After a refusal by the registry: what to show instead, or `None` if there is nothing that might help.
    ///
    /// # Errors
    /// Why no token could be had, when nothing else is left.
    pub(super) async fn authorization_after(
        &self,
        request: &Request,
        (status, headers): (StatusCode, &HeaderMap),
        shown: &Shown,
        attempts: &mut Attempts,
    ) -> Result<Option<Shown>, RegistryError> {
        let offers = Offers::in_headers(headers);
        let (access, may_hide) = (request.access(), self.may_hide(request, status, shown));
        let is_challenge =
            status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN && offers.bearer.is_some();
        if !is_challenge && !may_hide {
            return Ok(None);
        }
        attempts.refused(status, shown, offers);
        if !is_challenge {
            (attempts.asked_base, attempts.offers) = (true, self.offers_of_base().await);
            if attempts.offers.is_empty() {
                return Ok(None);
            }
        }
        let refused = shown.header();
        let has_password = self.basic().is_some();
        let means = Means {
            has_password,
            is_preemptive: self.authentication().is_preemptive(),
            asks_base: has_password || EcrHost::parse(self.host()).is_none(),
        };
        loop {
            let next = attempts.next(&access, means);
            let wanted = if matches!(next, Some(Next::AnotherToken(..))) {
                Wanted::Own
            } else {
                Wanted::Shared { before_body: request.streams(), refused }
            };
            match next {
                Some(Next::Token(challenge, scopes) | Next::AnotherToken(challenge, scopes)) => {
                    match wanted {
                        Wanted::Own => attempts.repeats += 1,
                        Wanted::Shared { .. } => attempts.fetched.push(scopes.clone()),
                    }
                    match self.get_token(&challenge, &access, scopes, wanted).await {
                        // A token that was refused is refused again.
                        Ok(token) if attempts.refused_tokens.contains(&token) => {
                            attempts.token_state = TokenState::Untried;
                        }
                        Ok(token) => {
                            *self.authentication().scheme() = Scheme::Bearer(challenge);
                            return Ok(Some(Shown::Token(token)));
                        }
                        Err(failure) => attempts.failed(failure),
                    }
                }
                Some(Next::Basic) => {
                    *self.authentication().scheme() = Scheme::Basic;
                    return Ok(self.basic().map(Shown::Basic));
                }
                Some(Next::Nothing) => return Ok(Some(Shown::Nothing)),
                Some(Next::AskBase) => {
                    attempts.asked_base = true;
                    attempts.offers = self.offers_of_base().await;
                }
                None => return self.given_up(status, attempts.failure.take()),
            }
        }
    }

    /// What is left when nothing helps: the refusal, or why no token could be had. A token that is not given to strangers does
    /// not make them doubt that something is missing.
    fn given_up(&self, status: StatusCode, failure: Option<RegistryError>) -> Result<Option<Shown>, RegistryError> {
        let is_stranger = self.credential_store().presented() == Presented::Nothing;
        let believed =
            |failure: &RegistryError| status == StatusCode::NOT_FOUND && is_stranger && !failure.is_transient();
        failure.filter(|failure| !believed(failure)).map_or(Ok(None), Err)
    }

    /// Whether a registry that was asked by nobody may have hidden what it would show to us. Strangers suspect it of manifests
    /// alone, which a copy reads first: blobs are looked for where they are expected to be missing.
    fn may_hide(&self, request: &Request, status: StatusCode, shown: &Shown) -> bool {
        let is_stranger = self.credential_store().presented() == Presented::Nothing;
        let hides = match status {
            StatusCode::FORBIDDEN => !is_stranger || EcrHost::parse(self.host()).is_none(),
            StatusCode::NOT_FOUND if is_stranger => request.reads_manifest() && EcrHost::parse(self.host()).is_none(),
            StatusCode::NOT_FOUND => true,
            _ => false,
        };
        hides && *shown == Shown::Nothing && *self.authentication().scheme() == Scheme::Unknown
    }

    /// What the registry's base offers; asked once.
    async fn offers_of_base(&self) -> Offers {
        let ask = async {
            let base = self.base();
            self.count_request();
            let sent = self.http_for(&base).request(Method::GET, base).send();
            match tokio::time::timeout(self.patience().stall, sent).await {
                Ok(Ok(response)) if response.status() == StatusCode::UNAUTHORIZED => {
                    Ok(Offers::in_headers(response.headers()))
                }
                Ok(Ok(_)) => Ok(Offers::default()),
                // No answer is not one to remember.
                Ok(Err(_)) | Err(_) => Err(()),
            }
        };
        self.authentication().of_base.get_or_try_init(|| ask).await.cloned().unwrap_or_default()
    }

    /// The header with the user's name and password, if that is what the client has.
    fn basic(&self) -> Option<HeaderValue> {
        match self.credential_store().presented() {
            Presented::Header(header) => Some(header),
            Presented::Nothing | Presented::RefreshToken(_) => None,
        }
    }
}
