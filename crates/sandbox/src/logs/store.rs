//! Log groups, streams and lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::kept;
use crate::{SandboxError, locking::lock, random::alphanumeric, state::Keeper};
use shipgate_core::account::{AccountId, Region};

/// Every log group of every account.
#[derive(Default)]
pub struct LogStore {
    places: Mutex<BTreeMap<Place, Groups>>,
    keeper: Option<Arc<Keeper>>,
    /// Whether there are lines that are not on disk.
    behind: AtomicBool,
    /// How late DescribeLogStreams shows new streams and times.
    delay: Duration,
}

/// An account and a region: what one client sees.
type Place = (AccountId, Region);
/// The groups of a place by name.
pub(crate) type Groups = BTreeMap<String, Group>;

/// A log group.
pub(crate) struct Group {
    /// The name of its files.
    pub(super) key: String,
    /// When it was made, in milliseconds since 1970.
    pub(crate) created: i64,
    /// How many days lines are kept; for ever when absent.
    pub(crate) retention_days: Option<i64>,
    /// Its streams by name.
    pub(crate) streams: BTreeMap<String, Stream>,
}

/// A log stream.
pub(crate) struct Stream {
    /// The name of its file.
    pub(super) key: String,
    /// When it was made, in milliseconds since 1970.
    pub(crate) created: i64,
    /// From when on DescribeLogStreams lists it, in milliseconds since 1970; 0 for a client's own stream.
    pub(super) listed_from: i64,
    /// Its lines in the order of their time, then of their arrival.
    pub(crate) lines: Vec<Line>,
    /// Those that are not on disk.
    pub(super) new: Vec<Line>,
}

/// A log line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Its place among all lines of its group: what breaks ties of time.
    pub(crate) sequence: usize,
    /// What it says.
    pub(crate) message: String,
}

impl Default for Group {
    fn default() -> Self {
        Self { key: alphanumeric(16), created: kept::now(), retention_days: None, streams: BTreeMap::new() }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self { key: alphanumeric(16), created: kept::now(), listed_from: 0, lines: Vec::new(), new: Vec::new() }
    }
}

impl Stream {
    /// Puts a line among those there are.
    pub(super) fn insert(&mut self, line: Line) {
        let place = self.lines.partition_point(|known| known.at <= line.at);
        self.new.push(line.clone());
        self.lines.insert(place, line);
    }
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
    /// Without groups.
    pub(crate) fn new(keeper: Option<Arc<Keeper>>, delay: Duration) -> Self {
        Self { keeper, delay, ..Self::default() }
    }

    /// The groups that were kept.
    pub(crate) fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        kept::restore(keeper, self)
    }

    /// Puts a group in its place.
    pub(super) fn put_back(&self, account: AccountId, region: Region, name: String, group: Group) {
        lock(&self.places).entry((account, region)).or_default().insert(name, group);
    }

    /// Adds a line, timed now. Group and stream are made with their first line. It is on disk a moment later, and in
    /// any case before anybody has been told of it.
    pub fn put(&self, account: &AccountId, region: &Region, group: &str, stream: &str, message: &str) {
        self.put_at(kept::now(), account, region, group, stream, message);
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
        let mut places = lock(&self.places);
        let groups = places.entry((account.clone(), region.clone())).or_default();
        let group = groups.entry(group.to_owned()).or_insert_with(|| Group { created: at, ..Group::default() });
        let sequence = group.lines();
        let listed_from = at.saturating_add(self.delay_millis());
        let new = || Stream { created: at, listed_from, ..Stream::default() };
        let stream = group.streams.entry(stream.to_owned()).or_insert_with(new);
        let at = stream.lines.last().map_or(at, |last| last.at.max(at));
        stream.insert(Line { at, sequence, message: message.to_owned() });
        if self.keeper.is_none() {
            stream.new.clear();
        }
        self.behind.store(true, Ordering::Relaxed);
    }

    /// How late DescribeLogStreams shows new streams and times, in milliseconds.
    pub(super) fn delay_millis(&self) -> i64 {
        i64::try_from(self.delay.as_millis()).unwrap_or(i64::MAX)
    }

    /// Reads or changes the groups of a place. What is read or changed is on disk when this returns.
    pub(crate) fn change<T>(&self, account: &AccountId, region: &Region, act: impl FnOnce(&mut Groups) -> T) -> T {
        let mut places = lock(&self.places);
        let groups = places.entry((account.clone(), region.clone())).or_default();
        let before: BTreeSet<String> = groups.values().map(|group| group.key.clone()).collect();
        let result = act(groups);
        match &self.keeper {
            Some(keeper) => {
                let after: BTreeSet<String> = groups.values().map(|group| group.key.clone()).collect();
                let gone: Vec<String> = before.difference(&after).cloned().collect();
                kept::keep(keeper, account, region, groups, &gone);
            }
            None => groups.values_mut().flat_map(|group| group.streams.values_mut()).for_each(|s| s.new.clear()),
        }
        result
    }

    /// Brings to disk what is not there.
    pub(crate) fn keep_all(&self) {
        let Some(keeper) = &self.keeper else { return };
        if self.behind.swap(false, Ordering::Relaxed) {
            for ((account, region), groups) in lock(&self.places).iter_mut() {
                kept::keep(keeper, account, region, groups, &[]);
            }
        }
    }
}
