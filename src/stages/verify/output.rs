//! The container's output on its way to the events: the values it was given masked, and not without end.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{task::JoinSet, time::timeout};

use crate::{
    docker::Engine,
    domain::{
        event::{Emitter, Event, LogSource},
        secret::Secret,
    },
};

/// The most lines that are passed on: an application that writes without end must not fill a CI log.
const MOST_LINES: usize = 2_000;

/// How long the rest of the output of an ended container is waited for.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Values shorter than this are not masked: they are words such as `true`, and would tear holes into everything.
const SHORTEST_MASKED: usize = 8;

/// Takes given values out of text that others wrote.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    values: Vec<Secret>,
}

impl Mask {
    /// Masks the values of this environment. Longer ones go first, as one may contain another.
    pub(super) fn new(environment: &[(String, Secret)]) -> Self {
        let long_enough = |value: &&Secret| value.reveal().len() >= SHORTEST_MASKED;
        let mut values: Vec<Secret> = environment.iter().map(|(_, value)| value).filter(long_enough).cloned().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.reveal().len()));
        Self { values }
    }

    pub(super) fn apply(&self, text: String) -> String {
        self.values.iter().fold(text, |text, value| {
            if text.contains(value.reveal()) { text.replace(value.reveal(), "…") } else { text }
        })
    }
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
                events.emit(Event::LogLine { source: LogSource::LocalContainer, line: mask.apply(line) });
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

#[cfg(test)]
mod tests {
    use super::{Mask, Secret};

    #[test]
    fn values_are_masked_longest_first_and_short_words_are_not() {
        let environment = [
            ("A".to_owned(), Secret::new("password")),
            ("B".to_owned(), Secret::new("postgres://u:password@db")),
            ("C".to_owned(), Secret::new("v1")),
        ];
        let mask = Mask::new(&environment);
        assert_eq!(mask.apply("dial postgres://u:password@db as password v1".to_owned()), "dial … as … v1");
        assert!(!format!("{mask:?}").contains("password"));
    }
}
