//! GitHub's endpoint for tokens, strict: it knows one job by one bearer, signs for whatever audience it is asked for, and
//! counts every request. The sandbox's issuer signs.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};

use crate::world::World;

/// What the job is known by.
pub(crate) const BEARER: &str = "bearer-of-the-job-4711";

/// How it behaves.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// The claims beside the audience.
    pub(crate) claims: Value,
    /// How many requests are answered with 503 first.
    pub(crate) unavailable: usize,
    /// Where every request is sent on to.
    pub(crate) redirect: Option<String>,
    /// An answer in the place of a token.
    pub(crate) answer: Option<&'static str>,
}

/// Where the sandbox's issuer is, and what it wants to see before it signs.
#[derive(Clone)]
pub(crate) struct Sandbox {
    endpoint: String,
    control_token: String,
}

impl From<&World> for Sandbox {
    fn from(world: &World) -> Self {
        Self { endpoint: world.endpoint().to_owned(), control_token: world.control_token().to_owned() }
    }
}

#[derive(Clone)]
struct Shared {
    sandbox: Sandbox,
    behaviour: Arc<Behaviour>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The audience that was asked for.
    pub(crate) audience: String,
    /// Whether anything that authorizes came with it.
    pub(crate) authorized: bool,
}

/// The endpoint, for as long as it lives.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    shared: Shared,
    _runtime: tokio::runtime::Runtime,
}

impl Endpoint {
    pub(crate) fn new(world: &World, behaviour: Behaviour) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/token?api-version=2.0", listener.local_addr().unwrap());
        let shared =
            Shared { sandbox: world.into(), behaviour: Arc::new(behaviour), asked: Arc::new(Mutex::new(Vec::new())) };
        let app = Router::new().fallback(answer).with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared, _runtime: runtime }
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let audience = of("audience").unwrap_or_default().to_owned();
    let number = {
        let mut asked = shared.asked.lock().unwrap();
        asked.push(Asked { audience: audience.clone(), authorized: authorization.is_some() });
        asked.len()
    };
    if let Some(elsewhere) = &shared.behaviour.redirect {
        return Redirect::temporary(elsewhere).into_response();
    }
    if number <= shared.behaviour.unavailable {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if authorization != Some(format!("Bearer {BEARER}").as_str()) || of("api-version") != Some("2.0") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if audience.is_empty() || request.method() != "GET" {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if let Some(other) = shared.behaviour.answer {
        return other.into_response();
    }
    let mut claims = shared.behaviour.claims.clone();
    claims["aud"] = audience.into();
    json!({ "count": 1, "value": mint(&shared.sandbox, &claims).await }).to_string().into_response()
}

/// A token with these claims, signed by the sandbox's issuer.
pub(crate) async fn mint(sandbox: &Sandbox, claims: &Value) -> String {
    let url = format!("{}/_sandbox/oidc/token", sandbox.endpoint);
    let request = reqwest::Client::new().post(url).bearer_auth(&sandbox.control_token).body(claims.to_string());
    let text = request.send().await.unwrap().text().await.unwrap();
    let minted: Value = serde_json::from_str(&text).unwrap();
    minted["value"].as_str().expect("a token").to_owned()
}
