//! Whole reports, and that they keep to their room.

use super::{LEFT_OUT, of, parts};
use crate::report::{
    document::Document,
    samples::{self, runs},
};
use shipgate_core::event::{Event, LogSource};

const ROOM: usize = 1024 * 1024;

fn document_of(events: &[(u32, Event)]) -> Document {
    let mut document = Document::new();
    for (at, event) in events {
        document.add(samples::moment(*at), event);
    }
    document
}

fn markdown_of(events: &[(u32, Event)]) -> String {
    of(&document_of(events), ROOM)
}

#[test]
fn a_success() {
    insta::assert_snapshot!(markdown_of(&runs::deployed()));
}

#[test]
fn a_rollback() {
    insta::assert_snapshot!(markdown_of(&runs::rolled_back()));
}

#[test]
fn an_unhealthy_image() {
    insta::assert_snapshot!(markdown_of(&runs::unhealthy()));
}

#[test]
fn a_configuration_that_is_wrong() {
    insta::assert_snapshot!(markdown_of(&runs::misconfigured_run()));
}

#[test]
fn every_event_has_its_place() {
    let events: Vec<(u32, Event)> = (0..).zip(samples::one_of_each()).collect();
    insta::assert_snapshot!(markdown_of(&events));
}

#[test]
fn bars_are_in_eighths_of_a_cell() {
    let table = [
        (0, 100, ""),
        (100, 100, "████████████████████"),
        (50, 100, "██████████"),
        (1, 160, "▏"),
        (9, 160, "█▏"),
        (0, 0, ""),
        (5, 0, ""),
    ];
    for (elapsed, longest, bar) in table {
        assert_eq!(parts::bar(elapsed, longest), bar, "{elapsed} of {longest}");
    }
    assert!(parts::bar(u64::MAX, u64::MAX).chars().count() <= 20);
}

/// The longest lines, of the widest characters, in every place that a run can fill with somebody else's words.
fn huge() -> Document {
    let wide = "🦀".repeat(4000);
    let mut events = runs::rolled_back();
    let end = events.pop().unwrap();
    for number in 0..120 {
        events.push((1, Event::LogLine { source: LogSource::Application, line: format!("{number} {wide}") }));
        events.push((1, Event::Warning { message: format!("{number} {wide}") }));
        let reason = wide.clone();
        events.push((1, Event::CopyFailed { destination: format!("host/{number}"), reason, hint: None }));
    }
    events.push(end);
    document_of(&events)
}

#[test]
fn it_keeps_to_its_room_and_says_what_is_left_out() {
    let document = huge();
    for room in [ROOM, 600_000, 100_000, 5_000, 1_000, 100, 40, 0] {
        let text = of(&document, room);
        assert!(text.len() <= room, "{} of {room}", text.len());
        assert!(text.ends_with(LEFT_OUT) || room < 100, "{room}");
        assert!(text.starts_with("### ❌ rolled back") || room <= 100, "{room}: {text}");
    }
}

#[test]
fn the_newest_lines_of_a_long_log_are_kept() {
    let line =
        |number: u32| Event::LogLine { source: LogSource::Service, line: format!("{number} {}", "x".repeat(1900)) };
    let events: Vec<(u32, Event)> = (0..200).map(|number| (number, line(number))).collect();
    let text = of(&document_of(&events), 100_000);
    assert!(text.len() <= 100_000 && text.contains("│ 199 x") && !text.contains("│ 150 x"), "{}", text.len());
}
