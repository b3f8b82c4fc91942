//! Secrets that are known by their shape, whoever they belong to: passwords in addresses, authorization headers, signatures of
//! presigned addresses, JSON web tokens.

use std::ops::Range;

use super::wording::is_ordinary;

/// Characters that end an address in text.
const ENDS: [char; 14] = ['"', '\'', '<', '>', '`', ')', '(', '}', ']', '[', '\\', ',', ';', '|'];

/// Those of them that a password may hold.
const SOFT_ENDS: [char; 8] = [')', '(', '}', ']', '[', ',', ';', '|'];

/// Parameters and headers whose values are secrets or signatures (SigV4, CloudFront, Google, Azure), in lower case.
const NAMES: [&str; 8] = [
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-credential",
    "x-goog-signature",
    "x-goog-credential",
    "signature",
    "credential",
    "sig",
];

/// An address is not longer, up to its path.
const LONGEST_ADDRESS: usize = 1000;

/// A shorter value of such a name is a word in a sentence.
const LEAST_VALUE: usize = 12;

/// Where secrets are by their shape; in no order.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.contains('@') {
        found.extend(passwords(text));
    }
    if text.contains("earer") || text.contains("asic") || text.contains("EARER") {
        found.extend(headers(text));
    }
    if text.contains("eyJ") {
        found.extend(tokens(text));
    }
    if text.contains(['=', ':']) || text.contains("%3") {
        found.extend(parameters(text));
    }
    // What hints put in the place of a password, and what is masked already.
    found.retain(|span| !matches!(&text[span.clone()], "PASSWORD" | "…"));
    found
}

/// `scheme://user:PASSWORD@host`, `https://TOKEN@host`, and `user:PASSWORD@host/path` as a word of its own.
pub(super) fn passwords(text: &str) -> Vec<Range<usize>> {
    let is_hard_end = |c: char| c.is_whitespace() || (ENDS.contains(&c) && !SOFT_ENDS.contains(&c));
    let mut found = in_words(text, is_hard_end, passwords_in);
    found.extend(in_words(
        text,
        |c| c.is_whitespace() || ENDS.contains(&c),
        |word| bare_password_in(word).into_iter().collect(),
    ));
    found
}

