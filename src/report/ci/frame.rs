//! The structure that a CI system's log gives to the text: a group around the details of what runs at the same time, what it
//! came to outside of it, and somebody else's lines where they cannot be taken for commands.
//!
//! A group lasts from the first stage that begins until no stage runs any more, so copy and verify, which run side by side,
//! share one: groups of GitHub cannot nest, and lines of the two interleave. What ends before the group does is told after
//! it. A group without a line is never opened.

use jiff::Timestamp;

use super::{
    annotations::{Annotations, Workspace},
    commands::command,
    nonces::Nonces,
};
use crate::report::verdict;
use shipgate_core::{
    event::{Event, Stage},
    exit_code::ExitCode,
};

/// How a system's log is structured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// Workflow commands.
    GitHub,
    /// Sections between escape sequences.
    GitLab,
    /// Headings, each of which ends the group before it.
    Buildkite,
}

/// Structures the lines of a run.
pub struct Frame {
    syntax: Syntax,
    nonces: Nonces,
    annotations: Annotations,
    deploys: bool,
    running: Vec<Stage>,
    group: Option<Group>,
    /// What has ended, and is told when the group ends.
    held: Vec<String>,
    /// The word that has the runner obey commands again.
    resume: Option<String>,
    ever_opened: bool,
}

/// A group that lines belong to.
struct Group {
    began: Timestamp,
    name: String,
    is_open: bool,
}

impl Frame {
    /// For a log of this syntax; annotations name files as this workspace does.
    #[must_use]
    pub fn new(syntax: Syntax, nonces: Nonces, workspace: Workspace) -> Self {
        Self {
            syntax,
            nonces,
            annotations: Annotations::new(workspace),
            deploys: false,
            running: Vec::new(),
            group: None,
            held: Vec::new(),
            resume: None,
            ever_opened: false,
        }
    }

    /// The lines of an event, with what belongs before and after them. Some are kept for later.
    pub fn around(&mut self, at: Timestamp, event: &Event, lines: Vec<String>) -> Vec<String> {
        self.annotations.add(event);
        if let Event::RunStarted { verb, .. } = event {
            self.deploys = verb == "deploy";
        }
        if let Event::StageStarted { stage } = event {
            self.begin(*stage, at);
            self.inside(lines)
        } else if let Event::StageFinished { stage, .. } = event {
            self.end(*stage, at, lines)
        } else if let (Event::CopyFinished { .. }, Some(_)) = (event, &self.group) {
            self.held.extend(lines);
            Vec::new()
        } else if let Event::RunFinished { exit_code, .. } = event {
            self.finish(*exit_code, at, lines)
        } else if is_untrusted(event) {
            self.untrusted(lines)
        } else {
            self.inside(lines)
        }
    }

    /// Lines of what runs now.
    pub fn inside(&mut self, lines: Vec<String>) -> Vec<String> {
        if lines.is_empty() {
            return lines;
        }
        let mut framed = self.open();
        framed.extend(lines);
        framed
    }

    /// Somebody else's lines. Commands stay stopped until there is one of ours: fewer lines of noise, and a run that is
    /// killed leaves them stopped.
    fn untrusted(&mut self, lines: Vec<String>) -> Vec<String> {
        if lines.is_empty() {
            return lines;
        }
        let mut framed = self.open();
        if self.syntax == Syntax::GitHub && self.resume.is_none() {
            let word = self.nonces.word();
            framed.push(command("stop-commands", &[], &word));
            self.resume = Some(word);
        }
        framed.extend(lines);
        framed
    }

    fn begin(&mut self, stage: Stage, began: Timestamp) {
        if self.running.is_empty() {
            let word = self.nonces.word();
            let name = format!("shipgate_{stage}_{}", &word[..8]);
            self.group = Some(Group { began, name, is_open: false });
        }
        self.running.push(stage);
    }

    fn open(&mut self) -> Vec<String> {
        let Some(group) = self.group.as_mut().filter(|group| !group.is_open) else { return Vec::new() };
        (group.is_open, self.ever_opened) = (true, true);
        let title = title(&self.running, self.deploys);
        vec![self.syntax.opening(&title, &group.name, group.began)]
    }

    fn end(&mut self, stage: Stage, at: Timestamp, lines: Vec<String>) -> Vec<String> {
        self.running.retain(|running| *running != stage);
        if self.group.is_some() && !self.running.is_empty() {
            self.held.extend(lines);
            return Vec::new();
        }
        let mut framed = self.close(at);
        framed.extend(lines);
        framed
    }

    fn close(&mut self, at: Timestamp) -> Vec<String> {
        let mut framed: Vec<String> = self.resume.take().map(|word| command(&word, &[], "")).into_iter().collect();
        let open = self.group.take().filter(|group| group.is_open);
        framed.extend(open.and_then(|group| self.syntax.closing(&group.name, at)));
        framed.append(&mut self.held);
        framed
    }

    /// The verdict is outside of any group.
    fn finish(&mut self, code: ExitCode, at: Timestamp, lines: Vec<String>) -> Vec<String> {
        self.running.clear();
        let mut framed = self.close(at);
        match self.syntax {
            Syntax::GitHub => framed.extend(self.annotations.commands()),
            Syntax::GitLab => {}
            Syntax::Buildkite => {
                // Opens the group before: what failed is in it.
                let failed = self.ever_opened && code != ExitCode::Success;
                framed.extend(failed.then(|| "^^^ +++".to_owned()));
                framed.push(format!("+++ {}", verdict::word(code).replace('-', " ")));
            }
        }
        framed.extend(lines);
        framed
    }
}

impl Syntax {
    fn opening(self, title: &str, name: &str, began: Timestamp) -> String {
        match self {
            Self::GitHub => command("group", &[], title),
            Self::GitLab => {
                let began = began.as_second();
                format!("\u{1b}[0Ksection_start:{began}:{name}[collapsed=true]\r\u{1b}[0K{title}")
            }
            Self::Buildkite => format!("--- {title}"),
        }
    }

    fn closing(self, name: &str, at: Timestamp) -> Option<String> {
        match self {
            Self::GitHub => Some(command("endgroup", &[], "")),
            Self::GitLab => Some(format!("\u{1b}[0Ksection_end:{}:{name}\r\u{1b}[0K", at.as_second())),
            Self::Buildkite => None,
        }
    }
}

/// What a group is called. A deployment both copies and verifies, though the first line of the one may come a moment before the
/// other has begun.
fn title(running: &[Stage], deploys: bool) -> String {
    if deploys && running.iter().any(|stage| matches!(stage, Stage::Copy | Stage::Verify)) {
        return "copy and verify".to_owned();
    }
    running.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// Whether the lines of an event are the output of a container or of the cloud.
fn is_untrusted(event: &Event) -> bool {
    matches!(event, Event::LogLine { .. } | Event::LoggedLine { .. } | Event::Verified { .. })
}
