//! What can be wrong with a configuration, and where. Problems are collected, never thrown one by one.

use std::{fmt, path::PathBuf};

/// Where a value was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Location {
    /// On the command line: the flag's name with its dashes.
    Flag(&'static str),
    /// In a file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => formatter.write_str(name),
            Self::File { path, line, column } => write!(formatter, "{}:{line}:{column}", path.display()),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub location: Location,
    /// What: a lowercase fragment.
    pub message: String,
    /// What the user can do about it, where the message does not say so already.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint. Messages quote what users and variables say: line breaks and terminal sequences in it are
    /// shown, not obeyed.
    pub(super) fn new(location: &Location, message: impl AsRef<str>) -> Self {
        let mut shown = String::new();
        for c in message.as_ref().chars() {
            if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
        Self { location: location.clone(), message: shown, hint: None }
    }

    /// The same with a hint.
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.location, self.message)
    }
}

/// Everything that is wrong with the configuration, flags first, then in the order of the file. Prints one problem a
/// line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The problems; never none.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// Sorts the problems by place, and drops repetitions (an alias is read once for each place that names it).
    pub(super) fn new(found: Vec<Problem>) -> Self {
        let mut problems: Vec<Problem> = Vec::with_capacity(found.len());
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        problems.sort_by(|a, b| a.location.cmp(&b.location));
        Self { problems }
    }

    /// The hints of all problems, one a line, each once.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let mut hints: Vec<&str> = Vec::new();
        for hint in self.problems.iter().filter_map(|problem| problem.hint.as_deref()) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        (!hints.is_empty()).then(|| hints.join("\n"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
