//! Files of environment variables (`--env-file`, `secrets_file`). docs/verification.md states the rule for users:
//!
//! - One variable per line: `NAME=VALUE`, with an optional `export` before it. Blanks (spaces and tabs) around the name, the
//!   `=` and the value do not count. Blank lines and lines that start with `#` are skipped.
//! - A value without quotes ends at the end of its line, or at a `#` after a blank. A `#` in a string of JSON is the value's.
//! - A value in single quotes is literal, and may have several lines.
//! - A value in double quotes may have several lines. `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes.
//! - Nothing is expanded: `$`, backticks and backslashes are ordinary characters everywhere else.
//! - A name alone takes the value that the environment has.
//! - A line ends with LF, CR LF or CR.
//!
//! A mistake has a line and a column. It never quotes the file: what is written there may be the secret itself.

use std::{collections::BTreeMap, path::Path};

use super::{
    environment::Environment,
    problem::{Location, Problem},
};
use shipgate_core::{characters::is_invisible, secret::Secret};

/// The most characters of a variable of a service (App Runner API reference, `RuntimeEnvironmentVariablesValue`).
pub(super) const MOST_OF_A_VARIABLE: usize = 51_200;

/// The most bytes of a secret's value (AWS Secrets Manager, "Quotas"); a parameter's is less.
pub(super) const MOST_OF_A_SECRET: usize = 65_536;

/// How many mistakes of a file are listed.
const MOST_MISTAKES: usize = 10;

/// Spaces and tabs. Other white space is part of a value.
const BLANKS: [char; 2] = [' ', '\t'];

/// LF and CR; a CR LF ends one line.
const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// The byte order mark that editors on Windows write.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What is wrong at a place in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mistake {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    message: String,
    hint: Option<String>,
}

impl Mistake {
    fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Reads a file of variables. `most` is the limit of a value.
///
/// # Errors
/// Every problem, with its place in the file; `at` is the place that names the file.
pub(super) fn read(
    path: &Path,
    at: &Location,
    most: usize,
    environment: &Environment,
) -> Result<BTreeMap<String, Secret>, Vec<Problem>> {
    let bytes = std::fs::read(path)
        .map_err(|error| vec![Problem::new(at, format!("cannot read {}: {error}", path.display()))])?;
    parse(&bytes, most, |name| environment.get(name)).map_err(|mistakes| {
        let problem = |mistake: Mistake| {
            let location = Location::File { path: path.to_owned(), line: mistake.line, column: mistake.column };
            let problem = Problem::new(&location, &mistake.message);
            match mistake.hint {
                Some(hint) => problem.with_hint(hint),
                None => problem,
            }
        };
        listed(mistakes).into_iter().map(problem).collect()
    })
}

/// The first mistakes of a file, and how many there are beyond them.
fn listed(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let rest = mistakes.split_off(mistakes.len().min(MOST_MISTAKES));
    let count = rest.len();
    let summary = rest.into_iter().next().map(|next| match count {
        1 => next,
        _ => Mistake { message: format!("and {count} more problems in this file"), hint: None, ..next },
    });
    mistakes.extend(summary);
    mistakes
}

/// Whether a text can be a variable's name: not what POSIX requires, but what container engines accept.
pub(super) fn is_name(text: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || "=#'\"`".contains(c);
    !text.is_empty() && !text.contains(is_bad)
}

/// The message for text before a `=` that is not a variable name. It shows an invisible character by its number.
pub(super) fn name_fault(text: &str) -> String {
    let message = "the text before the `=` is not a variable name";
    match hidden(text) {
        Some(code) => format!("{message}: it contains the invisible character {code}"),
        None => message.to_owned(),
    }
}

/// The first character of a text that does not show, as `U+200B`.
fn hidden(text: &str) -> Option<String> {
    let is_hidden = |c: &char| is_invisible(*c) || ((c.is_whitespace() || c.is_control()) && !BLANKS.contains(c));
    text.chars().find(is_hidden).map(|c| format!("U+{:04X}", u32::from(c)))
}

/// Reads the bytes of a file. The last value of a repeated name counts.
fn parse<'e>(
    bytes: &[u8],
    most: usize,
    inherited: impl Fn(&str) -> Option<&'e str>,
) -> Result<BTreeMap<String, Secret>, Vec<Mistake>> {
    let text = decode(bytes).map_err(|mistake| vec![mistake])?;
    let mut file = File { text, at: 0, mistakes: Vec::new() };
    let mut variables = BTreeMap::new();
    while file.at < text.len() {
        let start = file.at;
        match file.entry(&inherited) {
            Ok(Some((name, value))) if value.chars().count() > most => {
                let size = value.chars().count();
                let message = format!("the value of {name} has {size} characters, and the limit is {most}");
                file.mistakes.push(mistake_at(text, start, message));
            }
            Ok(Some((name, value))) => {
                let value = Secret::variable(&name, value);
                variables.insert(name, value);
            }
            Ok(None) => {}
            Err(mistake) => file.mistakes.push(mistake),
        }
    }
    if file.mistakes.is_empty() { Ok(variables) } else { Err(file.mistakes) }
}

