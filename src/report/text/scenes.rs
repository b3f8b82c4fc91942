//! Whole runs as a terminal shows them.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::{Style, Terminal};
use crate::report::{
    Renderer,
    samples::{
        DESTINATION, blob, checked, container, copied, finished, gated, log, mirrored, moment, observed, one_of_each,
        planned, probed, progress, promoted, released, retrying, run_finished, run_started, started, verified,
    },
};
use shipgate_core::{
    event::{Event, LogSource, Outcome, Stage},
    exit_code::ExitCode,
    operation::{OperationStatus, Verdict},
};

const PLAIN: Style = Style { color: false, interactive: false, data_color: false };
const MIB: u64 = 1 << 20;

/// What was written, kept where the test can see it while the terminal holds the other end.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Plays events at their milliseconds, ticking every second between them; gives stdout and stderr.
fn play(style: Style, events: &[(u32, Event)]) -> (String, String) {
    let (out, talk) = (Screen::default(), Screen::default());
    let mut terminal = Terminal::new(style, out.clone(), talk.clone());
    let mut now = 0;
    for (at, event) in events {
        while now + 1000 < *at {
            now += 1000;
            terminal.tick(moment(now));
        }
        now = *at;
        terminal.take(moment(now), event);
    }
    terminal.finish().unwrap();
    (out.text(), talk.text())
}

fn both((out, talk): (String, String)) -> String {
    format!("{talk}--- stdout ---\n{out}")
}

fn until_both_run() -> Vec<(u32, Event)> {
    vec![
        (0, run_started()),
        (0, started(Stage::Resolve)),
        (400, finished(Stage::Resolve, Outcome::Ok, "start-deployment of shop-api", 400)),
        (400, started(Stage::Preflight)),
        (600, checked(Outcome::Ok, None)),
        (700, finished(Stage::Preflight, Outcome::Ok, "1 check", 300)),
        (700, started(Stage::Copy)),
        (700, started(Stage::Verify)),
    ]
}

fn until_released() -> Vec<(u32, Event)> {
    let mut events = until_both_run();
    events.extend([
        (800, planned(7, 43 * MIB, 5, 31 * MIB)),
        (900, container(&[])),
        (950, probed(1, false, "connection refused", 50)),
        (2_000, progress(6 * MIB, 12 * MIB)),
        (2_100, blob("layer", 6 * MIB)),
        (3_000, log("listening on 8080")),
        (5_950, probed(2, true, "connected", 5_050)),
        (5_950, verified(true, "1 probe passed", &[])),
        (5_960, finished(Stage::Verify, Outcome::Ok, "healthy", 5_260)),
        (6_000, copied(12 * MIB, 5_200)),
        (6_010, finished(Stage::Copy, Outcome::Ok, "1 repository", 5_310)),
        (6_010, started(Stage::Promote)),
        (6_200, promoted()),
        (6_200, finished(Stage::Promote, Outcome::Ok, "", 190)),
        (6_200, started(Stage::Release)),
        (6_500, released()),
        (6_500, finished(Stage::Release, Outcome::Ok, "", 300)),
        (6_500, started(Stage::Gate)),
        (6_700, observed(None, 200)),
        (9_700, observed(Some(OperationStatus::InProgress), 3_200)),
    ]);
    events
}

fn good_deployment() -> Vec<(u32, Event)> {
    let mut events = until_released();
    let waiting = Event::Heartbeat { stage: Stage::Gate, detail: "waiting for App Runner".to_owned(), elapsed_ms: 9 };
    events.extend([
        (10_000, waiting),
        (80_000, observed(Some(OperationStatus::Succeeded), 73_500)),
        (80_000, gated(Verdict::Deployed, None)),
        (80_010, finished(Stage::Gate, Outcome::Ok, "", 73_510)),
        (80_010, finished(Stage::Aftercare, Outcome::Skip, "nothing asked for", 0)),
        (80_020, run_finished(ExitCode::Success, "shop-api serves sha256:6105d6cc76af", &[], None)),
    ]);
    events
}

fn unhealthy_image() -> Vec<(u32, Event)> {
    let mut events = until_both_run();
    events.extend([
        (900, container(&["DATABASE_URL", "API_KEY"])),
        (950, probed(1, false, "connection refused", 50)),
        (5_950, probed(2, false, "connection refused", 5_050)),
        (10_950, probed(3, false, "timeout after 2 s", 10_050)),
        (11_000, Event::ContainerExited { exit_code: 137, out_of_memory: true }),
        (11_010, verified(false, "the container ended", &["\u{1b}[31mloading\u{1b}[0m model", "::error::fake\r"])),
        (11_020, finished(Stage::Verify, Outcome::Fail, "unhealthy", 10_320)),
        (11_030, finished(Stage::Copy, Outcome::Skip, "stopped", 10_330)),
    ]);
    let causes = ["the image is unhealthy", "the container ended with exit code 137, out of memory"];
    let hint = "give the service more memory,\nor the application less to do";
    events.push((11_040, run_finished(ExitCode::Unhealthy, "nothing was deployed", &causes, Some(hint))));
    events
}

fn rollback() -> Vec<(u32, Event)> {
    let mut events = until_released();
    let said = |source, line: &str| Event::LogLine { source, line: line.to_owned() };
    events.extend([
        (12_000, said(LogSource::Application, "fatal: DATABASE_URL is not set")),
        (13_000, said(LogSource::Service, "[AppRunner] Health check failed on port '8080'.")),
        (14_000, observed(Some(OperationStatus::RollbackInProgress), 7_500)),
        (20_000, Event::Warning { message: "the log group cannot be read".to_owned() }),
        (21_000, observed(Some(OperationStatus::RollbackSucceeded), 14_500)),
        (21_000, gated(Verdict::RolledBack, Some("fatal: DATABASE_URL is not set"))),
        (21_010, finished(Stage::Gate, Outcome::Fail, "", 14_510)),
    ]);
    let causes = ["the deployment was rolled back", "fatal: DATABASE_URL is not set"];
    events.push((21_020, run_finished(ExitCode::RolledBack, "the old version serves", &causes, Some("read on"))));
    events
}

