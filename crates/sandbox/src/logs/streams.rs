//! Log streams, and the lines that clients put into them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Groups, group, group_name, groups::with_token, invalid, limit, store::Stream};
use crate::{answer::ApiError, caller::Caller};

/// What DescribeLogStreams knows by now of the streams of App Runner: it lags behind the lines, by up to an hour (API
/// reference, LogStream). Of streams that clients make it knows everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    now: i64,
    delay: i64,
}

impl Seen {
    /// What is known when it takes so many milliseconds until it is.
    pub(super) fn after(delay: i64) -> Self {
        Self { now: Timestamp::now().as_millisecond(), delay }
    }

    fn lists(self, stream: &Stream) -> bool {
        stream.listed_from <= self.now
    }

    /// The times of the first line and of the last one that it knows.
    fn times(self, stream: &Stream) -> Option<(i64, i64)> {
        let is_late = self.delay > 0 && stream.listed_from > 0;
        let until = if is_late { self.now.saturating_sub(self.delay) } else { i64::MAX };
        let known = stream.lines.partition_point(|line| line.at <= until);
        let known = stream.lines.get(..known)?;
        Some((known.first()?.at, known.last()?.at))
    }
}

/// DescribeLogStreams. The token is the number of streams already shown.
pub(crate) fn describe(groups: &mut Groups, caller: &Caller, input: &Value, seen: Seen) -> Result<Value, ApiError> {
    let limit = limit(input, 50, 50)?;
    let group_name = group_name(input)?.to_owned();
    let group = group(groups, input)?;
    let prefix = input["logStreamNamePrefix"].as_str().unwrap_or_default();
    let by_time = input["orderBy"].as_str() == Some("LastEventTime");
    if by_time && !prefix.is_empty() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let mut streams: Vec<(&String, &Stream)> =
        group.streams.iter().filter(|(name, stream)| name.starts_with(prefix) && seen.lists(stream)).collect();
    if by_time {
        streams.sort_by_key(|(_, stream)| seen.times(stream).map(|(_, last)| last));
    }
    if input["descending"].as_bool() == Some(true) {
        streams.reverse();
    }
    let from = match input["nextToken"].as_str() {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let Caller { account, region, .. } = caller;
    let arn = format!("arn:{}:logs:{region}:{account}:log-group:{group_name}:log-stream", region.partition());
    let list: Vec<Value> =
        streams.iter().skip(from).take(limit).map(|(name, stream)| describe_stream(&arn, name, stream, seen)).collect();
    let next = (from + limit < streams.len()).then(|| (from + limit).to_string());
    Ok(with_token(json!({ "logStreams": list }), "nextToken", next.as_deref()))
}

fn describe_stream(arn: &str, name: &str, stream: &Stream, seen: Seen) -> Value {
    let mut shown = json!({
        "logStreamName": name,
        "creationTime": stream.created,
        "arn": format!("{arn}:{name}"),
        "storedBytes": 0,
    });
    if let Some((first, last)) = seen.times(stream) {
        shown["firstEventTimestamp"] = first.into();
        shown["lastEventTimestamp"] = last.into();
        shown["lastIngestionTime"] = last.into();
    }
    shown
}

pub(super) fn stream_name(input: &Value) -> Result<&str, ApiError> {
    input["logStreamName"].as_str().filter(|name| !name.is_empty() && !name.contains([':', '*'])).ok_or_else(|| {
        invalid(
            "1 validation error detected: Value at 'logStreamName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [^:*]*",
        )
    })
}

pub(super) fn no_stream() -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", "The specified log stream does not exist.")
}

/// CreateLogStream.
pub(crate) fn create(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let name = stream_name(input)?;
    let group = group(groups, input)?;
    if group.streams.contains_key(name) {
        return Err(ApiError::new(400, "ResourceAlreadyExistsException", "The specified log stream already exists"));
    }
    let created = Timestamp::now().as_millisecond();
    group.streams.insert(name.to_owned(), Stream { created, ..Stream::default() });
    Ok(Value::Null)
}

/// DeleteLogStream.
pub(crate) fn delete(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let removed = group(groups, input)?.streams.remove(stream_name(input)?);
    removed.map(|_| Value::Null).ok_or_else(no_stream)
}
