//! A run as its user meets it: renderers, signals, and the last event. The only place that writes to the terminal
//! besides the renderers.

use std::{
    convert::Infallible,
    future::Future,
    io::{self, IsTerminal, Write},
    time::Instant,
};

use super::{
    args::{Color, OutputArgs, OutputFormat},
    ci::{self, Ci},
    signals::{self, Impatience},
};
use crate::{
    config::{
        environment::Environment,
        problem::{ConfigError, Location},
    },
    pipeline::{
        cancellation::{Cancellation, Signal},
        deploy::Run,
        failure::{Deployed, Failure},
        narrator::Narrator,
        progress::Progress,
    },
    report::{
        Fanout, Moment, ReportError, Reporter, harmless,
        json::JsonLines,
        masking::{Content, MaskedWriter},
        report_file::ReportFile,
        text::{Style, Terminal},
    },
};
use shipgate_core::{
    event::{Emitter, Event, Stage, WrittenAt, milliseconds},
    exit_code::ExitCode,
    mask::masked,
};

/// What a run shows itself on.
pub(super) struct Console {
    reporter: Reporter,
    cancellation: Cancellation,
    progress: Progress,
    begun: Instant,
    ci: Ci,
}

impl Console {
    /// Chooses the renderers.
    pub(super) fn open(args: &OutputArgs, environment: &Environment) -> Result<Self, ExitCode> {
        let begun = Instant::now();
        let mut ci = Ci::of(args, environment);
        let fanout = match args.output {
            OutputFormat::Json => Fanout::new().with(JsonLines::new(MaskedWriter::new(io::stdout(), Content::Json))),
            OutputFormat::Text => {
                let style = style(args.color, environment, &ci);
                let terminal = Terminal::new(style, text_to(io::stdout()), text_to(io::stderr()));
                Fanout::new().with(terminal.framed(ci.frame(environment)))
            }
        };
        let fanout = ci.watch(with_files(fanout, args)?, args, environment);
        let clock = move || Moment { at: jiff::Timestamp::now(), since_start: begun.elapsed() };
        Ok(Self {
            reporter: Reporter::new(fanout, clock),
            cancellation: Cancellation::default(),
            progress: Progress::default(),
            begun,
            ci,
        })
    }

    /// Where events go.
    pub(super) fn emitter(&self) -> Emitter {
        self.reporter.emitter()
    }

    /// A run of the pipeline that shows itself here. `wait_arguments` lead `shipgate wait OPERATION` to the same service.
    pub(super) fn run(&self, wait_arguments: String) -> Run {
        self.progress.is_led_to_by(wait_arguments);
        let narrator = Narrator { events: self.emitter(), cancellation: self.cancellation.clone() };
        Run { narrator, id: format!("{:016x}", fastrand::u64(..)), progress: self.progress.clone() }
    }

