//! The secrets that this process holds. Each is made known where it is first held, and looked for in everything that leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    patterns::Patterns,
    shapes,
    wording::{LONG, LONG_WORD, is_common, is_ordinary, is_plain_word, names_a_secret},
};

/// How deep a JSON document is searched for secrets.
const MAX_DEPTH: usize = 4;

/// What is known.
#[derive(Default)]
struct Known {
    /// The values to mask, and how.
    values: BTreeMap<String, Place>,
    /// What is public: parts of it are not masked.
    facts: BTreeSet<String>,
    /// Both, ready to be used; absent when either has changed.
    patterns: Option<Arc<Patterns>>,
}

/// Where a value is masked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Anywhere,
    AsWord,
}

/// A test sees the secrets of its own thread: what other tests hold must not be masked in it.
fn with_known<T>(act: impl FnOnce(&RwLock<Known>) -> T) -> T {
    #[cfg(test)]
    {
        thread_local! { static KNOWN: RwLock<Known> = RwLock::default(); }
        KNOWN.with(act)
    }
    #[cfg(not(test))]
    {
        static KNOWN: RwLock<Known> =
            RwLock::new(Known { values: BTreeMap::new(), facts: BTreeSet::new(), patterns: None });
        act(&KNOWN)
    }
}

/// What to look for.
pub(super) fn patterns() -> Arc<Patterns> {
    with_known(|known| {
        if let Some(patterns) = &known.read().unwrap_or_else(PoisonError::into_inner).patterns {
            return patterns.clone();
        }
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        let mut patterns = Patterns::default();
        for (value, place) in &known.values {
            if known.facts.iter().any(|fact| fact.contains(value)) {
                continue;
            }
            match place {
                Place::Anywhere => patterns.add(value),
                Place::AsWord => patterns.add_word(value),
            }
        }
        known.patterns.insert(Arc::new(patterns)).clone()
    })
}

/// Makes a credential known: it is masked from now on in everything that leaves the process.
pub(crate) fn credential(value: &str) {
    remember(&gathered(None, value, 0));
}

/// Makes the value of a variable known. It is masked everywhere unless it is an ordinary word of a name that does not sound
/// confidential.
pub(crate) fn variable(name: &str, value: &str) {
    remember(&gathered(Some(name), value, 0));
}

/// Makes known what the process' own environment holds: credentials by their names, and passwords in addresses.
pub fn environment<'a>(variables: impl IntoIterator<Item = (&'a String, &'a String)>) {
    for (name, value) in variables {
        if names_a_secret(name) && !value.starts_with('/') {
            variable(name, value);
        } else if value.contains('@') {
            remember(&passwords(value));
            // A proxy may be named without a scheme, and is one with any host.
            if name.to_ascii_uppercase().ends_with("_PROXY") && !value.contains("://") {
                remember(&passwords(&format!("http://{value}")));
            }
        }
    }
}

/// Makes known what a command line holds whatever flag it is given to: passwords in addresses, and what stands behind names
/// that sound confidential (`API_KEY=VALUE`, `--flag=API_KEY=VALUE`).
pub fn assignments<'a>(arguments: impl IntoIterator<Item = &'a str>) {
    for argument in arguments {
        remember(&passwords(argument));
        assigned_secret(argument).into_iter().for_each(credential);
    }
}

/// The value of `NAME=VALUE` or `--flag=NAME=VALUE` where the name says that it is a secret.
fn assigned_secret(argument: &str) -> Option<&str> {
    let (assignment, is_short_flag) = match argument.strip_prefix("--") {
        Some(flag) => (flag.split_once('=')?.1, false),
        None => (argument.trim_start_matches('-'), argument.starts_with('-')),
    };
    let (name, value) = assignment.split_once('=')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    // `-eNAME=VALUE`
    let in_flag = name.get(1..).filter(|_| is_short_flag);
    (is_name && in_flag.into_iter().chain([name]).any(names_a_secret)).then_some(value)
}

/// Makes known what a command line may hold that could not be read: values behind `=`, and passwords in addresses.
pub fn arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) {
    for argument in arguments {
        remember(&passwords(argument));
        let assigned = argument.trim_start_matches('-').split_once('=');
        // `--env=NAME=VALUE`, `--env NAME=VALUE`, `-eNAME=VALUE`; the value of another flag is no secret.
        let value = match assigned {
            Some((_, rest)) if argument.starts_with("--") => rest.split_once('=').map(|(_, value)| value),
            Some((_, value)) => Some(value),
            None => None,
        };
        value.into_iter().for_each(credential);
    }
}

