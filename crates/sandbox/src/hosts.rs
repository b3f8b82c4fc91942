//! The host names the sandbox answers under, and the web pages whose requests it accepts.
//!
//! A page that is open in a browser on this machine can send requests to loopback addresses. With DNS rebinding (its own
//! host name resolves to 127.0.0.1 later) it can even read the responses. The `Host` header of such a request is the page's
//! host name, and its `Origin` header is the page. So both must be names of this sandbox.

use std::net::{IpAddr, Ipv6Addr};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header, uri::Authority},
};
use serde_json::json;

/// The allowed hosts of one sandbox.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hosts {
    /// From `--allow-host`, in lower case.
    names: Vec<String>,
    /// The address that the sandbox listens on.
    address: Option<IpAddr>,
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Misdirected {
    /// Its `Host` is none of this sandbox's.
    Host(String),
    /// A page of another origin sent it.
    Origin(String),
}

impl Hosts {
    /// The names of a sandbox that listens on this address, in addition to those of the loopback interface.
    pub(crate) fn new(address: IpAddr, names: &[String]) -> Self {
        Self { names: names.iter().map(|name| plain(name)).collect(), address: Some(address) }
    }

    /// Checks the authority of the request's target, its `Host` and its `Origin`.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Misdirected> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut hosts: Vec<String> = headers.get_all(header::HOST).iter().map(text).collect();
        if hosts.is_empty() {
            hosts.push(String::new());
        }
        // The authority of an absolute target takes precedence over Host (RFC 9112, section 3.2.2).
        hosts.extend(uri.authority().map(ToString::to_string));
        let read = |host: &String| authority(host).filter(|authority| self.allows(authority.host()));
        let mut port = None;
        for host in hosts {
            port = read(&host).ok_or(Misdirected::Host(host))?.port_u16();
        }
        for origin in headers.get_all(header::ORIGIN).iter().map(text) {
            if !self.allows_origin(&origin, port) {
                return Err(Misdirected::Origin(origin));
            }
        }
        Ok(())
    }

    /// Only the sandbox's own page may send requests: another port of this machine is another program, such as a
    /// deployed service. Behind a reverse proxy, which needs `--allow-host`, the ports differ.
    fn allows_origin(&self, origin: &str, port: Option<u16>) -> bool {
        let rest = origin.strip_prefix("http://").map(|rest| (rest, 80));
        let Some((rest, default)) = rest.or_else(|| origin.strip_prefix("https://").map(|rest| (rest, 443))) else {
            return false;
        };
        let Some(origin) = authority(rest).filter(|origin| self.allows(origin.host())) else { return false };
        let same_port = origin.port_u16().unwrap_or(default) == port.unwrap_or(80);
        same_port || self.names.contains(&plain(origin.host()))
    }

    fn allows(&self, host: &str) -> bool {
        let host = plain(host);
        if self.names.contains(&host) || host == "localhost" || host.ends_with(".localhost") {
            return true;
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        let Ok(ip) = bare.parse::<IpAddr>() else { return false };
        let ip = ip.to_canonical();
        // On all interfaces any address may be one of this machine. DNS rebinding needs a name, so addresses are safe.
        ip.is_loopback() || self.address.is_some_and(|own| own == ip || own.is_unspecified())
    }
}

/// `HOST` or `HOST:PORT`, and nothing else: no user in front, no path behind.
fn authority(text: &str) -> Option<Authority> {
    let read: Authority = text.parse().ok()?;
    let has_bad_port = read.port_u16().is_none() && read.as_str().len() != read.host().len();
    (!read.as_str().contains('@') && !has_bad_port).then_some(read)
}

/// Lower case, without the dot of a fully qualified name.
fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Reads a value of `--allow-host`.
///
/// # Errors
/// In words, when it is not a bare host name or address.
pub fn read_name(text: &str) -> Result<String, String> {
    let bracketed = text.parse::<Ipv6Addr>().map_or_else(|_| text.to_owned(), |address| format!("[{address}]"));
    let is_host = |read: &Authority| read.port().is_none() && read.as_str() == read.host() && !read.host().is_empty();
    match authority(&bracketed).filter(is_host) {
        Some(read) if !text.contains(['*', '/']) => Ok(plain(read.host())),
        Some(_) | None => {
            Err("expected a host name without scheme, port and path, such as sandbox.internal".to_owned())
        }
    }
}

