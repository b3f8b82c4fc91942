//! A plan as text: the steps in their order, then the difference that they make.

use super::{NAME_WIDTH, fact, gap};
use crate::report::text::line::{Line, Role};
use shipgate_core::{
    forecast::{Change, Forecast, Step, TagWrite},
    operation::OperationId,
};

/// The lines of a plan.
pub(super) fn lines(plan: &Forecast) -> Vec<Line> {
    let head = Line::data().with(Role::Strong, &plan.service).say(" ");
    let (role, verb) = match plan.verb {
        None => (Role::Bad, "takes no deployment"),
        Some("nothing") => (Role::Good, "nothing to do"),
        Some(verb) => (Role::Good, verb),
    };
    let mut lines = vec![head.with(role, verb)];
    lines.push(fact("image", &plan.identifier));
    lines.push(fact("digest", plan.digest.as_str()));
    lines.push(fact("serving", &plan.serving_line()));
    if !plan.failed_before.is_empty() {
        let operations: Vec<&str> = plan.failed_before.iter().map(OperationId::as_str).collect();
        let text = format!("this digest was rolled back or failed before, in operation {}", operations.join(", "));
        lines.push(Line::data().say(gap("", 2)).with(Role::Odd, "warning").say(gap("warning", NAME_WIDTH)).say(text));
    }
    lines.extend(plan.steps.iter().map(step));
    lines.extend(plan.tags.iter().enumerate().map(|(at, write)| tag(at, write)));
    if plan.verb.is_some() && plan.changes.is_empty() {
        lines.push(fact("changes", "none, of the tag and of the service"));
    }
    lines.extend(plan.changes.iter().map(change));
    lines
}

/// A tag that is written, with the operation that it speaks of.
fn tag(at: usize, write: &TagWrite) -> Line {
    let name = if at == 0 { "writes tags" } else { "" };
    let of = match (write.kind, &write.operation) {
        ("deployment", _) => "the service deploys from it".to_owned(),
        ("note", Some(operation)) => format!("note: what operation {operation} deployed, as far as is known"),
        (_, Some(operation)) => format!("record of the operation after {operation}"),
        (_, None) => "record of the service's next operation".to_owned(),
    };
    fact(name, &format!("{} → {} ({of})", write.tag, write.digest.short()))
}

fn step(step: &Step) -> Line {
    let name = step.stage.to_string();
    let role = if step.skipped { Role::Faint } else { Role::Plain };
    let left_out = if step.skipped { "– " } else { "" };
    Line::data()
        .say(gap("", 2))
        .with(Role::Faint, &name)
        .say(gap(&name, NAME_WIDTH))
        .with(role, format!("{left_out}{}", step.action))
}

/// `+` for what would be new, `-` for what would be gone, `~` for what would be another.
fn change(change: &Change) -> Line {
    let (sign, role, values) = match (&change.from, &change.to) {
        (None, Some(to)) => ("+", Role::Good, to.clone()),
        (Some(from), None) => ("-", Role::Bad, from.clone()),
        (Some(from), Some(to)) => ("~", Role::Odd, format!("{from} → {to}")),
        (None, None) => (" ", Role::Plain, String::new()),
    };
    let what = format!("{}: ", if change.what == change.of { change.of.to_owned() } else { named(change) });
    Line::data().with(role, sign).say(" ").with(Role::Strong, what).say(values)
}

fn named(change: &Change) -> String {
    match change.of {
        "tag" | "repository" => format!("{} {}", change.of, change.what),
        _ => change.what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::report::samples::reading::planned;

    #[test]
    fn a_plan_is_steps_and_a_difference() {
        let text: String = lines(&planned()).iter().map(|line| line.render_words(false) + "\n").collect();
        insta::assert_snapshot!(text);
    }
}
