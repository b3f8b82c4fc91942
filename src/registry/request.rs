//! One request: sent, its redirects followed, its answer judged. Credentials never leave the registry's own origin.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Body, Method, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE, RETRY_AFTER},
};
use serde::Deserialize;

use super::{
    bearer::{self, Access},
    client::Registry,
    error::{Action, Answer, RegistryError},
    location, redact, retry,
};

/// As many redirects as are followed. Registries need one; content networks in front of them, two.
const MAX_REDIRECTS: usize = 5;

/// As much of a refusal's body as is read.
const MAX_REFUSAL_BYTES: usize = 16 * 1024;

/// A request to be made.
pub(super) struct Request {
    pub(super) action: Action,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Payload>,
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

    /// The Content-Length header. Not `Response::content_length`, which tells the body's length: 0 for HEAD.
    pub(super) fn announced_bytes(&self) -> Option<u64> {
        self.header(&CONTENT_LENGTH).and_then(|value| value.parse().ok())
    }
}

impl Registry {
    pub(super) fn request(&self, method: Method, url: Url, action: Action) -> Request {
        Request { action, method, url, headers: HeaderMap::new(), body: None, timeout: self.patience().stall }
    }

    pub(super) fn action(&self, verb: &'static str, subject: &str, repository: &str) -> Action {
        Action { verb, subject: subject.to_owned(), host: self.host().to_owned(), repository: repository.to_owned() }
    }

    /// Sends the request once and follows its redirects.
    ///
    /// # Errors
    /// Anything but a 2xx, told as what it means.
    pub(super) async fn send(&self, mut request: Request) -> Result<Reply, RegistryError> {
        let access = request.access();
        let (mut challenged, mut renewed) = (false, false);
        for _ in 0..=MAX_REDIRECTS {
            let age = self.credential_store().age();
            let authorization = self.authorization_for(&request.url, &access);
            let response = self.send_to(&mut request, authorization.as_ref()).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(Reply { response, url: request.url });
            }
            let challenge =
                bearer::challenge_in(response.headers()).filter(|_| request.may_answer(status) && !challenged);
            let refusal = if let Some(challenge) = challenge.filter(|_| self.is_at(&request.url)) {
                challenged = true;
                self.answer_challenge(&challenge, &access, authorization.as_ref()).await.err()
            } else if status.is_redirection() && !access.writes {
                request.url = redirected(&request, &response)?;
                None
            } else {
                Some(self.refusal(request.action.clone(), response, access.writes).await)
            };
            match refusal {
                None => {}
                Some(refusal) if renewed => return Err(refusal),
                Some(refusal) => {
                    let is_head = request.method == Method::HEAD;
                    self.renew_after(refusal, is_head, request.can_be_sent_again(), age).await?;
                    (challenged, renewed) = (false, true);
                }
            }
        }
        Err(bad_answer(request.action, format!("it redirects more than {MAX_REDIRECTS} times")))
    }

    async fn send_to(
        &self,
        request: &mut Request,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut builder =
            self.http().request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(authorization) = authorization {
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
            Ok(Err(source)) => Err(connection(request.action.clone(), source)),
            Err(_) => Err(RegistryError::Stalled { action: Box::new(request.action.clone()), after: request.timeout }),
        }
    }

    /// What an answer that is no success means.
    pub(super) async fn refusal(&self, action: Action, response: Response, is_write: bool) -> RegistryError {
        let url = response.url();
        let elsewhere = url.host_str().filter(|_| !self.is_at(url)).map(str::to_owned);
        let answer = read_answer(response, elsewhere, self.patience().stall).await;
        judge(action, answer, is_write)
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

    fn access(&self) -> Access {
        let writes = !matches!(self.method, Method::GET | Method::HEAD);
        Access { repository: self.action.repository.clone(), writes }
    }

    /// Whether it can be sent once more, with a token.
    fn may_answer(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED && self.can_be_sent_again()
    }

    /// Once it has been sent, a body that was there for one time is gone.
    fn can_be_sent_again(&self) -> bool {
        self.body.is_some() || !self.headers.contains_key(CONTENT_LENGTH)
    }

    /// The body, and how long it is: announced, so that the registry takes nothing shorter for the whole.
    pub(super) fn body(mut self, body: impl Into<Payload>, size_bytes: u64) -> Self {
        self.body = Some(body.into());
        self.headers.insert(CONTENT_LENGTH, size_bytes.into());
        self
    }

    /// Without a limit of its own on how long the answer may take: whoever sends it watches over it.
    pub(super) fn watched_elsewhere(mut self) -> Self {
        self.timeout = Duration::MAX;
        self
    }
}

fn redirected(request: &Request, response: &Response) -> Result<Url, RegistryError> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(location) = location else {
        return Err(bad_answer(request.action.clone(), format!("{} without a Location", response.status().as_u16())));
    };
    location::follow(&request.url, location).map_err(|reason| bad_answer(request.action.clone(), reason))
}

pub(super) fn bad_answer(action: Action, reason: String) -> RegistryError {
    RegistryError::BadAnswer { action: Box::new(action), reason }
}

