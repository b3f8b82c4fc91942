//! The end of the log, folded: lines of the container here, of App Runner, and of the application there.

use super::escape;
use crate::report::{document::Document, quantity};
use shipgate_core::event::LogSource;

/// The log's last lines, in no more than so many bytes.
pub(super) fn of(document: &Document, room: usize) -> String {
    let lines = lines(document);
    let mut bytes = 0;
    let fitting = lines.iter().rev().take_while(|line| {
        // A character of a log may be shown as itself alone, and each line has its end.
        bytes += line.len() + 1;
        bytes < room.saturating_sub(200)
    });
    let kept = fitting.count();
    if kept == 0 {
        return String::new();
    }
    let title = format!("Log: the last {}", quantity::count(kept as u64, "line"));
    let tail = escape::fenced("text", &lines[lines.len() - kept..]);
    format!("<details><summary>{title}</summary>\n\n{tail}\n</details>\n")
}

fn lines(document: &Document) -> Vec<String> {
    let mut lines: Vec<String> =
        document.logs.iter().map(|entry| format!("{:<11} │ {}", label(entry.source), entry.line)).collect();
    let heard = document.logs.iter().any(|entry| entry.source == LogSource::LocalContainer);
    let unheard = document.verification.iter().filter(|_| !heard).flat_map(|check| &check.last_lines);
    lines.extend(unheard.map(|line| format!("{:<11} │ {line}", label(LogSource::LocalContainer))));
    lines
}

fn label(source: LogSource) -> &'static str {
    match source {
        LogSource::LocalContainer => "container",
        LogSource::Service => "app runner",
        LogSource::Application => "application",
    }
}
