//! The results as tables in Markdown.

use std::{fmt::Write as _, time::Duration};

use super::{
    cases::{self, Kind},
    measure::Failure,
    push::Wire,
    tool::Tool,
    trial::{Bench, Row},
};

const MIB: f64 = 1_048_576.0;
/// As much of a failure as a cell can hold.
const SAID: usize = 120;
/// As much of a word.
const LONG_WORD: usize = 24;

/// What was run, where, and what the wire was in truth.
pub(crate) fn heading(bench: &Bench, absent: &[Tool], wire: &Wire) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let versions: Vec<String> =
        bench.tools.iter().map(|present| format!("{} {}", present.tool.name(), present.version)).collect();
    let absent: Vec<&str> = absent.iter().map(|tool| tool.name()).collect();
    let absent = if absent.is_empty() { "none".to_owned() } else { absent.join(", ") };
    let shape = cases::SHAPE;
    format!(
        "{cores} cores; {}; medians of {}. Tools: {}; absent: {absent}.\n\
         Shaped: every connection has {} ms, {} MB/s down and {} MB/s up; a client that does nothing else measures {:.1} ms, \
         {:.0} MB/s and {:.1} MB/s.\n",
        bench.make.name(),
        bench.runs,
        versions.join(", "),
        shape.round_trip.as_millis(),
        shape.down / 1_000_000,
        shape.up / 1_000_000,
        wire.round_trip.as_secs_f64() * 1e3,
        wire.down / 1e6,
        wire.up / 1e6,
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
    let mut text = "| trouble | tool | ends | destination holds | time | ÷ untroubled | read beyond the image |\n\
                    |---|---|---|---|--:|--:|--:|\n"
        .to_owned();
    for row in rows.iter().filter(|row| row.case.fault.is_some()) {
        let walls = row.trials.iter().map(|trial| trial.run.wall.as_secs_f64());
        _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.case.title,
            row.tool.name(),
            ends(row),
            held(row),
            median(walls).map_or("–".to_owned(), |wall| seconds(Duration::from_secs_f64(wall))),
            ratio(row.time(), untroubled(rows, row).and_then(Row::time)),
            beyond(row),
        );
    }
    text
}

/// The same tool with the same image on the same wire, when nothing goes wrong.
fn untroubled<'rows>(rows: &'rows [Row], row: &Row) -> Option<&'rows Row> {
    let is_it = |other: &&Row| {
        other.tool == row.tool && other.case.kind == Kind::Layers && other.case.network == row.case.network
    };
    rows.iter().find(is_it)
}

/// The row of shipgate beside this one.
pub(crate) fn shipgate<'rows>(rows: &'rows [Row], row: &Row) -> Option<&'rows Row> {
    rows.iter().find(|other| {
        other.tool == Tool::Shipgate && other.case.kind == row.case.kind && other.case.network == row.case.network
    })
}

fn time(row: &Row) -> String {
    match (row.time(), row.failure()) {
        (_, Some(failure)) => format!("failed: {}", quoted(&failure)),
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

/// How the tries ended, each way with how often, and the last words of the first that failed.
fn ends(row: &Row) -> String {
    let ways = tally(row.trials.iter().map(|trial| match &trial.run.failure {
        None if trial.is_fault_left => "exit 0, never met it".to_owned(),
        None => "exit 0".to_owned(),
        Some(failure) => failure.how.clone(),
    }));
    let first = row.trials.iter().find_map(|trial| trial.run.failure.as_ref());
    first.map_or(ways.clone(), |failure| format!("{ways}: {}", shortened(&failure.said)))
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

fn quoted(failure: &Failure) -> String {
    format!("{}: {}", failure.how, shortened(&failure.said))
}

/// The end of a text, where the cause is, without addresses and digests in full and what would break a table.
fn shortened(text: &str) -> String {
    let words = text.split_whitespace().map(|word| match word.char_indices().nth(LONG_WORD) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    });
    let text = words.collect::<Vec<_>>().join(" ").replace(['|', '`', '\\'], "");
    let beyond = text.chars().count().saturating_sub(SAID);
    let end: String = text.chars().skip(beyond).collect();
    if beyond == 0 { end } else { format!("…{end}") }
}
