//! Registries that cannot be reached: proxies that refuse, closed ports, certificates of an unknown authority.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use super::super::retry::Patience;
use crate::{Authorization, Registry};
use shipgate_core::proxy::ProxyRules;

/// A server that answers every connection with these bytes. Gives its address and the count of connections.
async fn answering(bytes: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            let _read = stream.read(&mut [0; 4096]).await;
            let _written = stream.write_all(bytes.as_bytes()).await;
        }
    });
    (address, count)
}

/// The error of a read at this address, and its hint.
async fn error_at(address: &str, variables: &[(&str, &str)]) -> (String, String) {
    let rules = ProxyRules::read(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    let host = address.split_once("://").unwrap().1;
    let registry = Registry::behind(host, address, Authorization::Anonymous, &rules).unwrap();
    let registry = registry.with_patience(Patience { attempts: 1, ..Patience::default() });
    let error = registry.manifest("shop/api", "v1").await.unwrap_err();
    assert!(std::error::Error::source(&error).is_none() && !format!("{error:?}").contains("hunter2"), "{error:?}");
    (error.to_string(), error.hint().unwrap())
}

#[tokio::test]
async fn proxies_that_refuse_are_named() {
    for (answer, expected) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "requires a user and a password (407) to connect to"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "refuses to connect to"),
    ] {
        let (address, count) = answering(answer).await;
        let proxy = format!("http://ci:hunter2@{address}");
        let (error, _) = error_at("https://r.invalid:8443", &[("HTTPS_PROXY", &proxy)]).await;
        let expected = format!("the proxy http://{address} {expected} r.invalid:8443");
        assert_eq!(error, format!("could not read manifest v1 of r.invalid:8443/shop/api: {expected}"));
        assert_eq!(count.load(SeqCst), 1);
        let direct = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "x, r.invalid:8443")];
        let (error, _) = error_at("https://r.invalid:8443", &direct).await;
        assert!(error.contains("r.invalid:8443") && !error.contains("proxy"), "{error}");
        assert_eq!(count.load(SeqCst), 1, "NO_PROXY with a port");
    }
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_authority_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (error, hint) = error_at(&format!("http://{address}"), &[]).await;
    assert!(
        error.ends_with(&format!(": {address} refuses the connection")) && hint.contains("nothing listens"),
        "{error}"
    );

    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let private = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _refused_by_client = acceptor.accept(stream).await;
        }
    });
    let (error, hint) = error_at(&format!("https://{address}"), &[]).await;
    assert!(
        error.ends_with(&format!("the certificate of {address} is not trusted: an unknown authority signed it")),
        "{error}"
    );
    assert!(hint.contains("SSL_CERT_FILE"), "{hint}");
}
