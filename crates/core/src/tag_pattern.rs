//! Which tags of a repository are meant: a tag by its name, or all that fit a glob.

use std::{fmt, str::FromStr};

use super::image::is_tag;

/// A tag, or a glob of tags: `*` stands for any run of characters, `?` for any one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TagPattern(String);

/// Why a text is neither a tag nor a glob of tags.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is neither a tag nor a glob of tags (letters, digits, . _ - and the wildcards * and ?)")]
pub struct InvalidTagPattern(String);

impl TagPattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there are wildcards in it: the registry must be asked for its tags then.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.0.contains(WILDCARDS)
    }

    /// Whether a tag fits.
    #[must_use]
    pub fn matches(&self, tag: &str) -> bool {
        fits(self.0.as_bytes(), tag.as_bytes())
    }
}

const WILDCARDS: [char; 2] = ['*', '?'];

/// Goes back to the last `*` alone, which then takes a character more: never more than pattern times text steps.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[seen] => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, seen) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

impl FromStr for TagPattern {
    type Err = InvalidTagPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // With a letter in the place of each wildcard it must be a tag; a glob that begins with one begins like none.
        let like_a_tag = text.replace(WILDCARDS, "x");
        if is_tag(&like_a_tag) { Ok(Self(text.to_owned())) } else { Err(InvalidTagPattern(text.to_owned())) }
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::TagPattern;

    #[test]
    fn globs_fit_whole_tags() {
        let table = [
            ("1.27", "1.27", true),
            ("1.27", "1.27.1", false),
            ("1.27.*", "1.27.1", true),
            ("1.27.*", "1.27.", true),
            ("1.27.*", "1.27", false),
            ("1.27.*", "1x27.1", false),
            ("*", "anything", true),
            ("**", "anything", true),
            ("v?", "v1", true),
            ("v?", "v", false),
            ("v?", "v10", false),
            ("?*", "v10", true),
            ("*-alpine", "1.27-alpine", true),
            ("*-alpine", "1.27-alpine3.20", false),
            ("*-alpine*", "1.27-alpine3.20", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "abc", false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("V1", "v1", false),
        ];
        for (pattern, tag, fits) in table {
            let parsed: TagPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(tag), fits, "{pattern} {tag}");
        }
    }

    #[test]
    fn patterns_are_like_tags() {
        for (good, glob) in [("stable", false), ("1.27.*", true), ("*", true), ("v?", true), ("_x-1.0", false)] {
            assert_eq!(good.parse::<TagPattern>().unwrap().is_glob(), glob, "{good}");
        }
        for bad in ["", "-x", ".x", "a b", "[ab]", "a/b", "sha256:0", &"*".repeat(129)] {
            assert!(bad.parse::<TagPattern>().is_err(), "{bad}");
        }
    }
}
