//! Lines of somebody else's output, folded away by whose they are.

use super::pieces::{fold, said, titled};
use crate::report::{
    document::{Document, shape::LogEntry},
    quantity::{self, count},
};
use shipgate_core::{event::LogSource, html::Html};

const SOURCES: [(LogSource, &str); 3] = [
    (LogSource::LocalContainer, "The local container"),
    (LogSource::Service, "App Runner on the service"),
    (LogSource::Application, "The application"),
];

/// The lines.
pub(super) fn section(html: &mut Html, document: &Document) {
    if document.logs.is_empty() {
        return;
    }
    // What was asked for is shown.
    let open = document.verb == "logs";
    titled(html, "logs", "Logs", |html| {
        for (source, name) in SOURCES {
            let lines: Vec<&LogEntry> = document.logs.iter().filter(|entry| entry.source == source).collect();
            if !lines.is_empty() {
                let told = format!("{name}: {}", count(lines.len() as u64, "line"));
                fold(html, &told, open, |html| listed(html, &lines));
            }
        }
    });
}

fn listed(html: &mut Html, lines: &[&LogEntry]) {
    html.element("ol", &[("class", "lines")], |html| {
        for entry in lines {
            html.element("li", &[], |html| {
                let at = entry.logged_at.clone().unwrap_or_else(|| quantity::duration(entry.told_ms));
                html.leaf("span", &[("class", "at")], &at);
                said(html, "span", "", &entry.line);
            });
        }
    });
}