/// What is found in the words that hold an `@`.
fn in_words(text: &str, is_end: impl Fn(char) -> bool, find: impl Fn(&str) -> Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split(is_end) {
        if word.contains('@') {
            found.extend(find(word).into_iter().map(|span| start + span.start..start + span.end));
        }
        start += word.len();
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

fn passwords_in(word: &str) -> Vec<Range<usize>> {
    let marks = ["://", "%3A%2F%2F", "%3a%2f%2f"].into_iter().flat_map(|mark| word.match_indices(mark));
    marks.filter_map(|(at, mark)| password_after(word, at, at + mark.len())).collect()
}

/// The password between the end of the scheme and the host.
fn password_after(word: &str, scheme_end: usize, start: usize) -> Option<Range<usize>> {
    let rest = &word[start..];
    let rest = &rest[..rest.char_indices().nth(LONGEST_ADDRESS).map_or(rest.len(), |(end, _)| end)];
    // The next address in the same word is not this one's.
    let rest = &rest[..rest.find("://").unwrap_or(rest.len())];
    let end = rest.find(|c: char| "/?#".contains(c) || SOFT_ENDS.contains(&c)).unwrap_or(rest.len());
    let (user_info, is_beyond_end) = match rest[..end].rfind('@') {
        Some(at) => (&rest[..at], false),
        // A password may hold such a character that nobody has encoded.
        None => (&rest[..rest.rfind('@')?], true),
    };
    if is_beyond_end && ["@sha256:", "@sha512:"].iter().any(|digest| rest[user_info.len()..].starts_with(digest)) {
        return None;
    }
    match user_info.split_once(':') {
        // The colon is in the path.
        Some((user, _)) if is_beyond_end && user.len() > end => None,
        // A port, and a path with an @ in it.
        Some((user, _)) if is_beyond_end && user.len() < end && is_number(&rest[user.len() + 1..end]) => None,
        // Another word behind an address without a login.
        Some((user, _)) if is_beyond_end && user.contains(SOFT_ENDS) => None,
        Some((user, password)) => {
            let start = start + user.len() + 1;
            Some(start..start + password.len()).filter(|span| !span.is_empty())
        }
        None if is_beyond_end => None,
        // The whole may be a token. The user of an ssh host is none.
        None if ["http", "https", "tcp"].iter().any(|scheme| word[..scheme_end].ends_with(scheme)) => {
            Some(start..start + user_info.len()).filter(|span| !span.is_empty())
        }
        None => None,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `user:PASSWORD@host/path` and `user:PASSWORD@host:port`, without a scheme: a login before the name of an image, or in the
/// address of a proxy. Subjects (`repo:shop@1/api@2:…`), digests and addresses of mail and Git look much the same.
fn bare_password_in(word: &str) -> Option<Range<usize>> {
    let authority = word.split_once('/').map(|(authority, _)| authority);
    let (user_info, host) = authority.unwrap_or(word.trim_end_matches([':', '.'])).rsplit_once('@')?;
    let (user, password) = user_info.split_once(':')?;
    let is_distinct = |(host, _): (&str, &str)| (host.contains('.') || host == "localhost") && !is_ordinary(password);
    let is_address = is_registry(host) && (authority.is_some() || host.split_once(':').is_some_and(is_distinct));
    let at = user.len() + 1;
    (!user.is_empty() && !password.is_empty() && is_address).then(|| at..at + password.len())
}

/// What comes before the path in the name of an image: a host with a dot or a port, or this machine.
fn is_registry(authority: &str) -> bool {
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let is_digest = ["sha256", "sha512"].contains(&host);
    match port {
        Some(port) => is_host && !is_digest && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
        None => is_host && (host.contains('.') || host == "localhost"),
    }
}

/// `Bearer TOKEN`, `Basic BASE64`.
fn headers(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let words = ["bearer", "basic"].into_iter().flat_map(|word| lower.match_indices(word));
    let token = |(at, word): (usize, &str)| {
        let rest = &text[at + word.len()..];
        let blank = ["%20", "+", " "].into_iter().find(|blank| rest.starts_with(blank))?;
        let start = at + word.len() + blank.len() + (rest.len() - blank.len())
            - rest[blank.len()..].trim_start_matches(' ').len();
        let token = word_of(&text[start..], |c| c.is_ascii_alphanumeric() || "._~+/-=%".contains(c));
        let is_token = token.len() >= 8
            && (token.len() >= 32
                || token.contains(|c: char| c.is_ascii_digit())
                || token[1..].contains(|c: char| c.is_ascii_uppercase()));
        let is_parameter = token.trim_end_matches('=').contains('=') || text[start + token.len()..].starts_with("\\\"");
        (is_token && !is_parameter).then(|| start..start + token.len())
    };
    words.filter_map(token).collect()
}

/// `HEADER.PAYLOAD.SIGNATURE`, each in base64: the header is a JSON object, which begins with `{"`.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let token = |(at, _): (usize, &str)| {
        if text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let token = word_of(&text[at..], |c| c.is_ascii_alphanumeric() || "._-=".contains(c));
        (token.len() >= 20).then(|| at..at + token.trim_end_matches('.').len())
    };
    text.match_indices("eyJ").filter_map(token).collect()
}

/// `X-Amz-Signature=…`, `"X-Amz-Signature":"…"`, `Signature=…`.
fn parameters(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for name in NAMES {
        for (at, _) in lower.match_indices(name) {
            if lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                continue;
            }
            let Some(start) = value_start(&text[at + name.len()..]).map(|start| at + name.len() + start) else {
                continue;
            };
            let value = word_of(&text[start..], |c| c.is_ascii_alphanumeric() || "+/-_.~=%*".contains(c));
            // `%26` is the `&` before the next parameter.
            let value = value.split("%26").next().unwrap_or_default();
            let least = if name.starts_with('x') { 1 } else { LEAST_VALUE };
            if value.len() >= least && value.contains(|c: char| c.is_ascii_digit()) {
                found.push(start..start + value.len());
            }
        }
    }
    found
}

/// Where the value begins behind a name: behind `=`, `: `, `":"` and their encodings.
fn value_start(rest: &str) -> Option<usize> {
    let mut at = 0;
    let mut separated = false;
    loop {
        let rest = &rest[at..];
        let mark = ["=", ":", "%3D", "%3d", "%3A", "%3a"].into_iter().find(|mark| rest.starts_with(mark));
        let quote = ["\\\"", "\"", "'", "&quot;", "&#34;", " "].into_iter().find(|quote| rest.starts_with(quote));
        match (mark, quote) {
            (Some(mark), _) if !separated => {
                separated = true;
                at += mark.len();
            }
            (_, Some(quote)) => at += quote.len(),
            _ => return separated.then_some(at),
        }
    }
}

fn word_of(text: &str, is_part: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::{
        super::patterns::{joined, without},
        spans,
    };

    fn masked(text: &str) -> String {
        without(text, &joined(spans(text)))
    }

    #[test]
    fn passwords_in_addresses_are_masked() {
        let table = [
            ("tcp://me:hunter2@docker:2375", "tcp://me:…@docker:2375"),
            ("proxy http://me:p@ss@proxy:3128 refused", "proxy http://me:…@proxy:3128 refused"),
            ("http://me:pa/ss@proxy:3128", "http://me:…@proxy:3128"),
            ("https://ghp_0123@github.com/a/b.git", "https://…@github.com/a/b.git"),
            ("\"https://x:y@h/\",\"https://x:z@h/\"", "\"https://x:…@h/\",\"https://x:…@h/\""),
            ("http%3A%2F%2Fme:hunter2@proxy", "http%3A%2F%2Fme:…@proxy"),
            ("`me:hunter2@r.example/shop/api:v1`", "`me:…@r.example/shop/api:v1`"),
            ("me:hunter2@localhost/shop", "me:…@localhost/shop"),
            ("me:hunter2@registry:5000/shop", "me:…@registry:5000/shop"),
            ("me:hunt@er2@r.example:443/shop/api", "me:…@r.example:443/shop/api"),
            ("me:hunter2@r.example/shop/api@sha256:00", "me:…@r.example/shop/api@sha256:00"),
            ("tcp://me:Hunter2,Pa;ss@host:1 refused", "tcp://me:…@host:1 refused"),
            ("`http://me:Hunter2[Pass@host:1`", "`http://me:…@host:1`"),
            ("tcp://Hunter2Token@host:1", "tcp://…@host:1"),
            ("https://me:9Hunter/2Pass@r.example/shop", "https://me:…@r.example/shop"),
            ("me:Hunter2Pass@127.0.0.1:1: refused", "me:…@127.0.0.1:1: refused"),
            ("http://db:5432,mail:me@shop.example", "http://db:5432,mail:me@shop.example"),
            ("[http://db/x,mail:me@shop.example]", "[http://db/x,mail:me@shop.example]"),
            ("(https://h/),me@shop.example", "(https://h/),me@shop.example"),
            ("https://r.example/shop:v1@sha256:00", "https://r.example/shop:v1@sha256:00"),
            ("https://r.example/shop:1.2@sha512:00", "https://r.example/shop:1.2@sha512:00"),
            ("https://h.example/item:42/@user", "https://h.example/item:42/@user"),
            ("Some(https://host/x:y),me@z", "Some(https://host/x:y),me@z"),
            ("https://esm.sh/jsr:@std/path@1.0", "https://esm.sh/jsr:@std/path@1.0"),
            ("smtp:alice@mail.example:25", "smtp:alice@mail.example:25"),
            ("from john.doe1985@shop.example:", "from john.doe1985@shop.example:"),
            ("ssh://core@host:22", "ssh://core@host:22"),
            ("repo:shop@123456/api@456789:environment:prod", "repo:shop@123456/api@456789:environment:prod"),
            (
                "repo:shop@123456/api@456789:ref:refs/heads/a@b.c/d",
                "repo:shop@123456/api@456789:ref:refs/heads/a@b.c/d",
            ),
            ("repo:shop/api:ref:refs/heads/a@v1.2/d", "repo:shop/api:ref:refs/heads/a@v1.2/d"),
            ("mail:me@shop.example", "mail:me@shop.example"),
            ("me@shop.example/a:b", "me@shop.example/a:b"),
            ("remote:git@github.com:a/b.git", "remote:git@github.com:a/b.git"),
            ("shop:v1@sha256:00/x", "shop:v1@sha256:00/x"),
            ("npm:@scope/a@1.2.3/b", "npm:@scope/a@1.2.3/b"),
            ("git@github.com:a/b.git", "git@github.com:a/b.git"),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
            ("r/shop/api:v1@sha256:00", "r/shop/api:v1@sha256:00"),
            ("shop:v1@sha256:00", "shop:v1@sha256:00"),
            ("http://me:…@proxy", "http://me:…@proxy"),
            ("HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT", "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn headers_tokens_and_signatures_are_masked() {
        let table = [
            ("Authorization: Basic dXNlcjpwYXNz, x", "Authorization: Basic …, x"),
            ("authorization=Bearer%20abc123def", "authorization=Bearer%20…"),
            ("Bearer realm=\"https://auth.example/token\"", "Bearer realm=\"https://auth.example/token\""),
            ("Basic authentication is refused", "Basic authentication is refused"),
            ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln, x", "token …, x"),
            ("/l?X-Amz-Signature=abc1&X-Amz-Date=1", "/l?X-Amz-Signature=…&X-Amz-Date=1"),
            ("X-Amz-Credential=AKIA1%2F20260101%2Feu&x", "X-Amz-Credential=…&x"),
            ("x-amz-security-token:IQoJb3JpZ2lu\nhost", "x-amz-security-token:…\nhost"),
            (r#"{"X-Amz-Signature":"abc1"}"#, r#"{"X-Amz-Signature":"…"}"#),
            ("X-Amz-Signature%3Dabc1%26b%3D2", "X-Amz-Signature%3D…%26b%3D2"),
            (
                "SignedHeaders=host;x-amz-security-token, Signature=0123456789abcdef",
                "SignedHeaders=host;x-amz-security-token, Signature=…",
            ),
            ("the signature: it does not match", "the signature: it does not match"),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text), expected);
        }
    }
}
