//! Why a connection could not be made or broke: read from the texts of an HTTP client's errors, reported in one line.

use std::fmt;

/// Where App Runner exists (botocore 1.43, data/endpoints.json, service `apprunner`).
pub const APP_RUNNER_REGIONS: [&str; 11] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// What kept a host from being reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionProblem {
    /// The requested host, with its port where that is not the scheme's own.
    pub host: String,
    /// The proxy that leads to it, without user and password; the name of its variable if its address is invalid.
    pub proxy: Option<String>,
    /// What happened.
    pub kind: ConnectionFault,
}

/// What happened to a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionFault {
    /// No such name in the DNS.
    Unresolved,
    /// The DNS server did not answer.
    NoDns,
    /// Nothing listens there.
    Refused,
    /// No route leads there.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The certificate is signed by an unknown authority.
    UnknownAuthority,
    /// The certificate is wrong for another reason.
    Certificate(String),
    /// TLS failed before a certificate counted.
    Tls(String),
    /// The proxy requires a user and a password.
    ProxyCredentials,
    /// The proxy does not connect to the host.
    ProxyRefused,
    /// The proxy speaks SOCKS.
    Socks,
    /// The address of the proxy is invalid.
    InvalidProxy,
    /// It broke when it had been made.
    Broken(String),
}

impl ConnectionProblem {
    /// Reads the texts of an error and of its causes, the outermost first.
    #[must_use]
    pub fn read(host: &str, proxy: Option<&str>, texts: &[String]) -> Self {
        let kind = match proxy {
            Some(proxy) if proxy.starts_with("socks") => ConnectionFault::Socks,
            Some(variable) if !variable.contains("://") => ConnectionFault::InvalidProxy,
            _ => ConnectionFault::read(texts),
        };
        Self { host: host.to_owned(), proxy: proxy.map(str::to_owned), kind }
    }

    /// Whether it is the way to the proxy that failed.
    fn fails_at_proxy(&self) -> Option<&str> {
        use ConnectionFault::{NoDns, Refused, Unreachable, Unresolved};
        let proxy = self.proxy.as_deref()?;
        matches!(self.kind, Unresolved | NoDns | Refused | Unreachable).then_some(proxy)
    }

    /// The command or edit that fixes it.
    #[must_use]
    pub fn hint(&self) -> String {
        let host = self.name();
        if let Some(proxy) = self.fails_at_proxy() {
            return format!("correct HTTPS_PROXY (now {proxy}), or add {host} to NO_PROXY to connect directly");
        }
        if self.region_without_app_runner().is_some() {
            return format!("use one of the regions that have App Runner: {}", APP_RUNNER_REGIONS.join(", "));
        }
        match &self.kind {
            ConnectionFault::Unresolved if is_of_aws(host) => format!(
                "check the region in {host}, and the DNS of this machine: `nslookup {host}` must find an address"
            ),
            ConnectionFault::Unresolved => {
                format!("check the name: `nslookup {host}` on this machine must find an address")
            }
            ConnectionFault::NoDns => "check the DNS server of this machine: /etc/resolv.conf".to_owned(),
            ConnectionFault::Refused => format!("check host and port: nothing listens at {}", self.host),
            ConnectionFault::Unreachable | ConnectionFault::TimedOut => format!(
                "check that this machine may connect to {}: firewall, security groups, or a proxy in HTTPS_PROXY",
                self.host
            ),
            ConnectionFault::UnknownAuthority => format!(
                "if a proxy inspects TLS, add its CA certificate to the system's trust store, or set SSL_CERT_FILE to a bundle \
                 that holds it: `openssl s_client -connect {}` shows the certificate",
                with_port(&self.host)
            ),
            ConnectionFault::Certificate(_) => {
                format!(
                    "`openssl s_client -connect {}` shows the certificate; check this machine's clock too",
                    with_port(&self.host)
                )
            }
            ConnectionFault::Tls(_) => {
                format!("check that {} speaks TLS 1.2 or 1.3 at that port", self.host)
            }
            ConnectionFault::ProxyCredentials => {
                "correct the proxy's user and password in its address (HTTPS_PROXY or HTTP_PROXY): http://USER:PASSWORD@HOST:PORT"
                    .to_owned()
            }
            ConnectionFault::ProxyRefused => {
                format!(
                    "let the proxy connect to {}, or add {host} to NO_PROXY to connect directly",
                    with_port(&self.host)
                )
            }
            ConnectionFault::Socks => "set HTTPS_PROXY to an HTTP proxy (http://HOST:PORT)".to_owned(),
            ConnectionFault::InvalidProxy => format!(
                "write {} as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, and percent-encode special characters in \
                 user and password (`/` as %2F)",
                self.proxy.as_deref().unwrap_or("it")
            ),
            ConnectionFault::Broken(_) => {
                format!("try again; if it stays so, check the network between here and {host}")
            }
        }
    }

