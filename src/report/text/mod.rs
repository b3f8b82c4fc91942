//! The terminal: talk on stderr, one data line on stdout at the end. Interactive, it moves; otherwise it prints a
//! plain line for each step, and a heartbeat while nothing happens.

mod data;
mod gauge;
mod line;
mod live;
mod phrases;
mod probes;

#[cfg(test)]
mod scenes;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use gauge::Gauge;
use line::Line;
use live::Live;
use probes::Repeats;

use super::{Moment, Renderer, ReportError, ci::Frame, quantity, untrusted, verdict};
use shipgate_core::{
    event::{Event, LogSource, Outcome, Stage},
    exit_code::ExitCode,
};

/// CI systems end jobs that say nothing for long, and people lose faith after half a minute: a little less than that.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// How to look. Decided by whoever knows the terminal and the environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Whether to use colours.
    pub color: bool,
    /// Whether standard error is a terminal that somebody watches.
    pub interactive: bool,
    /// Whether to use colours on standard output, for the verbs whose result is to be read.
    pub data_color: bool,
}

/// The lines of data in an event, as plain text.
pub(super) fn data_lines(event: &Event) -> Vec<String> {
    data::lines(event).iter().map(|line| line.render_words(false)).collect()
}

/// The renderer for people.
pub struct Terminal<O, E> {
    style: Style,
    out: O,
    talk: E,
    live: Option<Live>,
    /// What a CI system's log puts around the lines.
    frame: Option<Frame>,
    /// Running stages: when each began, and what it last said it waits for.
    running: Vec<(Stage, Duration, String)>,
    copies: BTreeMap<String, Gauge>,
    probes: Repeats,
    container_was_heard: bool,
    finding_was_told: bool,
    gives_data: bool,
    last_print: Duration,
    failure: Option<ReportError>,
}

impl<O: Write + Send, E: Write + Send> Terminal<O, E> {
    /// Talks on `talk` (standard error) and gives its result on `out` (standard output). What moves is always drawn
    /// on standard error.
    pub fn new(style: Style, out: O, talk: E) -> Self {
        Self {
            style,
            out,
            talk,
            live: style.interactive.then(|| Live::new(style.color)),
            frame: None,
            running: Vec::new(),
            copies: BTreeMap::new(),
            probes: Repeats::default(),
            container_was_heard: false,
            finding_was_told: false,
            gives_data: false,
            last_print: Duration::ZERO,
            failure: None,
        }
    }

    /// With the structure of a CI system's log.
    #[must_use]
    pub fn framed(self, frame: Option<Frame>) -> Self {
        Self { frame, ..self }
    }

    /// Prints the lines of an event for good.
    fn print(&mut self, moment: Moment, event: &Event, lines: &[Line]) {
        let lines = self.rendered(lines);
        let lines = match &mut self.frame {
            Some(frame) => frame.around(moment.at, event, lines),
            None => lines,
        };
        self.print_rendered(moment.since_start, &lines);
    }

