//! The operations of a service, newest first: status, phases, and App Runner's lines about each.

use jiff::Timestamp;

use super::{
    log, phrase,
    services::status,
    view::{Operation, Phase, Service},
};
use shipgate_core::html::Html;

pub(super) fn write(html: &mut Html, service: &Service, now: Timestamp) {
    html.literal("<h3 id=\"operations-heading\">Operations</h3>");
    html.element("ol", &[("class", "operations"), ("aria-labelledby", "operations-heading")], |html| {
        for operation in &service.operations {
            one(html, operation, now);
        }
    });
    if service.operations.is_empty() {
        html.literal("<p class=\"empty\">None yet.</p>");
    }
    if service.more > 0 {
        html.leaf("p", &[("class", "quiet")], &format!("and {} older", service.more));
    }
}

fn one(html: &mut Html, operation: &Operation, now: Timestamp) {
    let id = format!("operation-{}", operation.id);
    html.element("li", &[("id", &id)], |html| {
        html.element("div", &[("class", "title")], |html| {
            html.leaf("h4", &[("title", &operation.id)], &operation.kind);
            status(html, &operation.status);
            html.element("span", &[("class", "when")], |html| times(html, operation, now));
        });
        html.element("ol", &[("class", "phases"), ("aria-label", "Phases")], |html| {
            for (at, phase) in operation.phases.iter().enumerate().filter(|(_, phase)| phase.name != "ENDED") {
                step(html, phase, operation.phases.get(at + 1).map(|next| next.since), now);
            }
        });
        if !operation.lines.is_empty() {
            let id = format!("lines-{}", operation.id);
            html.element("details", &[("id", &id)], |html| {
                html.leaf("summary", &[], &told(operation));
                log::lines(html, &id, &operation.lines);
            });
        }
    });
}

/// The last line says it best, and best of it the reason.
fn told(operation: &Operation) -> String {
    let last = operation.lines.last().map(|line| line.message.as_str()).unwrap_or_default();
    let last = last.split_once("Failure reason : ").map_or(last, |(_, reason)| reason);
    let count = operation.lines.len();
    format!("{count} {}: {last}", if count == 1 { "line" } else { "lines" })
}

fn times(html: &mut Html, operation: &Operation, now: Timestamp) {
    let Some(started) = operation.started() else { return };
    time(html, started, now);
    html.text(", ");
    match operation.ended() {
        Some(ended) => html.text(&phrase::took(started, ended)),
        None => html.text(&format!("{} so far", phrase::taken_so_far(started, now))),
    }
}

fn step(html: &mut Html, phase: &Phase, ended: Option<Timestamp>, now: Timestamp) {
    let class = match (phase.name.as_str(), ended) {
        ("ROLLING_BACK", _) => "back",
        (_, None) => "now",
        (_, Some(_)) => "done",
    };
    html.element("li", &[("class", class)], |html| {
        html.text(&phrase::words(&phase.name));
        html.text(" ");
        let duration = match ended {
            Some(ended) => phrase::took(phase.since, ended),
            None => phrase::taken_so_far(phase.since, now),
        };
        html.leaf("span", &[], &duration);
    });
}

/// A time of day, with the whole moment for programs and for the mouse.
pub(super) fn time(html: &mut Html, at: Timestamp, now: Timestamp) {
    let whole = at.to_string();
    html.leaf("time", &[("datetime", &whole), ("title", &whole)], &phrase::clock(at, now));
}
