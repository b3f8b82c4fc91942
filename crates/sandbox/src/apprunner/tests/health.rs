//! Probes, against plain servers in this process.

use std::net::{Ipv4Addr, SocketAddr};

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::apprunner::{config::HealthRule, health::probe, proxy::plain_client};

fn rule(http_path: Option<&str>) -> HealthRule {
    HealthRule { http_path: http_path.map(str::to_owned), timeout_seconds: 1, ..HealthRule::default() }
}

async fn passes(http_path: Option<&str>, address: SocketAddr) -> bool {
    probe(&plain_client().unwrap(), &rule(http_path), address).await
}

#[tokio::test]
async fn over_http_only_200_is_healthy() {
    let answer =
        |Path(status): Path<u16>| async move { (StatusCode::from_u16(status).unwrap(), [("location", "/200")]) };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/{status}", get(answer))).await });
    for (status, healthy) in
        [(200, true), (201, false), (204, false), (301, false), (302, false), (401, false), (404, false), (500, false)]
    {
        assert_eq!(passes(Some(&format!("/{status}")), address).await, healthy, "{status}");
    }
    assert!(passes(Some("200"), address).await, "a path without its slash");
    assert!(passes(None, address).await);
    server.abort();
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_healthy_over_tcp_alone() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    assert!(passes(None, address).await);
    assert!(!passes(Some("/"), address).await);
    drop(listener);
    assert!(!passes(None, address).await);
}
