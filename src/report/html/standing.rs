//! How a service stands, as `status` tells it.

use super::{
    opening,
    pieces::{cell, code_fact, fact, facts, row_head, said, table, titled},
    reading::kept,
};
use crate::report::{document::Document, quantity};
use shipgate_core::{
    html::Html,
    status::{GroupFacts, Knowledge, OnRecord, RanOperation, StatusReport},
};

/// The service.
pub(super) fn section(html: &mut Html, document: &Document) {
    let Some(status) = &document.reading.status else { return };
    titled(html, "service", "Service", |html| {
        said(html, "p", "lead", &format!("{} is {}", status.service, status.status));
        if !status.drift.is_empty() {
            html.leaf("h3", &[], "What is not as it should be");
            html.element("ul", &[("class", "drift")], |html| {
                status.drift.iter().for_each(|drift| {
                    let command = drift.command.iter().map(|command| format!("; fix it with: {command}"));
                    let detail = [drift.detail.clone()].into_iter().chain(command).collect::<String>();
                    said(html, "li", "", &detail);
                });
            });
        }
        facts(html, "about", |html| about(html, status));
        if !status.operations.is_empty() {
            let columns = ["Its last operations", "Began", "Took#"];
            table(html, "Its last operations", &columns, |html| {
                status.operations.iter().for_each(|one| operation(html, one));
            });
        }
    });
}

fn about(html: &mut Html, status: &StatusReport) {
    code_fact(html, "ARN", &status.service_arn);
    if !status.service_url.is_empty() {
        code_fact(html, "Answers at", &status.service_url);
    }
    match &status.image_identifier {
        Some(identifier) => code_fact(html, "Deploys from", identifier),
        None => fact(html, "Deploys from", "source code"),
    }
    status.points_at.iter().for_each(|digest| code_fact(html, "Points at", digest.as_str()));
    match &status.deployed {
        Some(known) => code_fact(html, "Deployed", &on_record(known)),
        None => fact(html, "Deployed", "not on record"),
    }
    fact(html, "Automatic", if status.auto_deployments { "a push of its tag deploys" } else { "no" });
    status.log_groups.iter().for_each(|group| log_group(html, group));
}

fn on_record(known: &OnRecord) -> String {
    let how = match known.known_from {
        Knowledge::Identifier => " (the identifier says so)",
        Knowledge::Record => "",
        Knowledge::Note => " (assumed: the tag pointed there when shipgate first moved it)",
    };
    format!("{}{how}", known.digest)
}

fn log_group(html: &mut Html, group: &GroupFacts) {
    let told = match group.exists {
        Some(true) => format!("{}, kept {}", group.name, kept(group.retention_days)),
        Some(false) => format!("{}, not there yet", group.name),
        None => format!("{}, not known", group.name),
    };
    code_fact(html, "Log group", &told);
}

fn operation(html: &mut Html, one: &RanOperation) {
    html.element("tr", &[], |html| {
        row_head(html, |html| {
            said(html, "span", "", &format!("{}: {}", one.kind, one.status));
            html.element("p", &[("class", "advice")], |html| said(html, "code", "", one.operation.as_str()));
        });
        cell(html, "", &one.began.map_or_else(String::new, |began| opening::on_the_clock(&format!("{began:.0}"))));
        let took =
            if one.runs() { "runs".to_owned() } else { one.took_ms().map_or_else(String::new, quantity::duration) };
        cell(html, "number", &took);
    });
}