impl Misdirected {
    /// The response. It has the error members of the JSON protocols, of a registry and of the control interface, so
    /// that every client shows the message.
    pub(crate) fn response(&self) -> Response<Body> {
        let (status, code, message) = match self {
            Self::Host(host) => (
                StatusCode::MISDIRECTED_REQUEST,
                "MisdirectedRequest",
                format!(
                    "the sandbox does not answer under the host name `{}`; start it with --allow-host to allow that name",
                    shown(host)
                ),
            ),
            Self::Origin(origin) => (
                StatusCode::FORBIDDEN,
                "ForbiddenOrigin",
                format!("the sandbox does not accept requests from web pages of `{}`", shown(origin)),
            ),
        };
        let body = json!({
            "__type": code, "message": message, "error": message, "errors": [{"code": code, "message": message}],
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// A header of anyone's, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Uri, header};

    use super::{Hosts, Misdirected, read_name};

    fn check(hosts: &Hosts, host: Option<&str>, origin: Option<&str>) -> Result<(), Misdirected> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        hosts.check(&Uri::from_static("/"), &headers)
    }

    fn on(address: &str, names: &[&str]) -> Hosts {
        let names: Vec<String> = names.iter().map(|name| read_name(name).unwrap()).collect();
        Hosts::new(address.parse().unwrap(), &names)
    }

    #[test]
    fn answers_under_its_own_names() {
        for (address, names, host, allowed) in [
            ("127.0.0.1", &[][..], "127.0.0.1:4566", true),
            ("127.0.0.1", &[], "127.0.0.1", true),
            ("127.0.0.1", &[], "LocalHost:4566", true),
            ("127.0.0.1", &[], "localhost.:4566", true),
            ("127.0.0.1", &[], "shop.localhost:4566", true),
            ("127.0.0.1", &[], "127.8.9.1:1", true),
            ("127.0.0.1", &[], "[::1]:4566", true),
            ("127.0.0.1", &[], "[::ffff:127.0.0.1]:4566", true),
            ("127.0.0.1", &[], "evil.example:4566", false),
            ("127.0.0.1", &[], "127.0.0.1.evil.example", false),
            ("127.0.0.1", &[], "127.0.0.1:4566@evil.example", false),
            ("127.0.0.1", &[], "evil.example@127.0.0.1:4566", false),
            ("127.0.0.1", &[], "localhost.evil.example", false),
            ("127.0.0.1", &[], "evillocalhost", false),
            ("127.0.0.1", &[], "127.0.0.1:x", false),
            ("127.0.0.1", &[], "127.0.0.1/x", false),
            ("127.0.0.1", &[], "10.0.0.7:4566", false),
            ("127.0.0.1", &[], "169.254.169.254", false),
            ("127.0.0.1", &[], "", false),
            ("127.0.0.1", &["host.docker.internal"], "Host.Docker.Internal:4566", true),
            ("127.0.0.1", &["host.docker.internal"], "docker.internal", false),
            ("10.0.0.7", &[], "10.0.0.7:4566", true),
            ("10.0.0.7", &[], "10.0.0.8:4566", false),
            ("0.0.0.0", &[], "10.0.0.8:4566", true),
            ("0.0.0.0", &[], "[fd00::1]:4566", true),
            ("0.0.0.0", &[], "evil.example", false),
        ] {
            let checked = check(&on(address, names), Some(host), None);
            assert_eq!(checked.is_ok(), allowed, "{address} {names:?} {host}");
        }
        assert_eq!(check(&on("127.0.0.1", &[]), None, None), Err(Misdirected::Host(String::new())));
    }

    #[test]
    fn every_host_of_a_request_counts() {
        let hosts = on("127.0.0.1", &[]);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:4566".parse().unwrap());
        let absolute = Uri::from_static("http://evil.example/");
        assert_eq!(hosts.check(&absolute, &headers), Err(Misdirected::Host("evil.example".to_owned())));
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(hosts.check(&Uri::from_static("/"), &headers).is_err());
    }

    #[test]
    fn accepts_requests_of_its_own_page_only() {
        let (host, name) = ("127.0.0.1:4566", "sandbox.internal");
        for (host, origin, allowed) in [
            (host, "http://127.0.0.1:4566", true),
            (host, "http://localhost:4566", true),
            (host, "http://127.0.0.1:8080", false),
            (host, "http://127.0.0.1", false),
            (host, "http://evil.example", false),
            (host, "https://evil.example:4566", false),
            (host, "http://127.0.0.1:4566.evil.example", false),
            (host, "null", false),
            (host, "file://", false),
            (host, "chrome-extension://abc", false),
            (host, "", false),
            (name, "https://sandbox.internal", true),
            (name, "https://sandbox.internal.evil.example", false),
        ] {
            let checked = check(&on("127.0.0.1", &[name]), Some(host), Some(origin));
            assert_eq!(checked.is_ok(), allowed, "{host} {origin}");
        }
    }

    #[test]
    fn an_allowed_host_is_a_bare_name() {
        for (text, read) in
            [("Sandbox.Internal.", "sandbox.internal"), ("10.0.0.7", "10.0.0.7"), ("fd00::1", "[fd00::1]")]
        {
            assert_eq!(read_name(text).as_deref(), Ok(read), "{text}");
        }
        for bad in ["", "http://a", "a:80", "a/b", "*", "*.example", "a b", "me@a"] {
            assert!(read_name(bad).is_err(), "{bad}");
        }
    }
}
