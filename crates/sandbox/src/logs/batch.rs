//! PutLogEvents: a batch of lines, its limits, and the lines that are too old or too new (API reference, PutLogEvents).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Group, Groups, group, invalid,
    store::Line,
    streams::{no_stream, stream_name},
};
use crate::answer::ApiError;

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// The largest batch and the largest line, in bytes.
const MOST_BYTES: usize = 1024 * 1024;
/// What each line counts for in addition to its text.
const EACH: usize = 26;
const MOST_EVENTS: usize = 10_000;

/// The lines of a batch that are taken, and what the answer says of the others. All are in the order of time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Sorted {
    /// Before it, lines are older than the group's retention.
    expired: usize,
    /// Before it, lines are older than 14 days.
    too_old: usize,
    /// From it on, lines are more than two hours ahead.
    too_new: usize,
}

impl Sorted {
    fn of(times: &[i64], now: i64, retention_days: Option<i64>) -> Self {
        let before = |limit: i64| times.partition_point(|at| *at < limit);
        let expired = retention_days.map_or(0, |days| before(now.saturating_sub(days.saturating_mul(DAY))));
        let too_new = times.partition_point(|at| *at <= now + 2 * HOUR);
        Self { expired, too_old: before(now - 14 * DAY), too_new }
    }

    /// `rejectedLogEventsInfo`; the two ends are exclusive, the start is inclusive.
    fn info(&self, count: usize) -> Option<Value> {
        let mut info = json!({});
        if self.expired > 0 {
            info["expiredLogEventEndIndex"] = self.expired.into();
        }
        if self.too_old > 0 {
            info["tooOldLogEventEndIndex"] = self.too_old.into();
        }
        if self.too_new < count {
            info["tooNewLogEventStartIndex"] = self.too_new.into();
        }
        info.as_object().is_some_and(|members| !members.is_empty()).then_some(info)
    }

    fn taken(&self) -> std::ops::Range<usize> {
        let first = self.expired.max(self.too_old);
        first..self.too_new.max(first)
    }
}

/// PutLogEvents: a batch in the order of time, put among the lines there are.
pub(super) fn put(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let events = events(input)?;
    let group: &mut Group = group(groups, input)?;
    let (first, retention) = (group.lines(), group.retention_days);
    let stream = group.streams.get_mut(stream_name(input)?).ok_or_else(no_stream)?;
    let times: Vec<i64> = events.iter().map(|(at, _)| *at).collect();
    let sorted = Sorted::of(&times, Timestamp::now().as_millisecond(), retention);
    for (offset, (at, message)) in events.get(sorted.taken()).unwrap_or_default().iter().enumerate() {
        stream.insert(Line { at: *at, sequence: first + offset, message: (*message).to_owned() });
    }
    // Sequence tokens have not been needed since 2023, and are still answered.
    let mut answer = json!({"nextSequenceToken": format!("{:056}", stream.lines.len())});
    if let Some(info) = sorted.info(events.len()) {
        answer["rejectedLogEventsInfo"] = info;
    }
    Ok(answer)
}

fn events(input: &Value) -> Result<Vec<(i64, &str)>, ApiError> {
    let events: Option<Vec<(i64, &str)>> = input["logEvents"].as_array().and_then(|events| {
        events.iter().map(|event| Some((event["timestamp"].as_i64()?, event["message"].as_str()?))).collect()
    });
    let events = events.filter(|events| !events.is_empty() && events.iter().all(|(_, message)| !message.is_empty()));
    let events = events.ok_or_else(|| invalid("Log events must have a timestamp and a message."))?;
    if events.len() > MOST_EVENTS {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length less than \
             or equal to {MOST_EVENTS}"
        )));
    }
    if let Some((_, message)) = events.iter().find(|(_, message)| message.len() + EACH > MOST_BYTES) {
        let size = message.len() + EACH;
        return Err(invalid(format!("Log event too large: {size} bytes exceeds limit of {MOST_BYTES}")));
    }
    let size: usize = events.iter().map(|(_, message)| message.len() + EACH).sum();
    if size > MOST_BYTES {
        return Err(invalid(format!("Upload too large: {size} bytes exceeds limit of {MOST_BYTES}")));
    }
    if !events.is_sorted_by_key(|(at, _)| *at) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let span = events.first().zip(events.last()).map_or(0, |(first, last)| last.0.saturating_sub(first.0));
    if span > DAY {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{DAY, HOUR, MOST_BYTES, Sorted, events};

    #[test]
    fn lines_of_other_times_are_rejected() {
        let now = 100 * DAY;
        let (old, new) = (now - 14 * DAY, now + 2 * HOUR);
        for (times, retention, taken, info) in [
            (&[now][..], None, 0..1, None),
            (&[old, new], None, 0..2, None),
            (&[old - 1, old], None, 1..2, Some(json!({"tooOldLogEventEndIndex": 1}))),
            (&[new, new + 1, new + 2], None, 0..1, Some(json!({"tooNewLogEventStartIndex": 1}))),
            (&[now - 3 * DAY, now], Some(1), 1..2, Some(json!({"expiredLogEventEndIndex": 1}))),
            (&[old - 1], Some(1), 1..1, Some(json!({"expiredLogEventEndIndex": 1, "tooOldLogEventEndIndex": 1}))),
            (&[new + 1], None, 0..0, Some(json!({"tooNewLogEventStartIndex": 0}))),
        ] {
            let sorted = Sorted::of(times, now, retention);
            assert_eq!((sorted.taken(), sorted.info(times.len())), (taken, info), "{times:?} {retention:?}");
        }
    }

    #[test]
    fn a_batch_has_limits() {
        let event = |at: i64, message: &str| json!({"timestamp": at, "message": message});
        let refused = |list: Value| events(&json!({ "logEvents": list })).err().map(|refused| refused.message);
        assert_eq!(refused(json!([event(0, "a"), event(DAY, "b")])), None);
        for (list, part) in [
            (json!([]), "must have a timestamp"),
            (json!([event(0, "")]), "must have a timestamp"),
            (json!([event(1, "a"), event(0, "b")]), "chronological"),
            (json!([event(0, "a"), event(DAY + 1, "b")]), "24 hours"),
            (json!([event(0, &"a".repeat(MOST_BYTES))]), "Log event too large"),
            (json!([event(0, &"a".repeat(MOST_BYTES / 2)), event(0, &"a".repeat(MOST_BYTES / 2))]), "Upload too large"),
            (json!(vec![event(0, "a"); 10_001]), "less than or equal to 10000"),
        ] {
            let message = refused(list).unwrap();
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}
