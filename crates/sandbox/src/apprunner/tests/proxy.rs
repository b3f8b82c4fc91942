//! The service URL, before instances that are plain servers in this process.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    routing::{any, get, post},
};
use futures_util::{StreamExt as _, stream};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use crate::apprunner::proxy::{Proxy, Route, Upstream, plain_client};

/// An instance: its name at `/`, and a `/stream` of two pieces, the second held back until it is let go.
struct Server {
    upstream: Upstream,
    let_go: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    async fn named(name: &'static str) -> Self {
        let let_go = Arc::new(Notify::new());
        let held = Arc::clone(&let_go);
        let streamed = move || {
            let held = Arc::clone(&held);
            let second = stream::once(async move {
                held.notified().await;
                Ok("second")
            });
            async { Body::from_stream(stream::iter([Ok::<_, std::io::Error>("first ")]).chain(second)) }
        };
        let app = Router::new()
            .route("/", get(move || async move { name }))
            .route("/stream", get(streamed))
            .route("/echo", post(|body: Bytes| async { body }))
            .route("/moved", any(|| async { (StatusCode::FOUND, [("location", "/elsewhere")]) }))
            .route("/headers", get(|headers: HeaderMap| async move { ([("x-said", "yes")], format!("{headers:?}")) }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = Upstream::new(listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { upstream, let_go, task }
    }

    fn route(&self) -> Route {
        Route::To(self.upstream.clone())
    }
}

async fn proxy(route: Route) -> (Proxy, String) {
    let proxy = Proxy::open(plain_client().unwrap(), route, None).await.unwrap();
    let url = format!("http://{}", proxy.url());
    (proxy, url)
}

#[tokio::test]
async fn a_kept_connection_follows_the_switch() {
    let (blue, green) = (Server::named("blue").await, Server::named("green").await);
    let (proxy, url) = proxy(blue.route()).await;
    let client = reqwest::Client::new();
    let said = async || client.get(&url).send().await.unwrap().text().await.unwrap();
    assert_eq!(said().await, "blue");
    proxy.traffic().switch(green.route());
    assert_eq!(said().await, "green");
    blue.task.abort();
    assert_eq!(said().await, "green");
}

#[tokio::test]
async fn an_answer_under_way_is_streamed_and_holds_up_the_drain() {
    let (blue, green) = (Server::named("blue").await, Server::named("green").await);
    let (proxy, url) = proxy(blue.route()).await;
    let mut answer = reqwest::get(format!("{url}/stream")).await.unwrap();
    // The first piece arrives while the second does not exist yet: nothing waits for the whole.
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first ");
    proxy.traffic().switch(green.route());
    let drained = blue.upstream.drain(Duration::from_mins(10));
    tokio::pin!(drained);
    assert!(futures_util::poll!(&mut drained).is_pending());
    blue.let_go.notify_one();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "second");
    assert_eq!(answer.chunk().await.unwrap(), None);
    drained.await;
}

#[tokio::test]
async fn a_drain_has_its_cap() {
    let blue = Server::named("blue").await;
    let (_proxy, url) = proxy(blue.route()).await;
    let mut answer = reqwest::get(format!("{url}/stream")).await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first ");
    blue.upstream.drain(Duration::from_millis(1)).await;
    blue.let_go.notify_one();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "second");
}

#[tokio::test]
async fn requests_and_answers_pass_as_they_are() {
    let blue = Server::named("blue").await;
    let (_proxy, url) = proxy(blue.route()).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let body = "x".repeat(1_500_000);
    let echoed = client.post(format!("{url}/echo")).body(body.clone()).send().await.unwrap();
    assert_eq!(echoed.text().await.unwrap().len(), body.len());
    let moved = client.get(format!("{url}/moved")).send().await.unwrap();
    assert_eq!((moved.status().as_u16(), moved.headers()["location"].to_str().unwrap()), (302, "/elsewhere"));
    let headers = client.get(format!("{url}/headers")).header("te", "x").header("x-mine", "1").send().await.unwrap();
    assert_eq!(headers.headers()["x-said"], "yes");
    let seen = headers.text().await.unwrap();
    assert!(seen.contains("x-mine") && seen.contains("x-forwarded-proto") && !seen.contains("\"te\""), "{seen}");
    assert!(seen.contains(&url["http://".len()..]), "the host is the one that was asked for: {seen}");
}

#[tokio::test]
async fn without_an_instance_the_url_still_answers() {
    let (proxy, url) = proxy(Route::Nowhere).await;
    let status = async || reqwest::get(&url).await.unwrap().status().as_u16();
    assert_eq!(status().await, 503);
    proxy.traffic().switch(Route::Paused);
    assert_eq!(status().await, 404);
    proxy.traffic().switch(Route::Scripted);
    assert_eq!(status().await, 200);
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    proxy.traffic().switch(Route::To(Upstream::new(gone)));
    assert_eq!(status().await, 503);
    drop(proxy);
    assert!(reqwest::get(&url).await.is_err(), "the port is free again");
}
