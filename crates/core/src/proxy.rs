//! Proxies, as `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name them: one reading for every HTTP client.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Which requests go through which proxy.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ProxyRules {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Bypass>,
}

/// A proxy. `Debug` and `Display` leave out user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: String,
    /// The variable whose address cannot be read. No part of such an address is shown: each may be the password.
    invalid: Option<String>,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Bypass {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Hosts {
    All,
    /// A domain and all below it, in lower case and without a leading dot.
    Domain(String),
    Network(IpAddr, u32),
}

impl ProxyRules {
    /// Reads the variables. The upper-case name counts where it is set, even to nothing; otherwise the lower-case one. In a CGI
    /// program `HTTP_PROXY` may come from a request's header, so there no proxy is used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("REQUEST_METHOD").is_some() {
            return Self::default();
        }
        let first = |upper: &str| {
            let lower = upper.to_ascii_lowercase();
            match (variable(upper), variable(&lower)) {
                (Some(value), _) => (upper.to_owned(), value),
                (None, value) => (lower, value.unwrap_or_default()),
            }
        };
        let proxy = |upper: &str| {
            let (name, value) = first(upper);
            Proxy::parse(&name, &value)
        };
        let all = proxy("ALL_PROXY");
        Self {
            http: proxy("HTTP_PROXY").or_else(|| all.clone()),
            https: proxy("HTTPS_PROXY").or(all),
            direct: first("NO_PROXY").1.split([',', ' ', '\t', '\n']).filter_map(Bypass::parse).collect(),
        }
    }

    /// The proxy for a request; `None` for a direct connection. This machine and link-local addresses (instance metadata,
    /// container credentials) are always reached directly.
    #[must_use]
    pub fn proxy_for(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<&Proxy> {
        let proxy = match scheme {
            "http" => self.http.as_ref(),
            "https" => self.https.as_ref(),
            _ => None,
        }?;
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let port = port.unwrap_or(if scheme == "http" { 80 } else { 443 });
        let is_direct = is_near(&host) || self.direct.iter().any(|bypass| bypass.covers(&host, port));
        (!is_direct).then_some(proxy)
    }

    /// The proxy for HTTP.
    #[must_use]
    pub fn http(&self) -> Option<&Proxy> {
        self.http.as_ref()
    }

    /// The proxy for HTTPS.
    #[must_use]
    pub fn https(&self) -> Option<&Proxy> {
        self.https.as_ref()
    }
}

impl Proxy {
    /// `HOST:PORT` is taken as `http://HOST:PORT`. An empty text, or one without a host, names no proxy.
    fn parse(variable: &str, text: &str) -> Option<Self> {
        let text = text.trim();
        let url = if has_scheme(text) { text.to_owned() } else { format!("http://{text}") };
        let (_, rest) = url.split_once("://")?;
        // A password may hold a `/`, `?` or `#` that is not percent-encoded, so the host is behind the last `@`.
        let (user_info, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let authority = authority(place);
        if authority.is_empty() || authority.starts_with(':') {
            return None;
        }
        let is_valid = user_info.bytes().all(is_of_user_info) && is_host_and_port(authority);
        Some(Self { invalid: (!is_valid).then(|| variable.to_owned()), url })
    }

    /// Its address, with user and password. If the variable's address is invalid, one where nothing can listen: HTTP
    /// clients connect directly if the address of a proxy cannot be parsed.
    #[must_use]
    pub fn url(&self) -> &str {
        if self.invalid.is_some() { "http://127.0.0.1:0" } else { &self.url }
    }

    /// Whether an HTTP client can use it.
    #[must_use]
    pub fn is_http(&self) -> bool {
        let scheme = self.url.split("://").next().unwrap_or_default();
        self.invalid.is_none() && (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
    }
}

/// Whether the text starts with a scheme (RFC 3986, 3.1).
fn has_scheme(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(is_part))
}

/// The bytes of a user and a password (RFC 3986, 3.2.1), and `@`, which clients accept too.
fn is_of_user_info(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte)
}

