//! A server that keeps nothing: it reads what it is given to the end, and sends as many bytes as it is asked for, over
//! HTTP/1.1 or HTTP/2.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::stream;
use hyper::{
    Method, Request, Response,
    body::{Body as _, Incoming},
    header::CONTENT_LENGTH,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Body;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// HTTP/2's windows, of a stream and of a connection, at both ends: eight times what 100 MB/s have under way in 20 ms, so
/// that they hold nothing up. The protocol's own 64 KiB would.
pub(crate) const WINDOW: u32 = 16 << 20;

/// Bodies are made of this.
static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

/// How requests and answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Http1,
    /// In clear text, known beforehand.
    Http2,
}

/// A running server. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Sink {
    pub(crate) async fn start(protocol: Protocol) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(listener, protocol, Arc::clone(&connections)));
        Ok(Self { address, connections, task })
    }

    /// How many connections were made to it so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// So many bytes, as a stream of pieces: no more of them is in memory than is being sent.
pub(crate) fn body(size: usize) -> Body {
    let pieces = (0..size).step_by(PIECE.len()).map(move |at| &PIECE[..PIECE.len().min(size - at)]);
    Body::wrap_stream(stream::iter(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from_static(piece)))))
}

async fn serve(listener: TcpListener, protocol: Protocol, connections: Arc<AtomicUsize>) {
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.fetch_add(1, Relaxed);
        open.spawn(connect(client, protocol));
        while open.try_join_next().is_some() {}
    }
}

/// One connection. What goes wrong on it, its client is told by its end.
async fn connect(client: TcpStream, protocol: Protocol) -> Result<()> {
    client.set_nodelay(true)?;
    let (wire, service) = (TokioIo::new(client), service_fn(answer));
    match protocol {
        Protocol::Http1 => http1::Builder::new().serve_connection(wire, service).await?,
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
            builder.serve_connection(wire, service).await?;
        }
    }
    Ok(())
}

/// `GET /SIZE` is answered with so many bytes, everything else with how many it had.
async fn answer(request: Request<Incoming>) -> Result<Response<Body>> {
    if request.method() == Method::GET {
        let size = request.uri().path().trim_start_matches('/').parse().context("a path that is no size")?;
        return Ok(Response::builder().header(CONTENT_LENGTH, size).body(body(size))?);
    }
    let (mut given, mut size) = (request.into_body(), 0);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut given).poll_frame(context)).await {
        size += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(Response::new(size.to_string().into()))
}
