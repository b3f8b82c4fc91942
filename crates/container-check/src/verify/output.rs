//! The container's output on its way to the events: the values it was given masked, and not without end.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{task::JoinSet, time::timeout};

use crate::docker::{
    Engine,
    logs::{LINE_CHARACTERS, OutputLine},
};
use shipgate_core::{
    event::{Emitter, Event, LogSource},
    mask::Mask,
};

/// The most lines that are passed on: an application that writes without end must not fill a CI log.
const MOST_LINES: usize = 2_000;

/// How long the rest of the output of an ended container is waited for.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// A line as it may be shown.
pub(super) fn shown(line: &OutputLine, mask: &Mask) -> String {
    mask.shortened(&line.text, line.is_cut, LINE_CHARACTERS)
}

/// Passes the container's output on as it comes. Stops when dropped.
pub(super) struct Relay {
    task: JoinSet<()>,
}

impl Relay {
    pub(super) fn start(engine: &Engine, container: &str, events: &Emitter, mask: &Mask) -> Self {
        let (lines, events, mask) = (engine.follow_log(container), events.clone(), mask.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut lines = std::pin::pin!(lines);
            for _ in 0..MOST_LINES {
                let Some(line) = lines.next().await else { return };
                events.emit(Event::LogLine { source: LogSource::LocalContainer, line: shown(&line, &mask) });
            }
            let message = format!("the container wrote more than {MOST_LINES} lines; the rest is not shown");
            events.emit(Event::Notice { message });
        });
        Self { task }
    }

    /// Waits, for a moment, for the rest of an ended container's output.
    pub(super) async fn drain(mut self) {
        let _drained = timeout(DRAIN_LIMIT, self.task.join_next()).await;
    }
}
