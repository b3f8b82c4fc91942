//! What the terminal says of each event: pure functions from an event to lines.

use super::line::{Line, Mark, Role};
use crate::report::{quantity, verdict};
use shipgate_core::{
    digest::Digest,
    event::{Event, LogSource, Outcome, Stage},
    exit_code::ExitCode,
    finding::FindingReport,
    operation::OperationStatus,
};

/// The lines of an event; none for what only moves a progress bar. `running` is the stage of events that belong to
/// whichever stage is running, where that is one.
pub(super) fn lines(event: &Event, running: Option<Stage>) -> Vec<Line> {
    let line = match event {
        Event::StageStarted { .. }
        | Event::CopyProgress { .. }
        | Event::BlobSkipped { .. }
        | Event::BlobCopied { .. }
        | Event::Heartbeat { .. }
        // What the end of their stage says again, or says better.
        | Event::ImageResolved { .. }
        | Event::Promoted { .. }
        | Event::Released { .. }
        | Event::Gated { .. }
        // The end of the run says it: it is all that it says.
        | Event::ConfigurationProblem { .. }
        // Data: `data` has them.
        | Event::Planned(_)
        | Event::Status(_)
        | Event::Diagnosed(_)
        | Event::LoggedLine { .. }
        | Event::OrphanFound(_)
        | Event::Printed { .. }
        | Event::StageFinished { stage: Stage::Copy, outcome: Outcome::Ok | Outcome::Skip, .. } => return Vec::new(),
        Event::RunStarted { verb, version, image, target } => {
            return vec![run_started(verb, version, image, target.as_deref())];
        }
        Event::StageFinished { stage, outcome, detail, elapsed_ms } => {
            stage_finished(*stage, *outcome, detail, *elapsed_ms)
        }
        Event::IdentityAssumed { purpose, account, arn } => {
            going(running).say(format!("{purpose}: account {account} ")).with(Role::Faint, format!("as {arn}"))
        }
        Event::Checked { check, outcome, detail, hint } => return checked(check, *outcome, detail, hint.as_deref()),
        Event::CopyPlanned { destination, blobs, bytes, blobs_present, bytes_present } => {
            copy_planned(destination, (*blobs, *bytes), (*blobs_present, *bytes_present))
        }
        Event::Retrying { what, cause, attempt, delay_ms } => retrying(running, what, cause, *attempt, *delay_ms),
        Event::Resumed { what, at_bytes, bytes } => {
            let (at, whole) = (quantity::size(*at_bytes), quantity::size(*bytes));
            going(running).say(format!("{what} goes on after {at} of {whole}"))
        }
        Event::CopyFinished {
            destination, digest, changed, blobs_fetched, bytes_sent, requests, elapsed_ms, ..
        } => {
            copy_finished(destination, digest, (*changed, *blobs_fetched), (*bytes_sent, *requests, *elapsed_ms))
        }
        Event::CopyFailed { destination, reason, .. } => {
            Line::new(Mark::Bad, running).say(format!("{destination} is left out: {reason}"))
        }
        Event::RepositoryCreated { repository } => going(running).say(format!("created repository {repository}")),
        end @ Event::Mirrored { .. } => return mirrored(end),
        Event::ContainerStarted { container, address, way, health_check, missing_secrets, stubbed_secrets, .. } => {
            let secrets = [("without", missing_secrets), ("with stand-ins for", stubbed_secrets)];
            let dialled = if address.is_empty() { format!(": {way}") } else { format!(" at {address}, {way}") };
            return container_started(container, &dialled, &health_check.to_string(), secrets);
        }
        Event::Probed { number, passed, detail, at_ms } => probed(*number, *passed, detail, *at_ms),
        Event::SmokeTested { url, passed, detail, at_ms } => smoke_tested(url, *passed, detail, *at_ms),
        Event::ContainerExited { exit_code, out_of_memory } => container_exited(*exit_code, *out_of_memory),
        Event::Judged { reason, within_ms } => judged(reason, *within_ms),
        Event::Verified { finding, last_lines, .. } => {
            let found = finding.iter().flat_map(found);
            return found.chain(last_lines.iter().map(|line| output(Stage::Verify, line))).collect();
        }
        Event::OperationObserved { status, at_ms, .. } => observed(status.as_ref(), *at_ms),
        Event::LogLine { source, line } => log_line(*source, line),
        Event::LogGroupDeleted { name } => Line::new(Mark::Good, running).say(format!("deleted {name}")),
        Event::Notice { message } => Line::new(Mark::Going, running).say(message),
        Event::Warning { message } => Line::new(Mark::Odd, running).with(Role::Odd, "warning: ").say(message),
        Event::RunFinished { exit_code, summary, causes, hint, reason, elapsed_ms, .. } => {
            let mut lines = run_finished(*exit_code, summary, causes, hint.as_deref(), *elapsed_ms);
            let details = reason.iter().flat_map(|reason| reason.details());
            lines.extend(details.map(|detail| Line::whole(Mark::Going).with(Role::Faint, "- ").say(detail)));
            return lines;
        }
    };
    vec![line]
}

