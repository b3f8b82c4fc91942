//! The parts of the document, in their order. Each is whole in itself, ends with a line break, and is empty where there is
//! nothing to tell.

use super::escape::{code, fenced, text};
use crate::report::{
    document::{
        Document,
        shape::{Copy, StageEntry},
    },
    quantity,
    text::data_lines,
};
use shipgate_core::event::{Event, Outcome};

/// As many cells of a bar as the longest stage has.
const BAR_CELLS: u64 = 20;
/// Parts of a cell, from none to seven eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// A table of more rows is for another file.
const MAX_ROWS: usize = 200;
/// Causes are few, but for a mirror with many destinations.
const MAX_CAUSES: usize = 50;

pub(super) fn all(document: &Document) -> Vec<String> {
    vec![
        verdict(document),
        facts(document),
        why(document),
        problems(document),
        checks(document),
        stages(document),
        copies(document),
        read(document),
        warnings(document),
    ]
}

/// What it came to, and how to mend it: that is all that many will read.
fn verdict(document: &Document) -> String {
    let mark = match document.exit_code.map(shipgate_core::exit_code::ExitCode::number) {
        Some(0) => "✅",
        Some(130 | 143) => "⚠️",
        _ => "❌",
    };
    let word = document.verdict.replace('-', " ");
    let gap = if document.summary.is_empty() { "" } else { ": " };
    format!("### {mark} {word}{gap}{}\n", text(&document.summary))
}

fn facts(document: &Document) -> String {
    let link = document.service_url.as_ref().filter(|url| is_linkable(url)).map(|url| format!("<{url}>"));
    let url = link.or_else(|| document.service_url.as_deref().map(code));
    let operation = document.operation.as_ref();
    let rows = [
        ("Command", Some(format!("{} ({})", code(&format!("shipgate {}", document.verb)), text(&document.version)))),
        ("Image", Some(code(&document.image))),
        ("Digest", document.digest.as_ref().map(|digest| code(digest.as_str()))),
        ("Target", document.target.as_deref().map(code)),
        ("Service", url),
        ("Operation", operation.map(|operation| code(operation.id.as_str()))),
        ("Exit code", document.exit_code.map(|code| code.number().to_string())),
        ("Took", Some(quantity::duration(document.elapsed_ms))),
    ];
    let told = rows.iter().filter(|_| !document.verb.is_empty());
    let told = told.filter_map(|(name, value)| Some((name, value.as_ref().filter(|value| !value.is_empty())?)));
    let rows: Vec<String> = told.map(|(name, value)| format!("| {name} | {value} |\n")).collect();
    if rows.is_empty() { String::new() } else { format!("| | |\n|---|---|\n{}", rows.concat()) }
}

/// Whether an address can stand between angle brackets and be nothing but a link.
fn is_linkable(url: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:/".contains(c);
    (url.starts_with("https://") || url.starts_with("http://")) && url.chars().all(plain)
}

fn why(document: &Document) -> String {
    let mut lines: Vec<String> = document.causes.iter().flat_map(|cause| cause.lines()).map(str::to_owned).collect();
    lines.extend(document.verification.iter().filter_map(|check| check.finding.as_ref()).flat_map(|finding| {
        let head = format!("{}: {}", finding.name, finding.headline);
        [head].into_iter().chain(finding.evidence.iter().map(|line| format!("- {line}")))
    }));
    lines.extend(document.reason.iter().flat_map(|reason| reason.details()));
    let more = lines.len().saturating_sub(MAX_CAUSES);
    lines.truncate(MAX_CAUSES);
    lines.extend((more > 0).then(|| format!("… and {more} more")));
    let why = (!lines.is_empty()).then(|| format!("**Why**\n\n{}", fenced("text", &lines)));
    let hints = document.hint.iter().flat_map(|hint| hint.lines()).map(|hint| format!("> **Hint:** {}\n", text(hint)));
    why.into_iter().chain(hints).collect::<Vec<_>>().join("\n")
}

