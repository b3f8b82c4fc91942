//! A line on the terminal: a mark, a stage, and words, each with a role that may have a colour. Whatever the words
//! hold, it is one line, and it does not begin with them.

use anstyle::{AnsiColor, Style};

use crate::report::untrusted;
use shipgate_core::event::Stage;

/// `preflight` and `aftercare` have nine letters.
const STAGE_WIDTH: usize = 9;

/// What the line is, at a glance. There is always one: a line must not begin with somebody else's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// In between.
    Going,
    /// Good.
    Good,
    /// Bad.
    Bad,
    /// Left out.
    Skipped,
    /// Worth a look.
    Odd,
    /// Still at it.
    Waiting,
}

impl Mark {
    fn glyph(self) -> &'static str {
        match self {
            Self::Going => "·",
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Skipped => "–",
            Self::Odd => "!",
            Self::Waiting => "…",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Going | Self::Skipped | Self::Waiting => Role::Faint,
            Self::Good => Role::Good,
            Self::Bad => Role::Bad,
            Self::Odd => Role::Odd,
        }
    }
}

/// What words are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// What is said.
    Plain,
    /// What matters most.
    Strong,
    /// What matters less.
    Faint,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Worth a look.
    Odd,
}

impl Role {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Odd => AnsiColor::Yellow.on_default(),
        }
    }
}

/// A line to be printed.
#[derive(Clone, Debug)]
pub(super) struct Line {
    mark: Mark,
    stage: Option<Stage>,
    column: bool,
    words: Vec<(Role, String)>,
}

impl Line {
    /// A line of a stage, or of none: then the stage's column is empty.
    pub(super) fn new(mark: Mark, stage: Option<Stage>) -> Self {
        Self { mark, stage, column: true, words: Vec::new() }
    }

    /// A line about the whole run, without the stage's column.
    pub(super) fn whole(mark: Mark) -> Self {
        Self { mark, stage: None, column: false, words: Vec::new() }
    }

    /// A line of data: its words alone are shown.
    pub(super) fn data() -> Self {
        Self::whole(Mark::Going)
    }

    /// With these words more.
    pub(super) fn say(self, words: impl Into<String>) -> Self {
        self.with(Role::Plain, words)
    }

    /// With these words more, in a role.
    pub(super) fn with(mut self, role: Role, words: impl Into<String>) -> Self {
        self.words.push((role, words.into()));
        self
    }

    /// The words alone, for where the stage is shown otherwise.
    pub(super) fn words(&self) -> String {
        let words: String = self.words.iter().map(|(_, words)| words.as_str()).collect();
        untrusted::cleaned(&words)
    }

    /// The line, without its end.
    pub(super) fn render(&self, color: bool) -> String {
        let mut text = painted(self.mark.glyph(), self.mark.role(), color);
        text.push(' ');
        if self.column {
            text.push_str(&self.stage.map_or_else(|| " ".repeat(STAGE_WIDTH), |stage| stage_column(stage, color)));
            text.push_str("  ");
        }
        text.push_str(&self.render_words(color));
        text.trim_end().to_owned()
    }

    /// The words without mark and stage: for data, whose first words are shipgate's own.
    pub(super) fn render_words(&self, color: bool) -> String {
        let mut text = String::new();
        for (role, words) in &self.words {
            // Spaces between words of two roles are meant; those at the end of the line are not.
            let kept = &words[words.trim_end_matches(' ').len()..];
            text.push_str(&painted(&format!("{}{kept}", untrusted::cleaned(words)), *role, color));
        }
        text.trim_end().to_owned()
    }
}

/// A stage's name, as wide as the widest.
pub(super) fn stage_column(stage: Stage, color: bool) -> String {
    painted(&format!("{:<STAGE_WIDTH$}", stage.to_string()), Role::Strong, color)
}

fn painted(text: &str, role: Role, color: bool) -> String {
    let style = role.style();
    if color && !text.trim().is_empty() && style != Style::new() {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Mark, Role};
    use shipgate_core::event::Stage;

    #[test]
    fn words_follow_mark_and_stage() {
        let line = Line::new(Mark::Good, Some(Stage::Copy)).say("12 ").with(Role::Faint, "in 3 s");
        assert_eq!(line.render(false), "✓ copy       12 in 3 s");
        assert_eq!(line.render(true), "\u{1b}[32m✓\u{1b}[0m \u{1b}[1mcopy     \u{1b}[0m  12 \u{1b}[2min 3 s\u{1b}[0m");
        assert_eq!(Line::new(Mark::Odd, None).say("x").render(false), "!            x");
        assert_eq!(Line::whole(Mark::Bad).say("x").render(false), "✗ x");
    }

    #[test]
    fn words_cannot_begin_a_line_or_bring_colours() {
        let line = Line::whole(Mark::Going).say("\u{1b}[31m::error::x\ny");
        assert_eq!(line.render(false), "· ::error::x y");
        assert_eq!(line.words(), "::error::x y");
    }
}
