//! Why a run did not succeed, and what to do about it.

use super::pieces::{fold, output, prose, titled};
use crate::report::document::Document;
use shipgate_core::{finding::FindingReport, html::Html, reason::Reason};

/// The reason: what is known best comes first, and nothing is said twice.
pub(super) fn section(html: &mut Html, document: &Document) {
    let told = Told::of(document);
    if !told.is_empty() {
        section_of(html, &told);
    }
}

fn section_of(html: &mut Html, told: &Told<'_>) {
    titled(html, "why", "Why", |html| {
        told.lead.iter().for_each(|lead| prose(html, "p", "lead", lead));
        if !told.causes.is_empty() {
            html.element("ol", &[("class", "causes")], |html| {
                told.causes.iter().for_each(|cause| prose(html, "li", "", cause));
            });
        }
        if !told.evidence.is_empty() {
            html.element("ul", &[("class", "evidence")], |html| {
                told.evidence.iter().for_each(|line| prose(html, "li", "", line));
            });
        }
        if !told.hints.is_empty() {
            html.element("div", &[("class", "hint")], |html| hints(html, &told.hints));
        }
        if !told.last_lines.is_empty() {
            fold(html, "The application’s last lines", true, |html| output(html, told.last_lines));
        }
    });
}

fn hints(html: &mut Html, hints: &[String]) {
    html.leaf("h3", &[], "What to do");
    for hint in hints {
        prose(html, "p", "", hint);
    }
}

/// What is said, each thing once.
#[derive(Default)]
struct Told<'a> {
    lead: Option<String>,
    causes: Vec<String>,
    evidence: Vec<String>,
    hints: Vec<String>,
    last_lines: &'a [String],
}

impl<'a> Told<'a> {
    fn of(document: &'a Document) -> Self {
        let mut told = Self::default();
        if let Some(finding) = document.verification.as_ref().and_then(|verification| verification.finding.as_ref()) {
            told.add_finding(finding);
            told.last_lines = document.verification.as_ref().map_or(&[], |verification| &verification.last_lines);
        }
        if let Some(reason) = &document.reason {
            told.add_reason(reason);
        }
        let causes = document.causes.iter().flat_map(|cause| cause.lines());
        causes.for_each(|cause| told.add_cause(cause));
        document.hint.iter().flat_map(|hint| hint.lines()).for_each(|hint| told.add_hint(hint));
        told
    }

    fn add_finding(&mut self, finding: &FindingReport) {
        self.lead = Some(finding.headline.clone());
        self.evidence.clone_from(&finding.evidence);
        self.add_hint(&finding.hint);
    }

    fn add_reason(&mut self, reason: &'a Reason) {
        self.lead = reason.said.clone().or(self.lead.take());
        self.evidence.extend(reason.details());
        self.add_hint(&reason.next);
        self.last_lines = &reason.last_lines;
    }

    /// A cause that the lead, the evidence or an earlier cause has told is not told again.
    fn add_cause(&mut self, cause: &str) {
        let is_told = |text: &String| text.contains(cause.trim());
        if !(self.lead.iter().chain(&self.evidence).chain(&self.causes).any(is_told) || cause.trim().is_empty()) {
            self.causes.push(cause.to_owned());
        }
    }

    fn add_hint(&mut self, hint: &str) {
        if !self.hints.iter().any(|told| told.contains(hint.trim())) {
            self.hints.retain(|told| !hint.contains(told.trim()));
            self.hints.push(hint.to_owned());
        }
    }

    fn is_empty(&self) -> bool {
        self.lead.is_none() && self.causes.is_empty() && self.evidence.is_empty() && self.hints.is_empty()
    }
}
