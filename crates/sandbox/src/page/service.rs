//! One service in full: what serves, what is being checked, its operations, its settings, its log lines.

use super::{
    log, operations, phrase,
    services::{status, url},
    view::{Instance, Service, View},
};
use shipgate_core::html::Html;

pub(super) fn write(html: &mut Html, service: &Service, view: &View) {
    html.element("section", &[("id", "service"), ("aria-labelledby", "service-heading")], |html| {
        html.element("div", &[("class", "title")], |html| {
            html.leaf("h2", &[("id", "service-heading")], &service.name);
            status(html, &service.status);
            if service.maintenance {
                html.literal("<span class=\"status warn\">under maintenance</span>");
            }
        });
        html.element("p", &[("class", "route")], |html| {
            url(html, service);
            html.text(" ");
            html.leaf("span", &[("class", "quiet")], route(service));
        });
        html.element("div", &[("class", "lanes")], |html| {
            lane(html, "Blue", "lane blue", service.blue.as_ref(), blue_does(service));
            lane(html, "Green", "lane green", service.green.as_ref(), green_does(service));
        });
        html.element("p", &[("class", "quiet")], |html| {
            html.text("Deploys from ");
            html.leaf("code", &[], &service.image);
        });
        operations::write(html, service, view.now);
        log::write(html, service, view);
        settings(html, service);
    });
}

/// Where the URL leads.
fn route(service: &Service) -> &'static str {
    match (service.phase(), &service.blue, &service.green) {
        (Some("ROUTING"), Some(_), Some(_)) => "leads to blue, and is being switched to green",
        (Some("ROUTING"), None, Some(_)) => "is being switched to green",
        (_, Some(_), _) => "leads to blue",
        (_, None, _) => "leads nowhere",
    }
}

fn blue_does(service: &Service) -> &'static str {
    match (service.phase(), &service.blue) {
        (_, None) => "nothing serves",
        (Some("DRAINING"), Some(_)) => "serves; the one before it is let finish",
        (Some("STOPPING"), Some(_)) => "is being stopped",
        (_, Some(_)) => "serves",
    }
}

fn green_does(service: &Service) -> &'static str {
    match (service.phase(), &service.green) {
        (Some("PENDING" | "PULLING" | "STARTING"), _) => "is being prepared",
        (Some("CHECKING"), _) => "is being checked",
        (Some("ROUTING"), _) => "is healthy, and takes the traffic",
        (Some("ROLLING_BACK"), _) => "has failed, and is being taken away",
        (_, Some(_)) => "runs",
        (_, None) => "nothing under way",
    }
}

fn lane(html: &mut Html, name: &str, class: &'static str, instance: Option<&Instance>, does: &str) {
    let class = if instance.is_some() { class } else { "lane empty" };
    html.element("div", &[("class", class)], |html| {
        html.element("h3", &[], |html| {
            html.text(name);
            html.text(" ");
            html.leaf("span", &[], does);
        });
        let Some(instance) = instance else { return };
        html.element("p", &[], |html| {
            html.leaf("code", &[("title", &instance.image)], phrase::short_digest(&instance.image));
            for tag in &instance.tags {
                html.text(" ");
                html.leaf("span", &[("class", "tag")], tag);
            }
        });
    });
}

fn settings(html: &mut Html, service: &Service) {
    html.element("details", &[("id", "settings")], |html| {
        html.leaf("summary", &[], "Settings");
        html.element("dl", &[], |html| {
            for (name, value) in &service.settings {
                html.leaf("dt", &[], name);
                html.leaf("dd", &[], value);
            }
        });
    });
}