/// Makes known that a text is public. A value that is a part of it is not masked: an account id, a service's name.
pub fn publish(fact: &str) {
    if !shapes::passwords(fact).is_empty() || assigned_secret(fact).is_some() {
        return;
    }
    with_known(|known| {
        if known.read().unwrap_or_else(PoisonError::into_inner).facts.contains(fact) {
            return;
        }
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        if known.values.keys().any(|value| fact.contains(value)) {
            known.patterns = None;
        }
        known.facts.insert(fact.to_owned());
    });
}

fn remember(values: &BTreeMap<String, Place>) {
    if values.is_empty() {
        return;
    }
    with_known(|known| {
        let is_new = |known: &Known| values.iter().any(|(value, place)| known.values.get(value) != Some(place));
        if !is_new(&known.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        known.patterns = None;
        for (value, place) in values {
            let kept = known.values.entry(value.clone()).or_insert(*place);
            *kept = (*kept).min(*place);
        }
    });
}

/// What there is to mask of a value: itself, its lines, passwords in addresses, the members of a JSON object.
fn gathered(name: Option<&str>, value: &str, depth: usize) -> BTreeMap<String, Place> {
    let mut found = passwords(value);
    let is_secret = name.is_none_or(names_a_secret);
    if let Some(members) = members(value).filter(|_| depth < MAX_DEPTH) {
        for (name, member) in members {
            match member {
                serde_json::Value::String(text) => found.extend(gathered(Some(&name), &text, depth + 1)),
                object @ serde_json::Value::Object(_) => {
                    found.extend(gathered(Some(&name), &object.to_string(), depth + 1));
                }
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::Array(_) => (),
            }
        }
    } else {
        let lines = value.lines().map(str::trim);
        found.extend(lines.filter_map(|line| Some((line.to_owned(), place(line, is_secret)?))));
    }
    // A login as it goes into a header, or as Docker keeps it.
    if name.is_none_or(|name| name.eq_ignore_ascii_case("auth")) {
        found.extend(login(value).and_then(|password| Some((password.clone(), place(&password, true)?))));
    }
    let whole = value.trim();
    found.extend(place(whole, is_secret).map(|place| (whole.to_owned(), place)));
    found
}

/// Where a value is masked; `None` for one that would tear holes into everything.
fn place(value: &str, is_secret: bool) -> Option<Place> {
    let length = value.chars().count();
    if is_common(value) || (!is_secret && is_ordinary(value)) {
        return None;
    }
    if length >= LONG {
        return Some(Place::Anywhere);
    }
    (is_secret && length >= LONG_WORD && !is_plain_word(value)).then_some(Place::AsWord)
}

/// The password of `USER:PASSWORD` in base64.
fn login(auth: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.trim_end_matches('\0').to_owned())
}

fn members(value: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(value).ok()
}

