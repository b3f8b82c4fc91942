//! The client against proxies and servers that refuse, in this process.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{client, place};
use crate::fault::AwsFault;
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

fn rules(variables: &[(&str, &str)]) -> ProxyRules {
    ProxyRules::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

/// What comes of a call to this endpoint.
async fn fault(endpoint: &str, rules: &ProxyRules) -> AwsFault {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::from_keys("AKIA", "s", None))
        .http_client(client(rules))
        .retry_config(RetryConfig::disabled())
        .build();
    let error = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.unwrap_err();
    AwsFault::new("sts:GetCallerIdentity", &error)
}

#[tokio::test]
async fn proxies_that_refuse_are_named() {
    let table = [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "requires a user and a password (407) to connect to"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "refuses to connect to"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "refuses to connect to"),
    ];
    for (answer, expected) in table {
        let (address, count) = answering(answer).await;
        let proxy = format!("http://ci:hunter2@{address}");
        let fault = fault("https://sts.example.test", &rules(&[("HTTPS_PROXY", &proxy)])).await;
        assert_eq!(fault.message, format!("the proxy http://{address} {expected} sts.example.test"), "{answer}");
        assert_eq!((count.load(SeqCst), fault.code.is_none()), (1, true));
        assert!(fault.hint().is_some() && !format!("{fault:?}").contains("hunter2"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_407_on_plain_http_is_the_proxys() {
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let (address, count) = answering(answer).await;
    let proxy = format!("http://ci:hunter2@{address}");
    let refused = fault("http://sts.example.test", &rules(&[("HTTP_PROXY", &proxy)])).await;
    let message =
        format!("the proxy http://{address} requires a user and a password (407) to connect to sts.example.test");
    assert_eq!((refused.message.as_str(), &refused.code), (message.as_str(), &None));
    let hint = refused.hint().unwrap();
    assert!(hint.contains("user and password") && !hint.contains("hunter2"), "{hint}");
    assert_eq!(count.load(SeqCst), 1, "a wrong password is not tried again");
    let direct = fault(&format!("http://{address}"), &ProxyRules::default()).await;
    assert!(direct.connection.is_none() && direct.code.is_some(), "a service that answers 407 is no proxy: {direct}");
}

#[tokio::test]
async fn no_proxy_with_a_port_is_honoured() {
    let (address, count) = answering("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let via = |no_proxy: &'static str| {
        let proxy = format!("http://{address}");
        rules(&[("HTTPS_PROXY", proxy.as_str()), ("HTTP_PROXY", proxy.as_str()), ("NO_PROXY", no_proxy)])
    };
    for (no_proxy, asked) in [("sts.invalid:8443", 0), ("*", 0), ("*.invalid", 0), ("sts.invalid:443", 1)] {
        let before = count.load(SeqCst);
        let fault = fault("https://sts.invalid:8443", &via(no_proxy)).await;
        assert_eq!(count.load(SeqCst) - before, asked, "{no_proxy}: {fault}");
        assert!(fault.message.contains("sts.invalid:8443"), "{fault}");
    }
    let (endpoint, direct) = answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let before = count.load(SeqCst);
    fault(&format!("http://{endpoint}"), &via("")).await;
    assert_eq!((direct.load(SeqCst), count.load(SeqCst)), (1, before), "this machine is reached directly");
}

#[tokio::test]
async fn refused_connections_and_foreign_protocols_are_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let refused = fault(&format!("http://{free}"), &ProxyRules::default()).await;
    assert_eq!(refused.message, format!("{free} refuses the connection"));
    let (plain, _) = answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let foreign = fault(&format!("https://{plain}"), &ProxyRules::default()).await;
    assert_eq!(foreign.message, format!("TLS with {plain} failed: it does not speak TLS"));
    let socks = fault("https://sts.example.test", &rules(&[("ALL_PROXY", "socks5://127.0.0.1:1080")])).await;
    assert_eq!(socks.message, "shipgate cannot use the proxy socks5://127.0.0.1:1080: it speaks SOCKS");
}

#[test]
fn addresses_have_scheme_host_and_port() {
    let of = |scheme: &str, host: &str, port| (scheme.to_owned(), host.to_owned(), port);
    assert_eq!(place("https://sts.eu-west-1.amazonaws.com/"), of("https", "sts.eu-west-1.amazonaws.com", None));
    assert_eq!(place("http://127.0.0.1:4566"), of("http", "127.0.0.1", Some(4566)));
    assert_eq!(place("http://[::1]:80/x?y=:1"), of("http", "[::1]", Some(80)));
    assert_eq!(place("http://[::1]/"), of("http", "[::1]", None));
}
