//! How scenes become a page.

use std::fmt::Write as _;

use crate::{said, world::Ran};

const HEAD: &str = "\
# What can go wrong, and what it looks like

Each scene is a real run on the sandbox, with its output as CI systems get it; a test runs them all and holds this page against them.
Account 111111111111 has the images, 222222222222 the service `shop-api`, where `v1` serves unless a scene says otherwise.
Only what differs from run to run is replaced: `TIME`, `ID`, `ADDRESS`, `SIZE`, digests (`sha256:…`). While a stage runs there are more
lines, which tell how far it is; they are left out here, as are the checks that passed. Copy and local check run side by side; their
lines are put one after the other.
Exit codes: [exit-codes.md](exit-codes.md). What a deployment does to the service, and why: [releasing.md](releasing.md).
";

/// What a user meets.
pub(super) struct Scene {
    pub(super) title: &'static str,
    /// What there is to know, in a sentence or two.
    pub(super) about: &'static str,
    pub(super) runs: Vec<Run>,
}

/// A line in a shell, and what came of it.
pub(super) struct Run {
    pub(super) line: String,
    pub(super) ran: Ran,
}

pub(super) fn of(scenes: &[Scene]) -> String {
    let mut page = HEAD.to_owned();
    for Scene { title, about, runs } in scenes {
        write!(page, "\n## {title}\n\n{about}\n\n```console\n").unwrap();
        for run in runs {
            page.push_str(&told(run));
        }
        page.push_str("```\n");
    }
    page
}

fn told(run: &Run) -> String {
    let ran = &run.ran;
    let talk = said::neutral(&ran.stderr);
    let mut told = format!("$ {}\n", said::neutral(&run.line));
    told.push_str(&what_matters(&in_order(talk.lines().collect())));
    let data = said::neutral(&ran.stdout);
    write!(told, "{}\n$ echo $?\n{}\n", data.trim_end(), ran.code).unwrap();
    told
}

/// The stage that a line is of.
fn stage(line: &str) -> &str {
    line.split_whitespace().nth(1).unwrap_or_default()
}

/// The copy and the local check run side by side: the lines of the one, then those of the other.
fn in_order(lines: Vec<&str>) -> Vec<&str> {
    let is_beside = |line: &&str| matches!(stage(line), "copy" | "verify");
    let first = lines.iter().position(is_beside).unwrap_or(lines.len());
    let (before, after) = lines.split_at(first);
    let (mut beside, rest): (Vec<&str>, Vec<&str>) = after.iter().copied().partition(is_beside);
    beside.sort_by_key(|line| stage(line) == "verify");
    before.iter().copied().chain(beside).chain(rest).collect()
}

/// The lines that are the same in every run: what went wrong, what ends a stage, the summary.
fn what_matters(lines: &[&str]) -> String {
    lines.iter().filter(|line| matters(line)).map(|line| format!("{}\n", without_sizes(line))).collect()
}

/// How much was sent is the size of an executable that every build changes.
fn without_sizes(line: &str) -> String {
    match line.split_once(" (").filter(|_| stage(line) == "copy") {
        Some((told, numbers)) if numbers.contains(" sent, ") => format!("{told} (SIZE sent, RATE, TIME)"),
        Some(_) | None => line.to_owned(),
    }
}

/// Progress begins with a dot and the name of its stage; what is told beside the summary begins with a dot too, and stays. Of what
/// preflight found in order, the last line is enough.
fn matters(line: &str) -> bool {
    const STAGES: [&str; 10] =
        ["resolve", "copy", "verify", "prepare", "promote", "release", "gate", "smoke", "aftercare", "return"];
    let is_progress = line.starts_with("·  ") || (line.starts_with('·') && STAGES.contains(&stage(line)));
    let is_in_order = line.starts_with(['✓', '–']) && stage(line) == "preflight" && !line.contains("checks passed");
    !is_progress && !is_in_order
}
