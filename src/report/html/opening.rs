//! How the page begins, the verdict first, and how it ends.

use super::pieces::{Sign, code_fact, fact, facts, said, words};
use crate::report::{document::Document, quantity, untrusted::cleaned};
use shipgate_core::{exit_code::ExitCode, html::Html};

/// What the browser's tab says.
pub(super) fn title(document: &Document) -> String {
    let target = document.target.as_ref().map_or_else(String::new, |target| format!(" to {target}"));
    let image = document.image.rsplit('/').next().unwrap_or_default();
    let words = ["shipgate", &document.verb, image].into_iter().filter(|word| !word.is_empty());
    let what = words.collect::<Vec<_>>().join(" ");
    cleaned(&format!("{}: {what}{target}", verdict(document)))
}

fn verdict(document: &Document) -> String {
    document.verdict.replace('-', " ")
}

fn sign(document: &Document) -> Sign {
    document.exit_code.map_or(Sign::Open, |code| Sign::passed(code == ExitCode::Success))
}

/// What happened, to what, and how long it took.
pub(super) fn header(html: &mut Html, document: &Document) {
    let class = format!("verdict {}", sign(document).class());
    html.element("header", &[("class", &class)], |html| {
        html.element("p", &[("class", "run")], |html| run(html, document));
        html.element("h1", &[], |html| {
            sign(document).draw(html);
            html.leaf("span", &[], &verdict(document));
        });
        said(html, "p", "summary", &document.summary);
        facts(html, "key", |html| numbers(html, document));
        facts(html, "about", |html| about(html, document));
    });
}

fn run(html: &mut Html, document: &Document) {
    html.element("strong", &[], |html| words(html, &format!("shipgate {}", document.verb)));
    if let Some(began) = &document.started_at {
        html.leaf("time", &[("datetime", began)], &on_the_clock(began));
    }
}

/// `2026-01-02 03:04:05 UTC`.
pub(super) fn on_the_clock(timestamp: &str) -> String {
    format!("{} UTC", timestamp.get(..19).unwrap_or(timestamp).replace('T', " "))
}

fn numbers(html: &mut Html, document: &Document) {
    fact(html, "Took", &quantity::duration(document.elapsed_ms));
    if let Some(code) = document.exit_code {
        fact(html, "Exit code", &code.number().to_string());
    }
    if let Some(target) = &document.target {
        fact(html, "Target", target);
    }
}

fn about(html: &mut Html, document: &Document) {
    if !document.image.is_empty() {
        code_fact(html, if document.verb == "mirror" { "File" } else { "Image" }, &document.image);
    }
    if let Some(digest) = &document.digest {
        code_fact(html, "Digest", digest.as_str());
    }
    if let Some(url) = document.service_url.as_ref().filter(|url| !url.is_empty()) {
        code_fact(html, "Service", url);
    }
}

/// What made the page, and what it is.
pub(super) fn footer(html: &mut Html, document: &Document) {
    html.element("p", &[], |html| {
        words(html, &format!("shipgate {}", document.version));
        html.literal(". This file is all there is: it fetches nothing and runs nothing. Times are since the run began unless they say another.");
    });
}
