//! A check of `doctor` as a block of lines: what came of it, what is known, how to mend it, and the statement of a policy, which
//! can be copied as it stands.

use super::gap;
use crate::report::text::line::{Line, Role};
use shipgate_core::{diagnosis::Diagnosis, event::Outcome};

/// As wide as the widest name of a check that is not a role's.
const CHECK_WIDTH: usize = 15;

/// What is said under a check begins here.
const INDENT: usize = 4;

pub(super) fn lines(found: &Diagnosis) -> Vec<Line> {
    let (mark, role) = match found.outcome {
        Outcome::Ok => ("✓", Role::Good),
        Outcome::Skip => ("–", Role::Faint),
        Outcome::Fail => ("✗", Role::Bad),
    };
    let head = Line::data().with(role, mark).say(" ").with(Role::Strong, &found.check);
    let mut lines = vec![head.say(gap(&found.check, CHECK_WIDTH)).say(&found.detail)];
    let width = found.facts.iter().map(|fact| fact.name.chars().count()).max().unwrap_or_default() + 2;
    lines.extend(
        found
            .facts
            .iter()
            .map(|fact| under().with(Role::Faint, &fact.name).say(gap(&fact.name, width)).say(&fact.value)),
    );
    let hints = found.hint.iter().flat_map(|hint| hint.lines());
    lines.extend(hints.map(|hint| under().with(Role::Odd, "hint: ").say(hint)));
    let statement = found.statement.as_ref().map(|statement| format!("{statement:#}")).unwrap_or_default();
    lines.extend(statement.lines().map(|line| under().say(line)));
    lines
}

fn under() -> Line {
    Line::data().say(" ".repeat(INDENT))
}
