//! The smoke test of a service's URL: its settings, and the rule that turns answers into a judgement.

use std::{fmt, time::Duration};

use serde::Serialize;

/// What the URL must answer before a deployment counts as good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmokeTest {
    /// The path that is asked for, beginning with `/`.
    pub path: String,
    /// The status that passes.
    pub status: u16,
    /// How many answers in a row must pass.
    pub times: u32,
    /// How long the URL may take until they have.
    pub within: Duration,
    /// What a failure leads to.
    pub on_failure: OnFailure,
}

/// What a failed smoke test leads to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OnFailure {
    /// It is told; the new version serves on.
    #[default]
    Report,
    /// The version before is deployed again, and that deployment followed like any other.
    Return,
}

/// What one request came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// An answer with this status.
    Status(u16),
    /// None; why.
    None(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(formatter, "answered {status}"),
            Self::None(reason) => write!(formatter, "no answer: {reason}"),
        }
    }
}

/// What to do after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Enough have passed.
    Passed,
    /// Time is up.
    Failed,
    /// Ask again after this long.
    AskIn(Duration),
}

/// Between two requests that pass: the next may meet another instance.
const AFTER_PASS: Duration = Duration::from_millis(200);

/// After one that does not: routes and certificates take a moment to be known everywhere.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Decides. `in_a_row` is how many answers in a row have passed by now, the last one included.
#[must_use]
pub fn next(test: &SmokeTest, in_a_row: u32, elapsed: Duration) -> Next {
    if in_a_row >= test.times.max(1) {
        Next::Passed
    } else if elapsed >= test.within {
        Next::Failed
    } else {
        let pause = if in_a_row > 0 { AFTER_PASS } else { AFTER_FAILURE };
        Next::AskIn(pause.min(test.within.saturating_sub(elapsed)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Next, OnFailure, SmokeTest, next};

    #[test]
    fn answers_in_a_row_decide_and_time_does_in_the_end() {
        let test = SmokeTest {
            path: "/".to_owned(),
            status: 200,
            times: 3,
            within: Duration::from_secs(30),
            on_failure: OnFailure::Report,
        };
        let ms = Duration::from_millis;
        let table = [
            (0, 0, Next::AskIn(ms(2000))),
            (1, 100, Next::AskIn(ms(200))),
            (2, 100, Next::AskIn(ms(200))),
            (3, 100, Next::Passed),
            // The last answer passes although time is up.
            (3, 31_000, Next::Passed),
            (2, 30_000, Next::Failed),
            (0, 30_000, Next::Failed),
            // One more look at the very end.
            (0, 29_000, Next::AskIn(ms(1000))),
        ];
        for (in_a_row, elapsed, expected) in table {
            assert_eq!(next(&test, in_a_row, ms(elapsed)), expected, "{in_a_row} after {elapsed} ms");
        }
    }
}