/// The text of a file, without a byte order mark.
fn decode(bytes: &[u8]) -> Result<&str, Mistake> {
    let start = |message: &str| Mistake { line: 1, column: 1, message: message.to_owned(), hint: None };
    // Without a byte order mark UTF-16 shows by the zero in every other byte of plain letters.
    let is_wide = |bytes: &[u8]| matches!(bytes, [0, first, ..] | [first, 0, ..] if *first != 0);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || is_wide(bytes) {
        return Err(start("the file is UTF-16").hinted("save it as UTF-8 (PowerShell: Out-File -Encoding utf8)"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        mistake_at(&valid, valid.len(), "this byte is not UTF-8").hinted("save the file as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        return Err(mistake_at(text, at, "a NUL byte, which no variable can hold"));
    }
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

fn mistake_at(text: &str, at: usize, message: impl Into<String>) -> Mistake {
    let before = &text[..at];
    let line_start = before.rfind(LINE_ENDS).map_or(0, |end| end + 1);
    Mistake {
        line: before.matches(LINE_ENDS).count() - before.matches("\r\n").count() + 1,
        column: before[line_start..].trim_start_matches(BYTE_ORDER_MARK).chars().count() + 1,
        message: message.into(),
        hint: None,
    }
}

/// A file that is being read.
struct File<'a> {
    text: &'a str,
    /// Where the next entry starts: always the start of a line.
    at: usize,
    mistakes: Vec<Mistake>,
}

impl<'a> File<'a> {
    /// Reads the line at which the file stands, or the lines of its value, and moves behind them.
    fn entry<'e>(&mut self, inherited: &impl Fn(&str) -> Option<&'e str>) -> Result<Option<(String, String)>, Mistake> {
        let start = self.at;
        let line = self.line_from(start);
        self.at = self.next_line(start);
        let body = line.trim_start_matches(BLANKS);
        if body.is_empty() || body.starts_with('#') {
            return Ok(None);
        }
        let body = exported(body).unwrap_or(body);
        let body_at = start + line.len() - body.len();
        let Some(equals) =
            equals(body).map_err(|message| mistake_at(self.text, body_at, message).hinted("write NAME=VALUE"))?
        else {
            return self.name_alone(body, body_at, inherited).map(Some);
        };
        let name = body[..equals].trim_end_matches(BLANKS);
        if !is_name(name) {
            return Err(name_mistake(self.text, body_at, name));
        }
        let value = self.value(body_at + equals + 1, body.len() < line.trim_start_matches(BLANKS).len())?;
        Ok(Some((name.to_owned(), value)))
    }

    /// A name without a value is a variable of the environment, as for `docker run --env-file`.
    fn name_alone<'e>(
        &self,
        body: &str,
        body_at: usize,
        inherited: &impl Fn(&str) -> Option<&'e str>,
    ) -> Result<(String, String), Mistake> {
        let name = body[..comment(body).unwrap_or(body.len())].trim_end_matches(BLANKS);
        if let Some(code) = hidden(name) {
            let message = format!("there is no `=` in this line, and it contains the invisible character {code}");
            return Err(mistake_at(self.text, body_at, message).hinted(format!("delete {code}")));
        }
        if !is_name(name) {
            return Err(mistake_at(self.text, body_at, "there is no `=` in this line").hinted("write NAME=VALUE"));
        }
        let value = inherited(name).ok_or_else(|| {
            mistake_at(self.text, body_at, "there is no `=` in this line, and the environment has no such variable")
                .hinted("write NAME=VALUE, or set the variable where shipgate runs")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    }

    /// Reads the value behind a `=`, and moves behind its last line.
    fn value(&mut self, at: usize, is_exported: bool) -> Result<String, Mistake> {
        let rest = self.line_from(at);
        let value = rest.trim_start_matches(BLANKS);
        let value_at = at + rest.len() - value.len();
        match value.chars().next() {
            // A `#` directly after the `=` is the value's, as in `COLOR=#fff`; after a blank it starts a comment.
            Some('#') if value_at > at => Ok(String::new()),
            Some(quote @ ('\'' | '"')) => self.quoted(value_at, quote),
            _ => self.unquoted(value, value_at, is_exported),
        }
    }

    fn unquoted(&self, value: &str, value_at: usize, is_exported: bool) -> Result<String, Mistake> {
        let value = value[..comment(value).unwrap_or(value.len())].trim_end_matches(BLANKS);
        // A shell would read a second command there; as a value it is a mistake.
        let second = |(at, _): &(usize, &str)| exported(value[at + 1..].trim_start_matches(BLANKS)).is_some();
        match value.match_indices(';').find(second).filter(|_| is_exported) {
            Some((at, _)) => Err(mistake_at(self.text, value_at + at, "a second `export` in the same line")
                .hinted("write each variable on its own line, or quote the value")),
            None => Ok(value.to_owned()),
        }
    }

    /// Reads a quoted value from its opening quote, over as many lines as it has.
    fn quoted(&mut self, opening: usize, quote: char) -> Result<String, Mistake> {
        let start = opening + quote.len_utf8();
        let triple = quote.to_string().repeat(3);
        if let Some(inner) = self.text[opening..].strip_prefix(&triple) {
            // The author meant the text between them as one value.
            let behind =
                inner.find(&triple).map_or(self.text.len(), |end| self.text.len() - inner.len() + end + triple.len());
            self.at = self.next_line(behind);
            return Err(mistake_at(self.text, opening, "triple quotes are not supported")
                .hinted("use one pair of quotes: a quoted value may have several lines"));
        }
        let Some((value, end)) = closed(&self.text[start..], quote) else {
            // Where the value ends is unknown, so nothing behind it can be read.
            self.at = self.text.len();
            let message = "the quote that opens here is not closed";
            return Err(mistake_at(self.text, opening, message)
                .hinted("close it, or put a value that contains a quote into quotes of the other kind"));
        };
        let after = start + end + quote.len_utf8();
        self.at = self.next_line(after);
        let rest = self.line_from(after);
        let text = rest.trim_start_matches(BLANKS);
        if !text.is_empty() && !text.starts_with('#') {
            let opened = mistake_at(self.text, opening, "");
            let message = format!("text after the closing quote (the value opens on line {})", opened.line);
            return Err(mistake_at(self.text, after + rest.len() - text.len(), message)
                .hinted("put the whole value into one pair of quotes"));
        }
        Ok(value)
    }

    /// The rest of the line, without its end.
    fn line_from(&self, at: usize) -> &'a str {
        self.text[at..].split(LINE_ENDS).next().unwrap_or_default()
    }

    /// Where the line after this place starts.
    fn next_line(&self, at: usize) -> usize {
        let Some(end) = self.text[at..].find(LINE_ENDS) else { return self.text.len() };
        let length = if self.text[at + end..].starts_with("\r\n") { 2 } else { 1 };
        at + end + length
    }
}

fn name_mistake(text: &str, at: usize, name: &str) -> Mistake {
    let mistake = mistake_at(text, at, name_fault(name));
    match hidden(name) {
        Some(code) => mistake.hinted(format!("delete {code}")),
        None => mistake,
    }
}

/// What follows `export`, if that is the first word.
fn exported(body: &str) -> Option<&str> {
    let rest = body.strip_prefix("export")?;
    rest.starts_with(BLANKS).then(|| rest.trim_start_matches(BLANKS))
}

/// Where the `=` of an entry is. YAML's `NAME: VALUE` is a mistake of its own, also with a `=` in the value.
fn equals(body: &str) -> Result<Option<usize>, &'static str> {
    let equals = body.find('=');
    let name = &body[..equals.unwrap_or(body.len())];
    let is_yaml = name.match_indices(':').any(|(at, _)| {
        let after = &body[at + 1..];
        is_name(name[..at].trim_end_matches(BLANKS)) && (after.is_empty() || after.starts_with(BLANKS))
    });
    if is_yaml { Err("a `:` where the `=` belongs") } else { Ok(equals) }
}

/// Where the comment of an unquoted text starts: at a `#` after a blank, but in JSON not at one in a string.
fn comment(text: &str) -> Option<usize> {
    let is_json = text.starts_with(['{', '[']);
    let is_in_string = |at: usize| is_json && !text[..at].replace("\\\"", "").matches('"').count().is_multiple_of(2);
    text.match_indices('#').map(|(at, _)| at).find(|&at| text[..at].ends_with(BLANKS) && !is_in_string(at))
}

/// The value up to the closing quote, and where that is; `None` if there is none.
fn closed(text: &str, quote: char) -> Option<(String, usize)> {
    if quote == '\'' {
        return text.find(quote).map(|end| (text[..end].replace("\r\n", "\n").replace('\r', "\n"), end));
    }
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, at)),
            // The line end behind it is read like any other.
            '\\' if text[at + 1..].starts_with('\r') => value.push('\\'),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                plain @ ('"' | '\\' | '$') => value.push(plain),
                other => value.extend(['\\', other]),
            },
            '\r' if text[at + 1..].starts_with('\n') => (),
            '\r' => value.push('\n'),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests;
