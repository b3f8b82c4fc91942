//! One request: sent, its redirects followed, its answer judged. Credentials never leave the registry's own origin.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use reqwest::{
    Body, Method, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION, TRANSFER_ENCODING},
};

use super::{
    authentication::{Attempts, Shown},
    client::Registry,
    error::{Action, RegistryError},
    location::{self, NewAddress},
    redact, refusal,
    token::Access,
};
use shipgate_core::connection::ConnectionProblem;

/// As many redirects as are followed. Registries need one; content networks in front of them, two.
const MAX_REDIRECTS: usize = 5;

/// A request to be made.
pub(super) struct Request {
    pub(super) action: Action,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Payload>,
    /// The body can be sent once, and is gone after that.
    streams: bool,
    timeout: Duration,
}

/// What is sent.
pub(super) enum Payload {
    /// Bytes, which can be sent again.
    Whole(Bytes),
    /// A body that can be sent once.
    Once(Body),
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl From<Body> for Payload {
    fn from(body: Body) -> Self {
        Self::Once(body)
    }
}

/// A successful answer, and where it came from.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) url: Url,
}

impl Reply {
    /// A header as text; absent when it is not readable as such.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The Content-Length header. Not `Response::content_length`, which tells the body's length: 0 for HEAD. Beside a
    /// Transfer-Encoding it does not count (RFC 9112, section 6.3), and hyper leaves it among the headers.
    pub(super) fn announced_bytes(&self) -> Option<u64> {
        if self.response.headers().contains_key(TRANSFER_ENCODING) {
            return None;
        }
        self.header(&CONTENT_LENGTH).and_then(|value| value.parse().ok())
    }
}

impl Registry {
    pub(super) fn request(&self, method: Method, url: Url, action: Action) -> Request {
        Request {
            action,
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            streams: false,
            timeout: self.patience().stall,
        }
    }

    pub(super) fn action(&self, verb: &'static str, subject: &str, repository: &str) -> Action {
        Action { verb, subject: subject.to_owned(), host: self.host().to_owned(), repository: repository.to_owned() }
    }

    /// Sends the request once, follows its redirects, and shows the registry what it asks for.
    ///
    /// # Errors
    /// Anything but a 2xx, told as what it means.
    pub(super) async fn send(&self, mut request: Request) -> Result<Reply, RegistryError> {
        refuse_unsafe(&request.action)?;
        let access = request.access();
        let (mut attempts, mut renewed, mut redirects) = (Attempts::default(), false, 0);
        let mut shown_next = None;
        loop {
            let age = self.credential_store().age();
            let shown = match shown_next.take() {
                Some(shown) => shown,
                None => self.authorization_for(&request, &access).await?,
            };
            let response = match self.send_to(&mut request, &shown).await {
                Ok(response) => response,
                Err(failure) if self.turns_to_tls(&mut request, &failure).await => continue,
                Err(failure) => {
                    self.doubt(&request, &access, &shown);
                    return Err(failure);
                }
            };
            let status = response.status();
            if status.is_success() {
                self.address().decide();
                return Ok(Reply { response, url: request.url });
            }
            if is_redirect(status, access.writes) {
                redirects += 1;
                request.redirect(&response, redirects)?;
                continue;
            }
            let after = if self.is_at(&request.url) {
                let answer = (status, response.headers());
                // On the heap: it is large and rare, and every request would carry it.
                Box::pin(self.authorization_after(&request, answer, &shown, &mut attempts)).await
            } else {
                Ok(None)
            };
            let refusal = match after {
                Ok(Some(_)) if request.streams => {
                    if matches!(shown, Shown::Token(_)) {
                        self.tokens().give_bodies_their_own();
                    }
                    return Err(self.expired(request.action, response).await);
                }
                Ok(Some(shown)) => {
                    shown_next = Some(shown);
                    continue;
                }
                Ok(None) => self.refusal(request.action.clone(), response, access.writes).await,
                Err(failure) => failure,
            };
            if self.turns_to_tls(&mut request, &refusal).await {
                continue;
            }
            if renewed {
                return Err(refusal);
            }
            self.renew_after(refusal, request.method == Method::HEAD, !request.streams, age).await?;
            (attempts, renewed) = (Attempts::default(), true);
        }
    }

    /// Asks with TLS from now on if that is what the registry speaks.
    async fn turns_to_tls(&self, request: &mut Request, failure: &RegistryError) -> bool {
        let (base, url) = (self.base(), &request.url);
        let is_ours = url.host_str() == base.host_str() && url.port() == base.port();
        let may_turn = is_ours && url.scheme() == "http" && !request.streams;
        may_turn && self.speaks_tls(failure).await && request.url.set_scheme("https").is_ok()
    }

    /// A token whose request broke off in its body may have been refused: some registries close the connection before their
    /// answer has been read.
    fn doubt(&self, request: &Request, access: &Access, shown: &Shown) {
        if let (Shown::Token(header), true) = (shown, request.streams) {
            self.tokens().expire(access, header);
        }
    }

    /// The credentials were refused, and others are at hand; but the body is gone.
    async fn expired(&self, action: Action, response: Response) -> RegistryError {
        let answer = refusal::read_answer(response, None, self.patience().stall).await;
        RegistryError::CredentialsExpired { action: Box::new(action), answer: Box::new(answer) }
    }

