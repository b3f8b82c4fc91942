//! The secrets that this process holds. Each is made known where it is first held, and looked for in everything that leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    address::{self, Kind},
    patterns::Patterns,
    shapes,
    wording::{LONG, LONG_WORD, is_common, is_ordinary, is_plain_word, names_a_secret},
};

/// How many JSON documents within strings of JSON documents are searched for secrets.
const MAX_DEPTH: usize = 4;

/// A secret number of fewer digits is a port or a count as often.
const LEAST_DIGITS: usize = 6;

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
pub(super) enum Place {
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

/// Makes known what the process' own environment holds: credentials by their names, and logins in addresses.
pub fn environment<'a>(variables: impl IntoIterator<Item = (&'a String, &'a String)>) {
    for (name, value) in variables {
        if names_a_secret(name) && !is_existing_path(value) {
            variable(name, value);
        } else if value.contains('@') {
            remember(&passwords(value));
            remember(&login_of_variable(name, value));
        }
    }
}

/// Whether the value of a variable names a file or a folder. Base64 begins with a `/` too.
fn is_existing_path(value: &str) -> bool {
    value.starts_with('/') && Path::new(value).exists()
}

fn login_of_variable(name: &str, value: &str) -> BTreeMap<String, Place> {
    Kind::of_variable(name, value).map(|kind| address::secrets(value, kind)).unwrap_or_default()
}

/// Makes known what a command line holds whatever flag it is given to: logins in addresses, and what stands behind names
/// that sound confidential (`API_KEY=VALUE`, `--flag=API_KEY=VALUE`).
pub fn assignments<'a>(arguments: impl IntoIterator<Item = &'a str>) {
    for argument in arguments {
        remember(&passwords(argument));
        remember(&logins_of_argument(argument));
        assigned_secret(argument).into_iter().for_each(credential);
    }
}

/// Makes the login in an image reference known: a reference has none, and an invalid one is repeated in messages.
pub(crate) fn image(text: &str) {
    remember(&address::secrets(text, Kind::Image));
}

/// The logins in `ADDRESS`, `--flag=ADDRESS`, `NAME=ADDRESS` and `--flag=NAME=ADDRESS`.
fn logins_of_argument(argument: &str) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    let value = argument.strip_prefix("--").and_then(|flag| flag.split_once('=')).map_or(argument, |(_, value)| value);
    let assigned = value.split_once('=').filter(|(name, _)| is_name(name));
    if let Some((name, address)) = assigned {
        found.extend(login_of_variable(name, address));
    }
    // An assignment of anything else may hold an address of mail.
    if assigned.is_none() {
        found.extend(address::secrets(value, Kind::Image));
    }
    found
}

