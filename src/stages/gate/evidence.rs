//! The last lines that the new version wrote. The old one writes too, and later ones did or will: only a stream that
//! began while the operation ran, and only its lines from that time, can be the new version's.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::target::ObservedOperation;
use shipgate_aws::{
    fault::AwsFault,
    logs::{LogReader, Position, StreamFacts, Window},
};
use shipgate_core::{arn::ServiceArn, mask::Mask};

/// How many lines of the application's output are shown when a deployment fails.
const LAST_LINES: usize = 20;

/// Operations' times may be in whole seconds, rounded down; those of lines are finer.
const ROUNDING_SECONDS: i64 = 1;

/// A stream may come into being this long after its first line was written.
const INGESTION_SECONDS: i64 = 60;

/// How many streams are looked into for a line.
const STREAMS: usize = 5;

/// And how many of those that the list of streams does not show, or shows without a time: with each it must be found out whether it began
/// in the operation's time. Services run at most 25 instances.
const UNLISTED_STREAMS: usize = 50;

/// What the names of the streams of instances begin with.
const INSTANCES: &str = "instance/";

/// What is known of the new version's output.
pub(super) enum Application {
    /// It could not be read, or was not yet.
    Unread(Option<String>),
    /// When the operation ran is not known, so no line can be told to be the new version's.
    Unknown,
    /// The log group does not exist.
    NoGroup,
    /// The last lines, masked, oldest first; none when no stream began in the operation's time.
    Read(Vec<String>),
}

/// Reads the last lines.
pub(super) async fn read_application<L: LogReader>(
    logs: &L,
    service: &ServiceArn,
    observed: Option<&ObservedOperation>,
    mask: &Mask,
) -> Application {
    let Some(window) = observed.and_then(window) else { return Application::Unknown };
    let group = service.application_log_group();
    let read = async {
        let Some(streams) = logs.streams(&group).await? else { return Ok(Application::NoGroup) };
        let masked = |lines: Vec<String>| Application::Read(lines.into_iter().map(|line| mask.apply(&line)).collect());
        let known: BTreeSet<String> =
            streams.iter().filter(|stream| stream.began.is_some()).map(|stream| stream.name.clone()).collect();
        for stream in candidates(streams, window) {
            let lines = tail(logs, &group, &stream, window).await?;
            if !lines.is_empty() {
                return Ok(masked(lines));
            }
        }
        // The newest streams are listed last, or without their times: their lines are there before.
        let written = match logs.written_to(&group, INSTANCES, window).await {
            Ok(written) => written,
            Err(fault) if fault.is_denied() => Vec::new(),
            Err(fault) => return Err(fault),
        };
        for stream in written.into_iter().filter(|stream| !known.contains(stream)).take(UNLISTED_STREAMS) {
            if !is_older(logs, &group, &stream, window).await? {
                let lines = tail(logs, &group, &stream, window).await?;
                if !lines.is_empty() {
                    return Ok(masked(lines));
                }
            }
        }
        Ok(Application::Read(Vec::new()))
    };
    read.await.unwrap_or_else(|fault: AwsFault| Application::Unread(Some(fault.to_string())))
}

/// The operation's time.
fn window(observed: &ObservedOperation) -> Option<Window> {
    let since = observed.started_at?;
    Some(Window { since: Some(since), until: observed.ended_at.and_then(|ended| shifted(ended, ROUNDING_SECONDS)) })
}

/// The streams that began in this time, the latest first.
fn candidates(streams: Vec<StreamFacts>, window: Window) -> Vec<String> {
    let until = window.until.and_then(|until| shifted(until, INGESTION_SECONDS));
    let in_time =
        |began: Timestamp| window.since.is_some_and(|since| began >= since) && until.is_none_or(|until| began < until);
    let mut began: Vec<(Timestamp, String)> = streams
        .into_iter()
        .filter_map(|stream| Some((stream.began?, stream.name)))
        .filter(|(began, _)| in_time(*began))
        .collect();
    began.sort_by_key(|(began, _)| std::cmp::Reverse(*began));
    began.into_iter().take(STREAMS).map(|(_, name)| name).collect()
}

/// Whether a stream has lines from before the window: then it is an instance of the old version's. Pages may be empty and not the last.
async fn is_older<L: LogReader>(logs: &L, group: &str, stream: &str, window: Window) -> Result<bool, AwsFault> {
    let before = Window { since: None, until: window.since };
    let mut position = Position::default();
    loop {
        let page = logs.page(group, stream, before, &position).await?;
        if !page.lines.is_empty() || page.is_last {
            return Ok(!page.lines.is_empty());
        }
        position = page.next;
    }
}

async fn tail<L: LogReader>(logs: &L, group: &str, stream: &str, window: Window) -> Result<Vec<String>, AwsFault> {
    let mut position = Position::default();
    let mut lines: Vec<String> = Vec::new();
    loop {
        let page = logs.page(group, stream, window, &position).await?;
        lines.extend(page.lines);
        lines = lines.split_off(lines.len().saturating_sub(LAST_LINES));
        position = page.next;
        if page.is_last {
            return Ok(lines);
        }
    }
}

/// The moment so many seconds later.
pub(super) fn shifted(time: Timestamp, seconds: i64) -> Option<Timestamp> {
    time.checked_add(SignedDuration::from_secs(seconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::{StreamFacts, Timestamp, Window, candidates};

    #[test]
    fn only_streams_of_the_operations_time_are_looked_into() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let stream = |name: &str, began: Option<i64>| StreamFacts { name: name.to_owned(), began: began.map(at) };
        let streams = vec![
            stream("later deployment", Some(2_000)),
            stream("old version", Some(100)),
            stream("unknown", None),
            stream("first try", Some(1_000)),
            stream("second try", Some(1_050)),
        ];
        let window = Window { since: Some(at(1_000)), until: Some(at(1_100)) };
        assert_eq!(candidates(streams.clone(), window), ["second try", "first try"]);
        let still_running = Window { until: None, ..window };
        assert_eq!(candidates(streams, still_running), ["later deployment", "second try", "first try"]);
    }
}