    /// The host without its port.
    fn name(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }

    /// The region of an App Runner endpoint where there is none, if that can be why nothing answers.
    fn region_without_app_runner(&self) -> Option<&str> {
        if !matches!(self.kind, ConnectionFault::Unresolved | ConnectionFault::ProxyRefused) {
            return None;
        }
        let region = self.name().strip_prefix("apprunner.")?.split('.').next()?;
        (!APP_RUNNER_REGIONS.contains(&region)).then_some(region)
    }
}

impl fmt::Display for ConnectionProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_proxy = self.fails_at_proxy();
        let host = at_proxy.map_or_else(|| self.host.clone(), |proxy| format!("the proxy {proxy}"));
        let proxy = self.proxy.as_ref().map_or_else(|| "the proxy".to_owned(), |proxy| format!("the proxy {proxy}"));
        match &self.kind {
            ConnectionFault::Unresolved => write!(formatter, "{host} does not resolve"),
            ConnectionFault::NoDns => write!(formatter, "{host} cannot be resolved: the DNS server does not answer"),
            ConnectionFault::Refused => write!(formatter, "{host} refuses the connection"),
            ConnectionFault::Unreachable => write!(formatter, "no route leads to {host}"),
            ConnectionFault::TimedOut => write!(formatter, "{host} does not answer in time"),
            ConnectionFault::UnknownAuthority => {
                write!(formatter, "the certificate of {host} is not trusted: an unknown authority signed it")
            }
            ConnectionFault::Certificate(why) => write!(formatter, "the certificate of {host} is not valid: {why}"),
            ConnectionFault::Tls(why) => write!(formatter, "TLS with {host} failed: {why}"),
            ConnectionFault::ProxyCredentials => {
                write!(formatter, "{proxy} requires a user and a password (407) to connect to {host}")
            }
            ConnectionFault::ProxyRefused => write!(formatter, "{proxy} refuses to connect to {host}"),
            ConnectionFault::Socks => write!(formatter, "shipgate cannot use {proxy}: it speaks SOCKS"),
            ConnectionFault::InvalidProxy => {
                write!(formatter, "{} is not a valid proxy address", self.proxy.as_deref().unwrap_or("the proxy"))
            }
            ConnectionFault::Broken(why) => write!(formatter, "the connection to {host} broke: {why}"),
        }?;
        match self.region_without_app_runner().filter(|_| at_proxy.is_none()) {
            Some(region) => write!(formatter, ": App Runner does not exist in {region}"),
            None => Ok(()),
        }
    }
}

