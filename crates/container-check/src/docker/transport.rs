//! A client of an engine behind TLS or ssh: bollard's requests, sent by hyper over a stream that is made here.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker, errors::Error as BollardError};
use hyper::Uri;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tower_service::Service;

use super::ssh::Ssh;

/// How long a connection that is not used is kept: long enough for a check's pauses, and an ssh process ends soon.
const IDLE: Duration = Duration::from_secs(30);

/// Makes connections to one engine, whatever a request's address says.
#[derive(Clone)]
pub(super) enum Dialler {
    /// TLS to a host and port.
    Tls {
        /// The name or address that the engine's certificate must be for.
        host: String,
        port: u16,
        config: Arc<ClientConfig>,
    },
    /// The standard input and output of ssh.
    Ssh(Ssh),
}

/// A connection.
pub(super) struct Wire(Pin<Box<dyn Duplex>>);

trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// A client that connects so.
///
/// # Errors
/// bollard's own, of an authority it cannot put in an address.
pub(super) fn client(dialler: Dialler, authority: &str, answer_timeout_seconds: u64) -> Result<Docker, BollardError> {
    let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(dialler);
    let transport = move |request: BollardRequest| {
        let answer = client.request(request);
        async move { answer.await.map_err(BollardError::from) }
    };
    // The scheme is for hyper, which knows no other: what is below it is the dialler's business.
    let address = format!("http://{authority}");
    Docker::connect_with_custom_transport(transport, Some(address), answer_timeout_seconds, API_DEFAULT_VERSION)
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Wire>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialler = self.clone();
        Box::pin(async move { dialler.dial().await.map(TokioIo::new) })
    }
}

impl Dialler {
    async fn dial(self) -> io::Result<Wire> {
        match self {
            Self::Tls { host, port, config } => {
                let stream = TcpStream::connect((host.as_str(), port)).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from(host).map_err(io::Error::other)?;
                Ok(Wire(Box::pin(TlsConnector::from(config).connect(name, stream).await?)))
            }
            Self::Ssh(ssh) => Ok(Wire(Box::pin(ssh.open()?))),
        }
    }
}

impl Wire {
    /// Why a write failed. Who hangs up during one has often said why before, and nobody has read it yet.
    fn reason(&mut self, failed: io::Error, context: &mut Context<'_>) -> io::Error {
        let mut byte = [0];
        match self.0.as_mut().poll_read(context, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Err(reason)) => reason,
            Poll::Ready(Ok(())) | Poll::Pending => failed,
        }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(context, bytes).map_err(|error| self.reason(error, context))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(context).map_err(|error| self.reason(error, context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(context)
    }
}
