//! What the logs tell of our operation: App Runner's own lines as they appear, and the new version's last ones when it
//! failed. Every page is kept as it comes, so giving up a reading loses nothing.

use std::{cmp::Ordering, fmt, time::Duration};

use tokio::time::{sleep, timeout};

use super::evidence::{self, Application};
use crate::target::{ObservedOperation, Started};
use shipgate_aws::{
    fault::AwsFault,
    logs::{LogReader, Position, Window},
};
use shipgate_core::{
    event::{Emitter, Event, LogSource},
    mask::Mask,
    reason::{self, Chapter, Evidence, Finding, Outlook, Output},
};

/// How long one stream is read at a time: a log service that hangs must not hold up the verdict.
const READING_LIMIT: Duration = Duration::from_secs(5);

/// Lines can lag behind the verdict; the logs are read again after each of these.
const SEARCH_AGAIN_AFTER: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// So often the application's lines are looked for when the reason is known and they are not there: they may never
/// have been written.
const SEARCHES_FOR_OUTPUT: usize = 2;

/// App Runner's lines may be written this long before or after what it says of the operation's times. Which of them are
/// ours is told by the ids in them, so this may be generous.
const SPARE_SECONDS: i64 = 60;

/// So many pages are read from both streams in turn; after that, from the one that told more.
const TRIALS: u32 = 4;

/// So many faults in a row, and the logs count as unreadable for now.
const FAULTS: u32 = 2;

/// So many refusals in a row, and the logs count as closed to us. One may be of a session that is being renewed.
const DENIALS: u32 = 3;

/// What is known of our operation from the logs.
pub(super) struct Story<'a, L> {
    pub(super) started: &'a Started,
    pub(super) events: &'a Emitter,
    logs: &'a L,
    mask: &'a Mask,
    deployment: Position,
    service: Position,
    chapter: Chapter,
    /// Fixed by the first look that gave the operation's times: pages of one stream need one window.
    window: Option<Window>,
    observed: Option<ObservedOperation>,
    lines: Vec<String>,
    application: Application,
    told_unreadable: bool,
    /// The logs are closed to us: reading them again will not help.
    is_denied: bool,
    denials: u32,
    outlook: Outlook,
    /// Lines of ours that each stream told, and how many pages were read while the operation ran.
    told: [usize; 2],
    pages: u32,
    faults: u32,
}

/// App Runner's two streams on a deployment.
#[derive(Clone, Copy)]
enum Stream {
    /// Of this deployment alone.
    Deployment,
    /// Of the service, with all its deployments.
    Service,
}

/// Why a stream was not read to its end.
enum Unread {
    Fault(AwsFault),
    Late,
}

impl fmt::Display for Unread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(formatter),
            Self::Late => write!(formatter, "no answer within {} s", READING_LIMIT.as_secs()),
        }
    }
}

impl<'a, L: LogReader> Story<'a, L> {
    pub(super) fn new(logs: &'a L, started: &'a Started, mask: &'a Mask, events: &'a Emitter) -> Self {
        Self {
            started,
            events,
            logs,
            mask,
            deployment: Position::default(),
            service: Position::default(),
            chapter: Chapter::of(&started.operation),
            window: None,
            observed: None,
            lines: Vec::new(),
            application: Application::Unread(None),
            told_unreadable: false,
            is_denied: false,
            denials: 0,
            outlook: Outlook::Open,
            told: [0, 0],
            pages: 0,
            faults: 0,
        }
    }

    /// What the lines so far say of the end.
    pub(super) fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// Whether the logs can be read, as far as is known.
    pub(super) fn is_readable(&self) -> bool {
        !self.is_denied && self.faults < FAULTS
    }

    /// Takes note of when the operation ran: that bounds what can be its.
    pub(super) fn know_times(&mut self, observed: &ObservedOperation) {
        self.observed = Some(observed.clone());
        if let (None, Some(started)) = (self.window, observed.started_at) {
            self.window = Some(Window {
                since: evidence::shifted(started, -SPARE_SECONDS),
                until: observed.ended_at.and_then(|ended| evidence::shifted(ended, SPARE_SECONDS)),
            });
        }
    }

    /// Reads a page of one stream, while the operation runs: one call. Which of the two tells how far it is differs, so
    /// it is found out.
    pub(super) async fn read_page(&mut self) {
        if self.is_denied {
            return;
        }
        let turn = if self.pages.is_multiple_of(2) { Stream::Deployment } else { Stream::Service };
        let stream = if self.window.is_none() {
            Stream::Deployment
        } else if self.pages < TRIALS {
            turn
        } else {
            match self.told[0].cmp(&self.told[1]) {
                Ordering::Greater => Stream::Deployment,
                Ordering::Less => Stream::Service,
                Ordering::Equal => turn,
            }
        };
        self.pages += 1;
        self.read_or_tell(stream, false).await;
    }

