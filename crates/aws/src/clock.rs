//! What time it is at AWS: signatures and tokens are good for minutes only.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use super::session::Base;

/// How long STS may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many seconds this machine's clock is ahead of AWS's; negative where it is behind.
pub(super) async fn seconds_ahead(base: &Base) -> Option<i64> {
    let theirs = at_aws(base).await?;
    Some(Timestamp::now().as_second() - theirs.as_second())
}

/// The time by STS, from the `Date` of its answer to a request that is nobody's; `None` when none comes, or one without a date.
pub async fn at_aws(base: &Base) -> Option<Timestamp> {
    let proxies = base.proxies.clone();
    let proxy = reqwest::Proxy::custom(move |url| {
        proxies.proxy_for(url.scheme(), url.host_str()?, url.port()).map(|proxy| proxy.url().to_owned())
    });
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
    let client = client.proxy(proxy).build().ok()?;
    let answer = client.get(address(base)).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    // RFC 9110, 5.6.7: the date of an HTTP header is one of RFC 2822, and always in GMT.
    rfc2822::parse(date).ok().map(|date| date.timestamp())
}

/// Where the clients find STS, too.
fn address(base: &Base) -> String {
    let region = base.config.region().map_or("us-east-1", AsRef::as_ref);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    base.config.endpoint_url().map_or_else(|| format!("https://sts.{region}.{suffix}/"), str::to_owned)
}
