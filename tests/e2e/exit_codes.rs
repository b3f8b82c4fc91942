//! `docs/exit-codes.md` and the program agree on every number.

use std::{collections::BTreeSet, fs, path::Path};

use shipgate_core::exit_code::ExitCode;

/// The variant that follows: a new one does not compile until it stands here, and thereby in the document.
fn following(code: ExitCode) -> Option<ExitCode> {
    match code {
        ExitCode::Success => Some(ExitCode::Internal),
        ExitCode::Internal => Some(ExitCode::Usage),
        ExitCode::Usage => Some(ExitCode::Identity),
        ExitCode::Identity => Some(ExitCode::Preflight),
        ExitCode::Preflight => Some(ExitCode::Copy),
        ExitCode::Copy => Some(ExitCode::Unhealthy),
        ExitCode::Unhealthy => Some(ExitCode::Unverifiable),
        ExitCode::Unverifiable => Some(ExitCode::RolledBack),
        ExitCode::RolledBack => Some(ExitCode::DeploymentFailed),
        ExitCode::DeploymentFailed => Some(ExitCode::GateTimeout),
        ExitCode::GateTimeout => Some(ExitCode::Busy),
        ExitCode::Busy => Some(ExitCode::SmokeTest),
        ExitCode::SmokeTest => Some(ExitCode::Interrupted),
        ExitCode::Interrupted => Some(ExitCode::Terminated),
        ExitCode::Terminated => None,
    }
}

fn documented() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-codes.md");
    let text = fs::read_to_string(path).unwrap();
    let first_cell = |row: &str| row.strip_prefix('|')?.split('|').next()?.trim().parse().ok();
    text.lines().filter_map(first_cell).collect()
}

#[test]
fn the_document_has_every_exit_code_once() {
    let codes = std::iter::successors(Some(ExitCode::Success), |code| following(*code));
    let numbers: Vec<u8> = codes.map(ExitCode::number).collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 15, "every variant is reached");
    assert_eq!(documented(), numbers);
}

#[test]
fn the_numbers_are_frozen() {
    assert_eq!(documented(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 130, 143]);
}
