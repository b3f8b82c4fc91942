//! The files that GitHub's runner gives a step: `$GITHUB_OUTPUT` and `$GITHUB_STEP_SUMMARY`. Other commands of the step have
//! written to them or will, so shipgate adds to their end, once, when the run ends.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
};

use super::{nonces::Nonces, outputs::Outputs};
use crate::report::{Moment, Renderer, ReportError, document::Document, markdown, masking::Content};
use shipgate_core::event::Event;

/// GitHub takes no larger summary of a step: what is over it is not shown at all.
const MAX_SUMMARY_BYTES: u64 = 1024 * 1024;

/// Adds the outputs.
pub struct StepOutputs {
    path: PathBuf,
    outputs: Outputs,
    nonces: Nonces,
}

impl StepOutputs {
    /// Adds to this file.
    #[must_use]
    pub fn new(path: PathBuf, outputs: Outputs, nonces: Nonces) -> Self {
        Self { path, outputs, nonces }
    }
}

impl Renderer for StepOutputs {
    fn take(&mut self, _: Moment, event: &Event) {
        self.outputs.add(event);
    }

    fn tick(&mut self, _: Moment) {}

    fn finish(&mut self) -> Result<(), ReportError> {
        let text = self.outputs.to_github(&mut self.nonces);
        append(&self.path, &text).map_err(|source| ReportError::Step {
            what: "outputs",
            path: self.path.clone(),
            source,
        })
    }
}

/// Adds the summary.
pub struct StepSummary {
    path: PathBuf,
    document: Document,
}

impl StepSummary {
    /// Adds to this file.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, document: Document::new() }
    }

    /// As much as there is room for, beside what the step has written already.
    fn add_to_file(&self) -> io::Result<()> {
        let taken = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        let room = usize::try_from(MAX_SUMMARY_BYTES.saturating_sub(taken)).unwrap_or(0);
        let text = markdown::of(&self.document, room.saturating_sub(1));
        append(&self.path, &format!("{text}\n"))
    }
}

impl Renderer for StepSummary {
    fn take(&mut self, moment: Moment, event: &Event) {
        self.document.add(moment, event);
    }

    fn tick(&mut self, _: Moment) {}

    fn finish(&mut self) -> Result<(), ReportError> {
        let failed = |source| ReportError::Step { what: "summary", path: self.path.clone(), source };
        self.add_to_file().map_err(failed)
    }
}

/// Without secrets, and in one write, so that it is there whole or not at all.
fn append(path: &PathBuf, text: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(Content::Text.masked(text).as_bytes())
}
