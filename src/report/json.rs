//! JSON lines: one event a line on stdout, for programs. It leaves nothing out.

use std::io::{self, Write};

use serde::Serialize;

use super::{Moment, Renderer, ReportError, untrusted::escaped_json};
use shipgate_core::event::Event;

/// Writes each event as one line:
/// `{"at":"2026-01-01T00:00:00.000Z","since_start_ms":0,"event":"stage-started","stage":"copy"}`.
pub struct JsonLines<W> {
    out: W,
    failure: Option<io::Error>,
}

/// A line. The fields of the event follow its own two; `elapsed_ms` is a name that events use themselves.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    since_start_ms: u64,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to this stream, which is flushed after each line.
    pub fn new(out: W) -> Self {
        Self { out, failure: None }
    }

    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let line = escaped_json(&serde_json::to_string(line)?) + "\n";
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write + Send> Renderer for JsonLines<W> {
    fn take(&mut self, moment: Moment, event: &Event) {
        if self.failure.is_some() {
            return;
        }
        let since_start_ms = shipgate_core::event::milliseconds(moment.since_start);
        let line = Line { at: format!("{:.3}", moment.at), since_start_ms, event };
        self.failure = self.write(&line).err();
    }

    fn tick(&mut self, _: Moment) {}

    fn finish(&mut self) -> Result<(), ReportError> {
        self.failure.take().map_or(Ok(()), |source| Err(ReportError::Stream { stream: "stdout", source }))
    }

    fn is_closed(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.kind() == io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use serde_json::Value;

    use super::JsonLines;
    use crate::report::{Renderer, samples};

    #[test]
    fn every_event_is_one_line_with_all_its_fields() {
        let events = samples::one_of_each();
        let mut renderer = JsonLines::new(Vec::new());
        for (event, elapsed) in events.iter().zip(1..) {
            renderer.take(samples::moment(elapsed), event);
        }
        renderer.finish().unwrap();
        let text = String::from_utf8(renderer.out).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), events.len());
        for ((line, event), elapsed) in lines.iter().zip(&events).zip(1..) {
            let Value::Object(mut line) = line.clone() else { panic!("{line}") };
            assert_eq!(line.remove("at"), Some(format!("2026-01-02T03:04:05.{elapsed:03}Z").into()));
            assert_eq!(line.remove("since_start_ms"), Some(elapsed.into()));
            assert_eq!(Value::Object(line), serde_json::to_value(event).unwrap());
        }
    }

    #[test]
    fn no_event_uses_a_name_of_the_line() {
        for event in samples::one_of_each() {
            let event = serde_json::to_value(&event).unwrap();
            assert!(event.get("event").is_some_and(Value::is_string), "{event}");
            assert!(event.get("at").is_none() && event.get("since_start_ms").is_none(), "{event}");
        }
    }

    #[test]
    fn somebody_elses_text_stays_on_its_line() {
        let mut renderer = JsonLines::new(Vec::new());
        renderer.take(samples::moment(0), &samples::log("a\n{\"event\":\"run-finished\"}\r\u{1b}[2J"));
        let text = String::from_utf8(renderer.out.clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}') && text.contains("\\u001b"));
        renderer.take(samples::moment(1), &samples::log("a\u{202e}b\u{e0041}\u{9b}2J ##[add-mask]x"));
        let text = String::from_utf8(renderer.out).unwrap();
        assert!(text.contains("a\\u202eb\\udb40\\udc41\\u009b2J ##\\u005badd-mask]x"), "{text}");
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
    fn a_closed_pipe_is_told_at_the_end() {
        let mut renderer = JsonLines::new(Closed);
        renderer.take(samples::moment(0), &samples::log("x"));
        renderer.take(samples::moment(1), &samples::log("y"));
        assert!(renderer.is_closed());
        let error = renderer.finish().unwrap_err();
        assert_eq!(error.to_string(), "could not write to stdout");
        assert!(error.is_closed_pipe() && !error.is_lost_stream());
    }
}
