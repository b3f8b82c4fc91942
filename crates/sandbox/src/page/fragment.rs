//! The part of the page that changes.

use super::{accounts, repositories, service, services, view::View};
use shipgate_core::html::Html;

/// What stands in `main`.
pub(super) fn of(view: &View) -> Html {
    let mut html = Html::default();
    html.element("div", &[("class", "work")], |html| {
        services::write(html, view);
        if let Some(chosen) = view.chosen.and_then(|at| view.services.get(at)) {
            service::write(html, chosen, view);
        }
    });
    html.element("div", &[("class", "world")], |html| {
        repositories::write(html, view);
        accounts::write(html, view);
    });
    html
}

/// A section with a heading of its own.
pub(super) fn section(html: &mut Html, id: &'static str, title: &str, content: impl FnOnce(&mut Html)) {
    let heading = format!("{id}-heading");
    html.element("section", &[("id", id), ("aria-labelledby", &heading)], |html| {
        html.leaf("h2", &[("id", &heading)], title);
        content(html);
    });
}