/// What is printed while nothing else happens.
pub(super) fn heartbeat(stage: Option<Stage>, detail: &str) -> Line {
    Line::new(Mark::Waiting, stage).with(Role::Faint, detail)
}

/// A finding: what it is on one line, then what to do, then what it is concluded from.
pub(super) fn found(finding: &FindingReport) -> Vec<Line> {
    let stage = Some(Stage::Verify);
    let first = Line::new(Mark::Bad, stage).with(Role::Strong, format!("{}: ", finding.name)).say(&finding.headline);
    let hint = finding.hint.lines().map(|hint| going(stage).with(Role::Odd, "hint: ").say(hint));
    let evidence = finding.evidence.iter().map(|line| going(stage).with(Role::Faint, "- ").say(line));
    [first].into_iter().chain(hint).chain(evidence).collect()
}

/// A verdict that is told before its diagnosis.
fn judged(reason: &str, within_ms: u64) -> Line {
    let seconds = within_ms.div_ceil(1000);
    let why = format!("unhealthy: {reason}; watched for up to {seconds} s more, to tell a slow start from none");
    Line::new(Mark::Bad, Some(Stage::Verify)).say(why)
}

/// A line of the local container's output; also used for the evidence of a judgement.
fn output(stage: Stage, text: &str) -> Line {
    Line::new(Mark::Going, Some(stage)).with(Role::Faint, "│ ").say(text)
}

fn going(stage: Option<Stage>) -> Line {
    Line::new(Mark::Going, stage)
}

fn run_started(verb: &str, version: &str, image: &str, target: Option<&str>) -> Line {
    let line = Line::whole(Mark::Going)
        .with(Role::Strong, format!("shipgate {verb} "))
        .say(if image.is_empty() { String::new() } else { format!("{image} ") })
        .say(target.map_or_else(String::new, |target| format!("→ {target} ")));
    line.with(Role::Faint, format!("({version})"))
}

fn mark(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Ok => Mark::Good,
        Outcome::Skip => Mark::Skipped,
        Outcome::Fail => Mark::Bad,
    }
}

fn stage_finished(stage: Stage, outcome: Outcome, detail: &str, elapsed_ms: u64) -> Line {
    let gap = if detail.is_empty() { "" } else { " " };
    Line::new(mark(outcome), Some(stage))
        .say(format!("{detail}{gap}"))
        .with(Role::Faint, format!("({})", quantity::duration(elapsed_ms)))
}

/// The end of a local check whose finding has been told.
pub(super) fn unhealthy(elapsed_ms: u64) -> Line {
    stage_finished(Stage::Verify, Outcome::Fail, "the image is unhealthy", elapsed_ms)
}

fn checked(check: &str, outcome: Outcome, detail: &str, hint: Option<&str>) -> Vec<Line> {
    let stage = Some(Stage::Preflight);
    let mut lines = vec![Line::new(mark(outcome), stage).with(Role::Strong, format!("{check}: ")).say(detail)];
    let hint = hint.into_iter().flat_map(str::lines);
    lines.extend(hint.map(|hint| going(stage).with(Role::Odd, "hint: ").say(hint)));
    lines
}

fn copy_planned(destination: &str, all: (u64, u64), present: (u64, u64)) -> Line {
    let there = match present.0 {
        0 => "nothing there yet".to_owned(),
        blobs if blobs == all.0 => "all there already".to_owned(),
        blobs => format!("{blobs} there already ({})", quantity::size(present.1)),
    };
    let blobs = quantity::count(all.0, "blob");
    going(Some(Stage::Copy)).say(format!("to {destination}: {blobs}, {}, {there}", quantity::size(all.1)))
}

fn retrying(stage: Option<Stage>, what: &str, cause: &str, attempt: u32, delay_ms: u64) -> Line {
    let delay = quantity::duration(delay_ms);
    // Most causes name what was attempted.
    let told = if cause.contains(what) { cause.to_owned() } else { format!("{what}: {cause}") };
    Line::new(Mark::Odd, stage).say(format!("{told}; ")).with(Role::Odd, format!("attempt {attempt} in {delay}"))
}

fn copy_finished(
    destination: &str,
    digest: &Digest,
    (changed, blobs_fetched): (bool, u64),
    (bytes_sent, requests, elapsed_ms): (u64, u64, u64),
) -> Line {
    let rate = bytes_sent.saturating_mul(1000).checked_div(elapsed_ms).unwrap_or(bytes_sent);
    let requests = quantity::count(requests, "request");
    let sent = match bytes_sent {
        0 if !changed => format!("nothing to do, {requests}"),
        0 if blobs_fetched > 0 => format!("{} fetched by itself, {requests}", quantity::count(blobs_fetched, "blob")),
        0 => format!("nothing to send, {requests}"),
        _ => format!("{} sent, {}/s, {requests}", quantity::size(bytes_sent), quantity::size(rate)),
    };
    Line::new(Mark::Good, Some(Stage::Copy))
        .say(format!("{destination} has {} ", digest.short()))
        .with(Role::Faint, format!("({sent}, {})", quantity::duration(elapsed_ms)))
}

