//! What moves at the bottom of an interactive terminal: a spinner for each running stage, a bar for each copy.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{gauge::Gauge, line};
use crate::report::quantity;
use shipgate_core::event::Stage;

/// The moving part. Permanent lines go through [`Live::above`].
pub(super) struct Live {
    bars: MultiProgress,
    color: bool,
    stages: Vec<Running>,
    copies: Vec<(String, ProgressBar)>,
}

struct Running {
    stage: Stage,
    began: Duration,
    note: String,
    bar: ProgressBar,
}

impl Live {
    /// Draws on standard error; on nothing when that is no terminal.
    pub(super) fn new(color: bool) -> Self {
        Self { bars: MultiProgress::new(), color, stages: Vec::new(), copies: Vec::new() }
    }

    /// A stage begins.
    pub(super) fn start(&mut self, stage: Stage, now: Duration) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(style("{spinner} {prefix}  {wide_msg}"));
        bar.set_prefix(line::stage_column(stage, self.color));
        self.stages.push(Running { stage, began: now, note: String::new(), bar });
        self.tick(now);
    }

    /// What a stage is at.
    pub(super) fn note(&mut self, stage: Stage, note: String) {
        if let Some(running) = self.stages.iter_mut().find(|running| running.stage == stage) {
            running.note = note;
        }
    }

    /// A stage is over.
    pub(super) fn end(&mut self, stage: Stage) {
        for ended in self.stages.extract_if(.., |running| running.stage == stage) {
            self.bars.remove(&ended.bar);
        }
        if stage == Stage::Copy {
            self.copies.drain(..).for_each(|(_, bar)| self.bars.remove(&bar));
        }
    }

    /// How far a copy is.
    pub(super) fn copy(&mut self, destination: &str, gauge: &Gauge, now: Duration) {
        let at = self.copies.iter().position(|(known, _)| known == destination).unwrap_or_else(|| {
            let bar = self.bars.add(ProgressBar::new(0));
            bar.set_style(style("  {prefix}  {bar:24} {wide_msg}"));
            bar.set_prefix(line::stage_column(Stage::Copy, self.color));
            self.copies.push((destination.to_owned(), bar));
            self.copies.len() - 1
        });
        let (done, total) = gauge.bytes();
        let bar = &self.copies[at].1;
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(gauge.describe(now));
    }

    /// A copy is over.
    pub(super) fn end_copy(&mut self, destination: &str) {
        for (_, bar) in self.copies.extract_if(.., |(known, _)| known == destination) {
            self.bars.remove(&bar);
        }
    }

    /// Turns the spinners and counts the seconds.
    pub(super) fn tick(&mut self, now: Duration) {
        for running in &self.stages {
            let elapsed = quantity::seconds(now.saturating_sub(running.began));
            let gap = if running.note.is_empty() { "" } else { "  " };
            running.bar.set_message(format!("{}{gap}{elapsed}", running.note));
            running.bar.tick();
        }
    }

    /// Prints permanently: the moving part makes room and comes back below.
    pub(super) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bars.suspend(print)
    }

    /// Takes everything that moves off the screen.
    pub(super) fn clear(&mut self) {
        self.stages.drain(..).for_each(|running| self.bars.remove(&running.bar));
        self.copies.drain(..).for_each(|(_, bar)| self.bars.remove(&bar));
    }
}

/// A template of ours that does not parse would show in the first look at a terminal; it must not end a deployment.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.progress_chars("━╸─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use indicatif::ProgressStyle;

    use super::Live;
    use crate::report::text::gauge::Gauge;
    use shipgate_core::event::Stage;

    #[test]
    fn templates_parse() {
        for template in ["{spinner} {prefix}  {wide_msg}", "  {prefix}  {bar:24} {wide_msg}"] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn spinners_and_bars_come_and_go() {
        let now = Duration::from_secs(3);
        let mut live = Live::new(false);
        live.start(Stage::Copy, Duration::ZERO);
        live.start(Stage::Verify, Duration::ZERO);
        live.note(Stage::Verify, "probe 3 failed".to_owned());
        live.copy("a", &Gauge::new(1, 10, now), now);
        live.copy("b", &Gauge::new(1, 10, now), now);
        live.copy("a", &Gauge::new(1, 10, now), now);
        live.tick(now);
        assert_eq!(live.stages[1].bar.message(), "probe 3 failed  3 s");
        assert_eq!((live.stages.len(), live.copies.len()), (2, 2));
        live.end_copy("a");
        assert_eq!(live.copies.len(), 1);
        live.end(Stage::Copy);
        assert_eq!((live.stages.len(), live.copies.len()), (1, 0));
        live.clear();
        assert!(live.stages.is_empty());
    }
}
