//! What the sections are put together from: headings, facts, marks, tables, folds, lists. Text goes through [`words`], whoever
//! wrote it.

use crate::report::{document::Document, untrusted::cleaned};
use shipgate_core::{event::Outcome, html::Html};

/// Text of anybody's: without escape sequences, of a bounded length, escaped.
pub(super) fn words(html: &mut Html, text: &str) {
    html.text(&cleaned(text));
}

/// An element with nothing but text in it.
pub(super) fn said(html: &mut Html, name: &'static str, class: &'static str, text: &str) {
    html.leaf(name, classes(&[("class", class)]), &cleaned(text));
}

/// Prose of shipgate's own: what stands between backticks is code. Others' words in it are safe all the same.
pub(super) fn prose(html: &mut Html, name: &'static str, class: &'static str, text: &str) {
    html.element(name, classes(&[("class", class)]), |html| {
        let mut rest = cleaned(text);
        while let Some((before, code, after)) = quoted(&rest) {
            html.text(before);
            html.leaf("code", &[], code);
            rest = after.to_owned();
        }
        html.text(&rest);
    });
}

/// The first pair of backticks: what is before it, in it, and after it.
fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

/// No attribute rather than an empty one.
fn classes<'a>(class: &'a [(&'static str, &'a str)]) -> &'a [(&'static str, &'a str)] {
    if class[0].1.is_empty() { &[] } else { class }
}

/// A section with its heading.
pub(super) fn titled(html: &mut Html, id: &'static str, heading: &str, content: impl FnOnce(&mut Html)) {
    let name = format!("{id}-heading");
    html.element("section", &[("id", id), ("aria-labelledby", &name)], |html| {
        html.leaf("h2", &[("id", &name)], heading);
        html.element("div", &[("class", "body")], content);
    });
}

/// A list of facts.
pub(super) fn facts(html: &mut Html, class: &'static str, content: impl FnOnce(&mut Html)) {
    html.element("dl", &[("class", class)], content);
}

/// A fact with its name.
pub(super) fn fact(html: &mut Html, name: &str, value: &str) {
    fact_of(html, name, |html| words(html, value));
}

/// A fact that is an identifier, a path, an address.
pub(super) fn code_fact(html: &mut Html, name: &str, value: &str) {
    fact_of(html, name, |html| said(html, "code", "", value));
}

fn fact_of(html: &mut Html, name: &str, value: impl FnOnce(&mut Html)) {
    html.element("div", &[], |html| {
        html.leaf("dt", &[], name);
        html.element("dd", &[], value);
    });
}

/// How something came out, as a sign. The word for it stands beside it, seen or heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    Good,
    Bad,
    Skipped,
    Open,
}

impl Sign {
    /// Of an outcome; there is none while something goes on.
    pub(super) fn of(outcome: Option<Outcome>) -> Self {
        match outcome {
            Some(Outcome::Ok) => Self::Good,
            Some(Outcome::Fail) => Self::Bad,
            Some(Outcome::Skip) => Self::Skipped,
            None => Self::Open,
        }
    }

    /// Of a test.
    pub(super) fn passed(passed: bool) -> Self {
        if passed { Self::Good } else { Self::Bad }
    }

    /// The word of a check.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "passed",
            Self::Bad => "failed",
            Self::Skipped => "skipped",
            Self::Open => "not ended",
        }
    }

    /// The class of what is coloured alike.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Skipped => "skipped",
            Self::Open => "open",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Good => "M3 8.6 6.4 12 13 4.6",
            Self::Bad => "M4 4l8 8M12 4l-8 8",
            Self::Skipped => "M3.5 8h9",
            Self::Open => "M3 8h.01M8 8h.01M13 8h.01",
        }
    }

    /// Draws it. It says nothing to those who listen: a word must.
    pub(super) fn draw(self, html: &mut Html) {
        let class = format!("sign {}", self.class());
        html.element("svg", &[("class", &class), ("viewBox", "0 0 16 16"), ("aria-hidden", "true")], |html| {
            html.leaf("path", &[("d", self.path())], "");
        });
    }
}

/// A word for those who listen; those who see have a sign.
pub(super) fn unseen(html: &mut Html, word: &str) {
    html.leaf("span", &[("class", "unseen")], word);
}

/// Something that is read on demand.
pub(super) fn fold(html: &mut Html, summary: &str, open: bool, content: impl FnOnce(&mut Html)) {
    let opened: &[(&str, &str)] = if open { &[("open", "")] } else { &[] };
    html.element("details", opened, |html| {
        html.leaf("summary", &[], summary);
        content(html);
    });
}

/// A table. A column whose heading ends in `#` holds numbers.
pub(super) fn table(html: &mut Html, caption: &str, columns: &[&str], rows: impl FnOnce(&mut Html)) {
    html.element("table", &[], |html| {
        html.leaf("caption", &[("class", "unseen")], caption);
        html.element("thead", &[], |html| {
            html.element("tr", &[], |html| {
                for column in columns {
                    let class = if column.ends_with('#') { "number" } else { "text" };
                    html.leaf("th", &[("scope", "col"), ("class", class)], column.trim_end_matches('#'));
                }
            });
        });
        html.element("tbody", &[], rows);
    });
}

/// The first cell of a row: what the row is about.
pub(super) fn row_head(html: &mut Html, content: impl FnOnce(&mut Html)) {
    html.element("th", &[("scope", "row")], content);
}

/// A name with its sign before it, and a word for the sign after it.
pub(super) fn signed(html: &mut Html, sign: Sign, name: &str, word: &str) {
    html.element("span", &[("class", "signed")], |html| {
        sign.draw(html);
        said(html, "span", "", name);
        unseen(html, &format!(": {word}"));
    });
}

/// A cell.
pub(super) fn cell(html: &mut Html, class: &'static str, text: &str) {
    said(html, "td", class, text);
}

/// Lines of output, as they were written.
pub(super) fn output(html: &mut Html, lines: &[String]) {
    html.element("pre", &[], |html| {
        for line in lines {
            words(html, line);
            html.text("\n");
        }
    });
}

fn list(html: &mut Html, items: &[String]) {
    html.element("ul", &[], |html| items.iter().for_each(|item| prose(html, "li", "", item)));
}

/// What is not as it should be.
pub(super) fn warnings(html: &mut Html, document: &Document) {
    if !document.warnings.is_empty() {
        titled(html, "warnings", "Warnings", |html| list(html, &document.warnings));
    }
}

/// What is worth knowing.
pub(super) fn notices(html: &mut Html, document: &Document) {
    if !document.notices.is_empty() {
        titled(html, "notices", "Notices", |html| list(html, &document.notices));
    }
}

/// Who the run was, to whom.
pub(super) fn identities(html: &mut Html, document: &Document) {
    if document.identities.is_empty() {
        return;
    }
    titled(html, "identities", "Identities", |html| {
        table(html, "The identities of the run", &["For", "Account", "Identity"], |html| {
            for identity in &document.identities {
                html.element("tr", &[], |html| {
                    row_head(html, |html| words(html, &identity.purpose));
                    cell(html, "tabular", &identity.account.to_string());
                    html.element("td", &[], |html| said(html, "code", "", &identity.arn));
                });
            }
        });
    });
}
