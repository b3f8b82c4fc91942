//! A server that answers as a test says, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use tokio::net::TcpListener;

use super::fake::AbortOnDrop;

/// A request as the script sees it.
pub(crate) struct Asked {
    /// `METHOD PATH?QUERY`.
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Bytes,
    /// `http://HOST:PORT` of the server.
    pub(crate) address: String,
}

impl Asked {
    pub(crate) fn is(&self, start: &str) -> bool {
        self.line.starts_with(start)
    }

    /// The values of a parameter of the query.
    pub(crate) fn parameters(&self, name: &str) -> Vec<String> {
        let path = self.line.split_once(' ').unwrap().1;
        let url = reqwest::Url::parse(&format!("http://x{path}")).unwrap();
        url.query_pairs().filter(|(own, _)| own == name).map(|(_, value)| value.into_owned()).collect()
    }
}

type Script = Arc<dyn Fn(&Asked) -> Response<Body> + Send + Sync>;

/// A running server.
pub(crate) struct Scripted {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<String>>>,
    _server: AbortOnDrop,
}

#[derive(Clone)]
struct Serving {
    script: Script,
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let serving = Serving { script: Arc::new(script), address: address.clone(), seen: seen.clone() };
        let app = axum::Router::new().fallback(answer).with_state(serving);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, seen, _server: AbortOnDrop(server) }
    }

    /// `METHOD PATH?QUERY SCHEME` of each request, the scheme that of its `Authorization` or `-`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Its address under another host name.
    pub(crate) fn by_name(&self) -> String {
        self.address.replace("127.0.0.1", "localhost")
    }
}

async fn answer(State(serving): State<Serving>, request: Request) -> Response<Body> {
    let line = format!("{} {}", request.method(), request.uri());
    let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let scheme = authorization.as_deref().and_then(|value| value.split(' ').next()).unwrap_or("-");
    serving.seen.lock().unwrap().push(format!("{line} {scheme}"));
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    (serving.script)(&Asked { line, authorization, body, address: serving.address.clone() })
}

/// An answer with headers.
pub(crate) fn with_headers(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let response = headers
        .iter()
        .fold(Response::builder().status(status), |response, (name, value)| response.header(*name, *value));
    response.body(Body::from(body.to_owned())).unwrap()
}
