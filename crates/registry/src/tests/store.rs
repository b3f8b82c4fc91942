//! What a registry redirects blob reads to: signed addresses that take no credentials beside them.

use std::sync::{Arc, Mutex};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use tokio::net::TcpListener;

use super::{
    fake::{AbortOnDrop, FakeRegistry},
    serve::{respond, serve_bytes},
};

/// The store of one fake registry.
pub(crate) struct Store {
    state: Arc<Inner>,
    _server: AbortOnDrop,
}

struct Inner {
    registry: FakeRegistry,
    requests: Mutex<u64>,
    /// As many requests as still find their address expired.
    expired: Mutex<u32>,
}

impl Store {
    /// A store for this registry, which redirects to it from now on.
    pub(crate) async fn behind(registry: &FakeRegistry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        registry.redirect_blobs_to(&format!("http://{}", listener.local_addr().unwrap()));
        let state =
            Arc::new(Inner { registry: registry.clone(), requests: Mutex::default(), expired: Mutex::default() });
        let app = axum::Router::new().fallback(answer).with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { state, _server: AbortOnDrop(server) }
    }

    pub(crate) fn requests(&self) -> u64 {
        *self.state.requests.lock().unwrap()
    }

    pub(crate) fn expire_next(&self, requests: u32) {
        *self.state.expired.lock().unwrap() = requests;
    }
}

async fn answer(State(state): State<Arc<Inner>>, request: Request) -> Response<Body> {
    *state.requests.lock().unwrap() += 1;
    let digest = request.uri().path().trim_start_matches('/').to_owned();
    if request.headers().contains_key("authorization") {
        state.registry.complain(format!("the store was shown credentials for {digest}"));
        return respond(400, "<Error><Code>InvalidArgument</Code></Error>");
    }
    if request.uri().query() != Some("X-Amz-Signature=s3cr3t") {
        state.registry.complain(format!("the store was asked without a signature for {digest}"));
    }
    {
        let mut expired = state.expired.lock().unwrap();
        if *expired > 0 {
            *expired -= 1;
            return respond(403, "<Error><Message>Request has expired</Message></Error>");
        }
    }
    match state.registry.any_blob(&digest) {
        Some(bytes) => serve_bytes(&request, &bytes, None),
        None => respond(404, "<Error><Code>NoSuchKey</Code></Error>"),
    }
}
