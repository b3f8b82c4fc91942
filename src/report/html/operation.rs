//! The operation in App Runner: its phases with their moments, and what it came to.

use super::{
    bars::{AXIS_HEIGHT, Bar, Picture, axis},
    pieces::{cell, code_fact, fact, facts, row_head, said, table, titled},
};
use crate::report::{
    document::{
        Document,
        shape::{Operation, StatusEntry},
    },
    quantity,
};
use shipgate_core::{
    html::Html,
    operation::{OperationStatus, Verdict},
};

const HEIGHT: u32 = 12;
const BOTTOM: u32 = 26;

/// The operation.
pub(super) fn section(html: &mut Html, document: &Document) {
    let Some(operation) = &document.operation else { return };
    titled(html, "operation", "Operation", |html| {
        if let Some(verdict) = &operation.verdict {
            said(html, "p", "lead", lead(*verdict));
        }
        // Where the run tells why, it has told this.
        let why = operation.reason.iter().filter(|_| document.reason.is_none());
        why.for_each(|reason| said(html, "p", "", reason));
        if !operation.statuses.is_empty() {
            phases(html, operation);
        }
        facts(html, "about", |html| about(html, operation));
    });
}

fn lead(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Deployed => "It succeeded",
        Verdict::RolledBack => "It failed, and App Runner went back to the version before",
        Verdict::Failed => "It failed, and nothing went back",
        Verdict::RollbackFailed => "It failed, and so did the way back",
    }
}

/// A status from when it was seen to when another was.
struct Phase<'a> {
    entry: &'a StatusEntry,
    until_ms: u64,
}

fn of(operation: &Operation) -> Vec<Phase<'_>> {
    let last = operation.statuses.last().map_or(0, |entry| entry.at_ms);
    let end = operation.ended_ms.map_or(last, |ended| ended.saturating_sub(operation.began_ms).max(last));
    let ends = operation.statuses.iter().skip(1).map(|entry| entry.at_ms).chain([end]);
    operation.statuses.iter().zip(ends).map(|(entry, until_ms)| Phase { entry, until_ms }).collect()
}

fn phases(html: &mut Html, operation: &Operation) {
    let phases = of(operation);
    let end = phases.last().map_or(1, |phase| phase.until_ms).max(1);
    let told: Vec<String> = phases.iter().map(sentence).collect();
    let description = told.join(" ");
    let title = "The statuses of the operation since its release";
    let height = BOTTOM + AXIS_HEIGHT;
    Picture { id: "phases", class: "chart", height, title, description: &description }.draw(html, |html| {
        axis(html, end, BOTTOM);
        for phase in &phases {
            let bar = Bar { from: phase.entry.at_ms, to: phase.until_ms, top: 7, height: HEIGHT };
            bar.draw(html, &format!("bar {}", class(phase.entry.status.as_ref())), end, &sentence(phase));
        }
    });
    table(html, "The statuses of the operation", &["Status", "Seen after#", "For#"], |html| {
        for phase in &phases {
            row(html, phase);
        }
    });
}

fn row(html: &mut Html, phase: &Phase<'_>) {
    html.element("tr", &[], |html| {
        row_head(html, |html| {
            html.element("span", &[("class", "signed")], |html| {
                let class = format!("patch {}", class(phase.entry.status.as_ref()));
                html.leaf("i", &[("class", &class), ("aria-hidden", "true")], "");
                said(html, "span", "", &name(phase.entry.status.as_ref()));
            });
        });
        cell(html, "number", &quantity::duration(phase.entry.at_ms));
        let lasted = phase.until_ms.saturating_sub(phase.entry.at_ms);
        cell(html, "number", &if lasted == 0 { "–".to_owned() } else { quantity::duration(lasted) });
    });
}

fn sentence(phase: &Phase<'_>) -> String {
    format!("{} after {}.", name(phase.entry.status.as_ref()), quantity::duration(phase.entry.at_ms))
}

fn name(status: Option<&OperationStatus>) -> String {
    status.map_or_else(|| "not listed yet".to_owned(), ToString::to_string)
}

fn class(status: Option<&OperationStatus>) -> &'static str {
    match status {
        None | Some(OperationStatus::Pending | OperationStatus::Unknown(_)) => "open",
        Some(OperationStatus::InProgress) => "busy",
        Some(OperationStatus::Succeeded) => "good",
        Some(OperationStatus::Failed | OperationStatus::RollbackFailed) => "bad",
        Some(OperationStatus::RollbackInProgress | OperationStatus::RollbackSucceeded) => "back",
    }
}

fn about(html: &mut Html, operation: &Operation) {
    operation.verb.iter().for_each(|verb| fact(html, "Released by", verb));
    code_fact(html, "Operation", operation.id.as_str());
    operation.service_arn.iter().for_each(|arn| code_fact(html, "Service", arn));
}
