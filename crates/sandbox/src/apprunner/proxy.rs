//! The service URL: a reverse proxy on a local port that lives as long as its service and asks, for each request
//! anew, which instance serves. So clients that keep their connection follow a switch of traffic too.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt as _;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Headers that belong to one connection and are not passed on (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An instance that requests can be sent to, and how many it is answering.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    address: SocketAddr,
    busy: watch::Sender<usize>,
    /// Cancelled when it has ended: its address may be another container's by then.
    ended: CancellationToken,
}

impl Upstream {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, busy: watch::Sender::new(0), ended: CancellationToken::new() }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends no request to it any more, whatever the route says.
    pub(super) fn mark_ended(&self) {
        self.ended.cancel();
    }

    /// Waits until no request is in flight, or the cap is over.
    pub(super) async fn drain(&self, cap: Duration) {
        let mut busy = self.busy.subscribe();
        let idle = busy.wait_for(|requests| *requests == 0);
        let _ = tokio::time::timeout(cap, idle).await;
    }
}

/// Where the requests of a service go.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// To this instance.
    To(Upstream),
    /// Nowhere: the service has no instance yet, or none any more.
    Nowhere,
    /// Nowhere, because the service is paused.
    Paused,
    /// To no instance, answered here: services without containers.
    Scripted,
}

/// A request in flight; counted until the last byte of its answer has been passed on.
struct InFlight(watch::Sender<usize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

/// The route, shared by a proxy and the deployments that switch it.
pub(super) struct Traffic {
    route: Mutex<Route>,
    client: reqwest::Client,
}

impl Traffic {
    /// Sends every request that begins from now on to this route, and gives the old one.
    pub(super) fn switch(&self, route: Route) -> Route {
        std::mem::replace(&mut *self.route.lock().unwrap_or_else(PoisonError::into_inner), route)
    }

    /// Whether requests are sent to an instance.
    #[cfg(test)]
    pub(super) fn serves(&self) -> bool {
        matches!(&*self.route.lock().unwrap(), Route::To(_) | Route::Scripted)
    }

    /// Chooses and counts in one step: a request is never on its way to an instance that is thought idle.
    fn choose(&self) -> Result<(SocketAddr, InFlight), Page> {
        match &*self.route.lock().unwrap_or_else(PoisonError::into_inner) {
            Route::To(upstream) if upstream.ended.is_cancelled() => Err(NO_UPSTREAM),
            Route::To(upstream) => {
                upstream.busy.send_modify(|requests| *requests += 1);
                Ok((upstream.address, InFlight(upstream.busy.clone())))
            }
            Route::Nowhere => Err(NO_UPSTREAM),
            Route::Paused => Err(Page(StatusCode::NOT_FOUND, "404 page not found: this service is paused")),
            Route::Scripted => Err(Page(StatusCode::OK, "a scripted service of the sandbox")),
        }
    }
}

/// A running proxy. Dropping it frees its port; connections that are open end with the answer they are at.
pub(super) struct Proxy {
    address: SocketAddr,
    traffic: Arc<Traffic>,
    closing: CancellationToken,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Listens on this address, if one is wanted and it is free, or else on a free local port.
    pub(super) async fn open(client: reqwest::Client, route: Route, wanted: Option<SocketAddr>) -> io::Result<Self> {
        let wanted = match wanted {
            Some(address) => TcpListener::bind(address).await.ok(),
            None => None,
        };
        let listener = match wanted {
            Some(listener) => listener,
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let address = listener.local_addr()?;
        let traffic = Arc::new(Traffic { route: Mutex::new(route), client });
        let closing = CancellationToken::new();
        let app = Router::new().fallback(forward).with_state(Arc::clone(&traffic));
        let closed = closing.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            // It ends only when it is told to, and never with an error.
            let _ = axum::serve(listener, app).with_graceful_shutdown(closed).await;
        });
        Ok(Self { address, traffic, closing, server })
    }

    /// `127.0.0.1:PORT`: a bare host, as App Runner gives its own.
    pub(super) fn url(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closing.cancel();
        self.server.abort();
    }
}

async fn forward(State(traffic): State<Arc<Traffic>>, request: Request) -> Response {
    let (address, in_flight) = match traffic.choose() {
        Ok(chosen) => chosen,
        Err(page) => return page.into_response(),
    };
    match pass_on(&traffic.client, address, request).await {
        Ok(answer) => pass_back(answer, in_flight),
        Err(_) => {
            Page(StatusCode::SERVICE_UNAVAILABLE, "upstream connect error or disconnect before headers").into_response()
        }
    }
}

async fn pass_on(
    client: &reqwest::Client,
    address: SocketAddr,
    request: Request,
) -> reqwest::Result<reqwest::Response> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let has_body =
        head.headers.contains_key(header::CONTENT_LENGTH) || head.headers.contains_key(header::TRANSFER_ENCODING);
    let mut headers = without_hop_by_hop(head.headers);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    let mut onward = client.request(head.method, format!("http://{address}{path}")).headers(headers);
    if has_body {
        onward = onward.body(reqwest::Body::wrap_stream(body.into_data_stream()));
    }
    onward.send().await
}

fn pass_back(answer: reqwest::Response, in_flight: InFlight) -> Response {
    let (status, headers) = (answer.status(), without_hop_by_hop(answer.headers().clone()));
    let counted = answer.bytes_stream().map(move |chunk| {
        let _until_the_end = &in_flight;
        chunk
    });
    let mut response = Response::new(Body::from_stream(counted));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn without_hop_by_hop(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

/// An answer of the proxy's own.
struct Page(StatusCode, &'static str);

const NO_UPSTREAM: Page = Page(StatusCode::SERVICE_UNAVAILABLE, "no healthy upstream");

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], self.1).into_response()
    }
}

/// The client of proxies and health checks: no system proxy, no redirects followed, and no connection kept, because
/// the instance at its other end may be gone by the next request.
pub(super) fn plain_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .http1_only()
        .build()
}
