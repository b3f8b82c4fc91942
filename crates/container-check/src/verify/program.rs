//! The file that a container was to execute, looked at after the kernel or the engine refused it. It only explains a verdict.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{
    content::{Content, Unusable},
    finding::Finding,
};
use crate::docker::{
    Engine, EngineError,
    files::{ContainerCommand, ContainerFile},
};

/// The search path of a container without `PATH` (Moby, `system.DefaultPathEnv`).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The most symbolic links in a path (Linux, `MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// The most interpreters of interpreters (Linux, `exec_binprm`: 5).
const MOST_INTERPRETERS: usize = 5;

/// How long the engine may take to give the files.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// The most characters of a path in a message: an image may have any.
const PATH_CHARACTERS: usize = 200;

/// A file that was to be executed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Program {
    /// There is none.
    Missing,
    /// It is a directory.
    Directory { path: String },
    /// Nobody may execute it.
    NotExecutable { path: String },
    /// A file, and what it needs to be executed: a script's interpreter, a program's loader.
    File { path: String, content: Content, needs: Option<Box<Program>> },
    /// Nothing is known about it.
    Unknown,
}

impl Program {
    /// Looks at the file that the container's command names.
    pub(super) async fn of_container(engine: &Engine, container: &str) -> Self {
        let look = async {
            let command = engine.container_command(container).await?;
            let mut best = Self::Missing;
            for path in candidates(&command) {
                match look(engine, container, path, MOST_INTERPRETERS).await? {
                    Self::Missing => {}
                    found @ (Self::File { .. } | Self::Unknown) => return Ok(found),
                    // A later directory of the search path may have one that can be executed.
                    found @ (Self::Directory { .. } | Self::NotExecutable { .. }) => best = found,
                }
            }
            Ok::<Self, EngineError>(best)
        };
        timeout(LOOK_LIMIT, look).await.ok().and_then(Result::ok).unwrap_or(Self::Unknown)
    }

    /// Why it cannot be executed, as far as that can be seen.
    pub(super) fn fault(&self) -> Option<Finding> {
        match self {
            Self::Missing => Some(Finding::CommandNotFound),
            Self::Directory { path } => Some(Finding::IsDirectory { path: path.clone() }),
            Self::NotExecutable { path } => Some(Finding::LacksPermission { path: path.clone() }),
            Self::File { path, content, needs } => Self::fault_of_file(path, content, needs.as_deref()),
            Self::Unknown => None,
        }
    }

    /// The fault of what another file needs: `missing` if there is none.
    fn fault_or(&self, missing: Finding) -> Option<Finding> {
        if *self == Self::Missing { Some(missing) } else { self.fault() }
    }

    fn fault_of_file(path: &str, content: &Content, needs: Option<&Self>) -> Option<Finding> {
        let path = path.to_owned();
        match content {
            Content::ForeignProgram { architecture } => {
                Some(Finding::ForeignProgram { path, architecture: architecture.clone() })
            }
            Content::Unusable(what) => Some(Finding::NotAProgram { path, what: *what }),
            Content::Script { interpreter, windows: true } => {
                Some(Finding::WindowsScript { path, interpreter: interpreter.clone() })
            }
            Content::Script { interpreter, windows: false } => {
                let missing = Finding::MissingInterpreter { path, interpreter: interpreter.clone() };
                needs?.fault_or(missing)
            }
            Content::Program { loader: Some(loader) } => {
                needs?.fault_or(Finding::MissingLoader { path, loader: loader.clone() })
            }
            Content::Program { loader: None } => None,
        }
    }
}

/// What the file itself says about a finding that rests on the engine's words, or on an exit code alone.
pub(super) fn refine(finding: Finding, program: &Program) -> Finding {
    let Some(fault) = program.fault() else { return finding };
    let is_better = if let Finding::Exited { code } = &finding {
        // `env` starts, and does not find the interpreter whose name ends with a carriage return; or SIGBUS and SIGSEGV, in
        // pages that the file does not have.
        let is_cut_off = matches!(fault, Finding::NotAProgram { what: Unusable::CutOff, .. });
        matches!((code, &fault), (126 | 127, Finding::WindowsScript { .. }))
            || (matches!(code, 135 | 139) && is_cut_off)
    } else {
        is_worth_a_look(&finding)
    };
    if is_better { fault } else { finding }
}

