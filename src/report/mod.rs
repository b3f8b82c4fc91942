//! Renderers of the one event stream: a terminal, JSON lines, CI systems, a report file. They read events and know nothing else;
//! streams and clocks are handed to them.

pub mod ci;
mod document;
mod html;
pub mod json;
mod junit;
mod markdown;
pub mod masking;
mod quantity;
pub mod report_file;
pub mod text;
mod untrusted;
pub mod verdict;

#[cfg(test)]
mod samples;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

pub(crate) use self::untrusted::harmless;
use shipgate_core::{
    event::{Emitter, Event},
    mask,
};

/// When something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// On the wall clock.
    pub at: Timestamp,
    /// Since the run began, on a clock that never goes back.
    pub since_start: Duration,
}

/// Shows events to somebody.
pub trait Renderer: Send {
    /// Takes the next event. A stream that cannot be written is reported by [`Renderer::finish`], not here: what is
    /// going on in the cloud is worth more than a closed pipe.
    fn take(&mut self, moment: Moment, event: &Event);

    /// Lets time pass: animations and heartbeats.
    fn tick(&mut self, moment: Moment);

    /// Writes what is still to be written. Called once, after the last event.
    ///
    /// # Errors
    /// [`ReportError`] when anything of the run could not be written, now or earlier.
    fn finish(&mut self) -> Result<(), ReportError>;

    /// Whether the reader of this renderer's stream closed it: `| head` has seen enough.
    fn is_closed(&self) -> bool {
        false
    }
}

