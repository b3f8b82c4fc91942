//! Repositories: tags, digests, sizes, mutability.

use jiff::Timestamp;

use super::{
    fragment::section,
    operations::time,
    phrase,
    view::{Image, Repository, View},
};
use shipgate_core::html::Html;

pub(super) fn write(html: &mut Html, view: &View) {
    section(html, "repositories", "Repositories", |html| {
        if view.repositories.is_empty() {
            html.literal("<p class=\"empty\">No repository yet.</p>");
        }
        for repository in &view.repositories {
            one(html, repository, view);
        }
    });
}

fn one(html: &mut Html, repository: &Repository, view: &View) {
    let id = format!("repository-{}-{}-{}", repository.account, repository.region, repository.name);
    html.element("article", &[("id", &id)], |html| {
        html.element("div", &[("class", "title")], |html| {
            html.element("h3", &[], |html| {
                html.leaf("code", &[], &repository.name);
                html.text(" ");
                html.leaf("span", &[], &repository.account);
                if repository.region != view.region {
                    html.text(" ");
                    html.leaf("span", &[], &repository.region);
                }
            });
            html.leaf("span", &[("class", "label")], repository.mutability);
        });
        if repository.images.is_empty() {
            return html.literal("<p class=\"empty\">No image yet.</p>");
        }
        html.element("table", &[("class", "images")], |html| {
            html.literal(
                "<thead><tr><th scope=\"col\">Tags</th><th scope=\"col\">Digest</th>\
                 <th scope=\"col\" class=\"number\">Size</th><th scope=\"col\" class=\"number\">Pushed</th></tr></thead>",
            );
            html.element("tbody", &[], |html| repository.images.iter().for_each(|image| row(html, image, view.now)));
        });
        if repository.more > 0 {
            html.leaf("p", &[("class", "quiet")], &format!("and {} more", repository.more));
        }
    });
}

fn row(html: &mut Html, image: &Image, now: Timestamp) {
    html.element("tr", &[], |html| {
        html.element("td", &[], |html| {
            for tag in &image.tags {
                html.leaf("span", &[("class", "tag")], tag);
                html.text(" ");
            }
            if image.tags.is_empty() {
                html.literal("<span class=\"quiet\">untagged</span> ");
            }
            if image.members > 0 {
                html.leaf("span", &[("class", "quiet")], &format!("index of {}", image.members));
            }
        });
        html.element("td", &[], |html| {
            html.leaf("code", &[("title", &image.digest)], phrase::short_digest(&image.digest));
        });
        html.leaf("td", &[("class", "number")], &phrase::size(image.size_bytes));
        html.element("td", &[("class", "number")], |html| time(html, image.pushed, now));
    });
}
