//! What goes to standard output for the verbs whose result is data: `status`, `plan`, `logs`, `export`, `init`, `iam`,
//! `doctor`. Pure.

mod diagnosed;
mod planned;

use jiff::Timestamp;

use super::line::{Line, Role};
use crate::report::quantity;
use shipgate_core::{
    event::{Event, LogSource},
    log_group::LogGroup,
    operation::{OperationStatus, Verdict},
    service::ServiceStatus,
    status::{GroupFacts, Knowledge, OnRecord, RanOperation, StatusReport},
};

/// As wide as the widest name of a fact.
const NAME_WIDTH: usize = 14;

/// Whether a verb's result is data: then no word of the verdict is added to it.
pub(super) fn is_given_by(verb: &str) -> bool {
    ["status", "plan", "logs", "export", "init", "iam", "doctor"].contains(&verb)
}

/// The lines of data in an event.
pub(super) fn lines(event: &Event) -> Vec<Line> {
    if let Event::Planned(plan) = event {
        planned::lines(plan)
    } else if let Event::Status(report) = event {
        status(report)
    } else if let Event::Diagnosed(found) = event {
        diagnosed::lines(found)
    } else if let Event::LoggedLine { logged_at, source, line, .. } = event {
        vec![logged(*logged_at, *source, line)]
    } else if let Event::OrphanFound(group) = event {
        vec![orphan(group)]
    } else if let Event::Printed { text, .. } = event {
        text.lines().map(|line| Line::data().say(line)).collect()
    } else {
        Vec::new()
    }
}

fn logged(at: Timestamp, source: LogSource, line: &str) -> Line {
    let label = match source {
        LogSource::Service => "service",
        LogSource::Application => "application",
        LogSource::LocalContainer => "container",
    };
    Line::data().with(Role::Faint, format!("{at:.3}")).say("  ").with(Role::Strong, label).say(gap(label, 13)).say(line)
}

/// What fills a column after a word.
fn gap(word: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(word.chars().count()).max(1))
}

fn orphan(group: &LogGroup) -> Line {
    let (size, kept) = (quantity::size(group.stored_bytes), kept(group.retention_days));
    let line = Line::data().say(format!("{size:>10}  {kept}"));
    line.say(gap(&kept, 15)).with(Role::Strong, &group.name)
}

fn kept(retention_days: Option<u32>) -> String {
    retention_days.map_or_else(|| "kept for ever".to_owned(), |days| format!("kept {days} days"))
}

fn status(report: &StatusReport) -> Vec<Line> {
    let mut lines = vec![head(report)];
    lines.push(fact("arn", &report.service_arn));
    lines.push(fact("url", if report.service_url.is_empty() { "none" } else { &report.service_url }));
    lines.push(fact("image", report.image_identifier.as_deref().unwrap_or("none: built from source code")));
    let points_at = report.points_at.as_ref().map_or("not known", |digest| digest.as_str());
    lines.push(fact("points at", points_at));
    lines.push(fact("deployed", &report.deployed.as_ref().map_or_else(|| "not on record".to_owned(), on_record)));
    lines.push(fact("auto deploy", if report.auto_deployments { "on" } else { "off" }));
    lines.extend(report.log_groups.iter().map(log_group));
    lines.extend(report.operations.iter().take(5).enumerate().map(|(at, one)| operation(at, one)));
    lines.extend(report.drift.iter().flat_map(|drift| {
        let name = if drift == &report.drift[0] { "drift" } else { "" };
        let line = Line::data().say(gap("", 2)).with(Role::Odd, name).say(gap(name, NAME_WIDTH));
        let command = drift.command.iter().map(|command| fact("", &format!("fix it with: {command}")));
        [line.with(Role::Odd, &drift.detail)].into_iter().chain(command)
    }));
    lines
}

fn head(report: &StatusReport) -> Line {
    let role = match report.status {
        ServiceStatus::Running => Role::Good,
        ServiceStatus::CreateFailed | ServiceStatus::DeleteFailed | ServiceStatus::Deleted => Role::Bad,
        ServiceStatus::Paused | ServiceStatus::OperationInProgress | ServiceStatus::Unknown(_) => Role::Odd,
    };
    Line::data().with(Role::Strong, &report.service).say(" ").with(role, report.status.to_string())
}

fn fact(name: &str, value: &str) -> Line {
    Line::data().say(gap("", 2)).with(Role::Faint, name).say(gap(name, NAME_WIDTH)).say(value)
}

fn on_record(known: &OnRecord) -> String {
    let how = match known.known_from {
        Knowledge::Identifier => " (the identifier says so)",
        Knowledge::Record => "",
        Knowledge::Note => " (assumed: the tag pointed there when shipgate first moved it)",
    };
    let by = known.operation.as_ref().map_or_else(String::new, |operation| format!(" by operation {operation}"));
    format!("{}{by}{how}", known.digest)
}

fn log_group(group: &GroupFacts) -> Line {
    let kind = group.name.rsplit('/').next().unwrap_or_default();
    let kept = match group.exists {
        Some(true) => kept(group.retention_days),
        Some(false) => "not there yet".to_owned(),
        None => "not known".to_owned(),
    };
    fact("logs", &format!("{kind}{}{kept}", gap(kind, 13)))
}

fn operation(at: usize, one: &RanOperation) -> Line {
    let name = if at == 0 { "operations" } else { "" };
    let status = one.status.to_string();
    let role = match (&one.status, one.status.verdict()) {
        (_, Some(Verdict::Deployed)) => Role::Good,
        (OperationStatus::Pending | OperationStatus::InProgress, _) => Role::Plain,
        _ => Role::Bad,
    };
    let began = one.began.map_or_else(|| "at a time not known".to_owned(), |began| format!("{began:.0}"));
    let took = match (one.runs(), one.took_ms()) {
        (true, _) => "runs".to_owned(),
        (false, Some(took)) => format!("took {}", quantity::duration(took)),
        (false, None) => String::new(),
    };
    Line::data()
        .say(gap("", 2))
        .with(Role::Faint, name)
        .say(gap(name, NAME_WIDTH))
        .say(&one.kind)
        .say(gap(&one.kind, 18))
        .with(role, &status)
        .say(gap(&status, 20))
        .say(format!("{began}  {took}"))
        .say(gap(&took, 17))
        .with(Role::Faint, one.operation.as_str())
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::report::samples::reading::{logged, orphan, status};
    use shipgate_core::event::{Event, LogSource};

    fn shown(event: &Event, color: bool) -> String {
        lines(event).iter().map(|line| line.render_words(color) + "\n").collect()
    }

    #[test]
    fn a_status_is_a_table() {
        let shown = shown(&Event::Status(Box::new(status())), false);
        assert!(include_str!("../../../docs/commands.md").contains(&shown), "docs/commands.md shows another");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn lines_of_logs_have_a_time_and_a_label_and_do_nothing() {
        let text = [
            logged(LogSource::Application, "listening"),
            logged(LogSource::Service, "\u{1b}[2J::error::x\nno second line"),
        ];
        let text: String = text.iter().map(|event| shown(event, false)).collect();
        assert_eq!(
            text,
            "2026-01-02T03:04:05.678Z  application  listening\n\
             2026-01-02T03:04:05.678Z  service      ::error::x no second line\n"
        );
    }

    #[test]
    fn an_orphan_is_told_with_what_it_holds() {
        assert_eq!(
            shown(&Event::OrphanFound(orphan()), false),
            "  12.3 MiB  kept for ever  /aws/apprunner/shop-old/ffff456789abcdef0123456789abcdef/application\n"
        );
    }
}
