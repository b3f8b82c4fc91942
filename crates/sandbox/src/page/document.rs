//! The whole page: head, frame and script around what changes, and the headers it is sent with.

use std::sync::LazyLock;

use axum::http::{HeaderName, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{fragment, view::View};
use shipgate_core::html::Html;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// A ship's lamp: a blue and a green half.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
                    %3Cpath d='M8 1a7 7 0 0 0 0 14z' fill='%232f6fd0'/%3E%3Cpath d='M8 1a7 7 0 0 1 0 14z' fill='%23218a55'/%3E\
                    %3C/svg%3E";

/// Nothing but this style and this script, and nothing from anywhere else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// The headers of the page and of its fragment.
pub(super) fn headers() -> [(HeaderName, &'static str); 6] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ]
}

/// The page. `host` is the address it was asked for at.
pub(super) fn whole(view: &View, host: &str) -> Html {
    let mut html = Html::default();
    html.literal("<!doctype html>");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(html, view));
        html.element("body", &[], |html| {
            html.literal("<a class=\"skip\" href=\"#main\">To the services</a>");
            html.element("header", &[("class", "bar")], |html| bar(html, view, host));
            html.element("main", &[("id", "main")], |html| html.append(&fragment::of(view)));
            html.element("footer", &[], footer);
            html.element("script", &[], |html| html.literal(SCRIPT));
        });
    });
    html
}

fn head(html: &mut Html, view: &View) {
    html.literal("<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.literal("<meta name=\"color-scheme\" content=\"light dark\">");
    let service = view.chosen.and_then(|at| view.services.get(at));
    let of_service = service.map(|service| format!("{} · ", service.name)).unwrap_or_default();
    html.leaf("title", &[], &format!("{of_service}shipgate sandbox"));
    html.open("link", &[("rel", "icon"), ("href", ICON)]);
    html.element("style", &[], |html| html.literal(STYLE));
}

fn bar(html: &mut Html, view: &View, host: &str) {
    html.literal("<h1>shipgate <span>sandbox</span></h1>");
    html.element("p", &[("class", "where")], |html| {
        html.leaf("code", &[], host);
        html.text(" ");
        html.leaf("span", &[], &view.region);
    });
    html.literal("<p id=\"live\" role=\"status\">As it was when it was loaded; reload to see what has changed.</p>");
}

fn footer(html: &mut Html) {
    html.literal(
        "<p>Times are UTC. Nothing here leaves this machine. Every call so far: \
         <a href=\"/_sandbox/calls\">/_sandbox/calls</a></p>",
    );
}
