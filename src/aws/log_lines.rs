//! The lines of a log group, of all its streams or of one, in the order of their time.

use jiff::Timestamp;

use super::{
    fault::AwsFault,
    logs::{Logs, Window, unless_missing},
};

/// More lines than this of one group are not held in memory.
pub const MOST_LINES: usize = 50_000;

/// A line with its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedLine {
    /// What no other line of the group has.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// The stream it is in.
    pub stream: String,
    /// The line, without its end.
    pub line: String,
}

/// What a group holds of a window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lines {
    /// The lines, oldest first.
    pub lines: Vec<TimedLine>,
    /// Whether there are more, later ones that were not read.
    pub more: bool,
}

impl Logs {
    /// The lines of a group in this window, of one stream if it is named. `None` when there is no such group or stream.
    ///
    /// # Errors
    /// [`AwsFault`] when CloudWatch Logs refuses.
    pub async fn lines(&self, group: &str, stream: Option<&str>, window: Window) -> Result<Option<Lines>, AwsFault> {
        let mut lines = Vec::new();
        let mut token = None;
        loop {
            let answer = self
                .client
                .filter_log_events()
                .log_group_name(group)
                .set_log_stream_names(stream.map(|stream| vec![stream.to_owned()]))
                .set_start_time(window.since.map(Timestamp::as_millisecond))
                // The last moment counts here (API reference, FilterLogEvents), and does not in a window.
                .set_end_time(window.until.map(|until| until.as_millisecond().saturating_sub(1)))
                .set_next_token(token)
                .send()
                .await;
            let Some(page) = unless_missing("logs:FilterLogEvents", answer)? else { return Ok(None) };
            lines.extend(page.events().iter().filter_map(|event| {
                Some(TimedLine {
                    id: event.event_id()?.to_owned(),
                    at: Timestamp::from_millisecond(event.timestamp()?).ok()?,
                    stream: event.log_stream_name().unwrap_or_default().to_owned(),
                    line: event.message()?.to_owned(),
                })
            }));
            token = page.next_token().map(str::to_owned);
            if token.is_none() || lines.len() >= MOST_LINES {
                return Ok(Some(Lines { more: token.is_some(), lines }));
            }
        }
    }
}
