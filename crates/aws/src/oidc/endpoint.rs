//! GitHub's endpoint for tokens (docs.github.com, "OpenID Connect reference": `ACTIONS_ID_TOKEN_REQUEST_URL`). What the job is
//! known by there goes to that address alone: no redirect is followed.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url, redirect::Policy};
use serde::Deserialize;

use super::error::TokenError;
use shipgate_core::secret::Secret;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Each attempt, and how long is waited before it. GitHub's endpoint answers in well under a second, and now and then not.
const ATTEMPTS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(250), Duration::from_secs(1)];

/// A token is one or two kilobytes.
const MAX_BYTES: usize = 64 * 1024;

// No `Debug`: it holds the token.
#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// What an attempt came to, if not to a token.
enum Miss {
    /// Another attempt may do better.
    Passing(String),
    /// None will.
    Final(TokenError),
}

/// Asks for a token of this audience.
pub(super) async fn fetch(url: &str, bearer: &Secret, audience: &str) -> Result<Secret, TokenError> {
    let address = address(url, audience)?;
    let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE).connect_timeout(PATIENCE).build();
    let client = client.map_err(|error| TokenError::Address { reason: error.to_string() })?;
    let mut reason = String::new();
    for pause in ATTEMPTS {
        tokio::time::sleep(pause).await;
        match attempt(&client, &address, bearer).await {
            Ok(token) => return Ok(token),
            Err(Miss::Final(error)) => return Err(error),
            Err(Miss::Passing(why)) => reason = why,
        }
    }
    Err(TokenError::Unreachable { attempts: u32::try_from(ATTEMPTS.len()).unwrap_or(u32::MAX), reason })
}

/// The address, with the audience. What the job is known by is not sent in clear over a network.
fn address(url: &str, audience: &str) -> Result<Url, TokenError> {
    let unusable = |reason: &str| TokenError::Address { reason: reason.to_owned() };
    let mut address = Url::parse(url).map_err(|_| unusable("it is no address"))?;
    let is_here = address.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]"));
    if address.scheme() != "https" && !(address.scheme() == "http" && is_here) {
        return Err(unusable("it is not HTTPS"));
    }
    address.query_pairs_mut().append_pair("audience", audience);
    Ok(address)
}

async fn attempt(client: &Client, address: &Url, bearer: &Secret) -> Result<Secret, Miss> {
    let asked = client.get(address.clone()).bearer_auth(bearer.reveal()).header("accept", "application/json").send();
    // The address of a failed request is left out: it names the run.
    let answer = asked.await.map_err(|error| Miss::Passing(innermost(&error.without_url())))?;
    let status = answer.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Miss::Passing(format!("it answered {status}")));
    }
    if !status.is_success() {
        return Err(Miss::Final(refused(status)));
    }
    let body = read(answer).await?;
    let answer: Option<Answer> = serde_json::from_slice(&body).ok();
    let nothing = || Miss::Final(TokenError::NoToken { from: "GitHub's token endpoint".to_owned() });
    answer.map(|answer| Secret::new(answer.value)).ok_or_else(nothing)
}

fn refused(status: StatusCode) -> TokenError {
    let redirects = if status.is_redirection() { ": its redirect is not followed" } else { "" };
    TokenError::Refused {
        status: format!("{status}{redirects}"),
        is_denial: matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Miss> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Miss::Passing(innermost(&error.without_url())))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            return Err(Miss::Final(TokenError::NoToken { from: "GitHub's token endpoint".to_owned() }));
        }
    }
    Ok(body)
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_audience_is_added_to_the_address() {
        let table = [
            ("https://a.test/t?v=2", "sts.amazonaws.com", Some("https://a.test/t?v=2&audience=sts.amazonaws.com")),
            ("https://a.test/t", "a b&c", Some("https://a.test/t?audience=a+b%26c")),
            ("http://127.0.0.1:1/t", "a", Some("http://127.0.0.1:1/t?audience=a")),
            ("http://a.test/t", "a", None),
            ("http://127.0.0.1.a.test/t", "a", None),
            ("ftp://127.0.0.1/t", "a", None),
            ("token", "a", None),
        ];
        for (url, audience, expected) in table {
            assert_eq!(address(url, audience).ok().as_ref().map(reqwest::Url::as_str), expected, "{url}");
        }
    }
}