/// What an HTTP client's texts say (std, hyper-util, rustls and their words on Linux and macOS), by kind.
const DNS_SILENT: &[&str] = &["temporary failure in name resolution"];
const DNS: &[&str] = &[
    "dns error",
    "failed to lookup address",
    "name or service not known",
    "nodename nor servname",
    "no address associated",
];
const REFUSED: &[&str] = &["connection refused"];
const UNREACHABLE: &[&str] = &["network is unreachable", "no route to host", "host is unreachable", "host is down"];
const UNTRUSTED: &[&str] = &["unknownissuer", "unknown issuer", "self-signed", "self signed", "causedasendentity"];
const PROXY_CREDENTIALS: &[&str] = &["proxy authorization required", "proxy authentication required"];
const PROXY_REFUSED: &[&str] =
    &["tunnel error: unsuccessful", "unsuccessful tunnel", "proxy response headers too long"];
const TIMED_OUT: &[&str] = &["timed out", "timeout occurred", "deadline has elapsed"];

impl ConnectionFault {
    fn read(texts: &[String]) -> Self {
        let all = texts.join(": ").to_ascii_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| all.contains(phrase));
        if says(PROXY_CREDENTIALS) {
            Self::ProxyCredentials
        } else if says(PROXY_REFUSED) {
            Self::ProxyRefused
        } else if says(DNS_SILENT) {
            Self::NoDns
        } else if says(DNS) {
            Self::Unresolved
        } else if says(REFUSED) {
            Self::Refused
        } else if says(UNREACHABLE) {
            Self::Unreachable
        } else if all.contains("invalid peer certificate") || all.contains("certificate") {
            if says(UNTRUSTED) { Self::UnknownAuthority } else { Self::Certificate(certificate_fault(&all, texts)) }
        } else if says(&["corrupt message", "fatal alert", "handshake", "peer is incompatible", "invalidcontenttype"]) {
            Self::Tls(tls_fault(&all, texts))
        } else if says(TIMED_OUT) {
            Self::TimedOut
        } else {
            Self::Broken(last(texts))
        }
    }
}

fn certificate_fault(all: &str, texts: &[String]) -> String {
    if all.contains("expired") {
        "it has expired".to_owned()
    } else if all.contains("notvalidyet") || all.contains("not valid yet") {
        "it is not valid yet".to_owned()
    } else if all.contains("not valid for") || all.contains("notvalidforname") {
        "it is for another host name".to_owned()
    } else {
        last(texts)
    }
}

fn tls_fault(all: &str, texts: &[String]) -> String {
    if all.contains("invalidcontenttype") { "it does not speak TLS".to_owned() } else { last(texts) }
}

/// The innermost cause, its first line.
fn last(texts: &[String]) -> String {
    let text = texts.iter().rev().find_map(|text| text.lines().next().map(str::trim).filter(|line| !line.is_empty()));
    text.unwrap_or("the reason is not known").to_owned()
}

/// Whether it is an endpoint of AWS's own.
fn is_of_aws(host: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".on.aws"]
        .iter()
        .any(|end| host.ends_with(end))
}

/// With the port of HTTPS where none is named.
fn with_port(host: &str) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port { host.to_owned() } else { format!("{host}:443") }
}

#[cfg(test)]
mod tests {
    use super::ConnectionProblem;

    fn message(host: &str, proxy: Option<&str>, texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        ConnectionProblem::read(host, proxy, &texts).to_string()
    }

