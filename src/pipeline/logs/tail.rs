//! The lines of several groups as one: in the order of their time, each once, however often it is read. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use shipgate_core::event::LogSource;

/// A line can be shown by CloudWatch Logs this long after a later one: what is read again each time.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);

/// A line, with what tells it from all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TaggedLine {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) source: LogSource,
    pub(super) stream: String,
    pub(super) line: String,
}

/// What has been shown.
#[derive(Default)]
pub(super) struct Tail {
    seen: BTreeMap<String, Timestamp>,
    latest: Option<Timestamp>,
    shown: u64,
}

impl Tail {
    /// Those that have not been shown, in the order of their time; what is forgotten is older than any that is read again.
    pub(super) fn fresh(&mut self, mut lines: Vec<TaggedLine>) -> Vec<TaggedLine> {
        lines.retain(|line| self.seen.insert(line.id.clone(), line.at).is_none());
        // A stable sort: lines of one moment stay in the order that their group has them in.
        lines.sort_by_key(|line| line.at);
        self.latest = self.latest.max(lines.last().map(|line| line.at));
        self.shown += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if let Some(from) = self.goes_on_from(None) {
            self.seen.retain(|_, at| *at >= from);
        }
        lines
    }

    /// From when on to read again, at `since` or later.
    pub(super) fn goes_on_from(&self, since: Option<Timestamp>) -> Option<Timestamp> {
        self.latest.and_then(|latest| latest.checked_sub(OVERLAP).ok()).max(since)
    }

    /// How many lines have been shown.
    pub(super) fn shown(&self) -> u64 {
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::{LogSource, TaggedLine, Tail, Timestamp};

    fn line(id: &str, second: i64, source: LogSource) -> TaggedLine {
        let at = Timestamp::from_second(second).unwrap();
        TaggedLine { id: id.to_owned(), at, source, stream: String::new(), line: id.to_owned() }
    }

    fn ids(lines: Vec<TaggedLine>) -> Vec<String> {
        lines.into_iter().map(|line| line.id).collect()
    }

    #[test]
    fn groups_are_merged_by_time_and_no_line_is_shown_twice() {
        use LogSource::{Application, Service};
        let mut tail = Tail::default();
        assert_eq!(tail.goes_on_from(None), None);
        let first = vec![line("s1", 100, Service), line("s3", 140, Service), line("a2", 120, Application)];
        assert_eq!(ids(tail.fresh(first.clone())), ["s1", "a2", "s3"]);
        let from = tail.goes_on_from(Timestamp::from_second(90).ok());
        assert_eq!(from, Timestamp::from_second(110).ok());
        // What is read again, with a late line among it and two of one moment.
        let second = vec![
            line("s3", 140, Service),
            line("a2", 120, Application),
            line("late", 115, Application),
            line("x", 150, Application),
            line("y", 150, Application),
        ];
        assert_eq!(ids(tail.fresh(second)), ["late", "x", "y"]);
        assert_eq!(tail.shown(), 6);
        assert_eq!(tail.goes_on_from(Timestamp::from_second(200).ok()), Timestamp::from_second(200).ok());
    }

    #[test]
    fn what_will_not_be_read_again_is_forgotten() {
        let mut tail = Tail::default();
        for second in 0..1_000 {
            tail.fresh(vec![line(&second.to_string(), second, LogSource::Service)]);
        }
        assert!(tail.seen.len() <= 32, "{}", tail.seen.len());
    }
}
