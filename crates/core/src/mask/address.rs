//! The login in a text that is known to be an address: all that stands before its last `@`, whatever characters it holds.

use std::collections::BTreeMap;

use super::known::{Place, percent_decoded, place};

/// What kind of address a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Where to connect to: an engine or a proxy. It has no path, so each `@` ends a login.
    Connection,
    /// A URL, whose path and query may hold an `@`.
    Url,
    /// An image reference, or a command-line argument.
    Image,
}

/// Ends of names of variables that hold URLs.
const URLS: [&str; 6] = ["URL", "_URI", "_URLS", "_DSN", "_ENDPOINT", "_SERVER"];

impl Kind {
    /// What a variable of this name holds, if it is an address.
    pub(super) fn of_variable(name: &str, value: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        if ["DOCKER_HOST", "CONTAINER_HOST"].contains(&name.as_str()) {
            return Some(Self::Connection);
        }
        if name.ends_with("_PROXY") && name != "NO_PROXY" {
            return Some(Self::Connection);
        }
        (scheme(value).is_some() || URLS.iter().any(|end| name.ends_with(end))).then_some(Self::Url)
    }
}

/// What is confidential in an address: the password, a user that looks like a token, or else both together.
pub(super) fn secrets(text: &str, kind: Kind) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    let Some(login) = Login::read(text.trim(), kind) else { return found };
    let mut add = |text: &str, is_secret: bool| {
        for text in [text.to_owned(), percent_decoded(text)] {
            found.extend(place(&text, is_secret).map(|place| (text, place)));
        }
    };
    let Some((user, password)) = login.user_info.split_once(':') else {
        add(login.user_info, login.is_certain);
        return found;
    };
    add(password, login.is_certain);
    // Programs that cut an address at its path repeat a part of such a password.
    for piece in password.split(['/', '?', '#', '[', ']']).filter(|piece| *piece != password) {
        add(piece, login.is_certain);
    }
    if !user.contains('/') {
        add(user, false);
    }
    if login.is_certain && place(password, true).is_none() {
        add(login.user_info, true);
    }
    found
}

/// What stands before the `@`.
struct Login<'a> {
    user_info: &'a str,
    /// Whether it can be nothing else: otherwise ordinary words in it are no secrets.
    is_certain: bool,
}

impl<'a> Login<'a> {
    fn read(text: &'a str, kind: Kind) -> Option<Self> {
        let text = without_digest(text);
        let scheme = scheme(text);
        let rest = scheme.map_or(text, |scheme| &text[scheme.len() + 3..]);
        let (user_info, place) = rest.rsplit_once('@')?;
        let login = Self { user_info, is_certain: true };
        if user_info.is_empty()
            || scheme.is_some_and(|scheme| is_one_of(scheme, &["unix", "npipe", "file"]) && rest.starts_with('/'))
        {
            return None;
        }
        // User names of SSH, databases and mailboxes are not secret.
        let may_be_token = scheme.is_none_or(|scheme| is_one_of(scheme, &["http", "https", "tcp"]));
        if !user_info.contains(':') && !may_be_token {
            return None;
        }
        match (kind, scheme) {
            (Kind::Connection, _) => Some(login),
            (Kind::Url | Kind::Image, Some(_)) => Self::of_url(rest, kind),
            (Kind::Url | Kind::Image, None) => Self::of_image(user_info, place),
        }
    }

    fn of_url(rest: &'a str, kind: Kind) -> Option<Self> {
        let end = rest.find(|c: char| "/?#".contains(c) || c.is_whitespace()).unwrap_or(rest.len());
        if let Some((user_info, _)) = rest[..end].rsplit_once('@').filter(|_| kind == Kind::Url) {
            return Some(Self { user_info, is_certain: true });
        }
        let (user_info, _) = rest.rsplit_once('@')?;
        // `HOST/PATH@…`, `HOST:PORT/PATH@…`
        let is_path = match user_info.split_once(':') {
            Some((user, _)) if user.len() > end => true,
            Some((user, _)) => user_info.len() > end && is_port(&rest[user.len() + 1..end]),
            None => user_info.len() > end,
        };
        (!is_path).then_some(Self { user_info, is_certain: true })
    }

    /// `USER:PASSWORD@HOST/REPOSITORY:TAG`. Addresses of mail and subjects of tokens look much the same.
    fn of_image(user_info: &'a str, place: &str) -> Option<Self> {
        let (authority, has_path) = place.split_once('/').map_or((place, false), |(authority, _)| (authority, true));
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let is_v6 = authority.starts_with('[');
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte) || (is_v6 && byte == b':'));
        let has_port = port.strip_prefix(':').is_some_and(is_port);
        let has_place = has_path || has_port || is_v6;
        let has_user_alone = !user_info.contains(':');
        if !is_host || user_info.contains(char::is_whitespace) || !(port.is_empty() || has_port) {
            return None;
        }
        if !(has_place || (!has_user_alone && (host.contains('.') || host == "localhost"))) {
            return None;
        }
        Some(Self { user_info, is_certain: has_place && !has_user_alone })
    }
}

fn is_one_of(scheme: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The scheme that a text starts with (RFC 3986, 3.1).
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (!scheme.is_empty() && scheme.bytes().all(is_part)).then_some(scheme)
}