    #[test]
    fn names_what_happened() {
        let lookup = "failed to lookup address information: Name or service not known";
        let unsuccessful = &["client error (Connect)", "tunnel error: unsuccessful"][..];
        let table: [(&str, Option<&str>, &[&str], &str); 19] = [
            ("r.example.com", None, &["client error (Connect)", "dns error", lookup], "r.example.com does not resolve"),
            (
                "apprunner.eu-north-1.amazonaws.com",
                None,
                &["io error", "dns error", lookup],
                "apprunner.eu-north-1.amazonaws.com does not resolve: App Runner does not exist in eu-north-1",
            ),
            (
                "apprunner.eu-west-1.amazonaws.com",
                None,
                &["dns error", lookup],
                "apprunner.eu-west-1.amazonaws.com does not resolve",
            ),
            (
                "h",
                None,
                &["dns error", "failed to lookup address information: Temporary failure in name resolution"],
                "h cannot be resolved: the DNS server does not answer",
            ),
            ("h", Some("http://p:3128"), &["dns error", lookup], "the proxy http://p:3128 does not resolve"),
            (
                "h:5000",
                None,
                &["tcp connect error", "Connection refused (os error 111)"],
                "h:5000 refuses the connection",
            ),
            (
                "h",
                Some("http://p:3128"),
                &["Connection refused (os error 111)"],
                "the proxy http://p:3128 refuses the connection",
            ),
            ("h", None, &["HTTP connect timeout occurred after 10s"], "h does not answer in time"),
            (
                "h",
                None,
                &["client error (Connect)", "invalid peer certificate: UnknownIssuer"],
                "the certificate of h is not trusted: an unknown authority signed it",
            ),
            (
                "h",
                None,
                &["invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))"],
                "the certificate of h is not trusted: an unknown authority signed it",
            ),
            (
                "h",
                None,
                &[
                    "invalid peer certificate: certificate expired: verification time 17, but certificate is not valid after 16",
                ],
                "the certificate of h is not valid: it has expired",
            ),
            (
                "h",
                None,
                &[
                    "invalid peer certificate: certificate not valid for name \"h\"; certificate is only valid for DnsName(\"x\")",
                ],
                "the certificate of h is not valid: it is for another host name",
            ),
            (
                "h",
                None,
                &["received corrupt message of type InvalidContentType"],
                "TLS with h failed: it does not speak TLS",
            ),
            (
                "h",
                None,
                &["received fatal alert: HandshakeFailure"],
                "TLS with h failed: received fatal alert: HandshakeFailure",
            ),
            (
                "h",
                Some("http://p:3128"),
                &["client error (Connect)", "tunnel error: proxy authorization required"],
                "the proxy http://p:3128 requires a user and a password (407) to connect to h",
            ),
            ("h", Some("http://p:3128"), unsuccessful, "the proxy http://p:3128 refuses to connect to h"),
            (
                "h",
                Some("socks5://p:1080"),
                &["anything"],
                "shipgate cannot use the proxy socks5://p:1080: it speaks SOCKS",
            ),
            ("h", Some("https_proxy"), &["connection refused"], "https_proxy is not a valid proxy address"),
            (
                "h",
                None,
                &["error sending request", "Connection reset by peer (os error 104)"],
                "the connection to h broke: Connection reset by peer (os error 104)",
            ),
        ];
        for (host, proxy, texts, expected) in table {
            assert_eq!(message(host, proxy, texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn hints_name_the_edit() {
        let hint = |host: &str, proxy: Option<&str>, text: &str| {
            ConnectionProblem::read(host, proxy, &[text.to_owned()]).hint()
        };
        assert!(hint("apprunner.eu-north-1.amazonaws.com", None, "dns error").contains("eu-west-1, eu-west-2"));
        assert!(hint("r.example.com:5000", None, "dns error").contains("`nslookup r.example.com`"));
        assert!(hint("h", None, "invalid peer certificate: UnknownIssuer").contains("-connect h:443"));
        assert!(hint("h", Some("http://p:1"), "tunnel error: unsuccessful").contains("connect to h:443"));
        assert!(hint("sts.eu-wst-1.amazonaws.com", None, "dns error").contains("check the region"));
        let proxied = hint("apprunner.eu-north-1.amazonaws.com", Some("http://p:1"), "tunnel error: unsuccessful");
        assert!(proxied.contains("eu-west-1"), "{proxied}");
        assert!(hint("h", Some("http://p:1"), "connection refused").contains("HTTPS_PROXY (now http://p:1)"));
        assert_eq!(
            hint("h", Some("https_proxy"), "the proxy cannot be used"),
            "write https_proxy as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, and percent-encode special characters in \
             user and password (`/` as %2F)"
        );
    }
}
