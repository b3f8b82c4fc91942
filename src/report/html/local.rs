//! The local check: the container, its probes, and how it was judged.

use super::{
    bars::{AXIS_HEIGHT, Picture, axis, spot},
    pieces::{Sign, cell, code_fact, fact, facts, fold, output, row_head, said, signed, table, titled},
    scale::percent,
};
use crate::report::{
    document::{
        Document,
        shape::{ContainerEnd, Probe, Verification},
    },
    quantity::{self, count},
};
use shipgate_core::html::Html;

/// More probes than this are drawn small.
const MANY: usize = 24;
/// More than this are not drawn, nor listed: the last ones are.
const MAX_PROBES: usize = 200;
const LINE: u32 = 22;
const BOTTOM: u32 = 44;

/// The check.
pub(super) fn section(html: &mut Html, document: &Document) {
    let Some(verification) = &document.verification else { return };
    titled(html, "verify", "Local check", |html| {
        verification.reason.iter().for_each(|reason| said(html, "p", "lead", reason));
        if !verification.probes.is_empty() {
            let left_out = verification.probes.len().saturating_sub(MAX_PROBES);
            let probes = &verification.probes[left_out..];
            strip(html, probes, verification);
            fold(html, &told(&verification.probes), false, |html| listed(html, probes));
        }
        facts(html, "about", |html| container(html, verification));
        let is_told = verification.finding.is_some();
        if !verification.last_lines.is_empty() && !is_told {
            fold(html, "The container’s last lines", true, |html| output(html, &verification.last_lines));
        }
    });
}

fn told(probes: &[Probe]) -> String {
    let passed = probes.iter().filter(|probe| probe.passed).count() as u64;
    let failed = probes.len() as u64 - passed;
    format!("{}: {passed} passed, {failed} failed", count(probes.len() as u64, "probe"))
}

fn listed(html: &mut Html, probes: &[Probe]) {
    table(html, "The probes", &["Probe", "After#", "What came"], |html| {
        for probe in probes {
            html.element("tr", &[], |html| {
                let (sign, number) = (Sign::passed(probe.passed), probe.number.to_string());
                row_head(html, |html| signed(html, sign, &number, sign.word()));
                cell(html, "number", &quantity::duration(probe.at_ms));
                cell(html, "", &probe.detail);
            });
        }
    });
}

/// Probes where they fell, from the container's start on, up to what the thresholds allow.
fn strip(html: &mut Html, probes: &[Probe], verification: &Verification) {
    let allowed = verification.allowed_ms.unwrap_or(0);
    let exit = verification.exit.as_ref().and_then(|exit| exit.at_ms).unwrap_or(0);
    let last = probes.last().map_or(0, |probe| probe.at_ms).max(allowed).max(exit);
    // Some air after the last, that its mark be whole.
    let end = last + last / 24 + 1;
    let class = if probes.len() > MANY { "strip many" } else { "strip" };
    let title = "Probes since the container started";
    let description = format!("{}.{}", told(probes), described(verification));
    let height = BOTTOM + AXIS_HEIGHT;
    Picture { id: "probes", class, height, title, description: &description }.draw(html, |html| {
        axis(html, end, BOTTOM);
        if allowed > 0 {
            limit(html, allowed, end);
        }
        for probe in probes {
            mark(html, probe, end);
        }
        verification.exit.iter().for_each(|exit| ended(html, exit, end));
    });
    html.leaf("p", &[("class", "quiet")], &legend(verification));
}

fn described(verification: &Verification) -> String {
    let ready = verification.ready_ms.map(|ready| format!(" Ready after {}.", quantity::duration(ready)));
    let allowed = verification.allowed_ms.map(|allowed| format!(" Allowed: {}.", quantity::duration(allowed)));
    [ready, allowed].into_iter().flatten().collect()
}

fn legend(verification: &Verification) -> String {
    let ready = verification.ready_ms.map(|ready| format!("ready after {}", quantity::duration(ready)));
    let allowed = verification.allowed_ms.filter(|&allowed| allowed > 0);
    let allowed =
        allowed.map(|allowed| format!("dashed: the {} that the thresholds allow", quantity::duration(allowed)));
    let exit = verification.exit.as_ref().map(|_| "square: the container ended".to_owned());
    let parts: Vec<String> = [ready, exit, allowed].into_iter().flatten().collect();
    parts.join("; ")
}

fn limit(html: &mut Html, allowed: u64, end: u64) {
    let (x, foot) = (percent(allowed, end), BOTTOM.to_string());
    html.leaf("line", &[("class", "limit"), ("x1", &x), ("x2", &x), ("y1", "0"), ("y2", &foot)], "");
}

fn mark(html: &mut Html, probe: &Probe, end: u64) {
    spot(html, probe.at_ms, end, LINE, |html| {
        html.element("g", &[("class", Sign::passed(probe.passed).class())], |html| {
            let hover = format!(
                "probe {} {}: {} (after {})",
                probe.number,
                Sign::passed(probe.passed).word(),
                crate::report::untrusted::cleaned(&probe.detail),
                quantity::duration(probe.at_ms)
            );
            html.leaf("title", &[], &hover);
            html.literal("<circle r=\"7\"></circle>");
            html.leaf(
                "path",
                &[("d", if probe.passed { "M-3.2 .2-1 2.6 3.2-2.2" } else { "M-2.6-2.6 2.6 2.6M2.6-2.6-2.6 2.6" })],
                "",
            );
        });
    });
}

fn ended(html: &mut Html, exit: &ContainerEnd, end: u64) {
    let Some(at) = exit.at_ms else { return };
    spot(html, at, end, LINE, |html| {
        html.element("g", &[("class", "exit")], |html| {
            html.leaf("title", &[], &format!("the container ended {}", exit_told(exit)));
            html.literal("<rect x=\"-5\" y=\"-5\" width=\"10\" height=\"10\"></rect>");
        });
    });
}

fn exit_told(exit: &ContainerEnd) -> String {
    let why = if exit.out_of_memory { ", out of memory" } else { "" };
    format!("with exit code {}{why}", exit.exit_code)
}

fn container(html: &mut Html, verification: &Verification) {
    if let Some(check) = &verification.health_check {
        fact(html, "Health check", &check.to_string());
    }
    verification.exit.iter().for_each(|exit| fact(html, "Ended", &exit_told(exit)));
    if let (Some(container), Some(address)) = (&verification.container, &verification.address) {
        code_fact(html, "Container", container.get(..12).unwrap_or(container));
        let way = verification.way.as_deref().unwrap_or_default();
        fact(html, "Reached at", &format!("{address}, {way}"));
    }
    for (name, list) in [
        ("Not reached by", &verification.not_used),
        ("Secrets missing", &verification.missing_secrets),
        ("Secrets with stand-ins", &verification.stubbed_secrets),
    ] {
        if !list.is_empty() {
            fact(html, name, &list.join(", "));
        }
    }
}
