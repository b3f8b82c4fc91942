//! Log lines.

use super::{
    phrase,
    query::address,
    view::{Filter, Line, Service, Source, View},
};
use shipgate_core::html::Html;

/// The latest lines of a service, with the choice of which.
pub(super) fn write(html: &mut Html, service: &Service, view: &View) {
    html.element("div", &[("class", "title")], |html| {
        html.literal("<h3>Log lines</h3>");
        html.element("nav", &[("aria-label", "Which log lines")], |html| {
            for (filter, name) in [
                (Filter::All, "all"),
                (Filter::Only(Source::Application), "application"),
                (Filter::Only(Source::Service), "service"),
            ] {
                let current = ("aria-current", if view.filter == filter { "true" } else { "false" });
                html.leaf("a", &[("href", &address(&service.id, filter)), ("data-view", ""), current], name);
            }
        });
    });
    if view.lines.is_empty() {
        return html.literal("<p class=\"empty\">No line yet.</p>");
    }
    let label = format!("Latest log lines of {}", service.name);
    let attributes = [
        ("class", "tail"),
        ("id", "tail"),
        ("data-tail", ""),
        ("tabindex", "0"),
        ("role", "region"),
        ("aria-label", label.as_str()),
    ];
    html.element("div", &attributes, |html| lines(html, "tail", &view.lines));
}

/// Lines in their order. `within` keeps their ids apart from those of the same lines elsewhere.
pub(super) fn lines(html: &mut Html, within: &str, lines: &[Line]) {
    html.element("ol", &[("class", "lines")], |html| {
        for line in lines {
            let (mark, name) = match line.source {
                Source::Application => ("a", "application"),
                Source::Service => ("s", "service"),
            };
            let id = format!("{within}-{mark}{}", line.sequence);
            html.element("li", &[("id", &id), ("class", mark)], |html| {
                let whole = line.at.to_string();
                html.leaf("time", &[("datetime", &whole), ("title", &whole)], &phrase::clock_milliseconds(line.at));
                html.text(" ");
                html.leaf("span", &[("class", "source"), ("title", &line.stream)], name);
                html.text(" ");
                html.leaf("bdi", &[], &line.message);
            });
        }
    });
}