/// Passwords in addresses, as they are written and as they are meant.
fn passwords(text: &str) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    for span in shapes::passwords(text) {
        let written = &text[span];
        for password in [written.to_owned(), percent_decoded(written)] {
            found.extend(place(&password, true).map(|place| (password, place)));
        }
    }
    found
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some(first) = rest.first() {
        let reading = super::encoding::readings(rest).into_iter().flatten().next().filter(|_| *first == b'%');
        if let Some(reading) = reading {
            bytes.extend(reading.bytes());
            rest = &rest[reading.consumed..];
        } else {
            bytes.push(*first);
            rest = &rest[1..];
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{arguments, assignments, credential, environment, publish, variable};
    use crate::mask::masked;

    #[test]
    fn credentials_are_masked_and_common_words_are_not() {
        for value in ["open-sesame", "hunter2", "admin", "222222222222", "production", "1", "true"] {
            credential(value);
        }
        let text = "open-sesame hunter2 hunter22 admin 222222222222 production 1 true";
        assert_eq!(masked(text), "… … hunter22 admin 222222222222 production 1 true");
    }

    #[test]
    fn variables_are_masked_by_their_names_and_their_looks() {
        variable("MODE", "careful-mode");
        variable("DB_PASSWORD", "careful-horse");
        variable("DATABASE_URL", "postgres://shop:h0rse1@db/shop");
        variable("BUILD", "3f9a77c1d2e4");
        let text = "careful-mode careful-horse postgres://shop:h0rse1@db/shop h0rse1 3f9a77c1d2e4";
        assert_eq!(masked(text), "careful-mode … … … …");
        publish("111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop:3f9a77c1d2e4");
        assert_eq!(masked("3f9a77c1d2e4"), "3f9a77c1d2e4");
    }

    #[test]
    fn members_of_a_json_secret_are_masked() {
        credential(r#"{"username":"shopkeeper","password":"tr0ub4dor&3","port":5432,"inner":{"api_key":"abcdefgh"}}"#);
        assert_eq!(masked("shopkeeper tr0ub4dor&3 5432 abcdefgh"), "shopkeeper … 5432 …");
    }

    #[test]
    fn the_password_of_a_login_is_masked() {
        credential("QVdTOnRva2VuLW9mLWVjcg==");
        assert_eq!(masked("QVdTOnRva2VuLW9mLWVjcg== AWS:token-of-ecr"), "… AWS:…");
    }

    #[test]
    fn every_long_line_of_a_value_is_masked() {
        credential("-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqh=\n-----END KEY-----\n");
        assert_eq!(masked("MIIEvQIBADANBg"), "…");
        assert_eq!(masked(r"-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqh=\n-----END KEY-----"), "…");
    }

    #[test]
    fn the_environment_and_the_command_line_are_read() {
        let pairs = [
            ("HTTPS_PROXY", "http://me:pr%40xy77@proxy:3128"),
            ("http_proxy", "me:pr0xy-99@proxy:3128"),
            ("SUBJECT", "repo:shop@123456/api-4711@456789:environment:prod"),
            ("CI_JOB_TOKEN", "glcbt-64_abcdef"),
            ("HOME", "/home/dev-4711"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"),
            ("DOCKER_AUTH_CONFIG", r#"{"auths":{"r.example":{"auth":"dXNlcjpwNHNzdzByZA=="}}}"#),
        ];
        let variables: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        environment(&variables);
        let text = "pr%40xy77 pr@xy77 pr0xy-99 glcbt-64_abcdef /home/dev-4711 /var/run/secrets/token p4ssw0rd";
        assert_eq!(masked(text), "… … … … /home/dev-4711 /var/run/secrets/token …");
        assert_eq!(masked("shop@123456/api-4711"), "shop@123456/api-4711");
        arguments(["deploy", "--evn", "API_KEY=s3cr3t-77", "--env=B=t0ps3cr3t", "--tag=release-candidate"]);
        assert_eq!(masked("s3cr3t-77 t0ps3cr3t release-candidate deploy"), "… … release-candidate deploy");
    }

    #[test]
    fn what_is_assigned_to_a_confidential_name_is_masked() {
        let table = [
            ("API_KEY=v4lue-of-one", "v4lue-of-one", true),
            ("--port=db-password=v4lue-of-two", "v4lue-of-two", true),
            ("-eGITHUB_TOKEN=v4lue-of-three", "v4lue-of-three", true),
            ("-ePIN=v4lue-of-four", "v4lue-of-four", true),
            ("SECRET==v4lue/of=five==", "=v4lue/of=five==", true),
            ("--web-identity-token=v4lue-of-six", "v4lue-of-six", false),
            ("MODE=v4lue-of-seven", "v4lue-of-seven", false),
            ("API_KEY_FILE=v4lue-of-eight", "v4lue-of-eight", false),
            ("node --key=v4lue-of-nine", "v4lue-of-nine", false),
            ("API_KEY", "API_KEY", false),
        ];
        for (argument, value, is_secret) in table {
            assignments([argument]);
            assert_eq!(masked(value) == "…", is_secret, "{argument}");
        }
        assignments(["me:l0gin-of-ten@r.example/shop:v1"]);
        assert_eq!(masked("`me:l0gin-of-ten@r.example` is no host"), "`me:…@r.example` is no host");
        publish("API_KEY=v4lue-of-one");
        assert_eq!(masked("API_KEY=v4lue-of-one"), "API_KEY=…");
    }
}