pub(super) fn connection(action: Action, source: reqwest::Error) -> RegistryError {
    RegistryError::Connection { action: Box::new(action), source: source.without_url() }
}

/// The body of a refusal (OCI distribution specification, "Error codes").
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<RefusalReason>,
}

#[derive(Deserialize)]
struct RefusalReason {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

pub(super) async fn read_answer(response: Response, redirected_to: Option<String>, patience: Duration) -> Answer {
    let status = response.status().as_u16();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = asked.and_then(|value| retry::parse_retry_after(value, jiff::Timestamp::now()));
    let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok()).and_then(range_bytes);
    let body = tokio::time::timeout(patience, read_refusal(response)).await.unwrap_or_default();
    let (code, message) = read_reason(&body);
    let received_bytes = range.or_else(|| last_number(&message)).filter(|_| status == 416);
    Answer { status, code, message, redirected_to, retry_after, received_bytes }
}

/// `0-LAST` is as many bytes and one more.
fn range_bytes(range: &str) -> Option<u64> {
    range.split_once('-').and_then(|(_, last)| last.parse::<u64>().ok()).and_then(|last| last.checked_add(1))
}

/// ECR names the offset it expects at the end of its message.
fn last_number(text: &str) -> Option<u64> {
    text.rsplit(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// What there is of the body. That it breaks off is no news: the status has said what matters.
async fn read_refusal(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_REFUSAL_BYTES {
            body.truncate(MAX_REFUSAL_BYTES);
            break;
        }
    }
    body
}

fn read_reason(body: &[u8]) -> (Option<String>, String) {
    let first = serde_json::from_slice::<Refusal>(body).ok().and_then(|refusal| refusal.errors.into_iter().next());
    match first {
        Some(reason) => (
            Some(redact::fit_to_show(&reason.code)),
            redact::fit_to_show(reason.message.as_deref().unwrap_or_default()),
        ),
        None => (None, redact::fit_to_show(&String::from_utf8_lossy(body))),
    }
}

/// What a refusal means. A HEAD's refusal has no body, hence no code.
pub(super) fn judge(action: Action, answer: Answer, is_write: bool) -> RegistryError {
    let (action, answer) = (Box::new(action), Box::new(answer));
    let says_immutable = answer.message.to_ascii_lowercase().contains("immutable");
    match (answer.status, answer.code.as_deref()) {
        (401 | 403, _) => RegistryError::Denied { action, answer },
        (404, Some("NAME_UNKNOWN")) => RegistryError::RepositoryNotFound { action, answer },
        (400..=499, _) if is_write && says_immutable => RegistryError::TagImmutable { action, answer },
        // A body that is not the specification's comes from something else than a registry: that is not "not found".
        (404, code) if !is_write && (code.is_some() || answer.message.is_empty() || answer.redirected_to.is_some()) => {
            RegistryError::ContentNotFound { action }
        }
        _ => RegistryError::Refused { action, answer },
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Answer, RegistryError, judge, read_reason};

    fn judged(status: u16, body: &str, is_write: bool) -> RegistryError {
        let (code, message) = read_reason(body.as_bytes());
        let action = Action { verb: "try", subject: String::new(), host: "h".to_owned(), repository: "r".to_owned() };
        judge(
            action,
            Answer { status, code, message, redirected_to: None, retry_after: None, received_bytes: None },
            is_write,
        )
    }

    fn body(code: &str, message: &str) -> String {
        format!(r#"{{"errors":[{{"code":"{code}","message":"{message}","detail":{{}}}}]}}"#)
    }

    #[test]
    fn refusals_are_told_as_what_they_mean() {
        let unknown = body("MANIFEST_UNKNOWN", "not here");
        assert!(matches!(judged(404, &unknown, false), RegistryError::ContentNotFound { .. }));
        assert!(matches!(judged(404, "", false), RegistryError::ContentNotFound { .. }));
        assert!(matches!(judged(404, "<html>nginx</html>", false), RegistryError::Refused { .. }));
        assert!(matches!(
            judged(404, &body("NAME_UNKNOWN", "no repository"), true),
            RegistryError::RepositoryNotFound { .. }
        ));
        assert!(judged(403, &body("DENIED", "no"), false).is_denied());
        assert!(judged(401, "", true).is_denied());
        let immutable = body("TAG_INVALID", "The image tag 'v1' already exists and the repository is immutable.");
        assert!(matches!(judged(400, &immutable, true), RegistryError::TagImmutable { .. }));
        assert!(matches!(judged(400, &body("TAG_INVALID", "bad tag"), true), RegistryError::Refused { .. }));
    }

    #[test]
    fn a_manifest_refused_for_want_of_blobs_may_be_taken_later() {
        for code in ["BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"] {
            assert!(judged(404, &body(code, "m"), true).is_content_not_yet_visible(), "{code}");
        }
        assert!(!judged(400, &body("MANIFEST_INVALID", "m"), true).is_content_not_yet_visible());
    }

    #[test]
    fn bodies_are_shown_capped_and_redacted() {
        let error = judged(500, &format!("see https://h/p?sig=s3cr3t {}", "x".repeat(20_000)), false).to_string();
        assert!(error.len() < 500 && !error.contains("s3cr3t"), "{error}");
    }
}