    fn rendered(&self, lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.render(self.style.color)).collect()
    }

    fn print_rendered(&mut self, now: Duration, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.last_print = now;
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let talk = &mut self.talk;
        let mut print = || talk.write_all(text.as_bytes()).and_then(|()| talk.flush());
        let printed = match &self.live {
            Some(live) => live.above(print),
            None => print(),
        };
        self.keep_failure("stderr", printed);
    }

    /// Gives what was asked for, on standard output.
    fn give_data(&mut self, now: Duration, event: &Event) {
        let lines = if self.gives_data { data::lines(event) } else { Vec::new() };
        if lines.is_empty() {
            return;
        }
        self.last_print = now;
        let text: String = lines.iter().map(|line| line.render_words(self.style.data_color) + "\n").collect();
        let out = &mut self.out;
        let mut write = || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let written = match &self.live {
            Some(live) => live.above(write),
            None => write(),
        };
        self.keep_failure("stdout", written);
    }

    fn keep_failure(&mut self, stream: &'static str, written: io::Result<()>) {
        if let (Err(source), None) = (written, &self.failure) {
            self.failure = Some(ReportError::Stream { stream, source });
        }
    }

    /// Keeps what later lines depend on, and moves what moves.
    fn remember(&mut self, now: Duration, event: &Event) {
        // Exhaustive through `phrases::lines`; here only the events that change what is remembered matter.
        if let Event::StageStarted { stage } = event {
            self.running.push((*stage, now, String::new()));
            self.live.iter_mut().for_each(|live| live.start(*stage, now));
        }
        if let Event::StageFinished { stage, .. } = event {
            self.running.retain(|(running, ..)| running != stage);
            self.live.iter_mut().for_each(|live| live.end(*stage));
        }
        if let Event::Heartbeat { stage, detail, .. } = event {
            self.note(*stage, untrusted::cleaned(detail));
        }
        if let Event::LogLine { source: LogSource::LocalContainer, .. } = event {
            self.container_was_heard = true;
        }
        if let Event::ContainerStarted { .. } = event {
            (self.probes, self.container_was_heard) = (Repeats::default(), false);
        }
        self.measure(now, event);
    }

    fn note(&mut self, stage: Stage, detail: String) {
        self.live.iter_mut().for_each(|live| live.note(stage, detail.clone()));
        if let Some((.., known)) = self.running.iter_mut().find(|(running, ..)| *running == stage) {
            *known = detail;
        }
    }

    fn measure(&mut self, now: Duration, event: &Event) {
        if let Event::CopyPlanned { destination, blobs, bytes, blobs_present, bytes_present } = event {
            let (blobs, bytes) = (blobs.saturating_sub(*blobs_present), bytes.saturating_sub(*bytes_present));
            self.copies.insert(destination.clone(), Gauge::new(blobs, bytes, now));
        }
        if let Event::CopyProgress { destination, bytes_done, bytes_total } = event {
            let gauge = self.copies.entry(destination.clone()).or_insert_with(|| Gauge::new(0, *bytes_total, now));
            gauge.observe(now, *bytes_done, *bytes_total);
            self.live.iter_mut().for_each(|live| live.copy(destination, gauge, now));
        }
        if let Event::BlobCopied { destination, .. } = event {
            self.copies.entry(destination.clone()).or_default().count_blob();
        }
        if let Event::CopyFinished { destination, .. } | Event::CopyFailed { destination, .. } = event {
            self.copies.remove(destination);
            self.live.iter_mut().for_each(|live| live.end_copy(destination));
        }
    }

    /// The stage of an event that does not name one: known only while a single stage runs.
    fn only_running(&self) -> Option<Stage> {
        if let [(stage, ..)] = self.running[..] { Some(stage) } else { None }
    }

    /// The lines of an event, without those that say again what has been said.
    fn lines(&mut self, event: &Event) -> Vec<Line> {
        let mut lines = phrases::lines(event, self.only_running());
        if let Event::Probed { number, passed, detail, at_ms } = event {
            if self.probes.is_repeat(*number, *passed, detail, *at_ms) {
                let again = lines.drain(..).map(|line| line.words()).collect();
                self.note(Stage::Verify, again);
                return lines;
            }
            lines.splice(0..0, self.probes.flush());
            self.probes.remember(*passed, detail);
        }
        if let Event::Verified { finding, .. } = event {
            self.finding_was_told = finding.is_some();
            if self.container_was_heard {
                lines = finding.iter().flat_map(phrases::found).collect();
            }
        }
        if let Event::StageFinished { stage: Stage::Verify, outcome: Outcome::Fail, elapsed_ms, .. } = event
            && self.finding_was_told
        {
            lines = vec![phrases::unhealthy(*elapsed_ms)];
        }
        if ends_probing(event) {
            lines.splice(0..0, self.probes.flush());
        }
        lines
    }

    /// Says that the run is alive, when nothing has been printed for long. What moves on a terminal says so itself.
    fn heartbeat_if_due(&mut self, now: Duration) {
        if self.live.is_some() || now.saturating_sub(self.last_print) < HEARTBEAT {
            return;
        }
        let lines: Vec<Line> = self.running.iter().flat_map(|running| self.heartbeat(now, running)).collect();
        let idle = [phrases::heartbeat(None, &format!("still running, {}", quantity::seconds(now)))];
        let lines = self.rendered(if lines.is_empty() { &idle } else { &lines });
        let lines = match &mut self.frame {
            Some(frame) => frame.inside(lines),
            None => lines,
        };
        self.print_rendered(now, &lines);
    }

    fn heartbeat(&self, now: Duration, (stage, began, note): &(Stage, Duration, String)) -> Vec<Line> {
        if *stage == Stage::Copy && !self.copies.is_empty() {
            let say = |(to, gauge): (&String, &Gauge)| {
                phrases::heartbeat(Some(Stage::Copy), &format!("to {to}: {}", gauge.describe(now)))
            };
            return self.copies.iter().map(say).collect();
        }
        let what = if note.is_empty() { "still running" } else { note };
        let elapsed = quantity::seconds(now.saturating_sub(*began));
        vec![phrases::heartbeat(Some(*stage), &format!("{what}, {elapsed}"))]
    }

    /// The result for scripts: the service's URL once the image serves there, else the verdict's word.
    fn give_result(&mut self, code: ExitCode, service_url: Option<&str>) {
        let url = service_url.filter(|_| code == ExitCode::Success);
        let result = url.map_or_else(|| verdict::word(code).to_owned(), untrusted::cleaned);
        let written = writeln!(self.out, "{result}").and_then(|()| self.out.flush());
        self.keep_failure("stdout", written);
    }
}

impl<O: Write + Send, E: Write + Send> Renderer for Terminal<O, E> {
    fn take(&mut self, moment: Moment, event: &Event) {
        let now = moment.since_start;
        if let Event::RunStarted { verb, .. } = event {
            self.gives_data = data::is_given_by(verb);
        }
        self.give_data(now, event);
        let lines = self.lines(event);
        self.remember(now, event);
        if let Event::RunFinished { exit_code, service_url, .. } = event {
            self.live.iter_mut().for_each(Live::clear);
            self.running.clear();
            self.print(moment, event, &lines);
            if !self.gives_data {
                self.give_result(*exit_code, service_url.as_deref());
            }
        } else {
            self.print(moment, event, &lines);
            self.heartbeat_if_due(now);
        }
    }

    fn tick(&mut self, moment: Moment) {
        self.live.iter_mut().for_each(|live| live.tick(moment.since_start));
        self.heartbeat_if_due(moment.since_start);
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.live.iter_mut().for_each(Live::clear);
        self.failure.take().map_or(Ok(()), Err)
    }

    fn is_closed(&self) -> bool {
        self.failure.as_ref().is_some_and(ReportError::is_closed_pipe)
    }
}

/// Whether the probes of a container are over with this event.
fn ends_probing(event: &Event) -> bool {
    matches!(
        event,
        Event::Judged { .. }
            | Event::ContainerExited { .. }
            | Event::Verified { .. }
            | Event::StageFinished { stage: Stage::Verify, .. }
    )
}
