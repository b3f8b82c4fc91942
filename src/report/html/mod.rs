//! The run as one HTML file for people: nothing is fetched, nothing runs, everything that somebody else wrote is escaped.
//! Sections are there only when they have something to say. It knows nothing that is not in the document.

mod bars;
mod checks;
mod copies;
mod local;
mod logs;
mod opening;
mod operation;
mod pieces;
mod rates;
mod reading;
mod scale;
mod standing;
mod timeline;
mod why;

#[cfg(test)]
mod tests;

use super::document::Document;
use shipgate_core::html::Html;

const STYLE: &str = include_str!("style.css");
/// The page may have this style and nothing else, not even by mistake.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The sections, in the order in which they are read.
const SECTIONS: &[fn(&mut Html, &Document)] = &[
    why::section,
    pieces::warnings,
    reading::section,
    standing::section,
    timeline::section,
    checks::preflight,
    copies::section,
    local::section,
    checks::promotions,
    operation::section,
    checks::smoke,
    logs::section,
    checks::retries,
    pieces::notices,
    pieces::identities,
];

/// The page.
pub(super) fn page(document: &Document) -> String {
    let mut html = Html::default();
    html.literal("<!doctype html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(html, document));
        html.element("body", &[], |html| {
            html.element("main", &[], |html| {
                opening::header(html, document);
                for section in SECTIONS {
                    section(html, document);
                }
            });
            html.element("footer", &[], |html| opening::footer(html, document));
        });
    });
    html.into_string()
}

fn head(html: &mut Html, document: &Document) {
    html.literal("<meta charset=\"utf-8\">");
    html.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    html.literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.literal("<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">");
    html.leaf("title", &[], &opening::title(document));
    html.element("style", &[], |html| html.literal(STYLE));
}
