//! The lines of a log group, of all its streams or of one, in the order of their time.

use jiff::Timestamp;

use super::{
    fault::AwsFault,
    logs::{Logs, Window, unless_missing},
    pages::Pages,
};

/// More lines than this of one group are not held in memory.
pub const MOST_LINES: usize = 50_000;

/// How many pages of lines are searched for the streams that they are in: 10,000 lines or 1 MiB each, or nothing at all.
const MOST_PAGES: usize = 20;

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
        const ACTION: &str = "logs:FilterLogEvents";
        let (mut lines, mut pages, mut token) = (Vec::new(), Pages::of(ACTION), None);
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
            let Some(page) = unless_missing(ACTION, answer)? else { return Ok(None) };
            lines.extend(page.events().iter().filter_map(|event| {
                Some(TimedLine {
                    id: event.event_id()?.to_owned(),
                    at: Timestamp::from_millisecond(event.timestamp()?).ok()?,
                    stream: event.log_stream_name().unwrap_or_default().to_owned(),
                    line: event.message()?.to_owned(),
                })
            }));
            token = pages.next(page.next_token())?;
            if token.is_none() || lines.len() >= MOST_LINES {
                return Ok(Some(Lines { more: token.is_some(), lines }));
            }
        }
    }

    /// The streams whose names begin with `prefix` and that have lines in this window, the one written to last first.
    ///
    /// # Errors
    /// [`AwsFault`] when CloudWatch Logs refuses.
    pub(super) async fn streams_with_lines(
        &self,
        group: &str,
        prefix: &str,
        window: Window,
    ) -> Result<Vec<String>, AwsFault> {
        let (mut streams, mut token): (Vec<String>, _) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let answer = self
                .client
                .filter_log_events()
                .log_group_name(group)
                .log_stream_name_prefix(prefix)
                .set_start_time(window.since.map(Timestamp::as_millisecond))
                .set_end_time(window.until.map(|until| until.as_millisecond().saturating_sub(1)))
                .set_next_token(token)
                .send()
                .await;
            let Some(page) = unless_missing("logs:FilterLogEvents", answer)? else { break };
            for stream in page.events().iter().filter_map(|event| event.log_stream_name()) {
                streams.retain(|known| known != stream);
                streams.push(stream.to_owned());
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        streams.reverse();
        Ok(streams)
    }
}
