//! Log groups, streams and lines.

use std::{collections::BTreeMap, sync::Mutex};

use jiff::Timestamp;

use crate::{
    domain::account::{AccountId, Region},
    sandbox::locking::lock,
};

/// Every log group of every account.
#[derive(Default)]
pub struct LogStore(Mutex<BTreeMap<Place, Groups>>);

/// An account and a region: what one client sees.
type Place = (AccountId, Region);
/// The groups of a place by name.
pub(crate) type Groups = BTreeMap<String, Group>;

/// A log group.
#[derive(Default)]
pub(crate) struct Group {
    /// When it was made, in milliseconds since 1970.
    pub(crate) created: i64,
    /// How many days lines are kept; for ever when absent.
    pub(crate) retention_days: Option<i64>,
    /// Its streams by name.
    pub(crate) streams: BTreeMap<String, Stream>,
}

/// A log stream.
#[derive(Default)]
pub(crate) struct Stream {
    /// When it was made, in milliseconds since 1970.
    pub(crate) created: i64,
    /// Its lines in the order of their arrival, which is that of their time.
    pub(crate) lines: Vec<Line>,
}

/// A log line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Its place among all lines of its group: what breaks ties of time.
    pub(crate) sequence: usize,
    /// What it says.
    pub(crate) message: String,
}

impl Group {
    /// How many lines there are in all streams.
    pub(crate) fn lines(&self) -> usize {
        self.streams.values().map(|stream| stream.lines.len()).sum()
    }

    /// The bytes of all lines, as CloudWatch counts them: 26 more than the text for each.
    pub(crate) fn stored_bytes(&self) -> usize {
        self.streams.values().flat_map(|stream| &stream.lines).map(|line| line.message.len() + 26).sum()
    }
}

impl LogStore {
    /// Adds a line, timed now. Group and stream are made with their first line.
    pub fn put(&self, account: &AccountId, region: &Region, group: &str, stream: &str, message: &str) {
        self.put_at(Timestamp::now().as_millisecond(), account, region, group, stream, message);
    }

    /// Adds a line of this time. A line never comes before the one before it.
    pub(crate) fn put_at(
        &self,
        at: i64,
        account: &AccountId,
        region: &Region,
        group: &str,
        stream: &str,
        message: &str,
    ) {
        self.change(account, region, |groups| {
            let group = groups.entry(group.to_owned()).or_insert_with(|| Group { created: at, ..Group::default() });
            let sequence = group.lines();
            let stream =
                group.streams.entry(stream.to_owned()).or_insert_with(|| Stream { created: at, ..Stream::default() });
            let at = stream.lines.last().map_or(at, |last| last.at.max(at));
            stream.lines.push(Line { at, sequence, message: message.to_owned() });
        });
    }

    /// Reads or changes the groups of a place.
    pub(crate) fn change<T>(&self, account: &AccountId, region: &Region, act: impl FnOnce(&mut Groups) -> T) -> T {
        act(lock(&self.0).entry((account.clone(), region.clone())).or_default())
    }
}