/// An image reference without its digest: the text before that `@` is not a login.
fn without_digest(text: &str) -> &str {
    match text.rsplit_once('@') {
        Some((before, digest)) if ["sha256:", "sha512:"].iter().any(|start| digest.starts_with(start)) => before,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, secrets};

    fn found(text: &str, kind: Kind) -> Vec<String> {
        secrets(text, kind).into_keys().collect()
    }

    #[test]
    fn login_of_a_connection_is_secret() {
        let table: [(&str, &[&str]); 15] = [
            ("tcp://me:Hunter2Pass@127.0.0.1:1", &["Hunter2Pass"]),
            ("tcp://me:Hunter2,Pa;ss@host:1", &["Hunter2,Pa;ss"]),
            ("tcp://Hunter2Token@host:1", &["Hunter2Token"]),
            ("tcp://me:9Hunter/ss@127.0.0.1:1", &["9Hunter", "9Hunter/ss"]),
            ("me:Hunter2Pass@127.0.0.1:1", &["Hunter2Pass"]),
            ("http://me:Hunter2[Pass@127.0.0.1:1", &["Hunter2", "Hunter2[Pass"]),
            ("tcp://me:Hunter2%2FPass@127.0.0.1:1", &["Hunter2%2FPass", "Hunter2/Pass"]),
            ("http://Hunter2Token/x@127.0.0.1:1", &["Hunter2Token/x"]),
            ("me:Hun@ter2Pass@proxy", &["Hun@ter2Pass"]),
            ("http://Hunter2Token:x-oauth@h", &["Hunter2Token", "x-oauth"]),
            ("http://me:pw@h", &["me:pw"]),
            ("ssh://deploy-user@host", &[]),
            ("unix:///run/user@1000/docker.sock", &[]),
            ("tcp://host:2375", &[]),
            ("", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text, Kind::Connection), expected, "{text}");
        }
    }

    #[test]
    fn login_of_an_image_is_secret() {
        let table: [(&str, &[&str]); 11] = [
            ("me:Hunter2Pass@registry/shop:v1", &["Hunter2Pass"]),
            ("me:Hun/ter2Pass@r.example.invalid/shop:v1", &["Hun/ter2Pass", "ter2Pass"]),
            ("me:Hun,ter2Pass@r.example.invalid/shop:v1", &["Hun,ter2Pass"]),
            ("https://me:9Hunter/2Pass@r.example.invalid/shop:v1", &["2Pass", "9Hunter", "9Hunter/2Pass"]),
            ("me:Hunter2Pass@r.example.invalid", &["Hunter2Pass"]),
            ("me:Hunter2Pass@[::1]:5000/shop:v1", &["Hunter2Pass"]),
            ("me:Hunter2Pass@127.0.0.1:1/shop:v1", &["Hunter2Pass"]),
            ("Hunter2Token@r.example.invalid/shop:v1", &["Hunter2Token"]),
            ("me:Hunter2Pass@r.example/shop@sha256:00", &["Hunter2Pass"]),
            ("https://me:Hun@ter/2Pass@r.example/shop", &["2Pass", "Hun@ter", "Hun@ter/2Pass"]),
            ("me:careful-horse@registry/shop", &["careful-horse"]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text, Kind::Image), expected, "{text}");
        }
    }

    #[test]
    fn image_without_a_login_holds_no_secret() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let table = [
            format!("r.example/shop/api:v1.2.3-rc.4711@{digest}"),
            format!("localhost:5000/shop-4711a@{digest}"),
            format!("https://r.example:8443/shop-4711a:v1@{digest}"),
        ];
        for text in table {
            assert_eq!(found(&text, Kind::Image), [""; 0], "{text}");
        }
        for text in [
            "shop:v1-4711abc@latest",
            "shop:v1-4711abc@sha256:zz",
            "john.doe1985@shop.example",
            "mailto:ops-team@shop.example",
            "repo:shop@123456/api-4711@456789:environment:prod",
            "git@github.com:a/b.git",
            "my-team@shop.example/a:b",
            "two words me:hunter2abc@registry/x",
        ] {
            assert_eq!(found(text, Kind::Image), [""; 0], "{text}");
        }
    }

    #[test]
    fn url_keeps_its_path() {
        let table: [(&str, &[&str]); 8] = [
            ("postgres://u:dbpass,with;odd@h/db", &["dbpass,with;odd"]),
            ("redis://:redispass99@h:6379", &["redispass99"]),
            ("https://u:Hunter2Pass@h/?mail=a@b", &["Hunter2Pass"]),
            ("https://u:Hunter2/Pass@h", &["Hunter2", "Hunter2/Pass"]),
            ("https://host.example:8443/@someone/post-123", &[]),
            ("https://host.example/@someone/post-123", &[]),
            ("https://host.example/a:b-4711c@d", &[]),
            ("postgres://shopkeeper-1a2b@h/db", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text, Kind::Url), expected, "{text}");
        }
    }

    #[test]
    fn kind_follows_the_variable() {
        let table = [
            ("DOCKER_HOST", "x", Some(Kind::Connection)),
            ("https_proxy", "x", Some(Kind::Connection)),
            ("NO_PROXY", "x", None),
            ("DATABASE_URL", "x", Some(Kind::Url)),
            ("ANY", "amqp://u:p@h", Some(Kind::Url)),
            ("SUBJECT", "repo:a@1/b@2:x", None),
        ];
        for (name, value, kind) in table {
            assert_eq!(Kind::of_variable(name, value), kind, "{name}");
        }
    }
}