/// Host and port of an address without user and password.
fn authority(place: &str) -> &str {
    place.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) if address.parse::<Ipv6Addr>().is_ok() => ("v6", after),
        Some(_) => return false,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_name = host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    is_name && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Without user and password; of an invalid address, the variable's name alone.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(variable) = &self.invalid {
            return formatter.write_str(variable);
        }
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("http", &self.url));
        write!(formatter, "{scheme}://{}", authority(rest.rsplit('@').next().unwrap_or_default()))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({self})")
    }
}

impl Bypass {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if let Some(hosts) = network(entry) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let hosts = match network(host) {
            Some(network) => network,
            None if host == "*" => Hosts::All,
            None => Hosts::Domain(host.trim_start_matches('*').trim_matches('.').to_ascii_lowercase()),
        };
        (hosts != Hosts::Domain(String::new())).then_some(Self { hosts, port })
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match &self.hosts {
            Hosts::All => true,
            Hosts::Domain(domain) => {
                host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            Hosts::Network(network, prefix) => host.parse().is_ok_and(|address| is_within(address, *network, *prefix)),
        }
    }
}

/// An address, or a network in CIDR notation.
fn network(text: &str) -> Option<Hosts> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = bare.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    Some(Hosts::Network(address, prefix.unwrap_or(longest))).filter(|_| prefix.is_none_or(|prefix| prefix <= longest))
}

