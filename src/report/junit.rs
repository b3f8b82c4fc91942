//! The run as JUnit XML, for CI systems: a suite with a case for each preflight check and each stage. What is not known to
//! have gone well is never shown as passed.

use std::{io, time::Duration};

use jiff::Timestamp;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event as XmlEvent},
};

use super::{Moment, untrusted::cleaned};
use shipgate_core::{
    event::{Event, LogSource, Outcome, Stage},
    exit_code::ExitCode,
    finding::FindingReport,
    reason::Reason,
};

/// What is known of a run.
#[derive(Default)]
pub(super) struct Junit {
    name: String,
    began: Option<Timestamp>,
    took: Duration,
    cases: Vec<Case>,
    running: Vec<Stage>,
    finding: Option<FindingReport>,
    last_lines: Vec<String>,
    /// The lines of the application that the gate found: where no reason comes with the end of the run, they are all there is.
    application: Vec<String>,
    /// The case of the last gate that failed.
    failed_gate: Option<usize>,
}

/// A check, a stage, or the run itself.
struct Case {
    class: &'static str,
    name: String,
    took: Duration,
    end: End,
    output: Vec<String>,
}

/// How a case ended.
enum End {
    Passed,
    Skipped(String),
    Failed(Trouble),
    /// It never came to its own end.
    Broken(Trouble),
}

/// Why a case did not pass.
struct Trouble {
    kind: String,
    message: String,
    lines: Vec<String>,
}

impl Junit {
    /// Adds what an event says.
    pub(super) fn add(&mut self, moment: Moment, event: &Event) {
        self.began.get_or_insert(moment.at);
        self.took = moment.since_start;
        match event {
            Event::RunStarted { verb, image, .. } => self.name = format!("shipgate {verb} {image}"),
            Event::StageStarted { stage } => self.running.push(*stage),
            Event::StageFinished { stage, outcome, detail, elapsed_ms } => {
                self.end_stage(*stage, *outcome, detail, Duration::from_millis(*elapsed_ms));
            }
            Event::Checked { check, outcome, detail, hint } => {
                let lines = hint.iter().map(|hint| format!("hint: {hint}")).collect();
                let end = ended(*outcome, "check", detail, lines);
                self.push("preflight", check.clone(), Duration::ZERO, end);
            }
            Event::Diagnosed(found) => {
                let lines = found.hint.iter().map(|hint| format!("hint: {hint}"));
                let statement = found.statement.iter().map(|statement| format!("{statement:#}"));
                let end = ended(found.outcome, "check", &found.detail, lines.chain(statement).collect());
                self.push("doctor", found.check.clone(), Duration::ZERO, end);
            }
            Event::Verified { last_lines, finding, .. } => {
                (self.last_lines, self.finding) = (last_lines.clone(), finding.clone());
            }
            Event::LogLine { source: LogSource::Application, line } => self.application.push(line.clone()),
            Event::RunFinished { exit_code, summary, causes, hint, reason, .. } => {
                if let Some(reason) = reason {
                    self.explain_gate(reason);
                }
                self.end(*exit_code, summary, causes, hint.as_deref());
            }
            Event::IdentityAssumed { .. }
            | Event::ImageResolved { .. }
            | Event::Retrying { .. }
            | Event::CopyPlanned { .. }
            | Event::CopyProgress { .. }
            | Event::BlobCopied { .. }
            | Event::BlobSkipped { .. }
            | Event::Resumed { .. }
            | Event::CopyFinished { .. }
            | Event::CopyFailed { .. }
            | Event::RepositoryCreated { .. }
            | Event::Mirrored { .. }
            | Event::ContainerStarted { .. }
            | Event::Probed { .. }
            | Event::ContainerExited { .. }
            | Event::Judged { .. }
            | Event::Promoted { .. }
            | Event::Released { .. }
            | Event::OperationObserved { .. }
            | Event::LogLine { .. }
            | Event::Planned(_)
            | Event::Status(_)
            | Event::LoggedLine { .. }
            | Event::OrphanFound(_)
            | Event::LogGroupDeleted { .. }
            | Event::Printed { .. }
            | Event::Gated { .. }
            | Event::SmokeTested { .. }
            | Event::Heartbeat { .. }
            | Event::Notice { .. }
            | Event::Warning { .. }
            | Event::ConfigurationProblem { .. } => {}
        }
    }

    fn push(&mut self, class: &'static str, name: String, took: Duration, end: End) {
        self.cases.push(Case { class, name, took, end, output: Vec::new() });
    }

    fn end_stage(&mut self, stage: Stage, outcome: Outcome, detail: &str, took: Duration) {
        self.running.retain(|running| *running != stage);
        let mut end = ended(outcome, "stage", detail, Vec::new());
        let mut output = Vec::new();
        if stage == Stage::Verify {
            output = std::mem::take(&mut self.last_lines);
            if let (End::Failed(trouble), Some(finding)) = (&mut end, self.finding.take()) {
                (trouble.kind, trouble.message) = (finding.name, finding.headline);
                trouble.lines = finding.evidence;
                trouble.lines.insert(0, format!("hint: {}", finding.hint));
            }
        }
        if stage == Stage::Gate {
            output = std::mem::take(&mut self.application);
            self.failed_gate = matches!(end, End::Failed(_)).then_some(self.cases.len());
        }
        self.cases.push(Case { class: "stage", name: stage.to_string(), took, end, output });
    }

