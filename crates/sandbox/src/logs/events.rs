//! Log lines: GetLogEvents and FilterLogEvents.

use serde_json::{Value, json};

use super::{
    Groups, group,
    groups::with_token,
    invalid, limit,
    store::{Line, Stream},
};
use crate::answer::ApiError;

/// The lines of one answer at most (CloudWatch Logs quotas).
const MOST_EVENTS: usize = 10_000;

/// The time window of a request: start included; end included by FilterLogEvents, excluded by GetLogEvents.
fn window(input: &Value) -> (i64, i64) {
    (input["startTime"].as_i64().unwrap_or(i64::MIN), input["endTime"].as_i64().unwrap_or(i64::MAX))
}

/// GetLogEvents. A token is `f/N` or `b/N`: go forward from the Nth line, or backward to it.
///
/// At the end of the stream it answers no lines and the same token again, as CloudWatch does.
pub(crate) fn get(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let limit = limit(input, MOST_EVENTS, MOST_EVENTS)?;
    let group = group(groups, input)?;
    let name = input["logStreamName"].as_str().unwrap_or_default();
    let stream = group
        .streams
        .get(name)
        .ok_or_else(|| ApiError::new(400, "ResourceNotFoundException", "The specified log stream does not exist."))?;
    let (from, to) = page(input, stream, limit)?;
    let events: Vec<Value> = stream.lines[from..to]
        .iter()
        .map(|line| json!({"timestamp": line.at, "message": line.message, "ingestionTime": line.at}))
        .collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{to:056}"),
        "nextBackwardToken": format!("b/{from:056}"),
    }))
}

/// Which lines to show.
fn page(input: &Value, stream: &Stream, limit: usize) -> Result<(usize, usize), ApiError> {
    let (start, end) = window(input);
    let first = stream.lines.partition_point(|line| line.at < start);
    let last = stream.lines.partition_point(|line| line.at < end).max(first);
    let forward = |from: usize| (from, from.saturating_add(limit).min(last).max(from));
    let backward = |to: usize| (to.saturating_sub(limit).max(first).min(to), to);
    match input["nextToken"].as_str() {
        None if input["startFromHead"].as_bool() == Some(true) => Ok(forward(first)),
        None => Ok(backward(last)),
        Some(token) => {
            let (direction, at) = token.split_once('/').unwrap_or_default();
            let at: usize = at.parse().map_err(|_| invalid("The specified nextToken is invalid."))?;
            let at = at.min(stream.lines.len());
            match direction {
                "f" => Ok(forward(at)),
                "b" => Ok(backward(at)),
                _ => Err(invalid("The specified nextToken is invalid.")),
            }
        }
    }
}

/// FilterLogEvents: the lines of many streams in the order of time. The token is the number of lines already shown.
pub(crate) fn filter(groups: &mut Groups, input: &Value) -> Result<Value, ApiError> {
    let limit = limit(input, MOST_EVENTS, MOST_EVENTS)?;
    let group = group(groups, input)?;
    let (start, end) = window(input);
    let names: Option<Vec<&str>> =
        input["logStreamNames"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
    let prefix = input["logStreamNamePrefix"].as_str();
    if names.is_some() && prefix.is_some() {
        return Err(invalid("Only one of logStreamNames and logStreamNamePrefix may be given."));
    }
    let asked_for = |name: &str| {
        names.as_ref().is_none_or(|names| names.contains(&name)) && prefix.is_none_or(|prefix| name.starts_with(prefix))
    };
    let pattern = Pattern::read(input["filterPattern"].as_str().unwrap_or_default());
    let mut found: Vec<(&str, &Line)> = group
        .streams
        .iter()
        .filter(|(name, _)| asked_for(name))
        .flat_map(|(name, stream)| stream.lines.iter().map(move |line| (name.as_str(), line)))
        .filter(|(_, line)| (start..=end).contains(&line.at) && pattern.fits(&line.message))
        .collect();
    found.sort_by_key(|(_, line)| (line.at, line.sequence));
    let from = match input["nextToken"].as_str() {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let next = (from + limit < found.len()).then(|| (from + limit).to_string());
    let events: Vec<Value> = found.iter().skip(from).take(limit).map(|(name, line)| event(name, line)).collect();
    Ok(with_token(json!({"events": events, "searchedLogStreams": []}), "nextToken", next.as_deref()))
}

fn event(stream: &str, line: &Line) -> Value {
    json!({
        "logStreamName": stream,
        "timestamp": line.at,
        "message": line.message,
        "ingestionTime": line.at,
        "eventId": format!("{:020}{:036}", line.at, line.sequence),
    })
}

/// A filter of plain terms: every term must be there, none of the `-` ones, and one of the `?` ones if any are named.
struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    fn read(text: &str) -> Self {
        let mut pattern = Self { all: Vec::new(), any: Vec::new(), none: Vec::new() };
        for term in terms(text) {
            match (term.strip_prefix('?'), term.strip_prefix('-')) {
                (Some(term), _) => pattern.any.push(term.to_owned()),
                (None, Some(term)) => pattern.none.push(term.to_owned()),
                (None, None) => pattern.all.push(term),
            }
        }
        pattern
    }

    fn fits(&self, message: &str) -> bool {
        self.all.iter().all(|term| message.contains(term))
            && !self.none.iter().any(|term| message.contains(term))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term)))
    }
}

/// Splits at blanks outside of double quotes; the quotes go.
fn terms(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => terms.push(String::new()),
            c => terms.iter_mut().last().into_iter().for_each(|term| term.push(c)),
        }
    }
    terms.retain(|term| !term.is_empty());
    terms
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn plain_filters() {
        for (pattern, message, fits) in [
            ("", "anything", true),
            ("ERROR", "an ERROR here", true),
            ("ERROR", "an error here", false),
            ("ERROR -ignored", "ERROR ignored", false),
            ("?a ?b", "xbx", true),
            ("?a ?b", "xcx", false),
            ("\"two words\"", "these two words", true),
            ("\"two words\"", "two other words", false),
        ] {
            assert_eq!(Pattern::read(pattern).fits(message), fits, "{pattern:?} {message:?}");
        }
    }
}
