//! Takes secrets out of text. What this process holds as a secret is known to all of it ([`masked`]); the values of an
//! environment are taken out of what programs write by closer rules ([`Mask`]). Text is masked first, and cut after that.

mod address;
mod encoding;
mod known;
mod patterns;
mod shapes;
mod structure;
mod wording;

pub(crate) use self::known::{credential, image, variable};
pub use self::{
    known::{arguments, assignments, environment, publish},
    structure::{masked_json, masked_markup},
};
use self::{
    patterns::{Patterns, joined, without},
    wording::{LONG, is_confidential},
};
use super::secret::Secret;

/// The text without any secret that is known, and without what looks like one.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut spans = known::patterns().spans(text);
    spans.extend(shapes::spans(text));
    without(text, &joined(spans))
}

/// The same of a text that something has cut off: a secret that the cut goes through is taken out too.
#[must_use]
pub fn masked_before_cut(text: &str) -> String {
    let kept = known::patterns().cut_off_at(text).unwrap_or(text.len());
    let cut = if kept < text.len() { "…" } else { "" };
    masked(&text[..kept]) + cut
}

/// The text without secrets, and then in no more than this many characters.
#[must_use]
pub fn shortened(text: &str, max_characters: usize) -> String {
    first_characters(masked(text), max_characters)
}

fn first_characters(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The values of an environment, ready to be taken out of lines of text. Output comes line by line, so a value of
/// several lines is masked line by line.
#[derive(Clone, Default, Debug)]
pub struct Mask {
    /// Masked wherever they stand.
    anywhere: Patterns,
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
            variable(name, value.reveal());
            mask.add(name, value.reveal());
        }
        mask
    }

    fn add(&mut self, name: &str, value: &str) {
        let pieces: Vec<&str> = value.lines().map(str::trim).filter(|piece| !piece.is_empty()).collect();
        let several = pieces.len() > 1;
        if several {
            self.anywhere.add(value.trim());
        }
        for piece in pieces {
            if piece.chars().count() >= LONG {
                self.anywhere.add(piece);
                continue;
            }
            if several {
                self.lines.push(Secret::unregistered(piece));
            }
            if is_confidential(name) {
                self.words.push(Secret::unregistered(piece));
            }
            self.named.push((name.to_owned(), Secret::unregistered(piece)));
        }
    }

    /// The text, which may have several lines, without the values.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        if text.contains('\n') {
            let whole = without(text, &self.anywhere.spans(text));
            return whole.split('\n').map(|line| self.line(line)).collect::<Vec<_>>().join("\n");
        }
        self.line(text)
    }

    /// The text without the values, and then in no more than this many characters. `is_cut`: something has cut off its end
    /// before.
    #[must_use]
    pub fn shortened(&self, text: &str, is_cut: bool, max_characters: usize) -> String {
        let cut_off = [self.anywhere.cut_off_at(text), known::patterns().cut_off_at(text)];
        let kept = match cut_off.into_iter().flatten().min().filter(|_| is_cut) {
            Some(end) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        first_characters(self.apply(&kept), max_characters)
    }

    fn line(&self, line: &str) -> String {
        if self.lines.iter().any(|value| line.trim() == value.reveal()) {
            return "…".to_owned();
        }
        let mut spans = self.anywhere.spans(line);
        spans.extend(self.anywhere.pieces(line));
        let mut line = without(line, &joined(spans));
        for (name, value) in &self.named {
            line = replace(&line, value.reveal(), |before, after| follows_name(before, name) && is_word_end(after));
        }
        for value in &self.words {
            line = replace(&line, value.reveal(), |before, after| is_word_start(before) && is_word_end(after));
        }
        masked(&line)
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
            variables.iter().map(|(name, value)| ((*name).to_owned(), Secret::unregistered(*value))).collect();
        Mask::new(&environment)
    }

    #[test]
    fn values_are_masked_longest_first_and_short_words_are_not() {
        let mask = mask(&[("A", "password"), ("B", "postgres://u:password@db"), ("C", "v1")]);
        assert_eq!(mask.apply("dial postgres://u:password@db as password v1"), "dial … as … v1");
        assert!(!format!("{mask:?}").contains("password"));
    }

    #[test]
    fn a_value_of_several_lines_is_masked_line_by_line() {
        let mask = mask(&[("PEM", "-----BEGIN-----\nMIIEvQIBADANBg\nkqh=\n-----END-----\n")]);
        for line in ["PEM=-----BEGIN-----", "MIIEvQIBADANBg", "kqh=", r#"PEM="-----BEGIN-----\nMIIEvQIBADANBg\n""#] {
            let masked = mask.apply(line);
            assert!(masked.contains('…'), "{line}: {masked}");
            assert!(!masked.contains("MIIE") && !masked.contains("kqh"), "{line}: {masked}");
        }
        assert_eq!(mask.apply("nothing of it kqh= here"), "nothing of it kqh= here");
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
            assert_eq!(mask.apply(line), masked, "{line}");
        }
    }

    #[test]
    fn text_is_masked_before_it_is_cut() {
        let mask = mask(&[("URL", "postgres://u:h7nter2@db.internal/shop")]);
        let text = format!("{}postgres://u:h7nter2@db.internal/shop", "x".repeat(95));
        assert_eq!(mask.shortened(&text, false, 100), format!("{}…", "x".repeat(95)));
        for cut in 96..text.len() {
            assert_eq!(mask.shortened(&text[..cut], true, 100), format!("{}…", "x".repeat(95)), "{cut}");
        }
        assert_eq!(super::shortened(&text, 100), format!("{}…", "x".repeat(95)));
        let _token = Secret::new("t0ken-of-some-length");
        assert_eq!(super::masked_before_cut("it is t0ken-of-so"), "it is …");
    }

    #[test]
    fn a_value_that_was_broken_over_lines_is_masked() {
        let mask = mask(&[("A", "correct-horse-7-battery-staple-9"), ("PEM", "-----BEGIN-----\nkqh=\n-----END-----")]);
        assert_eq!(mask.apply("is correct-horse-7-bat\ntery-staple-9"), "is …\ntery-staple-9");
        assert_eq!(mask.apply("x\nkqh=\ny"), "x\n…\ny");
        assert_eq!(mask.apply("-----BEGIN-----\nkqh=\n-----END-----"), "…");
    }
}
