//! The list of services.

use super::{
    fragment::section,
    phrase,
    query::address,
    view::{Service, View},
};
use shipgate_core::html::Html;

pub(super) fn write(html: &mut Html, view: &View) {
    section(html, "services", "Services", |html| {
        if view.services.is_empty() {
            html.literal(
                "<p class=\"empty\">No service yet. The first <code>shipgate deploy</code>, or CreateService of any AWS \
                 client, puts one here.</p>",
            );
            return;
        }
        html.element("div", &[("class", "list")], |html| {
            html.element("table", &[], |html| {
                html.literal(
                    "<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">Status</th>\
                     <th scope=\"col\">URL</th><th scope=\"col\">Account</th></tr></thead>",
                );
                html.element("tbody", &[], |html| {
                    for (at, service) in view.services.iter().enumerate() {
                        row(html, service, view.chosen == Some(at), view);
                    }
                });
            });
        });
    });
}

fn row(html: &mut Html, service: &Service, chosen: bool, view: &View) {
    let id = format!("service-{}", service.id);
    html.element("tr", &[("id", &id), ("class", if chosen { "chosen" } else { "" })], |html| {
        html.element("th", &[("scope", "row")], |html| {
            let address = address(&service.id, view.filter);
            let current = ("aria-current", if chosen { "true" } else { "false" });
            html.leaf("a", &[("href", &address), ("data-view", ""), current], &service.name);
        });
        html.element("td", &[], |html| status(html, &service.status));
        html.element("td", &[], |html| url(html, service));
        html.leaf("td", &[("class", "account")], &service.account);
    });
}

/// Where the service answers.
pub(super) fn url(html: &mut Html, service: &Service) {
    if service.url.is_empty() {
        return html.text("none");
    }
    let address = format!("http://{}", service.url);
    html.leaf("a", &[("href", &address), ("rel", "noreferrer"), ("class", "code")], &address);
}

/// A status as App Runner writes it, with the colour of what it means.
pub(super) fn status(html: &mut Html, word: &str) {
    html.leaf("span", &[("class", tone(word)), ("title", &phrase::words(word))], word);
}

fn tone(status: &str) -> &'static str {
    match status {
        "RUNNING" | "SUCCEEDED" => "status good",
        "PENDING" | "IN_PROGRESS" | "OPERATION_IN_PROGRESS" => "status busy",
        "ROLLBACK_IN_PROGRESS" | "ROLLBACK_SUCCEEDED" => "status warn",
        "CREATE_FAILED" | "DELETE_FAILED" | "FAILED" | "ROLLBACK_FAILED" => "status bad",
        _ => "status still",
    }
}