/// How many, how much: the end of the run says where that leaves things.
fn mirrored(end: &Event) -> Vec<Line> {
    let Event::Mirrored { copied, present, failed, bytes_received, bytes_sent, requests, elapsed_ms, .. } = end else {
        return Vec::new();
    };
    let mark = if *failed > 0 { Mark::Bad } else { Mark::Good };
    let (read, sent) = (quantity::size(*bytes_received), quantity::size(*bytes_sent));
    let requests = quantity::count(*requests, "request");
    let line = Line::whole(mark)
        .with(Role::Strong, format!("{copied} copied, {present} there before, {failed} failed "))
        .with(Role::Faint, format!("({read} read, {sent} sent, {requests}, {})", quantity::duration(*elapsed_ms)));
    vec![line]
}

fn container_started(container: &str, dialled: &str, rules: &str, secrets: [(&str, &Vec<String>); 2]) -> Vec<Line> {
    let short: String = container.chars().take(12).collect();
    let started = format!("container {short}{dialled}, probed by {rules}");
    let mut lines = vec![going(Some(Stage::Verify)).say(started)];
    for (how, names) in secrets.iter().filter(|(_, names)| !names.is_empty()) {
        let told = format!("{how} the service's secrets {}", names.join(", "));
        lines.push(Line::new(Mark::Odd, Some(Stage::Verify)).say(told));
    }
    lines
}

fn probed(number: u32, passed: bool, detail: &str, at_ms: u64) -> Line {
    let (role, result) = if passed { (Role::Good, "passed") } else { (Role::Bad, "failed") };
    going(Some(Stage::Verify))
        .say(format!("probe {number} "))
        .with(role, result)
        .say(format!(": {detail} "))
        .with(Role::Faint, format!("(after {})", quantity::duration(at_ms)))
}

/// Failed probes after the first that saw the same: their numbers and their times.
pub(super) fn failed_again(detail: &str, again: &[(u32, u64)]) -> Line {
    let numbers = match again {
        [(first, _), .., (last, _)] => format!("probes {first} to {last} "),
        [(only, _)] => format!("probe {only} "),
        [] => String::new(),
    };
    let times: Vec<String> = again.iter().map(|(_, at_ms)| quantity::duration(*at_ms)).collect();
    going(Some(Stage::Verify))
        .say(numbers)
        .with(Role::Bad, "failed")
        .say(format!(": {detail} "))
        .with(Role::Faint, format!("(after {})", times.join(", ")))
}

fn smoke_tested(url: &str, passed: bool, detail: &str, at_ms: u64) -> Line {
    let (role, result) = if passed { (Role::Good, "passed") } else { (Role::Bad, "failed") };
    going(Some(Stage::Smoke))
        .say(format!("GET {url} "))
        .with(role, result)
        .say(format!(": {detail} "))
        .with(Role::Faint, format!("(after {})", quantity::duration(at_ms)))
}

fn container_exited(exit_code: i64, out_of_memory: bool) -> Line {
    let why = if out_of_memory { ", out of memory" } else { "" };
    Line::new(Mark::Bad, Some(Stage::Verify)).say(format!("the container ended with exit code {exit_code}{why}"))
}

fn observed(status: Option<&OperationStatus>, at_ms: u64) -> Line {
    let status = status.map_or_else(|| "not listed yet".to_owned(), ToString::to_string);
    going(Some(Stage::Gate))
        .say(format!("{status} "))
        .with(Role::Faint, format!("(after {})", quantity::duration(at_ms)))
}

fn log_line(source: LogSource, line: &str) -> Line {
    let stage = match source {
        LogSource::LocalContainer => Stage::Verify,
        LogSource::Service | LogSource::Application => Stage::Gate,
    };
    output(stage, line)
}

/// The verdict first, then why, then what to do.
fn run_finished(code: ExitCode, summary: &str, causes: &[String], hint: Option<&str>, elapsed_ms: u64) -> Vec<Line> {
    let elapsed = quantity::duration(elapsed_ms);
    let (mark, role, after) = if code == ExitCode::Success {
        (Mark::Good, Role::Good, format!("({elapsed})"))
    } else {
        (Mark::Bad, Role::Bad, format!("(exit code {}, {elapsed})", code.number()))
    };
    let head = Line::whole(mark).with(role, format!("{}: ", verdict::word(code).replace('-', " ")));
    let mut lines = vec![head.with(Role::Strong, format!("{summary} ")).with(Role::Faint, after)];
    for line in causes.iter().flat_map(|cause| cause.lines()) {
        lines.push(Line::whole(Mark::Going).with(Role::Faint, "because: ").say(line));
    }
    for line in hint.into_iter().flat_map(str::lines) {
        lines.push(Line::whole(Mark::Going).with(Role::Odd, "hint: ").say(line));
    }
    lines
}
