//! The sandbox as a registry: the built binary in a process of its own, with plain manners, and a login to it.

use std::{net::SocketAddr, path::Path, process::Stdio};

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

const ACCOUNT: &str = "111111111111";
const REGION: &str = "ap-northeast-1";
/// Keys of nobody, made up for this process.
const KEYS: (&str, &str) = ("AKIASANDBOXBENCH0000", "sandbox/secret/of/the/benchmark/00000000");

/// Starts a sandbox that has one repository: its process, where its registry is, and the login.
pub(crate) async fn start(folder: &Path, repository: &str) -> Result<(Child, SocketAddr, String)> {
    let seed = json!({
        "region": REGION, "ecr_manners": false, "scripted": true,
        "accounts": [ACCOUNT], "roles": [],
        "users": [{ "name": "bench", "account": ACCOUNT, "access_key_id": KEYS.0, "secret_access_key": KEYS.1 }],
        "repositories": [{ "account": ACCOUNT, "name": repository }],
    });
    let file = folder.join("seed.yaml");
    std::fs::write(&file, seed.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipgate"));
    command.args(["sandbox", "--listen", "127.0.0.1:0", "--output", "json", "--seed"]).arg(&file);
    // Layers lie in its temporary directory: on the disk where a registry of Debian's would have them.
    command.env("TMPDIR", folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut process = command.spawn().context("cannot start the sandbox")?;
    let mut line = String::new();
    let said = process.stdout.take().context("the sandbox says nothing")?;
    BufReader::new(said).read_line(&mut line).await?;
    let told: Value = serde_json::from_str(&line).context("the sandbox does not introduce itself")?;
    let address = told["registries"][ACCOUNT].as_str().context("the sandbox has no registry")?;
    let address = address.trim_start_matches("http://").parse()?;
    let token = login(told["endpoint"].as_str().unwrap_or_default()).await?;
    Ok((process, address, token))
}

async fn login(endpoint: &str) -> Result<String> {
    let keys = aws_credential_types::Credentials::from_keys(KEYS.0, KEYS.1, None);
    let session = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(REGION))
        .credentials_provider(keys)
        .load()
        .await;
    let answer = aws_sdk_ecr::Client::new(&session).get_authorization_token().send().await?;
    let token = answer.authorization_data().first().and_then(|data| data.authorization_token());
    Ok(token.context("the sandbox gives no token")?.to_owned())
}