    /// Does the work while signals are watched and the renderers' clock ticks, then tells how it ended.
    pub(super) fn finish_with<'a>(
        &'a self,
        work: impl Future<Output = Result<Deployed, Failure>> + 'a,
    ) -> impl Future<Output = ExitCode> + 'a {
        self.finish(Box::pin(work))
    }

    /// The same for work without an end of its own: it also ends, in success, when the reader of its output is gone.
    pub(super) fn finish_with_endless<'a>(
        &'a self,
        work: impl Future<Output = Result<Deployed, Failure>> + 'a,
    ) -> impl Future<Output = ExitCode> + 'a {
        self.finish(Box::pin(async move {
            tokio::select! {
                result = work => result,
                () = self.until_closed() => {
                    let summary = "the reader of the output is gone".to_owned();
                    Ok(Deployed { digest: None, service_url: None, summary })
                }
            }
        }))
    }

    async fn until_closed(&self) {
        let mut interval = tokio::time::interval(Reporter::TICK);
        while !self.reporter.is_closed() {
            interval.tick().await;
        }
    }

    async fn finish(&self, work: impl Future<Output = Result<Deployed, Failure>>) -> ExitCode {
        let result = tokio::select! {
            result = async { self.ci.begin(&self.emitter()).await; work.await } => result,
            (signal, why) = signals::watch(&self.cancellation, || self.tell_of_stopping()) => {
                return self.abort(signal, why);
            }
            never = self.tick() => match never {},
        };
        let code = result.as_ref().err().map_or(ExitCode::Success, Failure::exit_code);
        if let Err(Failure::Configuration(error)) = &result {
            self.tell_problems(error);
        }
        self.emitter().emit(self.last_event(&result, code));
        let code = self.close(code);
        self.ci.end(code).await;
        code
    }

    fn tell_problems(&self, error: &ConfigError) {
        for problem in &error.problems {
            self.emitter().emit(Event::ConfigurationProblem {
                location: problem.location.to_string(),
                place: place_of(&problem.location),
                message: problem.message.clone(),
                hint: problem.hint.clone(),
            });
        }
    }

    async fn tick(&self) -> Infallible {
        let mut interval = tokio::time::interval(Reporter::TICK);
        loop {
            interval.tick().await;
            self.reporter.tick();
        }
    }

    fn tell_of_stopping(&self) {
        let message = "stopping: nothing new is begun; a second signal aborts at once".to_owned();
        self.emitter().emit(Event::Notice { message });
    }

    /// Nothing is waited for any more. The first signal says what the exit code is.
    fn abort(&self, signal: Signal, why: Impatience) -> ExitCode {
        let code = signal.exit_code();
        let aborted = Failure::Cancelled { signal, stage: Stage::Aftercare };
        self.emitter().emit(Event::RunFinished {
            exit_code: code,
            summary: format!("aborted; {}", aborted.world(&self.progress)),
            causes: vec![match why {
                Impatience::SecondSignal => "a second signal came before everything was cleaned up".to_owned(),
                Impatience::Late => "what was under way did not end in time after the signal".to_owned(),
            }],
            hint: Some(
                aborted
                    .hint(&self.progress)
                    .unwrap_or_else(|| "a container that is left behind is swept by the next run".to_owned()),
            ),
            reason: None,
            service_url: None,
            digest: None,
            elapsed_ms: milliseconds(self.begun.elapsed()),
        });
        self.close(code)
    }

    fn last_event(&self, result: &Result<Deployed, Failure>, exit_code: ExitCode) -> Event {
        let elapsed_ms = milliseconds(self.begun.elapsed());
        match result {
            Ok(deployed) => Event::RunFinished {
                exit_code,
                summary: deployed.summary.clone(),
                causes: Vec::new(),
                hint: None,
                reason: None,
                service_url: deployed.service_url.clone(),
                digest: deployed.digest.clone(),
                elapsed_ms,
            },
            Err(failure) => Event::RunFinished {
                exit_code,
                summary: failure.world(&self.progress),
                causes: failure.causes(),
                hint: failure.hint(&self.progress),
                reason: failure.reason().cloned().map(Box::new),
                service_url: None,
                digest: None,
                elapsed_ms,
            },
        }
    }

    /// Warns of everything that could not be written. The exit code stays that of the run: a deployment has succeeded or failed,
    /// whether its report exists or not. Only a run whose whole purpose is its output fails without it.
    fn close(&self, code: ExitCode) -> ExitCode {
        let lost: Vec<_> = self.reporter.finish().into_iter().filter(|error| !error.is_closed_pipe()).collect();
        let is_output_lost = self.progress.is_reading() && lost.iter().any(ReportError::is_lost_stream);
        if code == ExitCode::Success && is_output_lost {
            for error in &lost {
                complain(&format!("{error}{}", source_of(error)));
            }
            return ExitCode::Internal;
        }
        lost.iter().for_each(print_warning);
        code
    }
}

/// With the files that were asked for. One that cannot be written is told at once, to the CI system too.
fn with_files(mut fanout: Fanout, args: &OutputArgs) -> Result<Fanout, ExitCode> {
    let reports = args.reports.iter().map(ReportFile::create);
    let dotenv = args.ci.dotenv.iter().map(|path| ReportFile::dotenv(path, ci::outputs(args)));
    let named = args.reports.iter().map(|path| ("--report", path));
    let distinct = ReportFile::check_distinct(named.chain(args.ci.dotenv.iter().map(|path| ("--dotenv", path))));
    for file in distinct.err().map(Err).into_iter().chain(reports.chain(dotenv)) {
        match file {
            Ok(file) => fanout = fanout.with(file),
            Err(error) => {
                let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                let told = format!("{error}{}{hint}", source_of(&error));
                complain(&told);
                ci::tell_of_usage(&told);
                return Err(ExitCode::Usage);
            }
        }
    }
    Ok(fanout)
}

