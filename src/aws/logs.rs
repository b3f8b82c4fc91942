//! CloudWatch Logs: the lines of a stream, and how long a group keeps them.

use std::{error::Error, fmt::Debug};

use aws_sdk_cloudwatchlogs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{LogStream, OrderBy},
};

use super::{fault::AwsFault, session::Session};

/// The log groups of an account in a region.
#[derive(Clone, Debug)]
pub struct Logs {
    client: Client,
}

/// A place in a stream, to go on reading from.
#[derive(Clone, Default, Debug)]
pub struct Position {
    token: Option<String>,
}

impl Logs {
    /// CloudWatch Logs as this session sees it.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { client: Client::new(session.config()) }
    }

    /// The lines of a stream after `position`, oldest first; moves `position` past them. A group or stream that does
    /// not exist (yet) has no lines.
    ///
    /// # Errors
    /// [`AwsFault`] for any other answer.
    pub async fn lines_after(
        &self,
        group: &str,
        stream: &str,
        position: &mut Position,
    ) -> Result<Vec<String>, AwsFault> {
        let mut lines = Vec::new();
        loop {
            let answer = self
                .client
                .get_log_events()
                .log_group_name(group)
                .log_stream_name(stream)
                .start_from_head(true)
                .set_next_token(position.token.clone())
                .send()
                .await;
            let Some(answer) = unless_missing("logs:GetLogEvents", answer)? else { return Ok(lines) };
            lines.extend(answer.events().iter().filter_map(|event| event.message().map(str::to_owned)));
            // The end of a stream is told by the token that was sent coming back (API reference, GetLogEvents).
            let next = answer.next_forward_token().map(str::to_owned);
            let at_end = next.is_none() || next == position.token;
            position.token = next.or(position.token.take());
            if at_end {
                return Ok(lines);
            }
        }
    }

    /// The streams of a group, the one written to last first, at most fifty. None when there is no such group.
    ///
    /// # Errors
    /// [`AwsFault`] for any other answer.
    pub async fn streams(&self, group: &str) -> Result<Option<Vec<String>>, AwsFault> {
        let answer = self
            .client
            .describe_log_streams()
            .log_group_name(group)
            .order_by(OrderBy::LastEventTime)
            .descending(true)
            .send()
            .await;
        let answer = unless_missing("logs:DescribeLogStreams", answer)?;
        let name = |stream: &LogStream| stream.log_stream_name().map(str::to_owned);
        Ok(answer.map(|answer| answer.log_streams().iter().filter_map(name).collect()))
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
fn unless_missing<T, E, R>(action: &'static str, answer: Result<T, SdkError<E, R>>) -> Result<Option<T>, AwsFault>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: Debug,
{
    match answer.map_err(|error| AwsFault::new(action, &error)) {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if fault.has_code("ResourceNotFoundException") => Ok(None),
        Err(fault) => Err(fault),
    }
}
