//! Which values are too common to be masked wherever they stand. Pure.

/// A value this long is masked wherever it stands. Shorter ones are words such as `true`, and would tear holes into
/// everything.
pub(super) const LONG: usize = 8;

/// A credential this long is masked where it stands as a word.
pub(super) const LONG_WORD: usize = 4;

/// Parts of names whose values are confidential, however short.
const CONFIDENTIAL: [&str; 8] = ["PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PIN"];

/// Ends of names whose values say where a secret is, or which one it is.
const POINTERS: [&str; 14] = [
    "_FILE", "_PATH", "_DIR", "_SOCK", "_ID", "_NAME", "_ARN", "_HOST", "_PORT", "_REGION", "_TYPE", "_URI", "_USER",
    "_EMAIL",
];

/// Values that say nothing about whoever uses them.
const COMMON: [&str; 24] = [
    "production",
    "development",
    "staging",
    "testing",
    "preview",
    "sandbox",
    "default",
    "localhost",
    "enabled",
    "disabled",
    "undefined",
    "password",
    "username",
    "information",
    "warning",
    "verbose",
    "container",
    "postgres",
    "postgresql",
    "mongodb",
    "rabbitmq",
    "127.0.0.1",
    "utf-8",
    "text/html",
];

/// Whether a variable's name says that its value is confidential.
pub(super) fn is_confidential(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    CONFIDENTIAL.iter().any(|part| name.contains(part))
}

/// Whether it says so, and not that its value names a file or another thing.
pub(super) fn names_a_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_author = upper.contains("AUTHOR") && !upper.contains("AUTHORI");
    // SHIPPING and MAPPING are no PINs.
    let is_in_it =
        |part: &str| if part == "PIN" { upper.split('_').any(|word| word == part) } else { upper.contains(part) };
    CONFIDENTIAL.into_iter().any(is_in_it) && !POINTERS.iter().any(|end| upper.ends_with(end)) && !is_author
}

/// A value that would tear holes into everything: an account id, a digest, a region, a word that everybody uses.
pub(super) fn is_common(value: &str) -> bool {
    let is_stand_in = value.starts_with("shipgate-stub-");
    let is_account = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
    is_stand_in
        || is_account
        || is_digest(value)
        || is_region(value)
        || COMMON.contains(&value.to_ascii_lowercase().as_str())
}

fn is_digest(value: &str) -> bool {
    value.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `eu-west-1`, `us-gov-east-1`, `ap-northeast-1a`.
fn is_region(value: &str) -> bool {
    let mut parts: Vec<&str> = value.split('-').collect();
    let zone = parts.pop().unwrap_or_default();
    let number = zone.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_word = |part: &&str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=3).contains(&parts.len())
        && parts[0].len() == 2
        && parts.iter().all(is_word)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number, or a word of letters alone.
pub(super) fn is_plain_word(value: &str) -> bool {
    let is_all = |test: fn(char) -> bool| value.chars().all(test);
    is_all(|c| c.is_ascii_digit()) || is_all(char::is_alphabetic)
}

/// Words, numbers, versions, paths and host names: what variables hold that are no secrets.
pub(super) fn is_ordinary(value: &str) -> bool {
    let parts = || value.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    value.chars().count() <= 40 && parts().all(is_ordinary_part)
}

/// Letters with at most two digits behind them, in a case that people write; or a short number.
fn is_ordinary_part(part: &str) -> bool {
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = part.len() - word.len();
    if word.is_empty() {
        return digits <= 8;
    }
    let turns = word.chars().zip(word.chars().skip(1)).filter(|(a, b)| a.is_lowercase() && b.is_uppercase()).count();
    digits <= 2 && turns <= 2 && word.chars().count() <= 16 && word.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::{is_common, is_ordinary, is_region, names_a_secret};

    #[test]
    fn words_and_numbers_are_ordinary_and_keys_are_not() {
        for value in
            ["production", "ap-northeast-1", "/usr/local/bin:/bin", "debug", "3.12.1-slim", "10485760", "camelCase"]
        {
            assert!(is_ordinary(value), "{value}");
        }
        for value in ["xK9f2mQ7", "postgres://u:h7nter2x@db", "deadbeef01deadbeef", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"]
        {
            assert!(!is_ordinary(value), "{value}");
        }
    }

    #[test]
    fn common_values_are_known() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for value in ["222222222222", digest.as_str(), "us-gov-east-1", "eu-west-1a", "Production"] {
            assert!(is_common(value), "{value}");
        }
        for value in ["2222222222223", "sha256:00", "correct-horse-battery"] {
            assert!(!is_common(value), "{value}");
        }
        assert!(!is_region("open-sesame-77"));
    }

    #[test]
    fn names_that_point_at_secrets_hold_none() {
        for name in ["DB_PASSWORD", "github_token", "API_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "SSH_AUTH_SOCK",
            "AWS_ACCESS_KEY_ID",
            "GIT_AUTHOR_DATE",
            "SHIPPING_MODE",
            "HOME",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
