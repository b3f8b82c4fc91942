//! The results as tables in Markdown.

use std::{fmt::Write as _, time::Duration};

use super::{
    cases::{self, Kind},
    tool::Tool,
    trial::{Bench, Row},
};

const MIB: f64 = 1_048_576.0;
/// As much of a failure as a cell can hold.
const SAID: usize = 160;

/// What was run, where, and what the wire was in truth.
pub(crate) fn heading(bench: &Bench, absent: &[Tool], wire: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let versions: Vec<String> =
        bench.tools.iter().map(|present| format!("{} {}", present.tool.name(), present.version)).collect();
    let absent: Vec<&str> = absent.iter().map(|tool| tool.name()).collect();
    let absent = if absent.is_empty() { "none".to_owned() } else { absent.join(", ") };
    let shape = cases::SHAPE;
    format!(
        "{cores} cores; {}; medians of {}. Tools: {}; absent: {absent}.\n\
         Shaped: every connection has {} ms, {} MB/s down and {} MB/s up; a client that does nothing else measures {wire}.\n",
        bench.make.name(),
        bench.runs,
        versions.join(", "),
        shape.round_trip.as_millis(),
        shape.down / 1_000_000,
        shape.up / 1_000_000,
    )
}

/// The cases in which nothing goes wrong.
pub(crate) fn times(rows: &[Row]) -> String {
    let mut text = "| case | wire | tool | time | ÷ shipgate | ÷ floor | peak memory | requests |\n\
                    |---|---|---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for row in rows.iter().filter(|row| row.case.fault.is_none()) {
        let own = shipgate(rows, row).and_then(Row::time);
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.case.title,
            row.case.network.name(),
            row.tool.name(),
            time(row),
            ratio(row.time(), own),
            ratio(row.time(), row.floor),
            memory(row.peak_bytes()),
            requests(row),
        );
    }
    text
}

/// The cases with trouble on the way from the source.
pub(crate) fn troubles(rows: &[Row]) -> String {
    let mut text = "| trouble | tool | ends | destination holds | time | read beyond the image |\n\
                    |---|---|---|---|--:|--:|\n"
        .to_owned();
    for row in rows.iter().filter(|row| row.case.fault.is_some()) {
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            row.case.title,
            row.tool.name(),
            ends(row),
            held(row),
            median(row.trials.iter().map(|trial| trial.run.wall.as_secs_f64()))
                .map_or("–".to_owned(), |wall| seconds(Duration::from_secs_f64(wall))),
            beyond(row),
        );
    }
    text
}

/// The row of shipgate beside this one.
pub(crate) fn shipgate<'rows>(rows: &'rows [Row], row: &Row) -> Option<&'rows Row> {
    rows.iter().find(|other| {
        other.tool == Tool::Shipgate && other.case.kind == row.case.kind && other.case.network == row.case.network
    })
}

fn time(row: &Row) -> String {
    match (row.time(), row.failure()) {
        (_, Some(failure)) => format!("failed: {}", cell(&failure)),
        (Some(time), None) => seconds(time),
        (None, None) => "–".to_owned(),
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.3} s") } else { format!("{seconds:.2} s") }
}

fn ratio(time: Option<Duration>, to: Option<Duration>) -> String {
    time.zip(to).map_or("–".to_owned(), |(time, to)| format!("{:.2}", time.as_secs_f64() / to.as_secs_f64()))
}

pub(crate) fn memory(bytes: Option<u64>) -> String {
    bytes.map_or("–".to_owned(), |bytes| format!("{:.0} MiB", bytes as f64 / MIB))
}

/// At the source and at the destinations, as the median try had them.
fn requests(row: &Row) -> String {
    let source = median(row.trials.iter().filter_map(|trial| trial.source.map(|count| count.requests as f64)));
    let destination = median(row.trials.iter().map(|trial| trial.destination_requests as f64));
    source.zip(destination).map_or("–".to_owned(), |(source, destination)| format!("{source} + {destination}"))
}

/// How the tries ended, each way with how often.
fn ends(row: &Row) -> String {
    tally(row.trials.iter().map(|trial| match &trial.run.failure {
        _ if trial.is_fault_left => "never met it".to_owned(),
        None => "exit 0".to_owned(),
        Some(failure) => cell(failure),
    }))
}

fn held(row: &Row) -> String {
    tally(row.trials.iter().flat_map(|trial| &trial.holdings).map(|held| held.name().to_owned()))
}

fn tally(said: impl Iterator<Item = String>) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for word in said {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.iter().map(|(word, count)| format!("{count} × {word}")).collect::<Vec<_>>().join("; ")
}

/// What was read from the source beyond the image once, where all of it was read.
fn beyond(row: &Row) -> String {
    if row.case.kind != Kind::Cut || row.failure().is_some() {
        return "–".to_owned();
    }
    let read = median(row.trials.iter().filter_map(|trial| trial.source.map(|count| count.down as f64)));
    read.map_or("–".to_owned(), |read| format!("{:.1} MiB", (read - row.size as f64) / MIB))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A text that breaks no table. What differs from run to run, ports and long digests, stays: it is what was said.
fn cell(text: &str) -> String {
    let short: String = text.replace('|', "/").chars().take(SAID).collect();
    short.replace('`', "'")
}
