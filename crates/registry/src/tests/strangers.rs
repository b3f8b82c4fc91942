//! Whom a fake registry lets in: those with the credentials of the day, or with tokens of a realm.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method},
    response::Response,
};

use super::{
    CREDENTIALS, REFRESH_TOKEN,
    fake::{FakeRegistry, refuse, refuse_text},
};

/// ECR's words.
const EXPIRED: &str = "Your authorization token has expired. Reauthenticate and try again.";

/// What a registry asks of whoever asks it.
pub(super) struct Door {
    credentials: &'static str,
    /// Those that were good once, and how their owners are told: they are no strangers, and nobody complains of them.
    expired: Vec<&'static str>,
    told: u16,
    /// The request that finds the credentials changed, how many such there are before it, and to what.
    next: Option<(String, u32, &'static str)>,
    token_realm: Option<String>,
    /// How often tokens have ended: those of before, `SCOPE#N`, are good no more.
    ended: Option<Arc<AtomicU64>>,
}

impl Default for Door {
    fn default() -> Self {
        Self { credentials: CREDENTIALS, expired: Vec::new(), told: 403, next: None, token_realm: None, ended: None }
    }
}

impl Door {
    /// Changes the credentials if this is the request to do it at.
    fn knock(&mut self, line: &str) {
        let Some((request, before, credentials)) = &mut self.next else { return };
        if !line.contains(request.as_str()) {
            return;
        }
        if *before > 0 {
            *before -= 1;
            return;
        }
        if let Some(ended) = &self.ended {
            ended.fetch_add(1, Relaxed);
        }
        self.expired.push(std::mem::replace(&mut self.credentials, credentials));
        self.next = None;
    }
}

impl FakeRegistry {
    /// From now on tokens are wanted, `pull` or `push` by name, from this realm.
    pub(crate) fn want_tokens_of(&self, realm: &str) {
        self.locked().door.token_realm = Some(realm.to_owned());
    }

    /// Tokens end with each request of [`FakeRegistry::expire_at`]; their number is counted here.
    pub(crate) fn end_tokens(&self, ended: &Arc<AtomicU64>) {
        self.locked().door.ended = Some(ended.clone());
    }

    /// The next request whose `METHOD PATH` contains this text, and all after it, find that the credentials have expired and
    /// that these are the good ones.
    pub(crate) fn expire_at(&self, request: impl Into<String>, credentials: &'static str) {
        self.expire_after(0, request, credentials);
    }

    /// The same, after so many such requests.
    pub(crate) fn expire_after(&self, before: u32, request: impl Into<String>, credentials: &'static str) {
        self.locked().door.next = Some((request.into(), before, credentials));
    }

    /// Those who come with expired credentials are told by this status: 403, as ECR does, or 401.
    pub(crate) fn tell_expired_by(&self, status: u16) {
        self.locked().door.told = status;
    }
}

/// Lets a request in, or answers it.
pub(super) async fn admit(registry: &FakeRegistry, request: Request, line: &str) -> Result<Request, Response<Body>> {
    registry.locked().door.knock(line);
    let Some(refusal) = refuse_stranger(registry, request.method(), request.headers(), line) else {
        return Ok(request);
    };
    // Read to its end, so that the refusal is heard.
    let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    Err(refusal)
}

fn refuse_stranger(
    registry: &FakeRegistry,
    method: &Method,
    headers: &HeaderMap,
    line: &str,
) -> Option<Response<Body>> {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    if authorization.is_some_and(|value| value.contains(REFRESH_TOKEN)) {
        registry.complain(format!("a refresh token was shown to the registry: {line}"));
    }
    let realm = registry.locked().door.token_realm.clone();
    match realm {
        Some(realm) => {
            let ended = registry.locked().door.ended.as_ref().map(|ended| format!("#{}", ended.load(Relaxed)));
            without_token(&realm, method, authorization, &ended.unwrap_or_default())
        }
        None => without_credentials(registry, authorization, line),
    }
}

fn without_credentials(registry: &FakeRegistry, authorization: Option<&str>, line: &str) -> Option<Response<Body>> {
    let shown = authorization.and_then(|value| value.strip_prefix("Basic "));
    let (is_good, is_old, told) = {
        let door = &registry.locked().door;
        (shown == Some(door.credentials), shown.is_some_and(|shown| door.expired.contains(&shown)), door.told)
    };
    match (is_good, is_old) {
        (true, _) => None,
        (false, true) => Some(refuse_text(told, "DENIED", EXPIRED)),
        (false, false) => {
            registry.complain(format!("no credentials: {line}"));
            Some(refuse(401, "UNAUTHORIZED"))
        }
    }
}

fn without_token(realm: &str, method: &Method, authorization: Option<&str>, ended: &str) -> Option<Response<Body>> {
    let actions = if matches!(*method, Method::GET | Method::HEAD) { "pull" } else { "pull,push" };
    let scope = format!("repository:shop/api:{actions}");
    if authorization == Some(format!("Bearer {scope}{ended}").as_str()) {
        return None;
    }
    let challenge = format!(r#"Bearer realm="{realm}",service="r.test",scope="{scope}""#);
    Some(Response::builder().status(401).header("www-authenticate", challenge).body(Body::empty()).unwrap())
}
