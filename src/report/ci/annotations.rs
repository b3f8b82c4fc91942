//! What is put beside the code and on top of the run's page: errors and warnings, few and each once.

use std::path::{Component, Path, PathBuf};

use super::commands::command;
use crate::report::verdict;
use shipgate_core::{
    event::{Event, Outcome, WrittenAt},
    exit_code::ExitCode,
    mask::shortened,
};

/// GitHub shows so many of each kind for a step, and drops the others.
const MAX_OF_A_KIND: usize = 10;
/// More of one message is for the log.
const MAX_CHARS: usize = 4000;

/// Where files are, as GitHub names them: from the root of the repository's checkout.
#[derive(Clone, Default, Debug)]
pub struct Workspace {
    /// The checkout, if it is known.
    pub root: Option<PathBuf>,
    /// Where the run is.
    pub current: PathBuf,
}

impl Workspace {
    /// A file's path from the root; as it was named if it is elsewhere.
    fn path_of(&self, file: &str) -> String {
        let whole = without_dots(&self.current.join(file));
        let below = self.root.as_ref().and_then(|root| whole.strip_prefix(without_dots(root)).ok());
        below.map_or_else(|| file.to_owned(), |path| path.to_string_lossy().replace('\\', "/"))
    }
}

/// A path without `.` and `..`, by its words alone.
fn without_dots(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut folded, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(folded.pop()),
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => folded.push(component),
        }
        folded
    })
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Annotation {
    place: Option<WrittenAt>,
    title: String,
    message: String,
}

/// All of a run.
#[derive(Default)]
pub(super) struct Annotations {
    workspace: Workspace,
    verb: String,
    errors: Vec<Annotation>,
    warnings: Vec<Annotation>,
}

impl Annotations {
    pub(super) fn new(workspace: Workspace) -> Self {
        Self { workspace, ..Self::default() }
    }

    /// Keeps what an event is worth telling there.
    pub(super) fn add(&mut self, event: &Event) {
        if let Event::RunStarted { verb, .. } = event {
            self.verb.clone_from(verb);
        } else if let Event::ConfigurationProblem { location, place, message, hint } = event {
            let told = if place.is_some() { message.clone() } else { format!("{location}: {message}") };
            self.error(place.clone(), "configuration", &with_hint(&told, hint.as_deref()));
        } else if let Event::Checked { check, outcome: Outcome::Fail, detail, hint } = event {
            self.error(None, check, &with_hint(detail, hint.as_deref()));
        } else if let Event::CopyFailed { destination, reason, hint } = event {
            self.error(None, "copy", &with_hint(&format!("{destination}: {reason}"), hint.as_deref()));
        } else if let Event::Warning { message } = event {
            keep(&mut self.warnings, Annotation { place: None, title: "shipgate".to_owned(), message: cut(message) });
        } else if let Event::RunFinished { exit_code, summary, causes, hint, .. } = event {
            self.end(*exit_code, summary, causes, hint.as_deref());
        }
    }

    fn error(&mut self, place: Option<WrittenAt>, title: &str, message: &str) {
        keep(&mut self.errors, Annotation { place, title: format!("shipgate: {title}"), message: cut(message) });
    }

    /// The verdict comes first. Its causes are told there, unless each has an annotation of its own. A run that was stopped
    /// is no error: somebody wanted it so.
    fn end(&mut self, code: ExitCode, summary: &str, causes: &[String], hint: Option<&str>) {
        if code == ExitCode::Success {
            return;
        }
        let mut message = summary.to_owned();
        if self.errors.is_empty() {
            message = causes.iter().fold(message, |message, cause| format!("{message}\n{cause}"));
            message = with_hint(&message, hint);
        }
        let gap = if self.verb.is_empty() { "" } else { " " };
        let title = format!("shipgate{gap}{}: {}", self.verb, verdict::word(code).replace('-', " "));
        let stopped = matches!(code, ExitCode::Interrupted | ExitCode::Terminated);
        let kind = if stopped { &mut self.warnings } else { &mut self.errors };
        kind.insert(0, Annotation { place: None, title, message: cut(&message) });
    }

    /// The commands that tell them, errors first.
    pub(super) fn commands(&self) -> Vec<String> {
        let errors = chosen(&self.errors).into_iter().map(|one| self.command("error", &one));
        errors.chain(chosen(&self.warnings).into_iter().map(|one| self.command("warning", &one))).collect()
    }

    fn command(&self, kind: &str, one: &Annotation) -> String {
        let place = one.place.as_ref();
        let properties = [
            ("file", place.map(|place| self.workspace.path_of(&place.file))),
            ("line", place.map(|place| place.line.to_string())),
            ("col", place.map(|place| place.column.to_string())),
            ("title", Some(one.title.clone())),
        ];
        command(kind, &properties, &one.message)
    }
}

