//! Reads the challenge of a registry that wants a token: `WWW-Authenticate: Bearer realm="…",service="…",scope="…"`
//! (the distribution project's token authentication specification). Pure.

/// Where to get a token, and for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

impl Challenge {
    /// The challenge in a header's value, if it is one for a token and names where to get it.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        while let Some((name, value, after)) = parameter(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                "scope" => scope = Some(value.to_owned()),
                _ => {}
            }
            rest = after;
        }
        Some(Self { realm: realm?, service, scope })
    }
}

/// The next `name=value` or `name="value"`, and what follows it. A quoted value may hold commas, as scopes do.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.trim_start_matches([',', ' ']).split_once('=')?;
    if let Some(quoted) = rest.strip_prefix('"') {
        return quoted.split_once('"').map(|(value, after)| (name.trim(), value, after));
    }
    let (value, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    Some((name.trim(), value.trim(), after))
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    #[test]
    fn challenges() {
        let full = r#"Bearer realm="https://auth.example.com/token",service="r.example.com",scope="repository:shop/api:pull,push""#;
        let challenge = Challenge::parse(full).unwrap();
        assert_eq!(challenge.realm, "https://auth.example.com/token");
        assert_eq!(challenge.service.as_deref(), Some("r.example.com"));
        assert_eq!(challenge.scope.as_deref(), Some("repository:shop/api:pull,push"));
        let odd = Challenge::parse(r#"bearer service=r, error="invalid_token" , realm="http://a/t""#).unwrap();
        assert_eq!((odd.realm.as_str(), odd.service.as_deref(), odd.scope), ("http://a/t", Some("r"), None));
        for other in ["", "Bearer", r#"Basic realm="x""#, r#"Bearer service="r""#, r#"Bearer realm="never closed"#] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
    }
}
