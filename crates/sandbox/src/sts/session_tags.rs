//! Session tags, and how much room they and the session policy take (IAM User Guide, "Pass session tags in AWS STS").

use std::{collections::BTreeSet, io::Write as _};

use flate2::{Compression, write::DeflateEncoder};

use super::request::Form;
use crate::answer::ApiError;

/// The most characters of a session policy.
pub(super) const LONGEST_POLICY: usize = 2048;
/// How many bytes policy and tags may take when they are packed. AWS does not publish its number.
const ALLOTTED: usize = 1536;
const MOST_TAGS: usize = 50;

/// A tag of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SessionTag {
    /// Its key, as it was written.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
    /// Whether sessions that this one opens have it too.
    pub(crate) is_transitive: bool,
}

/// Tags of a request, and those that the caller's own session passes on.
#[derive(Debug)]
pub(super) struct SessionTags {
    /// All tags of the new session.
    pub(super) all: Vec<SessionTag>,
    /// How many of them the request names: those need `sts:TagSession`.
    pub(super) requested: usize,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterValue", message)
}

fn violated(place: &str, constraint: &str) -> ApiError {
    let message = format!("1 validation error detected: Value at '{place}' failed to satisfy constraint: {constraint}");
    ApiError::new(400, "ValidationError", message)
}

impl SessionTags {
    /// Reads `Tags.member.N` and `TransitiveTagKeys.member.N`; `inherited` are the tags of the caller's session.
    pub(super) fn read(form: &Form<'_>, inherited: &[SessionTag]) -> Result<Self, ApiError> {
        let mut tags = Vec::new();
        for number in 1.. {
            let Some(key) = form.optional(&format!("Tags.member.{number}.Key")) else { break };
            let value = form.optional(&format!("Tags.member.{number}.Value")).unwrap_or_default();
            tags.push(SessionTag { key: checked(key, 1, 128)?, value: checked(value, 0, 256)?, is_transitive: false });
        }
        if tags.len() > MOST_TAGS {
            return Err(violated("tags", "Member must have length less than or equal to 50"));
        }
        let keys: BTreeSet<String> = tags.iter().map(|tag| tag.key.to_lowercase()).collect();
        if keys.len() < tags.len() {
            return Err(invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
        let passed_on: Vec<&SessionTag> = inherited.iter().filter(|tag| tag.is_transitive).collect();
        if passed_on.iter().any(|tag| keys.contains(&tag.key.to_lowercase())) {
            return Err(invalid("One or more session tags have the key of a transitive tag of the calling session."));
        }
        for number in 1.. {
            let Some(key) = form.optional(&format!("TransitiveTagKeys.member.{number}")) else { break };
            let named = tags.iter_mut().find(|tag| tag.key.eq_ignore_ascii_case(key));
            let named = named
                .ok_or_else(|| invalid("The specified transitive tag key must be included in the requested tags."))?;
            named.is_transitive = true;
        }
        let requested = tags.len();
        tags.extend(passed_on.into_iter().cloned());
        Ok(Self { all: tags, requested })
    }
}

fn checked(text: &str, least: usize, most: usize) -> Result<String, ApiError> {
    let length = text.chars().count();
    if length < least || length > most {
        let constraint = format!("Member must have length between {least} and {most}");
        return Err(violated("tags", &constraint));
    }
    let is_allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if text.chars().all(is_allowed) {
        return Ok(text.to_owned());
    }
    Err(violated("tags", "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*"))
}

/// How much of the room is taken, in percent; `None` without policy and tags.
pub(super) fn packed_percent(policy: Option<&str>, tags: &[SessionTag]) -> Result<Option<usize>, ApiError> {
    if policy.is_none() && tags.is_empty() {
        return Ok(None);
    }
    let policy = policy.unwrap_or_default();
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    let minified = serde_json::from_str::<serde_json::Value>(policy).map(|policy| policy.to_string());
    let mut write = |text: &str| packed.write_all(text.as_bytes());
    let mut written = write(minified.as_deref().unwrap_or(policy));
    for tag in tags {
        written = written.and_then(|()| write(&format!("\0{}\0{}", tag.key, tag.value)));
    }
    let size = written.and_then(|()| packed.finish()).map_or(ALLOTTED, |bytes| bytes.len());
    let by_size = (size * 100).div_ceil(ALLOTTED);
    let by_length = (policy.chars().count() * 100).div_ceil(LONGEST_POLICY);
    let percent = if by_length > 100 { by_size.max(by_length) } else { by_size };
    if percent > 100 {
        let message = format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.");
        return Err(ApiError::new(400, "PackedPolicyTooLarge", message));
    }
    Ok(Some(percent.max(1)))
}

#[cfg(test)]
mod tests {
    use super::{Form, SessionTag, SessionTags, packed_percent};

    fn tag(key: &str, is_transitive: bool) -> SessionTag {
        SessionTag { key: key.to_owned(), value: "v".to_owned(), is_transitive }
    }

    fn read(pairs: &[(&str, &str)], inherited: &[SessionTag]) -> Result<SessionTags, String> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        SessionTags::read(&Form(&pairs), inherited).map_err(|refused| refused.to_string())
    }

    #[test]
    fn tags_are_read_and_passed_on() {
        let both =
            [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "v"), ("TransitiveTagKeys.member.1", "Team")];
        let tags = read(&both, &[tag("repo", true), tag("branch", false)]).unwrap();
        assert_eq!((tags.all, tags.requested), (vec![tag("team", true), tag("repo", true)], 1));
        let none = read(&[], &[tag("branch", false)]).unwrap();
        assert_eq!((none.all, none.requested), (vec![], 0));
    }