/// Those that there is room for; the last one tells how many there are besides.
fn chosen(all: &[Annotation]) -> Vec<Annotation> {
    if all.len() <= MAX_OF_A_KIND {
        return all.to_vec();
    }
    let mut chosen = all[..MAX_OF_A_KIND - 1].to_vec();
    let message = format!("{} more are in the log", all.len() - chosen.len());
    chosen.push(Annotation { place: None, title: "shipgate".to_owned(), message });
    chosen
}

fn keep(all: &mut Vec<Annotation>, one: Annotation) {
    if !all.contains(&one) {
        all.push(one);
    }
}

fn with_hint(message: &str, hint: Option<&str>) -> String {
    let hints = hint.into_iter().flat_map(str::lines);
    hints.fold(message.to_owned(), |message, hint| format!("{message}\nhint: {hint}"))
}

fn cut(message: &str) -> String {
    shortened(message, MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::{Annotations, Workspace};
    use crate::report::samples;
    use shipgate_core::{
        event::{Event, Outcome, WrittenAt},
        exit_code::ExitCode,
    };

    fn problem(line: usize, message: &str) -> Event {
        Event::ConfigurationProblem {
            location: format!("../shipgate.yaml:{line}:3"),
            place: Some(WrittenAt { file: "../shipgate.yaml".to_owned(), line, column: 3 }),
            message: message.to_owned(),
            hint: Some("did you mean `image`?".to_owned()),
        }
    }

    fn commands_of(events: &[Event]) -> Vec<String> {
        let workspace = Workspace { root: Some("/checkout".into()), current: "/checkout/deploy/./prod".into() };
        let mut annotations = Annotations::new(workspace);
        for event in events {
            annotations.add(event);
        }
        annotations.commands()
    }

    #[test]
    fn problems_of_the_configuration_are_where_they_are_written() {
        let end = samples::run_finished(ExitCode::Usage, "nothing was changed", &["it has a problem"], Some("mend it"));
        let flag = Event::ConfigurationProblem {
            location: "--target".to_owned(),
            place: None,
            message: "which target?".to_owned(),
            hint: None,
        };
        let told = commands_of(&[samples::run_started(), problem(4, "unknown key `imgae`"), flag, end]);
        let problem = "::error file=deploy/shipgate.yaml,line=4,col=3,title=shipgate%3A configuration";
        let expected = [
            "::error title=shipgate deploy%3A usage error::nothing was changed".to_owned(),
            format!("{problem}::unknown key `imgae`%0Ahint: did you mean `image`?"),
            "::error title=shipgate%3A configuration::--target: which target?".to_owned(),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_rollback_is_one_error_with_its_reason() {
        let causes = ["the deployment was rolled back", "::error::100% of\nit failed"];
        let end = samples::run_finished(ExitCode::RolledBack, "the old version serves", &causes, Some("read on"));
        let warning = Event::Warning { message: "the log group cannot be read".to_owned() };
        let told = commands_of(&[samples::run_started(), warning.clone(), warning, end]);
        let message = "the old version serves%0Athe deployment was rolled back%0A::error::100%25 of%0Ait failed";
        let expected = [
            format!("::error title=shipgate deploy%3A rolled back::{message}%0Ahint: read on"),
            "::warning title=shipgate::the log group cannot be read".to_owned(),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn there_are_ten_of_a_kind_and_the_last_tells_of_the_others() {
        let many = |number: usize| {
            let check = |at| Event::Checked {
                check: format!("check-{at}"),
                outcome: Outcome::Fail,
                detail: "no".to_owned(),
                hint: None,
            };
            let mut events: Vec<Event> = (0..number).map(check).collect();
            events.push(samples::run_finished(ExitCode::Preflight, "nothing was changed", &["problems"], None));
            commands_of(&events)
        };
        assert_eq!(many(9).len(), 10);
        let told = many(12);
        assert_eq!(told.len(), 10);
        assert_eq!(told[0], "::error title=shipgate%3A preflight failed::nothing was changed");
        assert_eq!(told[9], "::error title=shipgate::4 more are in the log");
    }

    #[test]
    fn a_run_that_was_stopped_is_a_warning_and_a_success_says_nothing() {
        let stopped = samples::run_finished(ExitCode::Interrupted, "cancelled", &[], Some("shipgate wait ID"));
        let told = commands_of(&[samples::run_started(), stopped]);
        assert_eq!(told, ["::warning title=shipgate deploy%3A interrupted::cancelled%0Ahint: shipgate wait ID"]);
        let good = samples::run_finished(ExitCode::Success, "serving", &[], None);
        assert_eq!(commands_of(&[samples::run_started(), good]), Vec::<String>::new());
    }

    #[test]
    fn a_file_elsewhere_keeps_its_name() {
        let workspace = Workspace { root: Some("/checkout".into()), current: "/checkout".into() };
        let table =
            [("shipgate.yaml", "shipgate.yaml"), ("/checkout/a/b.yaml", "a/b.yaml"), ("../x.yaml", "../x.yaml")];
        for (file, path) in table {
            assert_eq!(workspace.path_of(file), path);
            assert_eq!(Workspace::default().path_of(file), file);
        }
    }
}
