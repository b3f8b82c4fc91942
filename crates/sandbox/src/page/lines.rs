//! The last log lines of a service, out of its two log groups.

use super::{
    phrase::moment,
    view::{Filter, Line, Service, Source},
};
use crate::logs::store::{Group, LogStore};

/// How many lines are shown.
const MOST_LINES: usize = 200;
/// How much of a line is shown, in characters.
const LONGEST_LINE: usize = 2000;

/// The last lines that pass the filter, in the order of time. The service's operations get the lines about them.
pub(super) fn of_service(logs: &LogStore, service: &mut Service, filter: Filter) -> Vec<Line> {
    let (Ok(account), Ok(region)) = (service.account.parse(), service.region.parse()) else { return Vec::new() };
    let prefix = format!("/aws/apprunner/{}/{}", service.name, service.id);
    logs.change(&account, &region, |groups| {
        let mut lines = Vec::new();
        if let Some(group) = groups.get(&format!("{prefix}/application")) {
            lines.extend(last_lines(group, Source::Application, filter));
        }
        if let Some(group) = groups.get(&format!("{prefix}/service")) {
            lines.extend(last_lines(group, Source::Service, filter));
            for operation in &mut service.operations {
                let stream = format!("deployment/{}", operation.id.replace('-', ""));
                operation.lines = stream_lines(group, Source::Service, &stream);
            }
        }
        lines.sort_by_key(|line| (line.at, line.source == Source::Application, line.sequence));
        lines.drain(..lines.len().saturating_sub(MOST_LINES));
        lines
    })
}

fn last_lines(group: &Group, source: Source, filter: Filter) -> Vec<Line> {
    if matches!(filter, Filter::Only(only) if only != source) {
        return Vec::new();
    }
    group.streams.keys().flat_map(|stream| stream_lines(group, source, stream)).collect()
}

fn stream_lines(group: &Group, source: Source, name: &str) -> Vec<Line> {
    let lines = group.streams.get(name).map(|stream| stream.lines.as_slice()).unwrap_or_default();
    let last = lines.get(lines.len().saturating_sub(MOST_LINES)..).unwrap_or_default();
    last.iter()
        .map(|line| Line {
            source,
            at: moment(line.at),
            sequence: line.sequence,
            stream: name.to_owned(),
            message: shortened(&line.message),
        })
        .collect()
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