/// The value of `NAME=VALUE` or `--flag=NAME=VALUE` where the name says that it is a secret.
fn assigned_secret(argument: &str) -> Option<&str> {
    let (assignment, is_short_flag) = match argument.strip_prefix("--") {
        Some(flag) => (flag.split_once('=')?.1, false),
        None => (argument.trim_start_matches('-'), argument.starts_with('-')),
    };
    let (name, value) = assignment.split_once('=')?;
    // `-eNAME=VALUE`
    let in_flag = name.get(1..).filter(|_| is_short_flag);
    (is_name(name) && in_flag.into_iter().chain([name]).any(names_a_secret)).then_some(value)
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Makes known what a command line may hold that could not be read: values behind `=`, and passwords in addresses.
pub fn arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) {
    for argument in arguments {
        remember(&passwords(argument));
        remember(&logins_of_argument(argument));
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
    let has_login = !shapes::passwords(fact).is_empty() || !address::secrets(fact, Kind::Image).is_empty();
    if has_login || assigned_secret(fact).is_some() {
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

/// What there is to mask of a value: itself, its lines, logins in addresses, the members of a JSON document.
fn gathered(name: Option<&str>, value: &str, depth: usize) -> BTreeMap<String, Place> {
    let mut found = passwords(value);
    found.extend(name.map(|name| login_of_variable(name, value)).unwrap_or_default());
    let is_secret = name.is_none_or(names_a_secret);
    if let Some(document) = document(value).filter(|_| depth < MAX_DEPTH) {
        members(&mut found, name, is_secret, &document, depth);
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

/// A JSON object or array. What else JSON may be is masked as it is written.
fn document(value: &str) -> Option<serde_json::Value> {
    serde_json::from_str(value).ok().filter(|value: &serde_json::Value| value.is_object() || value.is_array())
}

/// What there is to mask in a part of a JSON document, by the name of the member that holds it. `is_secret`: the whole document
/// is one. `serde_json` reads no document so deep that this could overflow the stack.
fn members(
    found: &mut BTreeMap<String, Place>,
    name: Option<&str>,
    is_secret: bool,
    value: &serde_json::Value,
    depth: usize,
) {
    match value {
        serde_json::Value::String(text) => found.extend(gathered(name, text, depth + 1)),
        serde_json::Value::Object(object) => {
            for (name, member) in object {
                members(found, Some(name), is_secret, member, depth);
            }
        }
        serde_json::Value::Array(array) => array.iter().for_each(|one| members(found, name, is_secret, one, depth)),
        serde_json::Value::Number(number) => {
            let digits = number.to_string().trim_start_matches('-').to_owned();
            let is_secret = is_secret || name.is_some_and(names_a_secret);
            if is_secret && is_long_number(&digits) {
                found.extend(place(&digits, true).map(|place| (digits, place)));
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) => (),
    }
}

fn is_long_number(value: &str) -> bool {
    value.len() >= LEAST_DIGITS && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where a value is masked; `None` for one that would tear holes into everything.
pub(super) fn place(value: &str, is_secret: bool) -> Option<Place> {
    let length = value.chars().count();
    if is_common(value) || (!is_secret && is_ordinary(value)) {
        return None;
    }
    if length >= LONG {
        return Some(Place::Anywhere);
    }
    let is_word = is_long_number(value) || !is_plain_word(value);
    (is_secret && length >= LONG_WORD && is_word).then_some(Place::AsWord)
}

/// The password of `USER:PASSWORD` in base64.
fn login(auth: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.trim_end_matches('\0').to_owned())
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

pub(super) fn percent_decoded(text: &str) -> String {
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
    fn json_arrays_and_numbers_are_masked() {
        let table = [
            (
                r#"{"tokens":["tok_live_abcdefghijk1"],"pin":90210432}"#,
                "tok_live_abcdefghijk1 90210432 190210432",
                "… … 190210432",
            ),
            (
                r#"{"nested":[{"k":["nestedsecret99x",{"pin":902104}]}]}"#,
                "nestedsecret99x 902104 9021045",
                "… … 9021045",
            ),
            (
                r#"["arrsecret_one_1",["arrsecret_two_2"]]"#,
                "arrsecret_one_1 arrsecret_two_2 arrsecret",
                "… … arrsecret",
            ),
            (r#"{"a":{"b":{"c":{"d":{"e":{"f":"deepsecret99x"}}}}},"n":-7654321}"#, "deepsecret99x 7654321", "… …"),
            (
                r#"{"port":5432,"account":222222222222,"big":1e9}"#,
                "5432 222222222222 1000000000",
                "5432 222222222222 1000000000",
            ),
        ];
        for (secret, text, expected) in table {
            credential(secret);
            assert_eq!(masked(text), expected, "{secret}");
        }
        variable("SETTINGS", r#"{"max_bytes":10485760,"pin":7171717}"#);
        assert_eq!(masked("10485760 7171717"), "10485760 …");
        credential("4242421");
        assert_eq!(masked("4242421 42424210"), "… 42424210");
    }

    #[test]
    fn secret_that_begins_with_a_slash_is_masked() {
        let folder = env!("CARGO_MANIFEST_DIR").to_owned();
        let pairs = [("DB_PASSWORD", "/x9Abc+Def12345678"), ("SIGNING_KEY", folder.as_str())];
        let variables: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        environment(&variables);
        assert_eq!(masked(&format!("/x9Abc+Def12345678 {folder}")), format!("… {folder}"));
    }

    #[test]
    fn addresses_are_parsed_where_they_enter() {
        let pairs = [
            ("DOCKER_HOST", "tcp://me:D0cker,Pa;ss@host:1"),
            ("HTTPS_PROXY", "http://Pr0xyToken/x@127.0.0.1:1"),
            ("DATABASE_URL", "postgres://u:dbpass,w1th;odd@h/db"),
            ("MAIL", "john.doe1985@shop.example"),
        ];
        let variables: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        environment(&variables);
        let table = [
            ("`tcp://me:D0cker,Pa;ss@host:1`", "`tcp://me:…@host:1`"),
            ("Pr0xyToken/x", "…"),
            ("dbpass,w1th;odd", "…"),
            ("john.doe1985@shop.example", "john.doe1985@shop.example"),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text), expected);
        }
        let table = [
            ("me:Hunter2Pass@registry/shop:v1", "me:…@registry/shop:v1"),
            ("--image=me:Hun/ter3Pass@r.example/shop", "--image=me:…@r.example/shop"),
            ("--env=A_URL=http://me:Hun,ter4Pass@h", "--env=A_URL=http://me:…@h"),
            ("me:Hunter5Pass@[::1]:5000/shop", "me:…@[::1]:5000/shop"),
            ("Hunter6Token@r.example/shop:v1", "…@r.example/shop:v1"),
            ("--env=MAIL=john.doe1985@shop.example", "--env=MAIL=john.doe1985@shop.example"),
            ("r.example/shop:v1-4711abc@sha256:00", "r.example/shop:v1-4711abc@sha256:00"),
        ];
        for (argument, expected) in table {
            assignments([argument]);
            publish(argument);
            assert_eq!(masked(argument), expected);
        }
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
