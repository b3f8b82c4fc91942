//! A sandbox to test on, clients for it, and a small image.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};

use crate::{Options, Sandbox, seed::Seed, start};
use shipgate_core::{account::AccountId, digest::Digest};

pub(super) const REGISTRY: &str = "111111111111";
pub(super) const WORKLOAD: &str = "222222222222";
pub(super) const PULL: &str = "arn:aws:iam::111111111111:role/shipgate-pull";
pub(super) const DEPLOY: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
pub(super) const ACCESS: &str = "arn:aws:iam::222222222222:role/apprunner-access";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(super) async fn sandbox(change: impl FnOnce(&mut Seed)) -> Sandbox {
    let mut options = Options::default();
    change(&mut options.seed);
    start(options).await.unwrap()
}

/// A client configuration as a user of the environment that the sandbox names would have it.
pub(super) async fn base(sandbox: &Sandbox) -> SdkConfig {
    let environment = sandbox.environment();
    let get = |name: &str| environment.iter().find(|(named, _)| named == name).unwrap().1.clone();
    let keys =
        Credentials::new(get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"), None, None, "the sandbox's user");
    config(sandbox, keys).await
}

pub(super) async fn config(sandbox: &Sandbox, keys: Credentials) -> SdkConfig {
    config_in(sandbox, keys, sandbox.region().as_str()).await
}

async fn config_in(sandbox: &Sandbox, keys: Credentials, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(sandbox.endpoint())
        .credentials_provider(keys)
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .load()
        .await
}

/// The same after assuming a role.
pub(super) async fn assumed(sandbox: &Sandbox, role: &str) -> SdkConfig {
    assumed_in(sandbox, role, sandbox.region().as_str()).await
}

/// The same for another region.
pub(super) async fn assumed_in(sandbox: &Sandbox, role: &str, region: &str) -> SdkConfig {
    let sts = aws_sdk_sts::Client::new(&base(sandbox).await);
    let answer = sts.assume_role().role_arn(role).role_session_name("test").send().await.unwrap();
    let keys = answer.credentials.unwrap();
    let token = Some(keys.session_token);
    let keys = Credentials::new(keys.access_key_id, keys.secret_access_key, token, None, "a role");
    config_in(sandbox, keys, region).await
}

/// A plain client of one account's registry that follows nothing by itself.
pub(super) struct Plain {
    pub(super) client: Client,
    pub(super) base: String,
    pub(super) token: String,
}

impl Plain {
    /// Logged in as the role, at the registry of the account.
    pub(super) async fn login(sandbox: &Sandbox, role: &str, account: &str) -> Self {
        let account: AccountId = account.parse().unwrap();
        let address = sandbox.registry_address(&account, sandbox.region()).unwrap();
        Self::login_at(&assumed(sandbox, role).await, format!("http://{address}")).await
    }

    /// Logged in with the token of this configuration's region, at this address.
    pub(super) async fn login_at(config: &SdkConfig, base: String) -> Self {
        let answer = aws_sdk_ecr::Client::new(config).get_authorization_token().send().await.unwrap();
        let token = answer.authorization_data()[0].authorization_token().unwrap().to_owned();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, base, token }
    }

    pub(super) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, url).header("authorization", format!("Basic {}", self.token))
    }

    pub(super) async fn send(&self, method: &str, path: &str) -> Response {
        self.request(method, path).send().await.unwrap()
    }

    pub(super) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let answer = self.request("POST", &path).body(bytes.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        digest
    }

    pub(super) async fn put_manifest(&self, repository: &str, reference: &str, manifest: &str) -> Response {
        let put = self.request("PUT", &format!("/v2/{repository}/manifests/{reference}"));
        put.header("content-type", MANIFEST).body(manifest.to_owned()).send().await.unwrap()
    }

    /// Pushes an image of one layer with this content.
    pub(super) async fn push_image(&self, repository: &str, tag: &str, content: &str) -> Digest {
        let layer = self.push_blob(repository, content.as_bytes()).await;
        let config = self.push_blob(repository, b"{}").await;
        let manifest = manifest(&config, &[(&layer, content.len())]);
        assert_eq!(self.put_manifest(repository, tag, &manifest).await.status(), 201);
        Digest::of(manifest.as_bytes())
    }
}

pub(super) fn manifest(config: &Digest, layers: &[(&Digest, usize)]) -> String {
    let layers: Vec<Value> = layers
        .iter()
        .map(|(digest, size)| {
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size})
        })
        .collect();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": layers,
    })
    .to_string()
}

/// The code of a registry's error answer.
pub(super) async fn code(answer: Response) -> String {
    let body: Value = answer_json(answer).await;
    body["errors"][0]["code"].as_str().unwrap().to_owned()
}

pub(super) async fn answer_json(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Sets the faults through the control interface.
pub(super) async fn set_faults(sandbox: &Sandbox, faults: Value) {
    let url = format!("{}/_sandbox/faults", sandbox.endpoint());
    let answer = Client::new().post(url).bearer_auth(sandbox.control_token()).body(faults.to_string()).send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// The actions of a service that the sandbox remembers.
pub(super) async fn calls(sandbox: &Sandbox, service: &str) -> Vec<String> {
    let answer = Client::new().get(format!("{}/_sandbox/calls", sandbox.endpoint())).send().await.unwrap();
    let calls = answer_json(answer).await;
    let of_service = calls.as_array().unwrap().iter().filter(|call| call["service"] == service);
    of_service.map(|call| call["action"].as_str().unwrap().to_owned()).collect()
}

/// The token as Docker and others send it: base64 of user and password.
pub(super) fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}