    /// Why App Runner did not deploy is known when the run ends: the gate's case gets it, with the application's last lines.
    fn explain_gate(&mut self, reason: &Reason) {
        let Some(case) = self.failed_gate.and_then(|at| self.cases.get_mut(at)) else { return };
        let End::Failed(trouble) = &mut case.end else { return };
        trouble.lines.insert(0, format!("hint: {}", reason.next));
        trouble.lines.extend(reason.details());
        reason.cause.name().clone_into(&mut trouble.kind);
        if let Some(said) = &reason.said {
            let verdict = std::mem::replace(&mut trouble.message, said.clone());
            trouble.lines.push(verdict);
        }
        if !reason.last_lines.is_empty() {
            case.output.clone_from(&reason.last_lines);
        }
    }

    /// A failure that is no stage's and no check's is the run's own.
    fn end(&mut self, code: ExitCode, summary: &str, causes: &[String], hint: Option<&str>) {
        self.break_off();
        let is_told = self.cases.iter().any(|case| matches!(case.end, End::Failed(_) | End::Broken(_)));
        if code == ExitCode::Success || is_told {
            return;
        }
        let mut lines = causes.to_vec();
        lines.extend(hint.map(|hint| format!("hint: {hint}")));
        let kind = super::verdict::word(code).to_owned();
        let trouble = Trouble { kind, message: summary.to_owned(), lines };
        self.push("run", "run".to_owned(), self.took, End::Broken(trouble));
    }

    /// What is running still did not come to its end.
    fn break_off(&mut self) {
        for stage in std::mem::take(&mut self.running) {
            let message = "it did not come to its end".to_owned();
            let trouble = Trouble { kind: "unfinished".to_owned(), message, lines: Vec::new() };
            self.push("stage", stage.to_string(), Duration::ZERO, End::Broken(trouble));
        }
    }

