//! What the CI system that a run is in gets of it: which renderers are added, and which of the system's programs are run. All of
//! it is extra: what cannot be told there is a warning, and never changes how a run ends.

mod marker;
mod programs;

use std::{
    path::{Path, PathBuf},
    sync::mpsc::Receiver,
    time::Duration,
};

use self::marker::Marker;
use super::{
    args::OutputArgs,
    console::{print_warning, say, warn},
};
use crate::{
    config::environment::Environment,
    report::{
        Fanout, Moment, Reporter,
        ci::{Card, CardMaker, Frame, Nonces, Outputs, StepOutputs, StepSummary, Syntax, Workspace},
    },
};
use shipgate_core::{
    ci::CiSystem,
    event::{Emitter, Event},
    exit_code::ExitCode,
};

/// An agent that does not answer must not hold up a job that is being cancelled: that gets ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The CI system of a run, if it is in one.
pub(super) struct Ci {
    system: Option<CiSystem>,
    cards: Option<Receiver<Card>>,
    marker: Option<Marker>,
}

impl Ci {
    /// The system that these variables tell of.
    pub(super) fn of(args: &OutputArgs, environment: &Environment) -> Self {
        let system = CiSystem::of(|name| environment.get(name));
        Self { system, cards: None, marker: Marker::of(system, &args.ci, environment) }
    }

    /// Whether there is one.
    pub(super) fn is_one(&self) -> bool {
        self.system.is_some()
    }

    /// The structure of its log, if it has one.
    pub(super) fn frame(&self, environment: &Environment) -> Option<Frame> {
        frame(self.system?, environment)
    }

    /// Adds the renderers of what it reads besides the log.
    pub(super) fn watch(&mut self, fanout: Fanout, args: &OutputArgs, environment: &Environment) -> Fanout {
        let mut fanout = match self.system {
            Some(CiSystem::GitHub) => with_step_files(fanout, outputs(args), environment),
            Some(CiSystem::Buildkite) => {
                let (maker, cards) = CardMaker::new();
                self.cards = Some(cards);
                fanout.with(maker)
            }
            Some(CiSystem::GitLab | CiSystem::CircleCi | CiSystem::CodeBuild | CiSystem::Other) | None => fanout,
        };
        if let Some(marker) = &mut self.marker {
            fanout = fanout.with(marker.listener());
        }
        fanout
    }

    /// Before the work.
    pub(super) async fn begin(&self, events: &Emitter) {
        if let Some(marker) = &self.marker {
            marker.begin(events, PATIENCE).await;
        }
    }

    /// After the last word.
    pub(super) async fn end(&self, code: ExitCode) {
        if let Some(card) = self.cards.as_ref().and_then(|cards| cards.try_recv().ok()) {
            pin(&card).await;
        }
        if let Some(marker) = &self.marker {
            marker.end(code, PATIENCE).await;
        }
    }
}

/// What later steps read of a run: its reports are where they were asked for.
pub(super) fn outputs(args: &OutputArgs) -> Outputs {
    Outputs::new(args.reports.iter().map(|path| path.display().to_string()).collect())
}

/// Tells the CI system of a command line that cannot be read. Without a run nobody else would: the files of a step would
/// hold nothing, and whoever reads its outputs would not know why.
pub(super) fn tell_of_usage(why: &str) {
    let environment = Environment::of_process();
    if CiSystem::of(|name| environment.get(name)) != Some(CiSystem::GitHub) {
        return;
    }
    let now = Moment { at: jiff::Timestamp::now(), since_start: Duration::ZERO };
    let end = Event::RunFinished {
        exit_code: ExitCode::Usage,
        summary: "nothing was done".to_owned(),
        causes: why.lines().map(|line| line.trim().to_owned()).collect(),
        hint: None,
        reason: None,
        service_url: None,
        digest: None,
        elapsed_ms: 0,
    };
    let reporter = Reporter::new(with_step_files(Fanout::new(), Outputs::default(), &environment), move || now);
    if let Some(mut frame) = frame(CiSystem::GitHub, &environment) {
        frame.around(now.at, &end, Vec::new()).iter().for_each(|line| say(line));
    }
    reporter.emitter().emit(end);
    reporter.finish().iter().for_each(print_warning);
}

fn frame(system: CiSystem, environment: &Environment) -> Option<Frame> {
    let syntax = match system {
        CiSystem::GitHub => Syntax::GitHub,
        CiSystem::GitLab => Syntax::GitLab,
        CiSystem::Buildkite => Syntax::Buildkite,
        CiSystem::CircleCi | CiSystem::CodeBuild | CiSystem::Other => return None,
    };
    let root = environment.get("GITHUB_WORKSPACE").filter(|root| !root.is_empty()).map(PathBuf::from);
    let current = std::env::current_dir().unwrap_or_default();
    Some(Frame::new(syntax, nonces()?, Workspace { root, current }))
}

fn with_step_files(mut fanout: Fanout, outputs: Outputs, environment: &Environment) -> Fanout {
    let file =
        |name: &str| environment.get(name).filter(|path| !path.is_empty()).map(|path| Path::new(path).to_owned());
    if let (Some(path), Some(nonces)) = (file("GITHUB_OUTPUT"), nonces()) {
        fanout = fanout.with(StepOutputs::new(path, outputs, nonces));
    }
    if let Some(path) = file("GITHUB_STEP_SUMMARY") {
        fanout = fanout.with(StepSummary::new(path));
    }
    fanout
}

/// Without randomness nothing is told that a container could end by guessing.
fn nonces() -> Option<Nonces> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).ok()?;
    Some(Nonces::new(key))
}

/// Pins a card to the build's page on Buildkite.
async fn pin(card: &Card) {
    let arguments = ["annotate", "--style", card.style, "--context", &card.context];
    if let Err(why) = programs::run("buildkite-agent", &arguments, Some(&card.markdown), PATIENCE).await {
        warn(&format!("the build is not annotated: {why}"));
    }
}
