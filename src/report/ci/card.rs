//! What is pinned to a build's page by a program of the CI system: the report as Markdown, its style, and its name.

use std::sync::mpsc::{self, Receiver, Sender};

use crate::report::{Moment, Renderer, ReportError, document::Document, markdown};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Buildkite takes no larger annotation.
const MAX_BYTES: usize = 1024 * 1024;
/// Nor a longer name of one.
const MAX_NAME: usize = 100;

/// An annotation of a build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// What distinguishes it from the build's other ones: a later one of this name takes its place.
    pub context: String,
    /// `success`, `warning` or `error`.
    pub style: &'static str,
    /// What it shows.
    pub markdown: String,
}

/// Makes the card when the run ends, and hands it to whoever can pin it.
pub struct CardMaker {
    document: Document,
    code: Option<ExitCode>,
    hand: Sender<Card>,
}

impl CardMaker {
    /// A maker, and where its card comes out.
    #[must_use]
    pub fn new() -> (Self, Receiver<Card>) {
        let (hand, cards) = mpsc::channel();
        (Self { document: Document::new(), code: None, hand }, cards)
    }

    fn context(&self) -> String {
        let target = self.document.target.iter().map(String::as_str);
        let words = ["shipgate", &self.document.verb].into_iter().chain(target).filter(|word| !word.is_empty());
        let name = words.collect::<Vec<_>>().join("-");
        let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' });
        plain.take(MAX_NAME).collect()
    }
}

impl Renderer for CardMaker {
    fn take(&mut self, moment: Moment, event: &Event) {
        self.document.add(moment, event);
        if let Event::RunFinished { exit_code, .. } = event {
            self.code = Some(*exit_code);
        }
    }

    fn tick(&mut self, _: Moment) {}

    fn finish(&mut self) -> Result<(), ReportError> {
        let style = match self.code {
            Some(ExitCode::Success) => "success",
            Some(ExitCode::Interrupted | ExitCode::Terminated) => "warning",
            _ => "error",
        };
        let markdown = markdown::of(&self.document, MAX_BYTES);
        // Whoever asked for it may be gone, in a run that was aborted.
        let _unwanted = self.hand.send(Card { context: self.context(), style, markdown });
        Ok(())
    }
}
