//! What each system is shown of whole runs: its log, and what else it reads.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::{CardMaker, Frame, Nonces, Outputs, Syntax, Workspace};
use crate::report::{
    Renderer,
    samples::{self, runs},
    text::{Style, Terminal},
};
use shipgate_core::event::{Event, Stage};

const PLAIN: Style = Style { color: false, interactive: false, data_color: false };

/// What was written, kept where the test can see it.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame(syntax: Syntax) -> Frame {
    let workspace = Workspace { root: Some("/repo".into()), current: "/repo/deploy".into() };
    Frame::new(syntax, Nonces::new([7; 32]), workspace)
}

/// The log of a run, with a tick every second.
fn log_of(syntax: Syntax, events: &[(u32, Event)]) -> String {
    let screen = Screen::default();
    let mut terminal = Terminal::new(PLAIN, io::sink(), screen.clone()).framed(Some(frame(syntax)));
    let mut now = 0;
    for (at, event) in events {
        while now + 1000 < *at {
            now += 1000;
            terminal.tick(samples::moment(now));
        }
        now = *at;
        terminal.take(samples::moment(now), event);
    }
    terminal.finish().unwrap();
    let bytes = screen.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn visible(log: &str) -> String {
    log.replace('\u{1b}', "␛").replace('\r', "␍")
}

#[test]
fn github_shows_groups_and_annotations() {
    for (name, events) in [
        ("deployed", runs::deployed()),
        ("rolled_back", runs::rolled_back()),
        ("unhealthy", runs::unhealthy()),
        ("misconfigured", runs::misconfigured_run()),
        ("stopped", runs::stopped()),
    ] {
        insta::assert_snapshot!(format!("github_{name}"), log_of(Syntax::GitHub, &events));
    }
}

#[test]
fn gitlab_shows_sections() {
    insta::assert_snapshot!(visible(&log_of(Syntax::GitLab, &runs::rolled_back())));
}

#[test]
fn buildkite_shows_headings() {
    insta::assert_snapshot!("buildkite_deployed", log_of(Syntax::Buildkite, &runs::deployed()));
    insta::assert_snapshot!("buildkite_unhealthy", log_of(Syntax::Buildkite, &runs::unhealthy()));
}

/// Reads a log as GitHub's runner does: what acts, and what is shown.
#[derive(Default)]
struct Runner {
    commands: Vec<String>,
    stopped: Option<String>,
    is_open: bool,
}

impl Runner {
    fn read(&mut self, line: &str) {
        let Some((name, data)) = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::")) else {
            return;
        };
        let name = name.split(' ').next().unwrap();
        match &self.stopped {
            Some(word) if word == name => self.stopped = None,
            Some(_) => {}
            None => self.obey(name, data),
        }
    }

    fn obey(&mut self, name: &str, data: &str) {
        match name {
            "stop-commands" => self.stopped = Some(data.to_owned()),
            "group" => {
                assert!(!std::mem::replace(&mut self.is_open, true), "a group within a group: {data}");
            }
            "endgroup" => assert!(std::mem::replace(&mut self.is_open, false), "no group ends here"),
            _ => {}
        }
        self.commands.push(name.to_owned());
    }
}

#[test]
fn groups_do_not_nest_and_nothing_of_a_container_is_a_command() {
    for events in [runs::deployed(), runs::rolled_back(), runs::unhealthy(), runs::stopped()] {
        let log = log_of(Syntax::GitHub, &events);
        let mut runner = Runner::default();
        let mut verdict_in_group = None;
        for line in log.lines() {
            runner.read(line);
            if line.contains("exit code ") || line.contains("success: ") {
                verdict_in_group = Some(runner.is_open || runner.stopped.is_some());
            }
            let hostile = runs::HOSTILE.iter().any(|hostile| line.contains("│ ") && line.ends_with(hostile));
            assert!(!hostile || runner.stopped.is_some(), "not stopped: {line}");
        }
        let known = ["group", "endgroup", "stop-commands", "error", "warning"];
        assert!(runner.commands.iter().all(|name| known.contains(&name.as_str())), "{:?}", runner.commands);
        assert!(runner.stopped.is_none() && !runner.is_open, "something is left open:\n{log}");
        assert_eq!(verdict_in_group, Some(false), "{log}");
    }
}

#[test]
fn words_that_stop_commands_are_never_used_twice() {
    let log = log_of(Syntax::GitHub, &runs::rolled_back());
    let words: Vec<&str> = log.lines().filter_map(|line| line.strip_prefix("::stop-commands::")).collect();
    assert_eq!(words.len(), 2, "{log}");
    assert_ne!(words[0], words[1]);
    for word in words {
        assert_eq!(log.matches(word).count(), 2, "once to stop, once to go on");
    }
}

#[test]
fn a_heartbeat_reaches_the_log_while_a_result_is_kept_back() {
    let verified = samples::finished(Stage::Verify, shipgate_core::event::Outcome::Ok, "healthy", 1000);
    let events = [
        (0, samples::started(Stage::Copy)),
        (0, samples::started(Stage::Verify)),
        (1_000, verified),
        (100_000, Event::Notice { message: "end".to_owned() }),
    ];
    let log = log_of(Syntax::GitHub, &events);
    assert_eq!(log.matches("… copy       still running").count(), 3, "{log}");
    assert!(!log.contains("healthy"), "kept until the copy has ended: {log}");
}

#[test]
fn outputs_are_what_is_known() {
    let outputs_of = |events: Vec<(u32, Event)>| {
        let mut outputs = Outputs::new(vec!["report.json".to_owned(), "out/report.html".to_owned()]);
        for (_, event) in &events {
            outputs.add(event);
        }
        (outputs.to_github(&mut Nonces::new([1; 32])), outputs.to_dotenv())
    };
    let (github, dotenv) = outputs_of(runs::rolled_back());
    insta::assert_snapshot!(format!("{github}\n{dotenv}"));
    let (_, dotenv) = outputs_of(runs::misconfigured_run());
    assert_eq!(dotenv, "SHIPGATE_STATUS=usage-error\nSHIPGATE_EXIT_CODE=2\nSHIPGATE_REPORT=report.json\n");
}

#[test]
fn a_line_of_the_dotenv_file_needs_no_quotes() {
    let mut outputs = Outputs::new(vec!["my report.json".to_owned()]);
    outputs.add(&samples::run_finished(shipgate_core::exit_code::ExitCode::Success, "", &[], None));
    let dotenv = outputs.to_dotenv();
    assert!(dotenv.contains("SHIPGATE_SERVICE_URL=https://abc") && !dotenv.contains("REPORT"), "{dotenv}");
    let mut outputs = Outputs::new(vec!["x".repeat(6000)]);
    outputs.add(&samples::run_finished(shipgate_core::exit_code::ExitCode::Success, "", &[], None));
    assert!(outputs.to_dotenv().len() < 5 * 1024 && outputs.to_dotenv().contains("SHIPGATE_STATUS=success\n"));
}

#[test]
fn a_card_has_the_style_of_the_end_and_a_name_of_its_own() {
    for (events, style) in [(runs::deployed(), "success"), (runs::rolled_back(), "error"), (runs::stopped(), "warning")]
    {
        let (mut maker, cards) = CardMaker::new();
        for (at, event) in &events {
            maker.take(samples::moment(*at), event);
        }
        maker.finish().unwrap();
        let card = cards.try_recv().unwrap();
        assert_eq!((card.context.as_str(), card.style), ("shipgate-deploy-prod", style));
        assert!(card.markdown.starts_with("### "), "{}", card.markdown);
    }
}