/// Whether the file can say more than a finding does.
pub(super) fn is_worth_a_look(finding: &Finding) -> bool {
    matches!(
        finding,
        Finding::WrongArchitecture { platform: None }
            | Finding::InterpreterNotFound
            | Finding::NotExecutable
            | Finding::CommandNotFound
            | Finding::Exited { code: 126 | 127 | 135 | 139 }
    )
}

/// The paths at which the program may be, in the order of the search.
fn candidates(command: &ContainerCommand) -> Vec<String> {
    let program = &command.program;
    if program.is_empty() {
        return Vec::new();
    }
    if program.contains('/') {
        return vec![join(&command.working_directory, program)];
    }
    let path = command.path.as_deref().unwrap_or(DEFAULT_PATH);
    path.split(':').filter(|directory| directory.starts_with('/')).map(|directory| join(directory, program)).collect()
}

/// A path, relative to a directory unless it is absolute.
fn join(directory: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", directory.trim_end_matches('/')) }
}

/// Looks at a file, and at what it needs: at most so many files in all.
fn look<'a>(
    engine: &'a Engine,
    container: &'a str,
    path: String,
    most: usize,
) -> BoxFuture<'a, Result<Program, EngineError>> {
    Box::pin(look_at(engine, container, path, most))
}

async fn look_at(engine: &Engine, container: &str, path: String, most: usize) -> Result<Program, EngineError> {
    let mut at = path.clone();
    for _ in 0..MOST_LINKS {
        let file = match engine.container_file(container, &at).await? {
            None => return Ok(Program::Missing),
            Some(ContainerFile::Link(target)) => {
                let directory = at.rsplit_once('/').map_or("/", |(directory, _)| directory);
                at = join(directory, &target);
                continue;
            }
            Some(file) => file,
        };
        let path = shown(&path);
        return Ok(match file {
            ContainerFile::Directory => Program::Directory { path },
            ContainerFile::Regular { mode, .. } if mode & 0o111 == 0 => Program::NotExecutable { path },
            ContainerFile::Regular { head, size_bytes, .. } => {
                let content = shown_content(Content::of(&head, size_bytes));
                let needs = match needs(&content).filter(|_| most > 0) {
                    Some(needs) => Some(Box::new(look(engine, container, needs, most - 1).await?)),
                    None => None,
                };
                Program::File { path, content, needs }
            }
            ContainerFile::Special | ContainerFile::Link(_) => Program::Unknown,
        });
    }
    Ok(Program::Unknown)
}

/// The path of what a file needs to be executed. The kernel takes a relative one from the working directory: it is not followed.
fn needs(content: &Content) -> Option<String> {
    let path = match content {
        Content::Script { interpreter, windows: false } => Some(interpreter),
        Content::Program { loader } => loader.as_ref(),
        Content::Script { .. } | Content::ForeignProgram { .. } | Content::Unusable(_) => None,
    };
    path.filter(|path| path.starts_with('/')).cloned()
}

/// A path of the image, fit for a message.
fn shown(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).take(PATH_CHARACTERS).collect()
}

