//! Takes values that a program was given out of text that the program wrote.

use super::secret::Secret;

/// A value this long is masked wherever it stands. Shorter ones are words such as `true`, and would tear holes into
/// everything.
const LONG: usize = 8;

/// Parts of names whose values are confidential, however short.
const CONFIDENTIAL: [&str; 8] = ["PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PIN"];

/// The values of an environment, ready to be taken out of lines of text. Output comes line by line, so a value of
/// several lines is masked line by line.
#[derive(Clone, Default, Debug)]
pub struct Mask {
    /// Masked wherever they stand; the longest first, as one may contain another.
    anywhere: Vec<Secret>,
    /// Masked where they stand as a word.
    words: Vec<Secret>,
    /// Masked where they are a whole line: the short lines of a long value.
    lines: Vec<Secret>,
    /// Short values of names that do not sound confidential: masked where they follow their name.
    named: Vec<(String, Secret)>,
}

impl Mask {
    /// Masks the values of this environment.
    #[must_use]
    pub fn new<'a>(environment: impl IntoIterator<Item = (&'a String, &'a Secret)>) -> Self {
        let mut mask = Self::default();
        for (name, value) in environment {
            mask.add(name, value.reveal());
        }
        mask.anywhere.sort_by_key(|value| std::cmp::Reverse(value.reveal().len()));
        mask
    }

    fn add(&mut self, name: &str, value: &str) {
        let pieces: Vec<&str> = value.lines().map(str::trim).filter(|piece| !piece.is_empty()).collect();
        let several = pieces.len() > 1;
        for piece in pieces {
            let loud = name.to_ascii_uppercase();
            if piece.len() >= LONG {
                self.anywhere.push(Secret::new(piece));
                continue;
            }
            if several {
                self.lines.push(Secret::new(piece));
            }
            if CONFIDENTIAL.iter().any(|part| loud.contains(part)) {
                self.words.push(Secret::new(piece));
            }
            self.named.push((name.to_owned(), Secret::new(piece)));
        }
    }

    /// The line without the values.
    #[must_use]
    pub fn apply(&self, line: String) -> String {
        if self.lines.iter().any(|value| line.trim() == value.reveal()) {
            return "…".to_owned();
        }
        let mut line = line;
        for value in self.anywhere.iter().filter(|value| !value.reveal().is_empty()) {
            if line.contains(value.reveal()) {
                line = line.replace(value.reveal(), "…");
            }
        }
        for (name, value) in &self.named {
            line = replace(&line, value.reveal(), |before, after| follows_name(before, name) && is_word_end(after));
        }
        for value in &self.words {
            line = replace(&line, value.reveal(), |before, after| is_word_start(before) && is_word_end(after));
        }
        line
    }
}

/// Replaces a value where what stands before and after it says so.
fn replace(line: &str, value: &str, fits: impl Fn(&str, &str) -> bool) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut done = 0;
    for (at, _) in line.match_indices(value) {
        let end = at + value.len();
        if fits(&line[..at], &line[end..]) {
            masked.push_str(&line[done..at]);
            masked.push('…');
            done = end;
        }
    }
    masked.push_str(&line[done..]);
    masked
}

/// `NAME=`, `NAME: `, `"NAME": "`, `NAME="`: the ways programs print a variable.
fn follows_name(before: &str, name: &str) -> bool {
    let quotes = |c: char| c == '"' || c == '\'' || c == ' ';
    let before = before.trim_end_matches(quotes);
    let separated = before.strip_suffix("=>").or_else(|| before.strip_suffix(['=', ':', ',']));
    separated.is_some_and(|before| before.trim_end_matches(quotes).ends_with(name))
}

fn is_word_start(before: &str) -> bool {
    !before.ends_with(char::is_alphanumeric)
}

fn is_word_end(after: &str) -> bool {
    !after.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Mask, Secret};

    fn mask(variables: &[(&str, &str)]) -> Mask {
        let environment: BTreeMap<String, Secret> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        Mask::new(&environment)
    }

    #[test]
    fn values_are_masked_longest_first_and_short_words_are_not() {
        let mask = mask(&[("A", "password"), ("B", "postgres://u:password@db"), ("C", "v1")]);
        assert_eq!(mask.apply("dial postgres://u:password@db as password v1".to_owned()), "dial … as … v1");
        assert!(!format!("{mask:?}").contains("password"));
    }

    #[test]
    fn a_value_of_several_lines_is_masked_line_by_line() {
        let mask = mask(&[("PEM", "-----BEGIN-----\nMIIEvQIBADANBg\nkqh=\n-----END-----\n")]);
        for line in ["PEM=-----BEGIN-----", "MIIEvQIBADANBg", "kqh=", r#"PEM="-----BEGIN-----\nMIIEvQIBADANBg\n""#] {
            let masked = mask.apply(line.to_owned());
            assert!(masked.contains('…'), "{line}: {masked}");
            assert!(!masked.contains("MIIE") && !masked.contains("kqh"), "{line}: {masked}");
        }
        assert_eq!(mask.apply("nothing of it kqh= here".to_owned()), "nothing of it kqh= here");
    }

    #[test]
    fn short_values_are_masked_where_they_show() {
        let mask = mask(&[("DB_PASSWORD", "s3cr3t"), ("MODE", "prod"), ("EMPTY", "")]);
        let table = [
            ("DB_PASSWORD=s3cr3t", "DB_PASSWORD=…"),
            ("login with s3cr3t failed", "login with … failed"),
            ("s3cr3ts are no such word", "s3cr3ts are no such word"),
            ("MODE=prod", "MODE=…"),
            (r#"{"MODE": "prod"}"#, r#"{"MODE": "…"}"#),
            ("MODE=production is not the value", "MODE=production is not the value"),
            ("this is prod", "this is prod"),
            ("EMPTY=", "EMPTY="),
        ];
        for (line, masked) in table {
            assert_eq!(mask.apply(line.to_owned()), masked, "{line}");
        }
    }
}
