//! The documentation is held against the table, so that neither drifts.

use std::collections::BTreeSet;

use super::cases::{CASES, Case, Local};

const DOCUMENT: &str = include_str!("../../../docs/verification.md");

fn row(case: &Case) -> String {
    let local = match case.local {
        Local::Healthy => "healthy".to_owned(),
        Local::Warned(finding) => format!("healthy, warns: `{finding}`"),
        Local::Unhealthy(finding) => format!("unhealthy: `{finding}`"),
    };
    format!("| {} | {} | {local} | {} |", case.name, case.about, case.cloud())
}

#[test]
fn the_table_of_the_documentation_is_the_corpus() {
    let head = "| case | what it does | the local check | App Runner |\n|---|---|---|---|\n";
    let table = head.to_owned() + &CASES.iter().map(|case| row(case) + "\n").collect::<String>();
    assert!(DOCUMENT.contains(&table), "docs/verification.md lacks this table:\n{table}");
}

#[test]
fn every_finding_that_is_documented_has_a_case() {
    let told: BTreeSet<&str> =
        DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let seen: BTreeSet<&str> = CASES
        .iter()
        .filter_map(|case| match case.local {
            Local::Unhealthy(finding) | Local::Warned(finding) => Some(finding),
            Local::Healthy => None,
        })
        // The engine's refusals that have no name of their own cannot be made on purpose.
        .chain(["not-started"])
        .collect();
    assert_eq!(told, seen);
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), CASES.len());
}
