//! Reads `WWW-Authenticate` (RFC 9110, section 11.6.1): any number of challenges in any number of headers, of which two
//! schemes matter here: `Basic`, and `Bearer` as the distribution project's token authentication specification has it. Pure.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Where to get a token, and for what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

/// The schemes a registry accepts, as far as they are understood.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Offers {
    pub(super) bearer: Option<Challenge>,
    pub(super) basic: bool,
    /// The token was good and its scopes did not suffice (RFC 6750, `insufficient_scope`).
    pub(super) needs_more_scope: bool,
}

impl Offers {
    /// What the headers of a refusal offer. Of several challenges with one scheme the first counts.
    pub(super) fn in_headers(headers: &HeaderMap) -> Self {
        let mut offers = Self::default();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            offers.add(&String::from_utf8_lossy(value.as_bytes()));
        }
        offers
    }

    fn add(&mut self, header: &str) {
        for challenge in parse(header) {
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                self.basic = true;
            } else if challenge.scheme.eq_ignore_ascii_case("bearer") && self.bearer.is_none() {
                self.needs_more_scope = challenge.names_error("insufficient_scope");
                self.bearer = challenge.into_bearer();
            }
        }
    }

    /// Whether nothing is offered.
    pub(super) fn is_empty(&self) -> bool {
        self.bearer.is_none() && !self.basic
    }

    /// These offers, and those of before where these have none.
    pub(super) fn or(self, before: Self) -> Self {
        Self { bearer: self.bearer.or(before.bearer), basic: self.basic || before.basic, ..self }
    }
}

/// One challenge, of whatever scheme.
struct Parsed {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Parsed {
    fn names_error(&self, code: &str) -> bool {
        self.parameters.iter().any(|(name, value)| name.eq_ignore_ascii_case("error") && value == code)
    }

    fn into_bearer(mut self) -> Option<Challenge> {
        let mut take = |name: &str| {
            let at = self.parameters.iter().position(|(own, _)| own.eq_ignore_ascii_case(name))?;
            Some(self.parameters.swap_remove(at).1).filter(|value| !value.trim().is_empty())
        };
        Some(Challenge { realm: take("realm")?, service: take("service"), scope: take("scope") })
    }
}

/// The challenges of one header. A quoted value that is never closed ends with the header.
fn parse(header: &str) -> Vec<Parsed> {
    let mut challenges: Vec<Parsed> = Vec::new();
    let mut rest = skip_separators(header);
    while !rest.is_empty() {
        let (word, after) = split_token(rest);
        if word.is_empty() {
            // Not the start of anything: a stray character.
            let mut characters = rest.chars();
            characters.next();
            rest = skip_separators(characters.as_str());
            continue;
        }
        match (parameter_value(after), challenges.last_mut()) {
            (Value::Read(value, after), Some(challenge)) => {
                challenge.parameters.push((word.to_owned(), value));
                rest = skip_separators(after);
            }
            (Value::None | Value::Read(..), _) => {
                challenges.push(Parsed { scheme: word.to_owned(), parameters: Vec::new() });
                rest = skip_separators(skip_token68(after));
            }
        }
    }
    challenges
}

/// What follows a parameter's name.
enum Value<'a> {
    /// No `=`: the name was a scheme.
    None,
    /// The value, and what follows it.
    Read(String, &'a str),
}

fn parameter_value(text: &str) -> Value<'_> {
    let Some(text) = text.trim_start().strip_prefix('=') else { return Value::None };
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return Value::Read(value.to_owned(), after);
    };
    let (mut value, mut characters) = (String::new(), quoted.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => return Value::Read(value, characters.as_str()),
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    Value::Read(value, "")
}

/// The base64 that some schemes have instead of parameters (`Negotiate YII=`). What follows a scheme may be a parameter's
/// name as well, or the next scheme after a comma.
fn skip_token68(text: &str) -> &str {
    let trimmed = text.trim_start();
    if trimmed.len() == text.len() {
        return text;
    }
    let is_of_base64 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let after = trimmed.trim_start_matches(is_of_base64);
    let after_padding = after.trim_start_matches('=');
    let ends = after_padding.is_empty() || after_padding.trim_start().starts_with(',');
    if ends && after.len() < trimmed.len() { after_padding } else { trimmed }
}

fn split_token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