/// Why something could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A stream was closed or full.
    #[error("could not write to {stream}")]
    Stream {
        /// `stdout` or `stderr`.
        stream: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The report's name does not say what it is to hold.
    #[error("a report is JSON (.json), JUnit XML (.xml), Markdown (.md) or HTML (.html), and {} is none of them", path.display())]
    Format {
        /// The place that was asked for.
        path: PathBuf,
    },
    /// The report's place cannot be written.
    #[error("could not write the report to {}", path.display())]
    File {
        /// The place that was asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Two options name the same file.
    #[error("{} and {} name the same file: {}", options[0], options[1], path.display())]
    SameFile {
        /// The options, in the order of the command's help.
        options: [&'static str; 2],
        /// The file.
        path: PathBuf,
    },
    /// What later steps of a CI job would read cannot be written.
    #[error("could not write the {what} of this step to {}", path.display())]
    Step {
        /// `outputs` or `summary`.
        what: &'static str,
        /// The place that the CI system named.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl ReportError {
    /// Whether the reader of a stream closed it. That is the reader's choice and no fault.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stream { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether output on a stream is lost: a full disk, an input or output error.
    #[must_use]
    pub fn is_lost_stream(&self) -> bool {
        matches!(self, Self::Stream { .. }) && !self.is_closed_pipe()
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stream { .. } | Self::Step { .. } => None,
            Self::Format { .. } => Some("name the file report.json, report.xml, report.md or report.html".to_owned()),
            Self::SameFile { .. } => Some("name a different file for each".to_owned()),
            Self::File { .. } => Some("name a file in a folder that exists and can be written".to_owned()),
        }
    }
}

/// Hands every event to each of its renderers, in order, up to the last one of the run. What is said after that, by work
/// that is being taken down, nobody hears.
#[derive(Default)]
pub struct Fanout {
    renderers: Vec<Box<dyn Renderer>>,
    ended: bool,
}

impl Fanout {
    /// A fanout to nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one renderer more.
    #[must_use]
    pub fn with(mut self, renderer: impl Renderer + 'static) -> Self {
        self.renderers.push(Box::new(renderer));
        self
    }

    fn take(&mut self, moment: Moment, event: &Event) {
        if !self.ended {
            self.renderers.iter_mut().for_each(|renderer| renderer.take(moment, event));
        }
        self.ended |= matches!(event, Event::RunFinished { .. });
    }

    fn tick(&mut self, moment: Moment) {
        self.renderers.iter_mut().for_each(|renderer| renderer.tick(moment));
    }

    fn is_closed(&self) -> bool {
        self.renderers.iter().any(|renderer| renderer.is_closed())
    }

    fn finish(&mut self) -> Vec<ReportError> {
        self.renderers.iter_mut().filter_map(|renderer| renderer.finish().err()).collect()
    }
}

/// What is behind the run's [`Emitter`]: the renderers and the clock that stamps events. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {
    fanout: Arc<Mutex<Fanout>>,
    clock: Arc<dyn Fn() -> Moment + Send + Sync>,
}

impl Reporter {
    /// How often [`Reporter::tick`] wants to be called: often enough for a spinner to look alive.
    pub const TICK: Duration = Duration::from_millis(120);

    /// Shows events through these renderers, at the moments this clock gives.
    pub fn new(fanout: Fanout, clock: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self { fanout: Arc::new(Mutex::new(fanout)), clock: Arc::new(clock) }
    }

    /// An emitter whose events are shown here.
    #[must_use]
    pub fn emitter(&self) -> Emitter {
        let reporter = self.clone();
        Emitter::new(move |event| {
            event.public_facts().into_iter().for_each(mask::publish);
            reporter.with(|fanout, moment| fanout.take(moment, &event));
        })
    }

    /// Lets the renderers know that time has passed.
    pub fn tick(&self) {
        self.with(Fanout::tick);
    }

    /// Whether the reader of a stream closed it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.with(|fanout, _| fanout.is_closed())
    }

    /// Ends the output. Gives everything that could not be written.
    #[must_use]
    pub fn finish(&self) -> Vec<ReportError> {
        self.with(|fanout, _| fanout.finish())
    }

    /// The clock is read under the lock, so that events are shown in the order of their moments.
    fn with<T>(&self, act: impl FnOnce(&mut Fanout, Moment) -> T) -> T {
        let mut fanout = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut fanout, (self.clock)())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Fanout, Moment, Renderer, ReportError, Reporter, samples};
    use shipgate_core::{event::Event, exit_code::ExitCode};

    struct Recorder(Arc<Mutex<Vec<String>>>, &'static str);

    impl Renderer for Recorder {
        fn take(&mut self, moment: Moment, event: &Event) {
            let message = if let Event::Notice { message } = event { message } else { "end" };
            self.0.lock().unwrap().push(format!("{} {message} {:?}", self.1, moment.since_start));
        }

        fn tick(&mut self, _: Moment) {
            self.0.lock().unwrap().push(format!("{} tick", self.1));
        }

        fn finish(&mut self) -> Result<(), ReportError> {
            Err(ReportError::Stream { stream: self.1, source: std::io::ErrorKind::BrokenPipe.into() })
        }
    }

    #[test]
    fn every_renderer_gets_everything_and_every_failure_comes_back() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let fanout = Fanout::new().with(Recorder(seen.clone(), "a")).with(Recorder(seen.clone(), "b"));
        let reporter = Reporter::new(fanout, || samples::moment(1500));
        reporter.emitter().emit(Event::Notice { message: "hello".to_owned() });
        reporter.tick();
        assert_eq!(*seen.lock().unwrap(), ["a hello 1.5s", "b hello 1.5s", "a tick", "b tick"]);
        let errors: Vec<String> = reporter.finish().iter().map(ToString::to_string).collect();
        assert_eq!(errors, ["could not write to a", "could not write to b"]);
    }

    #[test]
    fn the_last_event_is_the_last() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reporter = Reporter::new(Fanout::new().with(Recorder(seen.clone(), "a")), || samples::moment(0));
        reporter.emitter().emit(samples::run_finished(ExitCode::Success, "done", &[], None));
        reporter.emitter().emit(Event::Notice { message: "too late".to_owned() });
        assert_eq!(*seen.lock().unwrap(), ["a end 0ns"]);
    }
}