fn problems(document: &Document) -> String {
    let rows = document.problems.iter().map(|problem| {
        let hint = problem.hint.as_deref().map(text).unwrap_or_default();
        format!("| {} | {} | {hint} |\n", code(&problem.location), code(&problem.message))
    });
    table("Problems of the configuration", "| Where | What | Hint |\n|---|---|---|\n", rows.collect())
}

/// Those that failed; a number tells of the others.
fn checks(document: &Document) -> String {
    let failed = document.checks.iter().filter(|check| check.outcome == Outcome::Fail);
    let rows = failed.map(|check| {
        let hint = check.hint.as_deref().map(text).unwrap_or_default();
        format!("| {} | {} | {hint} |\n", code(&check.name), code(&check.detail))
    });
    table("Checks that failed", "| Check | What | Hint |\n|---|---|---|\n", rows.collect())
}

fn stages(document: &Document) -> String {
    let longest = document.stages.iter().filter_map(|stage| stage.elapsed_ms).max().unwrap_or(0);
    let rows = document.stages.iter().map(|entry| stage(entry, longest)).collect();
    table("Stages", "| | Stage | Took | | |\n|---|---|---:|---|---|\n", rows)
}

fn stage(entry: &StageEntry, longest_ms: u64) -> String {
    let mark = match entry.outcome {
        Some(Outcome::Ok) => "✅",
        Some(Outcome::Skip) => "➖",
        Some(Outcome::Fail) => "❌",
        None => "⏳",
    };
    let took = entry.elapsed_ms.map(quantity::duration).unwrap_or_default();
    let bar = code(&bar(entry.elapsed_ms.unwrap_or(0), longest_ms));
    format!("| {mark} | {} | {took} | {bar} | {} |\n", entry.stage, code(&entry.detail))
}

/// A bar in eighths of a cell; none for what takes no time worth showing.
pub(super) fn bar(elapsed_ms: u64, longest_ms: u64) -> String {
    let eighths =
        elapsed_ms.saturating_mul(BAR_CELLS * 8).saturating_add(longest_ms / 2).checked_div(longest_ms).unwrap_or(0);
    let rest = usize::try_from(eighths % 8).ok().and_then(|rest| EIGHTHS.get(rest)).unwrap_or(&"");
    let full = usize::try_from(eighths / 8).unwrap_or(0);
    format!("{}{rest}", "█".repeat(full))
}

fn copies(document: &Document) -> String {
    let rows = document.copies.iter().map(|(destination, entry)| copy(destination, entry)).collect();
    table("Copies", "| | To | | |\n|---|---|---|---:|\n", rows)
}

fn copy(destination: &str, entry: &Copy) -> String {
    let (mark, told) = match (&entry.failure, &entry.digest) {
        (Some(failure), _) => ("❌", code(failure)),
        (None, Some(digest)) => {
            ("✅", format!("{}, {} sent", code(digest.short()), quantity::size(entry.bytes_sent.unwrap_or(0))))
        }
        (None, None) => ("⏳", format!("{} of {}", quantity::size(entry.bytes_done), quantity::size(entry.bytes))),
    };
    let took = entry.elapsed_ms.map(quantity::duration).unwrap_or_default();
    format!("| {mark} | {} | {told} | {took} |\n", code(destination))
}

/// What was asked for, by the verbs that read.
fn read(document: &Document) -> String {
    let plan = document.reading.plan.iter().map(|plan| ("diff", Event::Planned(Box::new(plan.clone()))));
    let status = document.reading.status.iter().map(|status| ("text", Event::Status(Box::new(status.clone()))));
    plan.chain(status).map(|(language, event)| fenced(language, &data_lines(&event))).collect()
}

fn warnings(document: &Document) -> String {
    let rows = document.warnings.iter().map(|warning| format!("- ⚠️ {}\n", code(warning))).collect();
    table("Warnings", "", rows)
}

fn table(title: &str, head: &str, rows: Vec<String>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let more = rows.len().saturating_sub(MAX_ROWS);
    let shown: String = rows.into_iter().take(MAX_ROWS).collect();
    let more = if more > 0 { format!("\n*and {more} more*\n") } else { String::new() };
    format!("**{title}**\n\n{head}{shown}{more}")
}
