//! Addresses: of the registry's resources, of redirects, of upload sessions. Pure.

use std::fmt;

use reqwest::Url;

use shipgate_core::{digest::Digest, mask::masked, secret::Secret};

/// A resource of a repository.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resource<'a> {
    /// A manifest, by tag or digest.
    Manifest(&'a str),
    Blob(&'a Digest),
    Uploads,
    Tags,
    Referrers(&'a Digest),
}

/// The path of a repository's resource. Names come from registries too: whatever they hold, they stay within their segments.
pub(super) fn path_of(repository: &str, resource: Resource<'_>) -> String {
    let repository = repository.split('/').map(segment).collect::<Vec<_>>().join("/");
    match resource {
        Resource::Manifest(reference) => format!("/v2/{repository}/manifests/{}", segment(reference)),
        Resource::Blob(digest) => format!("/v2/{repository}/blobs/{digest}"),
        Resource::Uploads => format!("/v2/{repository}/blobs/uploads/"),
        Resource::Tags => format!("/v2/{repository}/tags/list"),
        Resource::Referrers(subject) => format!("/v2/{repository}/referrers/{subject}"),
    }
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];

/// A name as one segment of a path. URL parsers read `%2E%2E` as `..`, so dots that are a segment are encoded twice.
fn segment(name: &str) -> String {
    if matches!(name, "." | "..") {
        return name.replace('.', "%252E");
    }
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if is_plain(byte) {
            segment.push(char::from(byte));
        } else {
            segment.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    segment
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:@+".contains(&byte)
}

/// Whether a name is safe in a path: servers that decode before they resolve `..` read more into it than its encoding says.
pub(super) fn is_safe(name: &str) -> bool {
    name.bytes().all(is_plain) && !matches!(name, "." | "..")
}

/// Parameters of addresses whose values are public or belong to the request.
const PUBLIC_PARAMETERS: [&str; 26] = [
    "account",
    "cf_expiry",
    "client_id",
    "digest",
    "expires",
    "from",
    "last",
    "mount",
    "n",
    "namespace",
    "ns",
    "region",
    "repo_name",
    "scope",
    "se",
    "service",
    "sp",
    "spr",
    "st",
    "sv",
    "username",
    "x-amz-algorithm",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-id",
];

/// Signatures are longer. Masking shorter values would hide ordinary text.
const LEAST_SECRET_CHARACTERS: usize = 8;

/// A text without the values of an address's query: a server may echo the signature of a request in its error.
pub(super) fn without_query_values(url: &Url, text: &str) -> String {
    let query = url.query().unwrap_or_default();
    // Decoded, with `+` read as a blank and as itself.
    let mut other = url.clone();
    other.set_query(Some(&query.replace('+', "%2B")));
    let raw = query.split('&').filter_map(|pair| pair.split_once('='));
    let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let decoded =
        url.query_pairs().chain(other.query_pairs()).map(|(name, value)| (name.into_owned(), value.into_owned()));
    let is_public = |name: &str| {
        let name = name.to_ascii_lowercase();
        PUBLIC_PARAMETERS.contains(&name.as_str()) || name.starts_with("response-")
    };
    let mut values: Vec<String> = raw
        .chain(decoded)
        .filter(|(name, value)| !is_public(name) && value.chars().count() >= LEAST_SECRET_CHARACTERS)
        .flat_map(|(_, value)| [value.replace('/', "\\/"), value])
        .collect();
    // The longest first: one may be part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.dedup();
    values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), "…"))
}

/// URLs have their host in lower case, where a secret in it would no longer be found.
fn keep_secret_host(location: &str, to: &Url) {
    let Some((_, rest)) = location.split_once("//") else { return };
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if masked(host) != host {
        let _held = Secret::new(to.host_str().unwrap_or_default());
    }
}

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
    keep_secret_host(location, &to);
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

    use super::{Resource, follow, is_loopback, is_safe, path_of, same_origin, with_digest, without_query_values};
    use shipgate_core::{digest::Digest, mask::masked, secret::Secret};

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

    #[test]
    fn names_never_change_a_path() {
        let digest = Digest::of(b"");
        for name in
            ["..", ".", "a/../../b", "a\\..\\b", "a\nb", "%2e%2e", "a?b=c", "a#b", "a b", "\u{e9}", "..%2fx", "a;b"]
        {
            for (repository, reference) in [("shop/api", name), (name, "v1")] {
                let mut address = url("http://r.example.com/");
                address.set_path(&path_of(repository, Resource::Manifest(reference)));
                let segments = address.path().split('/').count();
                let expected = if repository == name { 4 + name.split('/').count() } else { 6 };
                assert_eq!(segments, expected, "{name:?}: {address}");
                assert!(address.query().is_none() && address.fragment().is_none(), "{name:?}: {address}");
                assert!(address.path().starts_with("/v2/") && address.path().contains("/manifests/"), "{name:?}");
            }
            assert!(!name.split('/').all(is_safe), "{name:?}");
        }
        assert_eq!(path_of("shop/a_b-c.d", Resource::Manifest("v1.2_x-y")), "/v2/shop/a_b-c.d/manifests/v1.2_x-y");
        let by_digest = path_of("shop/api", Resource::Manifest(digest.as_str()));
        assert_eq!(by_digest, format!("/v2/shop/api/manifests/{digest}"));
        assert!(is_safe(digest.as_str()) && is_safe("v1") && !is_safe("a/b"));
    }

    #[test]
    fn echoed_signatures_are_hidden() {
        let query = "X-Amz-Signature=0ddba11c0ffee&sig=q%2Bw3r%2Ft7y8%3D&_state=st4te+of-upload&se=2031-01-01T00%3A00Z\
            &response-content-type=application%2Foctet-stream&x-id=GetObject&sig=short";
        let address = url(&format!("https://s3.example.com/k?{query}"));
        for secret in
            ["0ddba11c0ffee", "q%2Bw3r%2Ft7y8%3D", "q+w3r/t7y8=", "q+w3r\\/t7y8=", "st4te+of-upload", "st4te of-upload"]
        {
            assert_eq!(without_query_values(&address, &format!("refused: {secret}.")), "refused: ….", "{secret}");
        }
        for shown in ["2031-01-01T00:00Z", "application/octet-stream", "s3:GetObject", "short", "s3.example.com"] {
            assert_eq!(without_query_values(&address, shown), shown);
        }
    }

    #[test]
    fn secrets_in_host_names_are_masked_in_lower_case() {
        let _held = Secret::new("S3cretOfTheHost");
        follow(&url("https://r.example.com/v2/"), "https://S3cretOfTheHost.example.net/x").unwrap();
        assert_eq!(masked("s3cretofthehost.example.net does not resolve"), "… does not resolve");
    }
}
