//! What the sandbox refuses before anything else: other host names, pages of other origins, callers without the token, and
//! bodies of nobody.

use std::net::{Ipv4Addr, SocketAddr};

use aws_sdk_sts::Client as Sts;
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect::Policy};
use serde_json::json;

use super::world::{base, sandbox};
use crate::{Options, Sandbox, start};

/// The addresses of the control plane, a registry, and the layers.
fn addresses(sandbox: &Sandbox) -> Vec<String> {
    let registry = sandbox.registries().values().next().unwrap();
    let links = sandbox.cloud.links.to(&shipgate_core::digest::Digest::of(b"x"), false);
    let links = reqwest::Url::parse(&links).unwrap();
    vec![
        sandbox.endpoint().to_owned(),
        format!("http://{registry}"),
        format!("http://127.0.0.1:{}", links.port().unwrap()),
    ]
}

async fn status(request: RequestBuilder) -> (StatusCode, String) {
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn every_listener_checks_host_and_origin() {
    let sandbox =
        start(Options { allow_hosts: vec!["sandbox.internal".to_owned()], ..Options::default() }).await.unwrap();
    for address in addresses(&sandbox) {
        let get = |header: &str, value: &str| Client::new().get(format!("{address}/")).header(header, value);
        let (code, text) = status(get("host", "evil.example")).await;
        assert!(code == StatusCode::MISDIRECTED_REQUEST && text.contains("--allow-host"), "{address}: {code} {text}");
        let (code, text) = status(get("origin", "http://evil.example")).await;
        assert!(code == StatusCode::FORBIDDEN && text.contains("evil.example"), "{address}: {code} {text}");
        for (header, value) in [("host", "sandbox.internal"), ("host", "localhost:80"), ("origin", address.as_str())] {
            let (code, text) = status(get(header, value)).await;
            let is_refused = code == StatusCode::MISDIRECTED_REQUEST || text.contains("ForbiddenOrigin");
            assert!(!is_refused, "{address} {header} {value}: {code} {text}");
        }
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn control_calls_need_the_token() {
    let sandbox = sandbox(|_| ()).await;
    let calls = [
        (Method::POST, "/_sandbox/faults", "[]"),
        (Method::DELETE, "/_sandbox/calls", ""),
        (Method::GET, "/_sandbox/apprunner", ""),
        (Method::POST, "/_sandbox/apprunner", "[]"),
        (Method::POST, "/_sandbox/roles", r#"{"arn": "arn:aws:iam::222222222222:role/made"}"#),
        (Method::GET, "/_sandbox/oidc/token", ""),
        (Method::POST, "/_sandbox/oidc/token", "{}"),
    ];
    for (method, path, body) in calls {
        let request = || Client::new().request(method.clone(), format!("{}{path}", sandbox.endpoint())).body(body);
        let (code, text) = status(request()).await;
        let names_the_token = text.contains("SHIPGATE_SANDBOX_TOKEN") && !text.contains(sandbox.control_token());
        assert!(code == StatusCode::UNAUTHORIZED && names_the_token, "{method} {path}: {code} {text}");
        assert_eq!(status(request().bearer_auth("guessed")).await.0, StatusCode::UNAUTHORIZED, "{method} {path}");
        let (code, text) = status(request().bearer_auth(sandbox.control_token())).await;
        assert!(code.is_success(), "{method} {path}: {code} {text}");
    }
    for path in ["/", "/_sandbox/calls", "/_sandbox/faults", "/_sandbox/oidc/jwks"] {
        let (code, _) = status(Client::new().get(format!("{}{path}", sandbox.endpoint()))).await;
        assert_eq!(code, StatusCode::OK, "{path} shows no secret, and only this machine reaches it");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_reachable_sandbox_shows_its_page_by_its_printed_address_only() {
    let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let sandbox = start(Options { listen, ..Options::default() }).await.unwrap();
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    for path in ["/", "/?view=guessed", "/_sandbox/page", "/_sandbox/calls"] {
        let (code, text) = status(client.get(format!("{}{path}", sandbox.endpoint()))).await;
        assert!(code == StatusCode::UNAUTHORIZED && !text.contains("shop/api"), "{path}: {code} {text}");
    }
    let opened = client.get(sandbox.page()).send().await.unwrap();
    assert_eq!((opened.status(), &opened.headers()["location"]), (StatusCode::SEE_OTHER, &"/".parse().unwrap()));
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for path in ["/", "/_sandbox/page", "/_sandbox/calls"] {
        let request = client.get(format!("{}{path}", sandbox.endpoint())).header("cookie", &cookie);
        assert_eq!(status(request).await.0, StatusCode::OK, "{path}");
    }
    let control = client.post(format!("{}/_sandbox/faults", sandbox.endpoint())).header("cookie", &cookie).body("[]");
    assert_eq!(status(control).await.0, StatusCode::UNAUTHORIZED);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn default_keys_are_random_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    let first = start(options.clone()).await.unwrap();
    let secrets = |sandbox: &Sandbox| {
        let secret = |(name, _): &(String, String)| {
            name.starts_with("AWS_ACCESS") || name.contains("SECRET") || name.contains("TOKEN")
        };
        sandbox.environment().into_iter().filter(secret).map(|(_, value)| value).collect::<Vec<_>>()
    };
    let before = secrets(&first);
    assert_eq!(before.len(), 3, "id, secret and control token");
    first.shutdown().await;
    let again = start(options).await.unwrap();
    assert_eq!(secrets(&again), before);
    assert!(Sts::new(&base(&again).await).get_caller_identity().send().await.is_ok());
    again.shutdown().await;
    let other = start(Options::default()).await.unwrap();
    assert!(secrets(&other).iter().all(|secret| !before.contains(secret)));
    other.shutdown().await;
}

#[tokio::test]
async fn large_bodies_are_read_of_known_senders_only() {
    let sandbox = sandbox(|_| ()).await;
    let large = vec![b' '; 1024 * 1024];
    let post = |target: &str| Client::new().post(sandbox.endpoint()).header("x-amz-target", target).body(large.clone());
    let unsigned = post("AmazonEC2ContainerRegistry_V20150921.UploadLayerPart");
    let (code, text) = status(unsigned).await;
    assert_eq!((code.as_u16(), text.contains("MissingAuthenticationToken")), (400, true), "{text}");
    let unknown = "AWS4-HMAC-SHA256 Credential=AKIANOBODY/20260101/ap-northeast-1/ecr/aws4_request, \
                   SignedHeaders=host, Signature=00";
    let unknown = post("AmazonEC2ContainerRegistry_V20150921.UploadLayerPart").header("authorization", unknown);
    let (code, text) = status(unknown).await;
    assert_eq!((code.as_u16(), text.contains("UnrecognizedClientException")), (400, true), "{text}");
    let control =
        Client::new().post(format!("{}/_sandbox/faults", sandbox.endpoint())).body(vec![b' '; 2 * 1024 * 1024]);
    assert_eq!(status(control.bearer_auth(sandbox.control_token())).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let calls = super::world::calls(&sandbox, "ecr").await;
    assert_eq!(json!(calls), json!([]), "nothing was called");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_long_action_is_remembered_shortened() {
    let sandbox = sandbox(|_| ()).await;
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{}", "A".repeat(20_000));
    status(Client::new().post(sandbox.endpoint()).header("x-amz-target", target)).await;
    assert_eq!(super::world::calls(&sandbox, "ecr").await, ["A".repeat(128)]);
    sandbox.shutdown().await;
}