    #[test]
    fn wrong_tags_are_refused() {
        let long = "k".repeat(129);
        for (pairs, inherited, part) in [
            (vec![("Tags.member.1.Key", "a"), ("Tags.member.2.Key", "A")], vec![], "Duplicate tag keys"),
            (vec![("Tags.member.1.Key", "a")], vec![tag("A", true)], "transitive tag of the calling session"),
            (vec![("TransitiveTagKeys.member.1", "a")], vec![], "must be included"),
            (vec![("Tags.member.1.Key", long.as_str())], vec![], "ValidationError"),
            (vec![("Tags.member.1.Key", "a<b")], vec![], "ValidationError"),
        ] {
            let refused = read(&pairs, &inherited).unwrap_err();
            assert!(refused.contains(part), "{part}: {refused}");
        }
        let names: Vec<String> = (1..=51).map(|number| format!("Tags.member.{number}.Key")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
        assert!(read(&many, &[]).unwrap_err().contains("less than or equal to 50"));
    }

    #[test]
    fn policy_and_tags_share_the_room() {
        let policy = |length: usize| format!(r#"{{"Statement":[]{}}}"#, " ".repeat(length - 16));
        assert_eq!(packed_percent(None, &[]), Ok(None));
        assert!(matches!(packed_percent(Some(&policy(2048)), &[]), Ok(Some(1..=100))));
        let refused = packed_percent(Some(&policy(2049)), &[]).unwrap_err();
        assert_eq!((refused.code, refused.message.contains("101%")), ("PackedPolicyTooLarge", true), "{refused}");
        let value = |seed: u64| {
            let mut random = fastrand::Rng::with_seed(seed);
            std::iter::repeat_with(|| random.alphanumeric()).take(256).collect::<String>()
        };
        let tags: Vec<SessionTag> = (0..20).map(|at| SessionTag { value: value(at), ..tag("k", false) }).collect();
        assert_eq!(packed_percent(None, &tags).unwrap_err().code, "PackedPolicyTooLarge");
        assert!(packed_percent(None, &tags[..3]).is_ok());
    }
}