fn skip_separators(text: &str) -> &str {
    text.trim_start_matches([',', ';', ' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::{Challenge, Offers};

    fn offers(headers: &[&str]) -> Offers {
        let mut offers = Offers::default();
        for header in headers {
            offers.add(header);
        }
        offers
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let [service, scope] = [service, scope].map(|text| text.map(str::to_owned));
        Challenge { realm: realm.to_owned(), service, scope }
    }

    #[test]
    fn bearer_challenges_in_all_their_spellings() {
        let full = Some(bearer("https://a.test/t?x=y", Some("r.test"), Some("repository:shop/api:pull,push")));
        for header in [
            r#"Bearer realm="https://a.test/t?x=y",service="r.test",scope="repository:shop/api:pull,push""#,
            r#"  bEARER   REALM = "https://a.test/t?x=y" , Service="r.test" , scope = "repository:shop/api:pull,push" "#,
            r#"Bearer realm="https://a.test/t?x=y" service="r.test" scope="repository:shop/api:pull,push""#,
            "Bearer realm=https://a.test/t?x=y,service=r.test,scope=\"repository:shop/api:pull,push\",error=\"invalid_token\"",
            r#"Bearer realm="https:\/\/a.test\/t?x=y",service="r\.test",scope="repository:shop/api:pull,push""#,
            "Bearer\trealm=\"https://a.test/t?x=y\",\tservice=\"r.test\",,scope=\"repository:shop/api:pull,push\",",
        ] {
            assert_eq!(offers(&[header]).bearer, full, "{header}");
        }
        assert_eq!(
            offers(&[r#"Bearer realm="http://a/t",service="a \"b\", c=d""#]).bearer,
            Some(bearer("http://a/t", Some(r#"a "b", c=d"#), None))
        );
        assert_eq!(
            offers(&[r#"Bearer realm="http://a/t",service="",scope=" ""#]).bearer,
            Some(bearer("http://a/t", None, None))
        );
    }

    #[test]
    fn several_challenges_in_one_header_or_several() {
        let token = Some(bearer("http://a/t", Some("r"), None));
        let table: [(&[&str], bool); 9] = [
            (&[r#"Basic realm="registry", Bearer realm="http://a/t",service="r""#], true),
            (&[r#"Bearer realm="http://a/t",service="r", Basic realm="Bearer realm=x, y""#], true),
            (&[r#"Basic realm="registry""#, r#"Bearer realm="http://a/t",service="r""#], true),
            (&[r#"Basic, Bearer realm="http://a/t",service="r""#], true),
            (&[r#"Negotiate, Bearer realm="http://a/t",service="r""#], false),
            (&[r#"Negotiate YIIB+/==, Bearer realm="http://a/t",service="r""#], false),
            (&[r#"Digest qop="auth, auth-int", nonce=abc==, Bearer realm="http://a/t",service="r""#], false),
            (&[r#"Bearer realm="http://a/t",service="r", Bearer realm="http://other/t""#], false),
            (&["Basic", "", ",", r#"Bearer service="r",realm="http://a/t""#], true),
        ];
        for (headers, basic) in table {
            assert_eq!(offers(headers), Offers { bearer: token.clone(), basic, ..Offers::default() }, "{headers:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_offers_nothing() {
        for header in ["", "Bearer", r#"Bearer service="r""#, "=", "\"\"", "Bearer realm=", "é é"] {
            assert!(offers(&[header]).is_empty(), "{header}");
        }
        assert!(offers(&[r#"Basic realm="x""#]).basic && offers(&["basic"]).basic);
    }

    #[test]
    fn accepts_an_unterminated_last_quote() {
        let table = [
            (r#"Bearer service="r",realm="http://a/t"#, bearer("http://a/t", Some("r"), None)),
            (r#"Bearer realm="http://a/t",service="r"#, bearer("http://a/t", Some("r"), None)),
            (r#"Bearer realm="http://a/t",scope="a:b:pull,push\"#, bearer("http://a/t", None, Some("a:b:pull,push"))),
            (r#"Basic realm="x", Bearer realm="http://a/t",service=""#, bearer("http://a/t", None, None)),
        ];
        for (header, challenge) in table {
            assert_eq!(offers(&[header]).bearer, Some(challenge), "{header}");
        }
        assert!(offers(&["Bearer realm="]).is_empty() && offers(&[r#"Bearer realm=""#]).is_empty());
    }

    #[test]
    fn insufficient_scope_is_noticed() {
        let challenge = |error: &str| offers(&[&format!(r#"Bearer realm="http://a/t",error="{error}""#)]);
        assert!(challenge("insufficient_scope").needs_more_scope);
        assert!(!challenge("invalid_token").needs_more_scope);
    }

    #[test]
    fn newer_offers_replace_older_ones() {
        let basic = offers(&["Basic"]);
        let token = offers(&["Bearer realm=http://a/t"]);
        assert_eq!(token.clone().or(basic), Offers { basic: true, ..token });
    }
}