fn place_of(location: &Location) -> Option<WrittenAt> {
    match location {
        Location::Flag(_) => None,
        Location::File { path, line, column } => {
            Some(WrittenAt { file: path.display().to_string(), line: *line, column: *column })
        }
    }
}

/// Says what could not be told to a CI system.
pub(super) fn print_warning(error: &ReportError) {
    warn(&format!("{error}{}", source_of(error)));
}

fn source_of(error: &dyn std::error::Error) -> String {
    error.source().map(|source| format!(": {source}")).unwrap_or_default()
}

/// `NO_COLOR` (no-color.org) and `CLICOLOR_FORCE` (bixense.com/clicolors) as their conventions say: set and not empty,
/// and for the latter not `0`.
fn style(color: Color, environment: &Environment, ci: &Ci) -> Style {
    let interactive = io::stderr().is_terminal() && environment.get("CI").is_none_or(str::is_empty) && !ci.is_one();
    let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    let forced = environment.get("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = environment.get("TERM") == Some("dumb");
    let colors = |is_terminal: bool| match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => !set("NO_COLOR") && (forced || (is_terminal && !dumb)),
    };
    Style {
        color: colors(io::stderr().is_terminal()),
        interactive: interactive && !dumb,
        data_color: colors(io::stdout().is_terminal()),
    }
}

/// A stream of text without secrets.
fn text_to<W: Write>(stream: W) -> MaskedWriter<W> {
    MaskedWriter::new(stream, Content::Text)
}

/// Asks a question that is answered with y or n. Where nobody sits at a terminal, the answer is no.
pub(super) async fn ask(question: &str) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    write!(io::stderr().lock(), "{} [y/N] ", masked(question)).ok();
    let answered = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    answered.await.is_ok_and(|answer| answer.is_ok_and(|answer| is_yes(&answer)))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

/// Data, to standard output. A reader that has gone away ends the run without a word, as `head` expects.
pub(super) fn print_data(text: &str) -> ExitCode {
    print_unmasked(&masked(text))
}

/// Data whose purpose is to hand out keys: those of a sandbox, to whoever started it.
pub(super) fn print_unmasked(text: &str) -> ExitCode {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => ExitCode::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Success,
        Err(error) => complain(&format!("could not write to stdout: {error}")),
    }
}

/// A line of talk, to standard error. Nothing can be done when even that fails.
pub(super) fn say(text: &str) {
    say_unmasked(&masked(text));
}

/// The same about a sandbox's own keys.
pub(super) fn say_unmasked(text: &str) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// Warns where no renderer is there to do it.
pub(super) fn warn(text: &str) {
    say(&harmless(&format!("warning: {text}")));
}

/// What clap has to say: help on standard output, and what is wrong with a command line on standard error.
///
/// # Errors
/// The stream cannot be written.
pub(super) fn print_usage(error: &clap::Error) -> io::Result<()> {
    let plain = error.render().to_string();
    let text = masked(&error.render().ansi().to_string());
    let shown = harmless(&plain);
    let is_harmless = shown.lines().eq(masked(&plain).lines().map(str::trim_end));
    let written = if error.use_stderr() && !is_harmless {
        // An argument holds what would act on a terminal, or on the CI system that reads the output.
        writeln!(io::stderr().lock(), "{shown}")
    } else if error.use_stderr() {
        anstream::stderr().write_all(text.as_bytes())
    } else {
        anstream::stdout().write_all(text.as_bytes())
    };
    // A reader that has gone away has read enough.
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// A panic's message may quote what was being read.
pub(super) fn mask_panics() {
    std::panic::set_hook(Box::new(|panic| say(&panic.to_string())));
}

/// Says what went wrong where no renderer is there to say it.
pub(super) fn complain(text: &str) -> ExitCode {
    say(&harmless(&format!("error: {text}")));
    ExitCode::Internal
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in
            [("y\n", true), ("Yes\r\n", true), ("", false), ("\n", false), ("no", false), ("yy", false)]
        {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
