//! This machine's engine behind other transports: a port with TLS or without that leads to its socket, and an `ssh` that leads
//! to its docker command. Keys and certificates are made anew for each.

use std::{ffi::OsString, fs, net::Ipv4Addr, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    runtime::Runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer},
        server::WebPkiClientVerifier,
    },
};

/// What makes a connection of what was accepted, and leads it to the socket.
type Serve = Arc<dyn Fn(TcpStream, String) -> tokio::task::JoinHandle<()> + Send + Sync>;

/// A port of this machine; closed when it is dropped.
pub(super) struct Proxy {
    port: u16,
    _runtime: Runtime,
}

impl Proxy {
    /// Without TLS.
    pub(super) fn plain(socket: &str) -> Self {
        Self::start(socket, Arc::new(|stream, socket| tokio::spawn(lead(stream, socket))))
    }

    /// With TLS of this version. The client must show a certificate of the same authority.
    pub(super) fn tls(socket: &str, authority: &Authority, version: &'static SupportedProtocolVersion) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(version)));
        let serve = move |stream, socket| {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who is refused is told by the handshake itself.
                if let Ok(stream) = acceptor.accept(stream).await {
                    lead(stream, socket).await;
                }
            })
        };
        Self::start(socket, Arc::new(serve))
    }

    fn start(socket: &str, serve: Serve) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let (port, socket) = (listener.local_addr().unwrap().port(), socket.to_owned());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, socket.clone());
            }
        });
        Self { port, _runtime: runtime }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

async fn lead(mut stream: impl AsyncRead + AsyncWrite + Unpin, socket: String) {
    let mut engine = UnixStream::connect(socket).await.unwrap();
    // A side that goes without a word ends the other too.
    let _ended = copy_bidirectional(&mut stream, &mut engine).await;
}

/// An authority that signs certificates for `localhost`, with its files as the docker command wants them.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    directory: TempDir,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        let authority = Self { issuer: Issuer::new(params, key), certificate: certificate.der().clone(), directory };
        let (client, key) = authority.signed("client");
        fs::write(authority.directory().join("cert.pem"), client.pem()).unwrap();
        fs::write(authority.directory().join("key.pem"), key.serialize_pem()).unwrap();
        authority
    }

    /// The directory with `ca.pem`, `cert.pem` and `key.pem`.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A directory with `ca.pem` alone.
    pub(super) fn without_client(&self) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::copy(self.directory().join("ca.pem"), directory.path().join("ca.pem")).unwrap();
        directory
    }

    fn signed(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn server(&self, version: &'static SupportedProtocolVersion) -> ServerConfig {
        let (certificate, key) = self.signed("localhost");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap()
    }
}

/// A directory with an `ssh` that takes the options ssh takes, and runs the command here if the host is `build`. Other hosts are
/// the ways in which the real one fails, in its words.
pub(super) struct FakeSsh(TempDir);

const SCRIPT: &str = r#"#!/bin/sh
while [ "$1" != -- ]; do shift; done
host=$2
shift 2
case $host in
build) unset DOCKER_HOST DOCKER_CONTEXT; exec "$@" ;;
unknown) echo "ssh: Could not resolve hostname unknown: Name or service not known" >&2; exit 255 ;;
closed) echo "dev@closed: Permission denied (publickey)." >&2; exit 255 ;;
dockerless) echo "bash: line 1: docker: command not found" >&2; exit 127 ;;
*) echo "no such case: $host" >&2; exit 1 ;;
esac
"#;

impl FakeSsh {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ssh");
        fs::write(&file, SCRIPT).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    /// A `PATH` that finds it first.
    pub(super) fn path(&self) -> OsString {
        let mut path = self.0.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }
}
