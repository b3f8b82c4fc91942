//! Probes that see the same again: the first is printed at once, the failed ones after it in one line, once something else
//! follows.

use super::{Line, phrases};

/// The probes since the last line about one.
#[derive(Default)]
pub(super) struct Repeats {
    last: Option<(bool, String)>,
    /// The number and the time of each probe that saw the same again.
    again: Vec<(u32, u64)>,
}

impl Repeats {
    /// Takes a probe. Whether it saw what the one before it saw.
    pub(super) fn is_repeat(&mut self, number: u32, passed: bool, detail: &str, at_ms: u64) -> bool {
        let is_repeat = self.last.as_ref().is_some_and(|(last, known)| *last == passed && known == detail);
        if is_repeat {
            self.again.push((number, at_ms));
        }
        is_repeat
    }

    /// The line about the probes that were not printed, before a probe that saw something else, or before a verdict.
    pub(super) fn flush(&mut self) -> Option<Line> {
        let again = std::mem::take(&mut self.again);
        let (passed, detail) = self.last.as_ref()?;
        (!passed && !again.is_empty()).then(|| phrases::failed_again(detail, &again))
    }

    /// Remembers a probe that is printed.
    pub(super) fn remember(&mut self, passed: bool, detail: &str) {
        self.last = Some((passed, detail.to_owned()));
    }
}
