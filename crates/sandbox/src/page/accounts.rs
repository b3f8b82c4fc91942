//! Accounts: registry, users, roles and who may assume them.

use super::{
    fragment::section,
    view::{Account, Role, View},
};
use shipgate_core::html::Html;

pub(super) fn write(html: &mut Html, view: &View) {
    section(html, "accounts", "Accounts", |html| view.accounts.iter().for_each(|account| one(html, account)));
}

fn one(html: &mut Html, account: &Account) {
    let id = format!("account-{}", account.id);
    html.element("article", &[("id", &id)], |html| {
        html.leaf("h3", &[], &account.id);
        html.element("p", &[("class", "quiet")], |html| {
            if let Some(registry) = &account.registry {
                html.text("registry ");
                html.leaf("code", &[], registry);
            }
            for (region, registry) in &account.further_registries {
                html.text(&format!(", in {region} "));
                html.leaf("code", &[], registry);
            }
            for user in &account.users {
                html.text(", user ");
                html.leaf("code", &[], user);
            }
        });
        for (prefix, upstream) in &account.cache_rules {
            html.element("p", &[("class", "quiet")], |html| {
                html.text("caches ");
                html.leaf("code", &[], prefix);
                html.text(" from ");
                html.leaf("code", &[], upstream);
            });
        }
        if account.roles.is_empty() {
            return;
        }
        html.element("table", &[], |html| {
            html.literal("<thead><tr><th scope=\"col\">Role</th><th scope=\"col\">Assumed by</th></tr></thead>");
            html.element("tbody", &[], |html| account.roles.iter().for_each(|role| row(html, role)));
        });
    });
}

fn row(html: &mut Html, role: &Role) {
    html.element("tr", &[], |html| {
        html.element("th", &[("scope", "row")], |html| {
            html.text(&role.name);
            html.text(" ");
            html.leaf("span", &[("class", "quiet")], &may(role));
        });
        html.element("td", &[("class", "principals")], |html| {
            for principal in &role.assumed_by {
                html.leaf("div", &[], short(principal));
            }
            if role.assumed_by.is_empty() {
                html.literal("<div class=\"quiet\">nobody</div>");
            }
            if role.needs_external_id {
                html.literal("<div class=\"quiet\">with an external id</div>");
            }
        });
    });
}

fn may(role: &Role) -> String {
    match role.policies {
        None => String::new(),
        Some(1) => "1 policy".to_owned(),
        Some(count) => format!("{count} policies"),
    }
}

/// An ARN without what all of them begin with.
fn short(principal: &str) -> &str {
    principal.split_once(":iam::").map_or(principal, |(_, rest)| rest)
}