#[test]
fn a_good_deployment() {
    insta::assert_snapshot!(both(play(PLAIN, &good_deployment())));
}

#[test]
fn an_unhealthy_image() {
    insta::assert_snapshot!(both(play(PLAIN, &unhealthy_image())));
}

#[test]
fn a_rollback() {
    insta::assert_snapshot!(both(play(PLAIN, &rollback())));
}

#[test]
fn a_slow_copy_with_a_retry() {
    let events = [
        (0, started(Stage::Copy)),
        (100, planned(2, 500 * MIB, 0, 0)),
        (10_000, progress(50 * MIB, 500 * MIB)),
        (12_000, retrying()),
        (30_000, progress(150 * MIB, 500 * MIB)),
        (38_000, blob("layer", 200 * MIB)),
        (60_000, progress(300 * MIB, 500 * MIB)),
        (130_000, progress(500 * MIB, 500 * MIB)),
        (131_000, copied(500 * MIB, 130_900)),
        (131_000, finished(Stage::Copy, Outcome::Ok, "1 repository", 131_000)),
    ];
    insta::assert_snapshot!(both(play(PLAIN, &events)));
}

#[test]
fn nothing_is_silent_for_half_a_minute() {
    let (_, talk) = play(PLAIN, &[(0, started(Stage::Gate)), (600_000, finished(Stage::Gate, Outcome::Ok, "", 9))]);
    assert!(talk.lines().count() > 600 / 30, "{talk}");
    assert!(talk.starts_with("… gate       still running, 25 s\n"), "{talk}");
    let (_, quiet) = play(Style { interactive: true, ..PLAIN }, &[(0, started(Stage::Gate)), (600_000, log("x"))]);
    assert_eq!(quiet, "· verify     │ x\n", "what moves is not printed");
}

#[test]
fn colours_are_all_that_colours_add() {
    let colored = Style { color: true, ..PLAIN };
    for events in [good_deployment(), unhealthy_image(), rollback()] {
        let (out, talk) = play(PLAIN, &events);
        assert!(!talk.contains('\u{1b}'));
        let (colored_out, colored_talk) = play(colored, &events);
        assert!(colored_talk.contains("\u{1b}[32m✓\u{1b}[0m"));
        assert_eq!((anstream::adapter::strip_str(&colored_talk).to_string(), colored_out), (talk, out));
    }
}

#[test]
fn the_permanent_lines_are_the_same_when_something_moves() {
    let events = unhealthy_image();
    assert_eq!(play(Style { interactive: true, ..PLAIN }, &events), play(PLAIN, &events));
}

#[test]
fn no_line_begins_with_what_an_event_says() {
    let events: Vec<(u32, Event)> = one_of_each().into_iter().map(|event| (0, event)).collect();
    let (out, talk) = play(PLAIN, &events);
    assert!(talk.lines().all(|line| line.starts_with(['·', '✓', '✗', '–', '!', '…'])), "{talk}");
    assert_eq!(out, "rolled-back\n");
}

#[test]
fn a_mirror_says_what_it_came_to() {
    let left_out = || Event::CopyFailed {
        destination: format!("{DESTINATION}:v1"),
        reason: "tag v1 is immutable and points at sha256:0".to_owned(),
        hint: Some("use a new tag".to_owned()),
    };
    let created = Event::RepositoryCreated { repository: DESTINATION.to_owned() };
    let (_, talk) = play(PLAIN, &[(0, started(Stage::Copy)), (1, created), (2, left_out()), (3, mirrored())]);
    insta::assert_snapshot!(talk, @r"
    · copy       created repository 222222222222.dkr.ecr.eu-west-1.amazonaws.com/shop/api
    ✗ copy       222222222222.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v1 is left out: tag v1 is immutable and points at sha256:0
    ✗ 8 copied, 3 there before, 1 failed (12.4 MiB read, 37.2 MiB sent, 210 requests, 9.0 s)
    ");
}

#[test]
fn a_container_that_was_heard_is_not_quoted_again() {
    let evidence = || verified(false, "it ended", &["last words"]);
    let (_, quoted) = play(PLAIN, &[(0, evidence())]);
    assert!(quoted.contains("│ last words"));
    let (_, once) = play(PLAIN, &[(0, log("last words")), (1, evidence())]);
    assert_eq!(once.matches("last words").count(), 1);
}

#[test]
fn a_url_is_given_to_scripts_only_after_success() {
    let end = |code| play(PLAIN, &[(0, run_finished(code, "x", &[], None))]).0;
    assert_eq!(end(ExitCode::Success), "https://abc.eu-west-1.awsapprunner.com\n");
    assert_eq!(end(ExitCode::SmokeTest), "smoke-test-failed\n");
    assert_eq!(end(ExitCode::Interrupted), "interrupted\n");
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_cannot_be_written_is_told_at_the_end() {
    let result = Screen::default();
    let mut terminal = Terminal::new(PLAIN, result.clone(), Closed);
    for event in one_of_each() {
        terminal.take(moment(0), &event);
    }
    assert_eq!(terminal.finish().unwrap_err().to_string(), "could not write to stderr");
    assert_eq!(result.text(), "rolled-back\n", "the other stream is written all the same");
}
