//! Tables of what was done one by one: preflight checks, tags moved, requests of the smoke test, second attempts.

use super::pieces::{Sign, cell, code_fact, facts, fold, prose, row_head, said, signed, table, titled, words};
use crate::report::{
    document::{
        Document,
        shape::{Check, Request},
    },
    quantity::{self, count},
};
use shipgate_core::{event::Outcome, html::Html};

/// More rows than this of one kind say nothing more.
const MAX_ROWS: usize = 100;

/// What was looked at before anything was done.
pub(super) fn preflight(html: &mut Html, document: &Document) {
    if document.checks.is_empty() {
        return;
    }
    let failed = document.checks.iter().filter(|check| check.outcome == Outcome::Fail).count();
    titled(html, "checks", "Preflight", |html| {
        let of_all = count(document.checks.len() as u64, "check");
        let told = if failed == 0 { format!("{of_all}, none failed") } else { format!("{of_all}, {failed} failed") };
        fold(html, &told, failed > 0, |html| {
            table(html, "The checks before anything was done", &["Check", "What was seen"], |html| {
                document.checks.iter().take(MAX_ROWS).for_each(|check| of_check(html, check));
            });
        });
    });
}

fn of_check(html: &mut Html, check: &Check) {
    html.element("tr", &[], |html| {
        let sign = Sign::of(Some(check.outcome));
        row_head(html, |html| signed(html, sign, &check.name, sign.word()));
        html.element("td", &[], |html| {
            words(html, &check.detail);
            check.hint.iter().for_each(|hint| prose(html, "p", "advice", hint));
        });
    });
}

/// Tags that were moved.
pub(super) fn promotions(html: &mut Html, document: &Document) {
    if document.promotions.is_empty() {
        return;
    }
    titled(html, "tags", "Tag moved", |html| {
        for promotion in &document.promotions {
            facts(html, "about", |html| {
                code_fact(html, "Tag", &format!("{}:{}", promotion.repository, promotion.tag));
                let before = promotion.previous.as_ref().map_or("nothing: the tag is new", |digest| digest.as_str());
                code_fact(html, "From", before);
                code_fact(html, "To", promotion.digest.as_str());
            });
        }
    });
}

/// What the service's URL answered.
pub(super) fn smoke(html: &mut Html, document: &Document) {
    if document.smoke.is_empty() {
        return;
    }
    titled(html, "smoke", "Smoke test", |html| {
        table(html, "The requests of the smoke test", &["Asked after#", "URL", "What came"], |html| {
            let left_out = document.smoke.len().saturating_sub(MAX_ROWS);
            document.smoke.iter().skip(left_out).for_each(|request| of_request(html, request));
        });
    });
}

fn of_request(html: &mut Html, request: &Request) {
    html.element("tr", &[], |html| {
        cell(html, "number", &quantity::duration(request.at_ms));
        html.element("td", &[], |html| said(html, "code", "", &request.url));
        let sign = Sign::passed(request.passed);
        html.element("td", &[], |html| signed(html, sign, &request.detail, sign.word()));
    });
}

/// What was tried again, and what went on where it had ended.
pub(super) fn retries(html: &mut Html, document: &Document) {
    if document.retries.is_empty() && document.resumed.is_empty() {
        return;
    }
    titled(html, "retries", "Tried again", |html| {
        let (tried, resumed) = (document.retries.len() as u64, document.resumed.len() as u64);
        let tried = (tried > 0).then(|| count(tried, "further attempt"));
        let resumed = (resumed > 0).then(|| format!("{} taken up again", count(resumed, "transfer")));
        let told = [tried, resumed].into_iter().flatten().collect::<Vec<_>>().join(", ");
        fold(html, &told, false, |html| {
            attempts(html, document);
            resumptions(html, document);
        });
    });
}

fn attempts(html: &mut Html, document: &Document) {
    if document.retries.is_empty() {
        return;
    }
    table(html, "Further attempts", &["At#", "What", "Attempt#", "Because"], |html| {
        for retry in document.retries.iter().take(MAX_ROWS) {
            html.element("tr", &[], |html| {
                cell(html, "number", &quantity::duration(retry.told_ms));
                cell(html, "", &retry.what);
                cell(html, "number", &retry.attempt.to_string());
                cell(html, "", &retry.cause);
            });
        }
    });
}

fn resumptions(html: &mut Html, document: &Document) {
    if document.resumed.is_empty() {
        return;
    }
    table(html, "Transfers that were taken up", &["What", "From#", "Of#"], |html| {
        for resumption in document.resumed.iter().take(MAX_ROWS) {
            html.element("tr", &[], |html| {
                cell(html, "", &resumption.what);
                cell(html, "number", &quantity::size(resumption.at_bytes));
                cell(html, "number", &quantity::size(resumption.bytes));
            });
        }
    });
}
