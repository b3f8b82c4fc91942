//! The `secrets` of a `verify` block: which way the local container is given the service's secrets, and the values of a
//! file. A message names lines of that file and never shows one.

use std::path::PathBuf;

use schemars::{Schema, json_schema};

use super::{
    dotenv,
    environment::Environment,
    problem::{Location, Problem},
    read::{Given, Scalar},
    scalars::in_schema,
    shape::{File, Verify},
};
use shipgate_core::service_secret::SecretsWay;

/// The word for a way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WayWord {
    /// Nothing is given.
    Skip,
    /// Stand-ins.
    Stub,
    /// What the service has.
    Fetch,
    /// What a file has.
    File,
}

impl WayWord {
    fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Stub => "stub",
            Self::Fetch => "fetch",
            Self::File => "file",
        }
    }
}

impl Scalar for WayWord {
    const EXPECTED: &'static str = "a way to give secrets (skip, stub, fetch or file)";

    fn parse(text: &str) -> Option<Self> {
        [Self::Skip, Self::Stub, Self::Fetch, Self::File].into_iter().find(|way| way.word() == text)
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["skip", "stub", "fetch", "file"] })
    }
}

/// The path of a file of variables.
pub(super) struct VariablesFile(PathBuf);

impl Scalar for VariablesFile {
    const EXPECTED: &'static str = "the path of a file";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

in_schema!(WayWord, VariablesFile);

/// Whoever names a file means `file`: block by block, before the blocks of `defaults` are laid under those of targets.
pub(super) fn imply(file: &mut File, problems: &mut Vec<Problem>) {
    let mut blocks = vec![&mut file.defaults];
    if let Given::Is { value: targets, .. } = &mut file.targets {
        blocks.extend(targets.0.values_mut());
    }
    for block in blocks {
        if let Given::Is { value: target, .. } = block
            && let Given::Is { value: verify, .. } = &mut target.verify
        {
            imply_in(verify, problems);
        }
    }
}

fn imply_in(verify: &mut Verify, problems: &mut Vec<Problem>) {
    let Some(at) = verify.secrets_file.place().cloned() else { return };
    let stands = match &verify.secrets {
        Given::Faulty | Given::Is { value: WayWord::File, .. } => return,
        Given::Absent => None,
        // What the command line says takes the place of what the file says.
        Given::Is { location: Location::File { .. }, .. } if matches!(at, Location::Flag(_)) => None,
        Given::Is { location: Location::Flag(_), .. } if matches!(at, Location::File { .. }) => return,
        Given::Is { value, .. } => Some(value.word()),
    };
    match stands {
        None => verify.secrets = Given::Is { value: WayWord::File, location: at },
        Some(word) => problems.push(
            Problem::new(&at, format!("a file of secrets is for `file`, and the way is `{word}`"))
                .with_hint("write `secrets: file`, or leave out `secrets_file`"),
        ),
    }
}

/// The way of a block that `defaults` have been laid under. Reads the file, where there is one.
pub(super) fn way(
    secrets: Given<WayWord>,
    file: Given<VariablesFile>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> SecretsWay {
    let Some((word, at)) = secrets.located() else { return SecretsWay::default() };
    match (word, file) {
        (WayWord::Skip, _) => SecretsWay::Skip,
        (WayWord::Stub, _) => SecretsWay::Stub,
        (WayWord::Fetch, _) => SecretsWay::Fetch,
        (WayWord::File, Given::Is { value, location }) => read(&value.0, &location, environment, problems),
        (WayWord::File, Given::Faulty) => SecretsWay::default(),
        (WayWord::File, Given::Absent) => {
            let problem = Problem::new(&at, "there is no file of secrets");
            problems.push(problem.with_hint("name it: `secrets_file: PATH`, or --secrets-file"));
            SecretsWay::default()
        }
    }
}

/// A path in a configuration is meant from where that file is, one on the command line from where we are.
fn read(path: &PathBuf, at: &Location, environment: &Environment, problems: &mut Vec<Problem>) -> SecretsWay {
    let path = match at {
        Location::File { path: configuration, .. } => configuration.with_file_name("").join(path),
        Location::Flag(_) => path.clone(),
    };
    match dotenv::read(&path, at, dotenv::MOST_OF_A_SECRET, environment) {
        Ok(values) => return SecretsWay::File(values),
        Err(found) => problems.extend(found),
    }
    SecretsWay::default()
}