    /// The document.
    pub(super) fn to_xml(&self) -> io::Result<Vec<u8>> {
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        xml.write_event(XmlEvent::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let count = |is: fn(&End) -> bool| self.cases.iter().filter(|case| is(&case.end)).count().to_string();
        let began = self.began.map(|began| format!("{began:.0}")).unwrap_or_default();
        let attributes = [
            ("name", "shipgate".to_owned()),
            ("tests", self.cases.len().to_string()),
            ("failures", count(|end| matches!(end, End::Failed(_)))),
            ("errors", count(|end| matches!(end, End::Broken(_)))),
            ("time", seconds(self.took)),
        ];
        let of_suite = [
            ("name", allowed(&self.name)),
            ("skipped", count(|end| matches!(end, End::Skipped(_)))),
            ("timestamp", began.trim_end_matches('Z').to_owned()),
        ];
        let suite: Vec<_> = of_suite.iter().chain(&attributes[1..]).map(|(k, v)| (*k, v.as_str())).collect();
        xml.create_element("testsuites")
            .with_attributes(attributes.iter().map(|(k, v)| (*k, v.as_str())))
            .write_inner_content(|xml| {
                let suite = xml.create_element("testsuite").with_attributes(suite);
                suite.write_inner_content(|xml| self.cases.iter().try_for_each(|case| case.write(xml)))?;
                Ok(())
            })?;
        Ok(xml.into_inner())
    }
}

fn ended(outcome: Outcome, kind: &str, detail: &str, lines: Vec<String>) -> End {
    match outcome {
        Outcome::Ok => End::Passed,
        Outcome::Skip => End::Skipped(detail.to_owned()),
        Outcome::Fail => End::Failed(Trouble { kind: kind.to_owned(), message: detail.to_owned(), lines }),
    }
}

impl Case {
    fn write(&self, xml: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let (name, took) = (allowed(&self.name), seconds(self.took));
        let class = format!("shipgate.{}", self.class);
        let attributes = [("name", name.as_str()), ("classname", class.as_str()), ("time", took.as_str())];
        let case = xml.create_element("testcase").with_attributes(attributes);
        if let (End::Passed, true) = (&self.end, self.output.is_empty()) {
            case.write_empty()?;
            return Ok(());
        }
        case.write_inner_content(|xml| {
            self.end.write(xml)?;
            if !self.output.is_empty() {
                let output = text_of(&self.output);
                xml.create_element("system-out").write_text_content(BytesText::new(&output))?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

impl End {
    fn write(&self, xml: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let (element, trouble) = match self {
            Self::Passed => return Ok(()),
            Self::Skipped(reason) => {
                let reason = allowed(reason);
                xml.create_element("skipped").with_attribute(("message", reason.as_str())).write_empty()?;
                return Ok(());
            }
            Self::Failed(trouble) => ("failure", trouble),
            Self::Broken(trouble) => ("error", trouble),
        };
        let (kind, message) = (allowed(&trouble.kind), allowed(&trouble.message));
        let attributes = [("type", kind.as_str()), ("message", message.as_str())];
        let text = text_of(&trouble.lines);
        xml.create_element(element).with_attributes(attributes).write_text_content(BytesText::new(&text))?;
        Ok(())
    }
}

fn text_of(lines: &[String]) -> String {
    lines.iter().map(|line| allowed(line)).collect::<Vec<_>>().join("\n")
}

/// One line without what acts on terminals, and without what XML 1.0 has no place for ("Characters", section 2.2).
fn allowed(text: &str) -> String {
    cleaned(text).chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::Junit;
    use crate::report::samples;
    use shipgate_core::{
        event::{Event, LogSource, Outcome, Stage},
        exit_code::ExitCode,
        finding::FindingReport,
        health::HealthCheck,
        reason::{Cause, Output, Probing, Reason, Serving},
    };

    fn xml_of(events: &[Event]) -> String {
        let mut junit = Junit::default();
        for (event, elapsed) in events.iter().zip(0..) {
            junit.add(samples::moment(elapsed * 100), event);
        }
        String::from_utf8(junit.to_xml().unwrap()).unwrap()
    }

    fn checked(check: &str, outcome: Outcome, detail: &str, hint: Option<&str>) -> Event {
        Event::Checked { check: check.to_owned(), outcome, detail: detail.to_owned(), hint: hint.map(str::to_owned) }
    }

    #[test]
    fn checks_stages_and_a_verdict_are_cases() {
        let finding = FindingReport {
            name: "exited".to_owned(),
            headline: "exited with code 3 after 0.3 s".to_owned(),
            hint: "its last lines say why it ended".to_owned(),
            evidence: vec!["its last line: <giving up> & \u{1b}[31mred\u{0}\u{ffff}".to_owned()],
        };
        let verified = Event::Verified {
            healthy: false,
            reason: finding.headline.clone(),
            last_lines: vec!["starting \"quoted\"".to_owned(), "]]> giving up".to_owned()],
            finding: Some(finding),
            ready_ms: None,
            allowed_ms: 25_000,
        };
        let events = [
            samples::run_started(),
            samples::started(Stage::Resolve),
            samples::finished(Stage::Resolve, Outcome::Ok, "v2 is sha256:ab", 410),
            checked("service-exists", Outcome::Ok, "it is RUNNING", None),
            checked("cache-rule", Outcome::Skip, "not asked for", None),
            checked("repository-exists", Outcome::Fail, "there is none", Some("create it")),
            samples::started(Stage::Copy),
            samples::started(Stage::Verify),
            verified,
            samples::finished(Stage::Verify, Outcome::Fail, "the image is unhealthy", 1500),
            samples::run_finished(ExitCode::Unhealthy, "nothing was changed", &["the image is unhealthy"], None),
        ];
        insta::assert_snapshot!(xml_of(&events));
    }

    #[test]
    fn failed_gate_has_reason_and_last_lines() {
        let mut finished =
            samples::run_finished(ExitCode::RolledBack, "the old version serves", &["rolled back"], None);
        let Event::RunFinished { reason, .. } = &mut finished else { unreachable!() };
        *reason = Some(Box::new(Reason {
            cause: Cause::HealthCheck,
            said: Some("Health check failed on protocol `TCP` [Port: '3000']".to_owned()),
            exit_code: None,
            application_log: Output::Written,
            last_lines: vec!["listening on 3001".to_owned(), "]]> \u{1b}[31mdone".to_owned()],
            probing: Some(Probing { port: 3000, health_check: HealthCheck::default() }),
            serving: Some(Serving { digest: None, url: Some("https://shop.example".to_owned()) }),
            restore: Some("shipgate rollback --to sha256:ab".to_owned()),
            next: "have the application take connections on port 3000".to_owned(),
        }));
        let line = Event::LogLine { source: LogSource::Application, line: "listening on 3001".to_owned() };
        let gate = [
            samples::run_started(),
            samples::started(Stage::Gate),
            line,
            samples::finished(Stage::Gate, Outcome::Fail, "the deployment was rolled back", 900),
            samples::started(Stage::Aftercare),
            samples::finished(Stage::Aftercare, Outcome::Ok, "2 log groups", 10),
            finished,
        ];
        insta::assert_snapshot!(xml_of(&gate));
        // Without a reason, as after a smoke test whose return failed, the lines are there all the same.
        let xml = xml_of(&gate[..4]);
        assert!(xml.contains("<system-out>listening on 3001</system-out>"), "{xml}");
    }

    #[test]
    fn what_no_stage_tells_is_the_runs_own_error() {
        let usage = samples::run_finished(ExitCode::Usage, "nothing was changed", &["unknown key"], Some("mend it"));
        let xml = xml_of(&[samples::run_started(), usage]);
        assert!(xml.contains(r#"tests="1" failures="0" errors="1""#), "{xml}");
        assert!(xml.contains(r#"<error type="usage-error" message="nothing was changed">unknown key"#), "{xml}");
        let good = samples::run_finished(ExitCode::Success, "serving", &[], None);
        assert!(xml_of(&[samples::run_started(), good]).contains(r#"tests="0" failures="0" errors="0""#));
    }
}
