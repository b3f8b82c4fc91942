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
    CREDENTIALS, NEW_CREDENTIALS, REFRESH_TOKEN, client,
    fake::{AbortOnDrop, FakeRegistry},
    image::image,
    retries_at_once,
    serve::respond,
    store::Store,
};
use crate::{Authorization, Registry, Renewal, copy::tests::copy_between};
use shipgate_core::secret::Secret;

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
    if request.method() == "POST" && authorization.is_none() && request.uri().query().is_none() {
        return grant_for_refresh_token(request).await;
    }
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

async fn grant_for_refresh_token(request: Request) -> Response<Body> {
    let kind = request.headers()["content-type"].clone();
    let form = axum::body::to_bytes(request.into_body(), 1000).await.unwrap();
    let asked_for = |actions: &str| {
        format!(
            "grant_type=refresh_token&service=r.test&scope=repository%3Ashop%2Fapi%3A{actions}&client_id=shipgate&\
             refresh_token=r3fr%2Bsh"
        )
    };
    match &form[..] {
        _ if kind != "application/x-www-form-urlencoded" => respond(400, "what is this?"),
        form if form == asked_for("pull").as_bytes() => {
            respond(200, r#"{"access_token":"repository:shop/api:pull","expires_in":300,"refresh_token":"other"}"#)
        }
        form if form == asked_for("pull%2Cpush").as_bytes() => {
            respond(200, r#"{"access_token":"repository:shop/api:pull,push"}"#)
        }
        _ => respond(400, r#"{"errors":[{"code":"DENIED","message":"which refresh token?"}]}"#),
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
    let stranger = Registry::new("registry.test", server.address(), Authorization::Anonymous).unwrap();
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
    let credentials = Authorization::Basic(Secret::new(CREDENTIALS));
    let registry = Registry::new(host, server.address(), credentials).unwrap();
    let error = registry.manifest("shop/api", "v1").await.unwrap_err();
    assert_eq!((asked.load(Relaxed), server.requests().len()), (0, 1), "{error}");
}

/// A client that has a refresh token.
fn with_refresh_token(address: &str, token: &str) -> Registry {
    let authorization = Authorization::IdentityToken(Secret::new(token));
    Registry::new("registry.test", address, authorization).unwrap().with_patience(retries_at_once())
}

/// The registry complains if it is shown the refresh token; the token service takes it in a form, and nowhere else.
#[tokio::test]
async fn an_identity_token_is_exchanged_for_each_kind_of_access() {
    let (from, to) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let (realm, asked, _service) = token_service().await;
    from.want_tokens_of(&realm);
    to.want_tokens_of(&realm);
    let image = image(&[1000, 200_000, 30]);
    from.hold(&image);
    let [source, destination] = [&from, &to].map(|server| with_refresh_token(server.address(), REFRESH_TOKEN));
    copy_between(&source, &[destination], &image.manifest.digest).await.unwrap();
    assert!(to.has(&image));
    assert_eq!(asked.load(Relaxed), 3);
    from.assert_content();
    to.assert_content();
}

#[tokio::test]
async fn a_refresh_token_that_is_refused_is_not_told() {
    let server = FakeRegistry::start().await;
    let (realm, asked, _service) = token_service().await;
    server.want_tokens_of(&realm);
    let error = with_refresh_token(server.address(), "hunter2").manifest("shop/api", "v1").await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("which refresh token?") && !shown.contains("hunter2"), "{shown}");
    assert_eq!((asked.load(Relaxed), server.requests().len()), (1, 1));
}

/// A registry that knows no tokens is not shown the refresh token either.
#[tokio::test]
async fn a_refresh_token_is_no_password() {
    let server = FakeRegistry::start().await;
    let client = with_refresh_token(server.address(), REFRESH_TOKEN);
    assert!(client.manifest("shop/api", "v1").await.unwrap_err().is_denied());
    // The base might name a token service.
    assert_eq!(server.complaints(), ["no credentials: GET /v2/shop/api/manifests/v1", "no credentials: GET /v2/"]);
}

#[tokio::test]
async fn credentials_that_the_token_service_refuses_are_renewed() {
    let server = FakeRegistry::start().await;
    let (realm, asked, _service) = token_service().await;
    server.want_tokens_of(&realm);
    let image = image(&[1000]);
    server.hold(&image);
    let renewal: Renewal = Arc::new(|| Box::pin(async { Ok(Authorization::Basic(Secret::new(CREDENTIALS))) }));
    let old = Authorization::Basic(Secret::new(NEW_CREDENTIALS));
    let client = Registry::new("registry.test", server.address(), old).unwrap().renewed_by(renewal);
    let manifest = client.manifest("shop/api", image.manifest.digest.as_str()).await.unwrap();
    assert_eq!(manifest.unwrap().digest, image.manifest.digest);
    // In vain, once more with the new credentials, and with the token.
    assert_eq!((asked.load(Relaxed), server.requests().len()), (2, 3));
    server.assert_content();
}
