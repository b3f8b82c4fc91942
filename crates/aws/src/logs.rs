//! CloudWatch Logs: the lines of a stream, and how long a group keeps them.

use std::{error::Error, future::Future};

use aws_sdk_cloudwatchlogs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{LogStream, OrderBy},
};
use jiff::Timestamp;

use super::{fault::AwsFault, pages::Pages, session::Session};

/// The log groups of an account in a region.
#[derive(Clone, Debug)]
pub struct Logs {
    pub(super) client: Client,
}

/// A place in a stream, to go on reading from.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Position {
    /// CloudWatch's token for what comes next; `None` at the beginning.
    pub token: Option<String>,
}

/// A span of time; open where a side is `None`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Window {
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Until just before this one.
    pub until: Option<Timestamp>,
}

/// Some lines of a stream, oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The lines.
    pub lines: Vec<String>,
    /// Where the next page begins.
    pub next: Position,
    /// Whether there are no more lines just now.
    pub is_last: bool,
}

/// A stream of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamFacts {
    /// Its name.
    pub name: String,
    /// When it began: the time of its first line, or of its creation if that was earlier.
    pub began: Option<Timestamp>,
}

/// Reads log groups. Page by page, so that what was read is not lost with what could not be, nor when the reading is
/// given up.
pub trait LogReader {
    /// The lines of a stream from a position on, one page of them. A group or stream that does not exist (yet) has no
    /// lines. The window must be the same for every page of a stream.
    fn page(
        &self,
        group: &str,
        stream: &str,
        window: Window,
        from: &Position,
    ) -> impl Future<Output = Result<Page, AwsFault>> + Send;

    /// All streams of a group, the one written to last first, as far as CloudWatch Logs knows by now. None when there is no such
    /// group.
    fn streams(&self, group: &str) -> impl Future<Output = Result<Option<Vec<StreamFacts>>, AwsFault>> + Send;

    /// The streams whose names begin with `prefix` and that have lines in this window, the one written to last first: as far as a
    /// bounded search of the lines shows. Lists of streams know of new ones late, and the lines themselves do not.
    fn written_to(
        &self,
        group: &str,
        prefix: &str,
        window: Window,
    ) -> impl Future<Output = Result<Vec<String>, AwsFault>> + Send;
}

impl LogReader for Logs {
    async fn written_to(&self, group: &str, prefix: &str, window: Window) -> Result<Vec<String>, AwsFault> {
        self.streams_with_lines(group, prefix, window).await
    }

    async fn page(&self, group: &str, stream: &str, window: Window, from: &Position) -> Result<Page, AwsFault> {
        let answer = self
            .client
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .start_from_head(true)
            .set_start_time(window.since.map(Timestamp::as_millisecond))
            .set_end_time(window.until.map(Timestamp::as_millisecond))
            .set_next_token(from.token.clone())
            .send()
            .await;
        let Some(answer) = unless_missing("logs:GetLogEvents", answer)? else {
            return Ok(Page { lines: Vec::new(), next: from.clone(), is_last: true });
        };
        let lines = answer.events().iter().filter_map(|event| event.message().map(str::to_owned)).collect();
        // The end of a stream is told by the token that was sent coming back (API reference, GetLogEvents).
        let next = answer.next_forward_token().map(str::to_owned);
        let is_last = next.is_none() || next == from.token;
        Ok(Page { lines, next: Position { token: next.or_else(|| from.token.clone()) }, is_last })
    }

    async fn streams(&self, group: &str) -> Result<Option<Vec<StreamFacts>>, AwsFault> {
        const ACTION: &str = "logs:DescribeLogStreams";
        let (mut streams, mut pages, mut token) = (Vec::new(), Pages::of(ACTION), None);
        loop {
            let answer = self
                .client
                .describe_log_streams()
                .log_group_name(group)
                .order_by(OrderBy::LastEventTime)
                .descending(true)
                .set_next_token(token)
                .send()
                .await;
            let Some(page) = unless_missing(ACTION, answer)? else { return Ok(None) };
            streams.extend(page.log_streams().iter().filter_map(facts));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(Some(streams));
            }
        }
    }
}

fn facts(stream: &LogStream) -> Option<StreamFacts> {
    let times = [stream.first_event_timestamp(), stream.creation_time()];
    let began = times.into_iter().flatten().min().and_then(|time| Timestamp::from_millisecond(time).ok());
    Some(StreamFacts { name: stream.log_stream_name()?.to_owned(), began })
}

impl Logs {
    /// CloudWatch Logs as this session sees it.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { client: Client::new(session.config()) }
    }

    /// Has a group keep its lines for this many days. False when there is no such group.
    ///
    /// # Errors
    /// [`AwsFault`] for any other answer.
    pub async fn keep_for_days(&self, group: &str, days: u32) -> Result<bool, AwsFault> {
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let answer = self.client.put_retention_policy().log_group_name(group).retention_in_days(days).send().await;
        Ok(unless_missing("logs:PutRetentionPolicy", answer)?.is_some())
    }
}

/// An answer, or `None` when the group or stream it is about does not exist.
pub(super) fn unless_missing<T, E>(action: &'static str, answer: Result<T, SdkError<E>>) -> Result<Option<T>, AwsFault>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match answer.map_err(|error| AwsFault::new(action, &error)) {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if fault.has_code("ResourceNotFoundException") => Ok(None),
        Err(fault) => Err(fault),
    }
}