fn is_within(address: IpAddr, network: IpAddr, prefix: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (address.to_bits() ^ network.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (address.to_bits() ^ network.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// The address of instance metadata over IPv6 (EC2 user guide, "Access instance metadata").
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

/// Whether a host is this machine or on its own link.
fn is_near(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || Ipv4Addr::is_link_local(&address),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local() || address == METADATA_V6,
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::ProxyRules;

    fn rules(variables: &[(&str, &str)]) -> ProxyRules {
        ProxyRules::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn proxy(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().unwrap())),
            _ => (rest, None),
        };
        rules(variables).proxy_for(scheme, host, port).map(ToString::to_string)
    }

    #[test]
    fn no_proxy_in_all_its_forms() {
        let table = [
            ("", "https://a.example.com", false),
            ("*", "https://a.example.com", true),
            ("*", "http://10.0.0.1:8080", true),
            ("a.example.com", "https://a.example.com", true),
            ("A.Example.COM", "https://a.example.com", true),
            ("a.example.com", "https://a.example.com.", true),
            ("example.com", "https://a.example.com", true),
            (".example.com", "https://a.example.com", true),
            (".example.com", "https://example.com", true),
            ("*.example.com", "https://a.b.example.com", true),
            ("example.com", "https://badexample.com", false),
            ("xyz.com, b.com ,example.com", "https://a.example.com", true),
            ("b.com example.com", "https://a.example.com", true),
            (" , ,", "https://a.example.com", false),
            ("a.example.com:443", "https://a.example.com", true),
            ("a.example.com:8443", "https://a.example.com", false),
            ("a.example.com:8443", "https://a.example.com:8443", true),
            (".example.com:5000", "http://r.example.com:5000", true),
            ("example.com:80", "http://r.example.com", true),
            ("*:5000", "http://r.example.com:5000", true),
            ("*:5000", "http://r.example.com:5001", false),
            ("10.0.0.0/8", "http://10.1.2.3:5000", true),
            ("10.0.0.0/8", "http://11.1.2.3", false),
            ("10.0.0.0/33", "http://10.0.0.0", false),
            ("0.0.0.0/0", "http://10.1.2.3", true),
            ("10.1.2.3", "http://10.1.2.3", true),
            ("10.1.2.3:5000", "http://10.1.2.3:5000", true),
            ("10.1.2.3:5000", "http://10.1.2.3:5001", false),
            ("2001:db8::/32", "http://[2001:db8::1]", true),
            ("2001:db8::1", "http://[2001:db8::1]:5000", true),
            ("[2001:db8::1]:5000", "http://[2001:db8::1]:5000", true),
            ("[2001:db8::1]:5000", "http://[2001:db8::1]:5001", false),
            ("::/0", "http://[2001:db8::1]", true),
            ("fd00:1::/64", "http://[fd00:1::7]", true),
            ("[fd00:1::]/64", "http://[fd00:1::7]", true),
            ("[fd00:1::]/64", "http://[fd00:2::7]", false),
            ("[fd00:1::]/129", "http://[fd00:1::7]", false),
        ];
        for (no_proxy, url, is_direct) in table {
            let found = proxy(&[("ALL_PROXY", "http://p:3128"), ("NO_PROXY", no_proxy)], url);
            assert_eq!(found.is_none(), is_direct, "{no_proxy} {url}");
        }
    }

    #[test]
    fn this_machine_and_its_link_are_reached_directly() {
        for url in [
            "http://localhost:4566",
            "http://127.0.0.1",
            "http://[::1]:80",
            "http://a.localhost",
            "http://169.254.169.254",
        ] {
            assert_eq!(proxy(&[("HTTP_PROXY", "p:3128")], url), None, "{url}");
        }
    }

    #[test]
    fn variables_choose_the_proxy_by_scheme() {
        let both = [("HTTP_PROXY", "http://plain:1"), ("https_proxy", "u:secret@tls:2"), ("ALL_PROXY", "http://all:3")];
        assert_eq!(proxy(&both, "http://h").as_deref(), Some("http://plain:1"));
        assert_eq!(proxy(&both, "https://h").as_deref(), Some("http://tls:2"));
        assert!(!format!("{:?}", rules(&both)).contains("secret"));
        assert_eq!(rules(&both).https().unwrap().url(), "http://u:secret@tls:2");
        assert_eq!(proxy(&[("ALL_PROXY", "http://all:3/path")], "https://h").as_deref(), Some("http://all:3"));
        assert_eq!(proxy(&[("HTTPS_PROXY", ""), ("https_proxy", "http://p:1")], "https://h"), None, "set to nothing");
        assert_eq!(proxy(&[("HTTPS_PROXY", "http://")], "https://h"), None);
        assert_eq!(proxy(&[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")], "http://h"), None);
        assert!(!rules(&[("ALL_PROXY", "socks5://p:1080")]).https().unwrap().is_http());
    }

    #[test]
    fn invalid_proxy_address_shows_only_its_variable() {
        let table = [
            "http://me:Hunter2Pa/ss@127.0.0.1:1",
            "http://me:9Hunter/ss@127.0.0.1:1",
            "http://me:Hunter2#Pass@127.0.0.1:1",
            "http://me:Hunter2?Pass@127.0.0.1:1",
            "http://me:Hunter2 Pass@127.0.0.1:1",
            "http://me:Hunter2[Pass@127.0.0.1:1",
            "http://me:Hunter2\u{e9}@127.0.0.1:1",
            "me:Hunter2/Pass@127.0.0.1:1",
            "me:Hunter2://Pass@127.0.0.1:1",
            "http://Hunter2Token/x@127.0.0.1:1",
            "http://me:Hunter2Pass",
            "me:Hunter2Pass",
        ];
        for address in table {
            for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
                let rules = rules(&[(variable, address)]);
                let proxy = rules.proxy_for("https", "a.example.com", None).unwrap();
                assert_eq!(proxy.to_string(), variable, "{address}");
                assert!(!proxy.is_http() && !proxy.url().contains("unter"), "{address}");
                assert!(!format!("{rules:?}").contains("unter"), "{rules:?}");
            }
        }
    }

    #[test]
    fn valid_proxy_address_is_used_as_written() {
        let table = [
            ("http://me:Hunter2,Pass@127.0.0.1:1", "http://127.0.0.1:1"),
            ("http://me:Hunter2%2FPass@[::1]:3128/", "http://[::1]:3128"),
            ("http://me:Hun@ter2@proxy_1.example", "http://proxy_1.example"),
            ("https://proxy:3128/path?a#b", "https://proxy:3128"),
        ];
        for (address, shown) in table {
            let rules = rules(&[("HTTPS_PROXY", address)]);
            let proxy = rules.https().unwrap();
            assert_eq!((proxy.to_string().as_str(), proxy.url()), (shown, address));
            assert!(proxy.is_http(), "{address}");
        }
    }
}
