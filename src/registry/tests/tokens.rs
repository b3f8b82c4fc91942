//! Registries that want a token: fetched once per kind of access, shown to the registry only.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use tokio::net::TcpListener;

use super::{
    CREDENTIALS, client,
    fake::{AbortOnDrop, FakeRegistry},
    image::image,
    serve::respond,
    store::Store,
};
use crate::registry::copy::tests::copy_between;

/// A token service: the token is the scope, so that the registry can tell what it is for.
async fn token_service() -> (String, Arc<AtomicU64>, AbortOnDrop) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let realm = format!("http://{}/token", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU64::new(0));
    let app = axum::Router::new().fallback(grant).with_state(asked.clone());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (realm, asked, AbortOnDrop(server))
}

async fn grant(State(asked): State<Arc<AtomicU64>>, request: Request) -> Response<Body> {
    asked.fetch_add(1, Relaxed);
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if authorization != Some(format!("Basic {CREDENTIALS}").as_str()) {
        return respond(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}"#);
    }
    match request.uri().query() {
        Some("service=r.test&scope=repository%3Ashop%2Fapi%3Apull") => {
            respond(200, r#"{"token":"repository:shop/api:pull","expires_in":300}"#)
        }
        Some("service=r.test&scope=repository%3Ashop%2Fapi%3Apull%2Cpush") => {
            respond(200, r#"{"access_token":"repository:shop/api:pull,push"}"#)
        }
        _ => respond(400, "what?"),
    }
}

#[tokio::test]
async fn a_copy_fetches_one_token_for_each_kind_of_access() {
    let (from, to) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let store = Store::behind(&from).await;
    let (realm, asked, _service) = token_service().await;
    from.want_tokens_of(&realm);
    to.want_tokens_of(&realm);
    let image = image(&[1000, 200_000, 30]);
    from.hold(&image);
    copy_between(&client(from.address()), &[client(to.address())], &image.manifest.digest).await.unwrap();
    assert!(to.has(&image));
    // Reading there; reading and writing here.
    assert_eq!((asked.load(Relaxed), store.requests()), (3, 4));
    from.assert_content();
    to.assert_content();
}

#[tokio::test]
async fn a_stranger_is_told_so() {
    let server = FakeRegistry::start().await;
    let (realm, asked, _service) = token_service().await;
    server.want_tokens_of(&realm);
    let stranger = super::Registry::new("registry.test", server.address(), super::Authorization::Anonymous).unwrap();
    let error = stranger.manifest("shop/api", "v1").await.unwrap_err();
    assert!(error.is_denied() && error.to_string().contains("who are you"), "{error}");
    assert_eq!((asked.load(Relaxed), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn the_token_of_ecr_is_shown_to_no_token_service() {
    let server = FakeRegistry::start().await;
    let (realm, asked, _service) = token_service().await;
    server.want_tokens_of(&realm);
    let host = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com";
    let credentials = super::Authorization::Basic(crate::domain::secret::Secret::new(CREDENTIALS));
    let registry = super::Registry::new(host, server.address(), credentials).unwrap();
    let error = registry.manifest("shop/api", "v1").await.unwrap_err();
    assert_eq!((asked.load(Relaxed), server.requests().len()), (0, 1), "{error}");
}
