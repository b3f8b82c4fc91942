//! What the verbs that read were asked for: a plan, log groups that were left, text.

use super::pieces::{Sign, cell, code_fact, facts, row_head, said, table, titled};
use crate::report::{document::Document, quantity::size};
use shipgate_core::{
    forecast::{Change, Forecast, Step},
    html::Html,
    log_group::LogGroup,
};

/// What was read.
pub(super) fn section(html: &mut Html, document: &Document) {
    let reading = &document.reading;
    reading.plan.iter().for_each(|forecast| plan(html, forecast));
    if !reading.orphans.is_empty() {
        titled(html, "orphans", "Log groups left", |html| orphans(html, &reading.orphans));
    }
    if !reading.log_groups_deleted.is_empty() {
        titled(html, "deleted", "Log groups deleted", |html| {
            html.element("ul", &[], |html| {
                reading.log_groups_deleted.iter().for_each(|name| said(html, "li", "code", name));
            });
        });
    }
    if !reading.printed.is_empty() {
        titled(html, "printed", "Printed", |html| {
            reading.printed.iter().for_each(|printed| text(html, printed.what, &printed.text));
        });
    }
}

fn text(html: &mut Html, what: &str, text: &str) {
    said(html, "h3", "", what);
    html.element("pre", &[], |html| html.text(text));
}

fn plan(html: &mut Html, plan: &Forecast) {
    titled(html, "plan", "Plan", |html| {
        let verb = match plan.verb {
            None => "the service takes no deployment",
            Some("nothing") => "nothing to do",
            Some(verb) => verb,
        };
        said(html, "p", "lead", &format!("{}: {verb}", plan.service));
        facts(html, "about", |html| {
            code_fact(html, "Deploys from", &plan.identifier);
            code_fact(html, "Digest", plan.digest.as_str());
            code_fact(html, "Serving", &plan.serving_line());
            plan.failed_before.iter().for_each(|operation| code_fact(html, "Failed before in", operation.as_str()));
            plan.tags.iter().for_each(|write| {
                code_fact(html, "Writes tag", &format!("{} → {} ({})", write.tag, write.digest.short(), write.kind));
            });
            plan.operation.iter().for_each(|operation| code_fact(html, "Operation", operation.as_str()));
        });
        if !plan.steps.is_empty() {
            table(html, "What would be done", &["Stage", "What would be done"], |html| {
                plan.steps.iter().for_each(|step| of_step(html, step));
            });
        }
        if !plan.changes.is_empty() {
            let columns = ["What would change", "From", "To"];
            table(html, "What would be different", &columns, |html| {
                plan.changes.iter().for_each(|change| of_change(html, change));
            });
        }
    });
}

fn of_step(html: &mut Html, step: &Step) {
    html.element("tr", &[], |html| {
        row_head(html, |html| html.text(&step.stage.to_string()));
        let told = if step.skipped { format!("skipped: {}", step.action) } else { step.action.clone() };
        cell(html, if step.skipped { Sign::Skipped.class() } else { "" }, &told);
    });
}

fn of_change(html: &mut Html, change: &Change) {
    html.element("tr", &[], |html| {
        let what =
            if change.what == change.of { change.of.to_owned() } else { format!("{} {}", change.of, change.what) };
        row_head(html, |html| said(html, "span", "", &what));
        for value in [&change.from, &change.to] {
            cell(html, "", value.as_deref().unwrap_or("–"));
        }
    });
}

fn orphans(html: &mut Html, groups: &[LogGroup]) {
    table(html, "Log groups of services that are no more", &["Log group", "Holds#", "Kept"], |html| {
        for group in groups {
            html.element("tr", &[], |html| {
                row_head(html, |html| said(html, "code", "", &group.name));
                cell(html, "number", &size(group.stored_bytes));
                cell(html, "", &kept(group.retention_days));
            });
        }
    });
}

/// How long lines are kept.
pub(super) fn kept(retention_days: Option<u32>) -> String {
    retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"))
}