fn shown_content(content: Content) -> Content {
    match content {
        Content::Program { loader } => Content::Program { loader: loader.as_deref().map(shown) },
        Content::Script { interpreter, windows } => Content::Script { interpreter: shown(&interpreter), windows },
        other @ (Content::ForeignProgram { .. } | Content::Unusable(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{ContainerCommand, Content, Finding, Program, Unusable, candidates, is_worth_a_look, refine};

    fn file(content: Content, needs: Option<Program>) -> Program {
        Program::File { path: "/program".to_owned(), content, needs: needs.map(Box::new) }
    }

    fn script(windows: bool) -> Content {
        Content::Script { interpreter: "/bin/sh".to_owned(), windows }
    }

    fn program(loader: Option<&str>) -> Content {
        Content::Program { loader: loader.map(str::to_owned) }
    }

    #[test]
    fn file_says_why_it_cannot_be_executed() {
        let arm = || Content::ForeignProgram { architecture: "arm64".to_owned() };
        let words = Finding::WrongArchitecture { platform: None };
        let table = [
            (Program::Unknown, words.clone(), "wrong-architecture", "a script without a first line"),
            (file(arm(), None), words.clone(), "wrong-architecture", "/program is a program for arm64"),
            (
                file(Content::Unusable(Unusable::NoInterpreterLine), None),
                words.clone(),
                "not-a-program",
                "/program is a script without a first line `#!`",
            ),
            (file(script(false), Some(file(arm(), None))), words, "wrong-architecture", "for arm64"),
            (file(script(true), None), Finding::InterpreterNotFound, "interpreter-not-found", "Windows line end"),
            (
                file(script(false), Some(Program::Missing)),
                Finding::InterpreterNotFound,
                "interpreter-not-found",
                "the interpreter /bin/sh of the script /program is not in the image",
            ),
            (
                file(program(Some("/lib64/ld-linux-x86-64.so.2")), Some(Program::Missing)),
                Finding::InterpreterNotFound,
                "interpreter-not-found",
                "the loader /lib64/ld-linux-x86-64.so.2 of the program /program is not in the image",
            ),
            (Program::Missing, Finding::InterpreterNotFound, "command-not-found", "not in the image"),
            (
                Program::NotExecutable { path: "/bin/x".to_owned() },
                Finding::CommandNotFound,
                "not-executable",
                "/bin/x is not executable",
            ),
            (
                Program::Directory { path: "/app".to_owned() },
                Finding::NotExecutable,
                "not-executable",
                "/app is a directory",
            ),
            (
                file(script(false), Some(Program::NotExecutable { path: "/bin/sh".to_owned() })),
                Finding::NotExecutable,
                "not-executable",
                "/bin/sh is not executable",
            ),
            (file(program(None), None), Finding::NotExecutable, "not-executable", "the command is not executable"),
            (file(script(true), None), Finding::Exited { code: 127 }, "interpreter-not-found", "Windows line end"),
            (
                file(Content::Unusable(Unusable::CutOff), None),
                Finding::Exited { code: 139 },
                "not-a-program",
                "cut off",
            ),
        ];
        for (program, finding, name, addition) in table {
            assert!(is_worth_a_look(&finding), "{finding:?}");
            let refined = refine(finding, &program);
            assert_eq!(refined.name(), name, "{program:?}");
            assert!(
                refined.addition().is_some_and(|text| text.contains(addition)),
                "{refined:?}: {:?}",
                refined.addition()
            );
            assert!(!refined.hint(&[]).is_empty(), "{refined:?}");
        }
    }

    #[test]
    fn an_application_that_ran_is_not_blamed_on_its_file() {
        let odd = file(Content::Unusable(Unusable::NoInterpreterLine), None);
        for finding in [Finding::Exited { code: 127 }, Finding::Exited { code: 139 }, Finding::Exited { code: 1 }] {
            assert_eq!(refine(finding.clone(), &odd), finding);
        }
        let platform = Finding::WrongArchitecture { platform: Some("linux/arm64".to_owned()) };
        assert_eq!(refine(platform.clone(), &odd), platform);
    }

    #[test]
    fn names_are_searched_as_the_engine_does() {
        let candidates = |program: &str, path: Option<&str>| {
            candidates(&ContainerCommand {
                program: program.to_owned(),
                working_directory: "/app".to_owned(),
                path: path.map(str::to_owned),
                user: String::new(),
            })
        };
        assert_eq!(candidates("/bin/x", None), ["/bin/x"]);
        assert_eq!(candidates("./x", None), ["/app/./x"]);
        assert_eq!(candidates("bin/x", None), ["/app/bin/x"]);
        assert_eq!(candidates("x", Some("/a:b:/c/")), ["/a/x", "/c/x"]);
        assert_eq!(candidates("x", None).len(), 6);
        assert!(candidates("", None).is_empty());
    }
}