    /// Reads what is new in both streams to their ends, each for itself.
    pub(super) async fn read_on(&mut self) {
        for stream in [Stream::Deployment, Stream::Service] {
            self.read_or_tell(stream, true).await;
        }
    }

    async fn read_or_tell(&mut self, stream: Stream, to_the_end: bool) {
        let read = match timeout(READING_LIMIT, self.read(stream, to_the_end)).await {
            Ok(read) => read.map_err(Unread::Fault),
            Err(_) => Err(Unread::Late),
        };
        self.faults = if read.is_ok() { 0 } else { self.faults + 1 };
        if read.is_ok() {
            self.denials = 0;
        }
        if let Err(unread) = read {
            let is_denied = matches!(&unread, Unread::Fault(fault) if fault.is_denied());
            self.denials = if is_denied { self.denials + 1 } else { 0 };
            self.is_denied |= self.denials >= DENIALS;
            if !std::mem::replace(&mut self.told_unreadable, true) {
                let message = format!("the service's logs cannot be read: {unread}");
                self.events.emit(Event::Warning { message });
            }
        }
    }

    async fn read(&mut self, stream: Stream, to_the_end: bool) -> Result<(), AwsFault> {
        let group = self.started.service.service_log_group();
        let (name, window) = match stream {
            Stream::Deployment => {
                (format!("deployment/{}", self.started.operation.without_dashes()), Window::default())
            }
            // Without a beginning it would be read from that of the service.
            Stream::Service => match self.window {
                Some(window) => ("events".to_owned(), window),
                None => return Ok(()),
            },
        };
        loop {
            let from = match stream {
                Stream::Deployment => &self.deployment,
                Stream::Service => &self.service,
            };
            let page = self.logs.page(&group, &name, window, from).await?;
            match stream {
                Stream::Deployment => self.deployment = page.next,
                Stream::Service => self.service = page.next,
            }
            for line in page.lines {
                self.take(stream, &line);
            }
            if page.is_last || !to_the_end {
                return Ok(());
            }
        }
    }

    /// The two streams repeat each other; each line is told once.
    fn take(&mut self, stream: Stream, line: &str) {
        let is_ours = match stream {
            Stream::Deployment => true,
            Stream::Service => self.chapter.takes(line),
        };
        let line = self.mask.apply(line);
        if is_ours {
            self.told[stream as usize] += 1;
            self.outlook = self.outlook.max(reason::foretold(&line));
        }
        let known = |other: &String| reason::without_prefix(other) == reason::without_prefix(&line);
        if is_ours && !self.lines.iter().any(known) {
            self.events.emit(Event::LogLine { source: LogSource::Service, line: line.clone() });
            self.lines.push(line);
        }
    }

    fn found(&self) -> Finding {
        reason::find(self.lines.iter().map(String::as_str))
    }

    /// Looks for a reason and for the application's last lines, a few times if need be.
    pub(super) async fn search(&mut self) {
        for (searches, delay) in (1..).zip(SEARCH_AGAIN_AFTER) {
            self.read_application().await;
            if self.is_denied || self.has_enough(searches) {
                return;
            }
            sleep(delay).await;
            self.read_on().await;
        }
        self.read_application().await;
    }

    fn has_enough(&self, searches: usize) -> bool {
        let has_output = match &self.application {
            Application::Unread(_) => false,
            Application::NoGroup => searches >= SEARCHES_FOR_OUTPUT,
            Application::Unknown => true,
            Application::Read(lines) => !lines.is_empty() || searches >= SEARCHES_FOR_OUTPUT,
        };
        has_output && self.found().said.is_some()
    }

    async fn read_application(&mut self) {
        if matches!(&self.application, Application::Read(lines) if !lines.is_empty()) {
            return;
        }
        let reading = evidence::read_application(self.logs, &self.started.service, self.observed.as_ref(), self.mask);
        match timeout(READING_LIMIT, reading).await {
            Ok(application) => self.application = application,
            Err(_) => self.application = Application::Unread(Some(Unread::Late.to_string())),
        }
    }

    /// What was found; tells the application's lines.
    pub(super) fn tell_evidence(&mut self) -> Evidence {
        let (output, last_lines) = match std::mem::replace(&mut self.application, Application::Unknown) {
            Application::Read(lines) if lines.is_empty() => (Output::Silent, lines),
            Application::Read(lines) => (Output::Written, lines),
            Application::Unknown | Application::Unread(None) => (Output::Unknown, Vec::new()),
            Application::NoGroup => {
                let group = self.started.service.application_log_group();
                let message = reason::never_created(&group, self.found().exit_code);
                self.events.emit(Event::Notice { message });
                (Output::NeverCreated, Vec::new())
            }
            Application::Unread(Some(fault)) => {
                let message = format!("the application's logs cannot be read: {fault}");
                self.events.emit(Event::Warning { message });
                (Output::Unknown, Vec::new())
            }
        };
        for line in &last_lines {
            self.events.emit(Event::LogLine { source: LogSource::Application, line: line.clone() });
        }
        Evidence { found: self.found(), output, last_lines }
    }
}