    async fn send_to(&self, request: &mut Request, shown: &Shown) -> Result<Response, RegistryError> {
        let http = self.http_for(&request.url);
        let mut builder = http.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(authorization) = shown.header() {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        match request.body.take() {
            Some(Payload::Whole(bytes)) => {
                builder = builder.body(bytes.clone());
                request.body = Some(Payload::Whole(bytes));
            }
            Some(Payload::Once(body)) => builder = builder.body(body),
            None => {}
        }
        self.count_request();
        match tokio::time::timeout(request.timeout, builder.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(source)) => {
                let url = &request.url;
                let host = url.host_str().unwrap_or_default();
                let proxy = self.proxies().proxy_for(url.scheme(), host, url.port()).map(ToString::to_string);
                Err(unreached(request.action.clone(), &source, proxy.as_deref()))
            }
            Err(_) => Err(RegistryError::Stalled { action: Box::new(request.action.clone()), after: request.timeout }),
        }
    }

    /// What an answer that is no success means.
    pub(super) async fn refusal(&self, action: Action, response: Response, is_write: bool) -> RegistryError {
        let url = response.url();
        let elsewhere = url.host_str().filter(|_| !self.is_at(url)).map(str::to_owned);
        let answer = refusal::read_answer(response, elsewhere, self.patience().stall).await;
        refusal::judge(action, answer, is_write)
    }
}

impl Request {
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.append(name, value.into());
        self
    }

    /// A header whose value comes from outside, such as a media type.
    pub(super) fn text_header(self, name: HeaderName, value: &str) -> Result<Self, RegistryError> {
        match HeaderValue::try_from(value) {
            Ok(value) => Ok(self.header(name, value)),
            Err(_) => Err(bad_answer(self.action, format!("`{}` cannot be a header", redact::fit_to_show(value)))),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn access(&self) -> Access {
        let writes = !matches!(self.method, Method::GET | Method::HEAD);
        Access { repository: self.action.repository.clone(), writes }
    }

    /// Turns the request to where the answer redirects to.
    fn redirect(&mut self, response: &Response, redirects: usize) -> Result<(), RegistryError> {
        if redirects > MAX_REDIRECTS {
            return Err(bad_answer(self.action.clone(), format!("it redirects more than {MAX_REDIRECTS} times")));
        }
        let to = redirected(self, response)?;
        if self.streams {
            // The body is gone with this answer, and is read again for the new address.
            return Err(RegistryError::Moved { action: Box::new(self.action.clone()), to: NewAddress(to) });
        }
        self.url = to;
        Ok(())
    }

    pub(super) fn reads_manifest(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD) && self.url.path().contains("/manifests/")
    }

    /// Whether it has a body that can be sent once.
    pub(super) fn streams(&self) -> bool {
        self.streams
    }

    /// The body, and how long it is: announced, so that the registry takes nothing shorter for the whole.
    pub(super) fn body(mut self, body: impl Into<Payload>, size_bytes: u64) -> Self {
        let body = body.into();
        self.streams = matches!(body, Payload::Once(_));
        self.body = Some(body);
        self.headers.insert(CONTENT_LENGTH, size_bytes.into());
        self
    }

    /// Without a limit of its own on how long the answer may take: whoever sends it watches over it.
    pub(super) fn watched_elsewhere(mut self) -> Self {
        self.timeout = Duration::MAX;
        self
    }
}

/// Whether an answer sends its request elsewhere. A write is sent there as it is, body and all: what Go's client does after 307
/// and 308 alone is right after 301 and 302 too, since a GET instead could only fail.
fn is_redirect(status: StatusCode, writes: bool) -> bool {
    if writes { matches!(status.as_u16(), 301 | 302 | 307 | 308) } else { status.is_redirection() }
}

/// A name that a server could read as another path is not sent.
fn refuse_unsafe(action: &Action) -> Result<(), RegistryError> {
    let unsafe_name = |name: &String| {
        let name = name.clone();
        Err(RegistryError::UnsafeName { action: Box::new(action.clone()), name })
    };
    if !action.repository.split('/').all(location::is_safe) {
        return unsafe_name(&action.repository);
    }
    if location::is_safe(&action.subject) { Ok(()) } else { unsafe_name(&action.subject) }
}

fn redirected(request: &Request, response: &Response) -> Result<Url, RegistryError> {
    let Some(location) = response.headers().get(LOCATION) else {
        return Err(bad_answer(request.action.clone(), format!("{} without a Location", response.status().as_u16())));
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    location::follow(&request.url, &location).map_err(|reason| bad_answer(request.action.clone(), reason))
}

pub(super) fn bad_answer(action: Action, reason: String) -> RegistryError {
    RegistryError::BadAnswer { action: Box::new(action), reason }
}

/// A connection that broke after it was made.
pub(super) fn connection(action: Action, error: &reqwest::Error) -> RegistryError {
    unreached(action, error, None)
}

/// Of the address only host and port are kept: the rest may be signed.
fn unreached(action: Action, error: &reqwest::Error, proxy: Option<&str>) -> RegistryError {
    let host = error.url().and_then(|url| {
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    });
    let host = host.unwrap_or_else(|| action.host.clone());
    let texts: Vec<String> =
        std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string).collect();
    let problem = Box::new(ConnectionProblem::read(&host, proxy, &texts));
    RegistryError::Connection {
        action: Box::new(action),
        problem,
        is_connect: error.is_connect(),
        is_invalid: error.is_builder(),
    }
}
