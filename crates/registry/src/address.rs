//! Where a registry is, and the connections to it. A registry on this machine may turn out to speak TLS.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, Method, Proxy, Url,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue},
    redirect,
};

use super::{client::Registry, error::RegistryError, location};
use shipgate_core::proxy::ProxyRules;

/// How long the making of a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A registry's address.
pub(super) struct Address {
    url: Mutex<Url>,
    proxies: ProxyRules,
    http: Client,
    /// It has not answered in plain HTTP yet, and may be asked with TLS.
    is_undecided: AtomicBool,
    /// For TLS to this machine. Its certificates are not checked: what is at a loopback address is asked without TLS as well,
    /// and a checked certificate would protect from nothing. (Docker treats 127.0.0.0/8 the same way.)
    unchecked: OnceLock<Option<Client>>,
}

impl Address {
    /// # Errors
    /// [`reqwest::Error`] when there are no certificates to trust.
    pub(super) fn new(url: Url, proxies: &ProxyRules) -> Result<Self, reqwest::Error> {
        let http = connections(proxies).build()?;
        Ok(Self {
            url: Mutex::new(url),
            proxies: proxies.clone(),
            http,
            is_undecided: AtomicBool::new(false),
            unchecked: OnceLock::new(),
        })
    }

    /// Which requests go through which proxy.
    pub(super) fn proxies(&self) -> &ProxyRules {
        &self.proxies
    }

    /// # Errors
    /// Why this is no address of a registry.
    pub(super) fn parse(address: &str) -> Result<Url, String> {
        let url: Url = address.parse().map_err(|error| format!("{error}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            "http" | "https" => Err("it names no host".to_owned()),
            other => Err(format!("{other} is neither http nor https")),
        }
    }

    pub(super) fn url(&self) -> Url {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It may be asked with TLS when plain HTTP does not work, if it is on this machine.
    pub(super) fn may_be_tls(&self) {
        let url = self.url();
        self.is_undecided.store(url.scheme() == "http" && location::is_loopback(&url), Relaxed);
    }

    pub(super) fn is_undecided(&self) -> bool {
        self.is_undecided.load(Relaxed)
    }

    /// It has shown what it speaks.
    pub(super) fn decide(&self) {
        self.is_undecided.store(false, Relaxed);
    }

    /// The connections for this address.
    pub(super) fn http_for(&self, url: &Url) -> &Client {
        if url.scheme() != "https" || !location::same_origin(&self.url(), url) {
            return &self.http;
        }
        self.unchecked.get().and_then(Option::as_ref).unwrap_or(&self.http)
    }

    fn unchecked(&self) -> Option<&Client> {
        let client = || connections(&self.proxies).tls_danger_accept_invalid_certs(true).build().ok();
        self.unchecked.get_or_init(client).as_ref()
    }

    #[cfg(test)]
    pub(super) fn moved_to(&self, url: Url) -> Self {
        Self {
            url: Mutex::new(url),
            proxies: self.proxies.clone(),
            http: self.http.clone(),
            is_undecided: AtomicBool::new(false),
            unchecked: OnceLock::new(),
        }
    }
}

impl Registry {
    /// After a request in plain HTTP that failed in this way: finds out whether the registry speaks TLS, and asks it so from
    /// then on. Says whether the request should be sent again.
    pub(super) async fn speaks_tls(&self, failure: &RegistryError) -> bool {
        let (address, mut url) = (self.address(), self.base());
        if url.scheme() == "https" {
            // Another request has found out.
            return true;
        }
        if !address.is_undecided() || !may_come_of_tls(failure) {
            return false;
        }
        let (Ok(()), Some(http)) = (url.set_scheme("https"), address.unchecked()) else { return false };
        self.count_request();
        let answer = tokio::time::timeout(self.patience().stall, http.request(Method::GET, url).send()).await;
        let speaks_tls = matches!(answer, Ok(Ok(_)));
        if speaks_tls {
            let mut url = address.url.lock().unwrap_or_else(PoisonError::into_inner);
            // A URL with a host takes either scheme.
            url.set_scheme("https").ok();
        }
        address.decide();
        speaks_tls
    }
}

/// Whether a server that speaks TLS alone may have caused this: it breaks off or answers with something that is not HTTP,
/// or, as several do, with a refusal in plain text that says so.
fn may_come_of_tls(failure: &RegistryError) -> bool {
    if let RegistryError::Connection { is_connect, is_invalid, .. } = failure {
        return !is_connect && !is_invalid;
    }
    let RegistryError::Refused { answer, .. } = failure else { return false };
    let message = answer.message.to_ascii_lowercase();
    answer.status == 400 && answer.code.is_none() && ["https", "ssl", "tls"].iter().any(|word| message.contains(word))
}

/// HTTP/1.1 on purpose: every transfer then has a connection, and so a congestion window, of its own. Blobs that shared
/// one HTTP/2 connection would share its rate, and rate per stream is what bounds a copy to ECR.
fn connections(proxies: &ProxyRules) -> ClientBuilder {
    let proxies = proxies.clone();
    let proxy = Proxy::custom(move |url| {
        proxies.proxy_for(url.scheme(), url.host_str()?, url.port()).map(|proxy| proxy.url().to_owned())
    });
    // Digests are those of bodies as they are; a compressed copy has others.
    let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    Client::builder()
        .default_headers(headers)
        // Redirects are followed in `request`, which decides who is shown the credentials.
        .redirect(redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("shipgate/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy)
}
