//! Addresses: of the registry's resources, of redirects, of upload sessions. Pure.

use std::fmt;

use reqwest::Url;

use shipgate_core::digest::Digest;

/// Whether two addresses belong to the same party. Credentials for one go to the other only if so.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether credentials for one may go to the other: the same party, or the same host when it asks for TLS.
pub(super) fn is_same_party(one: &Url, other: &Url) -> bool {
    let is_upgrade =
        one.scheme() == "http" && other.scheme() == "https" && one.port().is_none() && other.port().is_none();
    same_origin(one, other) || is_upgrade && one.host_str() == other.host_str()
}

/// An address that a registry redirects to. `Debug` does not show it: it may carry a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAddress(pub(super) Url);

impl fmt::Debug for NewAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NewAddress(…)")
    }
}

impl fmt::Display for NewAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.host_str().unwrap_or_default())
    }
}

/// Where `location` leads from `from`: absolute, relative to the host, or relative to the path. Leaving TLS is refused,
/// and so is any scheme that is not HTTP.
pub(super) fn follow(from: &Url, location: &str) -> Result<Url, String> {
    let to = from.join(location).map_err(|error| format!("its Location cannot be read ({error})"))?;
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(to),
        (_, other) => Err(format!("its Location leads from {} to {other}", from.scheme())),
    }
}

/// The address that ends an upload session: the session's own, its query kept as it is, and the digest added.
pub(super) fn with_digest(session: &Url, digest: &Digest) -> Url {
    let mut url = session.clone();
    if url.query_pairs().any(|(name, value)| name == "digest" && value == digest.as_str()) {
        return url;
    }
    // Some registries name the parameter already, empty or with the digest: it must not be there twice.
    let others = url.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && name != "digest"
    });
    let others = others.collect::<Vec<_>>().join("&");
    url.set_query(Some(&others).filter(|others| !others.is_empty()).map(String::as_str));
    url.query_pairs_mut().append_pair("digest", digest.as_str());
    url
}

/// Whether a host is this machine: such an address is never reached through a proxy.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::{follow, is_loopback, same_origin, with_digest};
    use shipgate_core::digest::Digest;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn credentials_stay_with_scheme_host_and_port() {
        let table = [
            ("https://r.example.com/v2/", "https://r.example.com:443/x", true),
            ("https://r.example.com/v2/", "https://r.example.com:444/x", false),
            ("https://r.example.com/v2/", "http://r.example.com/x", false),
            ("https://r.example.com/v2/", "https://s3.example.com/x", false),
            ("http://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/x", false),
        ];
        for (one, other, same) in table {
            assert_eq!(same_origin(&url(one), &url(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn locations_may_be_relative_and_never_leave_tls() {
        let from = url("https://r.example.com/v2/shop/api/blobs/uploads/");
        let table = [
            ("/v2/u/1?_state=a%2Bb%3D", Some("https://r.example.com/v2/u/1?_state=a%2Bb%3D")),
            ("1", Some("https://r.example.com/v2/shop/api/blobs/uploads/1")),
            ("https://s3.example.com/k?sig=x", Some("https://s3.example.com/k?sig=x")),
            ("http://r.example.com/v2/u/1", None),
            ("file:///etc/passwd", None),
            ("https://", None),
        ];
        for (location, expected) in table {
            assert_eq!(follow(&from, location).ok(), expected.map(url), "{location}");
        }
    }

    #[test]
    fn the_query_of_a_session_is_kept() {
        let digest = Digest::of(b"");
        let ended = with_digest(&url("http://r/u/1?_state=a%2Bb%3D"), &digest);
        assert_eq!(ended.as_str(), format!("http://r/u/1?_state=a%2Bb%3D&digest=sha256%3A{}", digest.hex()));
        for session in
            ["http://r/u/1", "http://r/u/1?", "http://r/u/1?digest=", "http://r/u/1?digest=sha256%3Aff&digest"]
        {
            let plain = with_digest(&url(session), &digest);
            assert_eq!(plain.query(), Some(format!("digest=sha256%3A{}", digest.hex()).as_str()), "{session}");
        }
        let signed = with_digest(&url("http://r/u/1?digest=x&sig=a%2Bb"), &digest);
        assert_eq!(signed.query(), Some(format!("sig=a%2Bb&digest=sha256%3A{}", digest.hex()).as_str()));
    }

    #[test]
    fn credentials_may_follow_an_upgrade_to_tls() {
        let table = [
            ("http://r.test/token", "https://r.test/other", true),
            ("https://r.test/token", "http://r.test/token", false),
            ("http://r.test:8080/token", "https://r.test/token", false),
            ("http://r.test/token", "https://www.r.test/token", false),
        ];
        for (one, other, same) in table {
            assert_eq!(super::is_same_party(&url(one), &url(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn loopback_in_its_forms() {
        for here in ["http://localhost:5000", "http://127.0.0.1", "http://[::1]:80", "http://r.localhost"] {
            assert!(is_loopback(&url(here)), "{here}");
        }
        assert!(!is_loopback(&url("http://10.0.0.1")));
    }
}
