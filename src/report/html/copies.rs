//! What was copied where, how much of it was there already, and how fast it went.

use super::{
    bars::{Bar, Picture},
    pieces::{Sign, cell, fact, facts, prose, row_head, said, table, titled, unseen},
    rates::{self, per_second},
};
use crate::report::{
    document::{
        Document,
        shape::{Copy, Mirror},
    },
    quantity::{self, count, size},
};
use shipgate_core::html::Html;

/// More copies than this are a table.
const MAX_ARTICLES: usize = 3;

/// The copies.
pub(super) fn section(html: &mut Html, document: &Document) {
    if document.copies.is_empty() && document.mirror.is_none() && document.repositories_created.is_empty() {
        return;
    }
    titled(html, "copy", "Copy", |html| {
        document.mirror.iter().for_each(|mirror| of_mirror(html, mirror));
        if document.copies.len() > MAX_ARTICLES {
            overview(html, document);
        } else {
            let copies = document.copies.iter().enumerate();
            copies.for_each(|(number, (destination, copy))| article(html, number, destination, copy));
        }
        if !document.repositories_created.is_empty() {
            html.leaf("h3", &[], "Repositories that were created");
            html.element("ul", &[], |html| {
                document.repositories_created.iter().for_each(|name| said(html, "li", "code", name));
            });
        }
    });
}

fn of_mirror(html: &mut Html, mirror: &Mirror) {
    let told = format!(
        "{} to {}: {} copied, {} there already, {} failed",
        count(mirror.images, "image"),
        quantity_of(mirror.registries),
        mirror.copied,
        mirror.present,
        mirror.failed
    );
    html.leaf("p", &[("class", "lead")], &told);
    facts(html, "key", |html| {
        fact(html, "Took", &quantity::duration(mirror.elapsed_ms));
        fact(html, "Read", &size(mirror.bytes_received));
        fact(html, "Sent", &size(mirror.bytes_sent));
        fact(html, "Requests", &mirror.requests.to_string());
    });
}

fn quantity_of(registries: u64) -> String {
    if registries == 1 { "1 registry".to_owned() } else { format!("{registries} registries") }
}

fn sign(copy: &Copy) -> Sign {
    match (&copy.failure, &copy.digest) {
        (Some(_), _) => Sign::Bad,
        (None, Some(_)) => Sign::Good,
        (None, None) => Sign::Open,
    }
}

/// One word or two on how it came out.
fn outcome(copy: &Copy) -> &'static str {
    match (&copy.failure, &copy.digest, copy.changed) {
        (Some(_), _, _) => "failed",
        (None, Some(_), Some(false)) => "there already",
        (None, Some(_), _) => "copied",
        (None, None, _) => "not ended",
    }
}

fn overview(html: &mut Html, document: &Document) {
    table(html, "The copies", &["Destination", "Sent#", "Took#"], |html| {
        for (destination, copy) in &document.copies {
            html.element("tr", &[], |html| {
                row_head(html, |html| of_copy(html, destination, copy));
                cell(html, "number", &size(copy.bytes_sent.unwrap_or(copy.bytes_done)));
                cell(html, "number", &copy.elapsed_ms.map_or_else(String::new, quantity::duration));
            });
        }
    });
}

fn of_copy(html: &mut Html, destination: &str, copy: &Copy) {
    signed_code(html, destination, copy);
    if copy.changed == Some(false) {
        html.leaf("p", &[("class", "advice")], outcome(copy));
    }
    copy.failure.iter().for_each(|why| said(html, "p", "", why));
    copy.hint.iter().for_each(|hint| prose(html, "p", "advice", hint));
}

fn signed_code(html: &mut Html, destination: &str, copy: &Copy) {
    html.element("span", &[("class", "signed")], |html| {
        sign(copy).draw(html);
        said(html, "code", "", destination);
        unseen(html, &format!(": {}", outcome(copy)));
    });
}

fn article(html: &mut Html, number: usize, destination: &str, copy: &Copy) {
    html.element("article", &[], |html| {
        html.element("h3", &[], |html| signed_code(html, destination, copy));
        copy.failure.iter().for_each(|why| said(html, "p", "lead", why));
        copy.hint.iter().for_each(|hint| prose(html, "p", "advice", hint));
        if copy.bytes > 0 {
            shares(html, number, copy);
        }
        facts(html, "key", |html| numbers(html, copy));
        rates::line(html, copy, number);
    });
}

/// How much was there, how much came, how much did not.
fn shares(html: &mut Html, number: usize, copy: &Copy) {
    let present = copy.bytes_present.min(copy.bytes);
    let arrived =
        if copy.digest.is_some() { copy.bytes } else { present.saturating_add(copy.bytes_done).min(copy.bytes) };
    let told = format!(
        "{} of {} were there already, {} came in this run",
        size(present),
        size(copy.bytes),
        size(arrived - present)
    );
    let id = format!("shares-{number}");
    let picture =
        Picture { id: &id, class: "shares", height: 14, title: "What was there and what came", description: &told };
    picture.draw(html, |html| {
        let part = |from, to| Bar { from, to, top: 1, height: 12 };
        part(0, copy.bytes).draw(html, "missing", copy.bytes, "");
        if present > 0 {
            part(0, present).draw(html, "present", copy.bytes, "there already");
        }
        if arrived > present {
            part(present, arrived).draw(html, "arrived", copy.bytes, "came in this run");
        }
    });
    html.leaf("p", &[("class", "quiet")], &told);
}

fn numbers(html: &mut Html, copy: &Copy) {
    if let Some(took) = copy.elapsed_ms {
        fact(html, "Took", &quantity::duration(took));
        let sent = copy.bytes_sent.unwrap_or(0);
        if sent > 0 {
            fact(html, "Rate", &format!("{}/s", size(per_second(sent, took))));
        }
    }
    fact(html, "Sent", &size(copy.bytes_sent.unwrap_or(copy.bytes_done)));
    copy.bytes_received.iter().for_each(|received| fact(html, "Read", &size(*received)));
    if copy.blobs > 0 {
        fact(html, "Blobs", &blobs(copy));
    }
    copy.requests.iter().for_each(|requests| fact(html, "Requests", &requests.to_string()));
    copy.tag.iter().for_each(|tag| fact(html, "Tag", tag));
    if let Some(referrers) = copy.referrers.filter(|&referrers| referrers > 0) {
        fact(html, "Referrers", &referrers.to_string());
    }
}

fn blobs(copy: &Copy) -> String {
    let counted = [
        (copy.blobs_present, "there"),
        (copy.blobs_copied, "sent"),
        (copy.blobs_mounted, "mounted"),
        (copy.blobs_fetched, "fetched"),
    ];
    let told = counted.iter().filter(|(number, _)| *number > 0).map(|(number, how)| format!("{number} {how}"));
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { copy.blobs.to_string() } else { format!("{}: {told}", copy.blobs) }
}
