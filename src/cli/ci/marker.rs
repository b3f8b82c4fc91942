//! A deploy marker on CircleCI: the deployment on the page of its environment, planned before and updated after, by the `circleci`
//! program of the job (CircleCI's documentation, "Configure deploy markers"). Only where one is asked for.

use std::{
    sync::mpsc::{self, Receiver, Sender},
    time::Duration,
};

use super::{super::console::warn, programs};
use crate::{
    cli::args::CiArgs,
    config::environment::Environment,
    report::{Moment, Renderer, ReportError, verdict},
};
use shipgate_core::{
    ci::CiSystem,
    event::{Emitter, Event},
    exit_code::ExitCode,
};

const PROGRAM: &str = "circleci";

/// The marker of a run.
pub(super) struct Marker {
    name: String,
    /// The component's name on the page.
    component: String,
    is_on_circleci: bool,
    begun: Option<Receiver<Begun>>,
    planned: std::cell::Cell<bool>,
}

/// What the run is about.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Begun {
    verb: String,
    image: String,
    target: Option<String>,
}

impl Marker {
    /// The one that is asked for, by the flag or the variable.
    pub(super) fn of(system: Option<CiSystem>, args: &CiArgs, environment: &Environment) -> Option<Self> {
        let filled = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let is_on_circleci = system == Some(CiSystem::CircleCi);
        let by_variable = || filled("SHIPGATE_DEPLOY_MARKER").filter(|_| is_on_circleci);
        let name = args.deploy_marker.clone().or_else(by_variable)?;
        let component = filled("CIRCLE_PROJECT_REPONAME").unwrap_or_else(|| name.clone());
        Some(Self { name, component, is_on_circleci, begun: None, planned: std::cell::Cell::new(false) })
    }

    /// Hears what the run is about.
    pub(super) fn listener(&mut self) -> impl Renderer + use<> {
        let (hand, begun) = mpsc::channel();
        self.begun = Some(begun);
        Listener(hand)
    }

    /// Plans the deployment and has it run, if this is one.
    pub(super) async fn begin(&self, events: &Emitter, patience: Duration) {
        let begun = self.begun.as_ref().and_then(|begun| begun.try_recv().ok());
        let Some(begun) = begun.filter(|begun| ["deploy", "rollback"].contains(&begun.verb.as_str())) else { return };
        if !self.is_on_circleci {
            let message = "no deployment is marked: only CircleCI has deploy markers".to_owned();
            events.emit(Event::Notice { message });
            return;
        }
        let plan = plan(&self.name, &self.component, &begun);
        match self.circleci(&plan, patience).await {
            Ok(()) => self.planned.set(true),
            Err(why) => events.emit(Event::Warning { message: format!("the deployment is not marked: {why}") }),
        }
        if self.planned.get()
            && let Err(why) = self.circleci(&update(&self.name, "RUNNING", None), patience).await
        {
            events.emit(Event::Warning { message: format!("the deploy marker is not updated: {why}") });
        }
    }

    /// Tells how it ended.
    pub(super) async fn end(&self, code: ExitCode, patience: Duration) {
        if !self.planned.get() {
            return;
        }
        let (status, reason) = status(code);
        if let Err(why) = self.circleci(&update(&self.name, status, reason), patience).await {
            warn(&format!("the deploy marker is not updated: {why}"));
        }
    }

    async fn circleci(&self, arguments: &[String], patience: Duration) -> Result<(), String> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        programs::run(PROGRAM, &arguments, None, patience).await
    }
}

fn plan(name: &str, component: &str, begun: &Begun) -> Vec<String> {
    let mut arguments = vec!["run".to_owned(), "release".to_owned(), "plan".to_owned(), name.to_owned()];
    arguments.push(format!("--environment-name={}", begun.target.as_deref().unwrap_or("default")));
    arguments.push(format!("--component-name={component}"));
    arguments.push(format!("--target-version={}", version(&begun.image)));
    arguments.extend((begun.verb == "rollback").then(|| "--rollback".to_owned()));
    arguments
}

fn update(name: &str, status: &str, reason: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["run".to_owned(), "release".to_owned(), "update".to_owned(), name.to_owned()];
    arguments.push(format!("--status={status}"));
    arguments.extend(reason.map(|reason| format!("--failure-reason={reason}")));
    arguments
}

/// The image's tag, or its digest.
fn version(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    let named = name.split_once('@').or_else(|| name.split_once(':'));
    named.map_or_else(|| "unknown".to_owned(), |(_, version)| version.to_owned())
}

/// The word alone: what a container said is no argument of a program.
fn status(code: ExitCode) -> (&'static str, Option<&'static str>) {
    match code {
        ExitCode::Success => ("SUCCESS", None),
        ExitCode::Interrupted | ExitCode::Terminated => ("CANCELED", None),
        ExitCode::Internal
        | ExitCode::Usage
        | ExitCode::Identity
        | ExitCode::Preflight
        | ExitCode::Copy
        | ExitCode::Unhealthy
        | ExitCode::Unverifiable
        | ExitCode::RolledBack
        | ExitCode::DeploymentFailed
        | ExitCode::GateTimeout
        | ExitCode::Busy
        | ExitCode::SmokeTest => ("FAILED", Some(verdict::word(code))),
    }
}

struct Listener(Sender<Begun>);

impl Renderer for Listener {
    fn take(&mut self, _: Moment, event: &Event) {
        if let Event::RunStarted { verb, image, target, .. } = event {
            let begun = Begun { verb: verb.clone(), image: image.clone(), target: target.clone() };
            // Nobody listens any more in a run that was aborted.
            let _unheard = self.0.send(begun);
        }
    }

    fn tick(&mut self, _: Moment) {}

    fn finish(&mut self) -> Result<(), ReportError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Begun, ExitCode, plan, status, update, version};

    #[test]
    fn a_plan_names_environment_component_and_version() {
        let image = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v2".to_owned();
        let deploy = Begun { verb: "deploy".to_owned(), image, target: Some("prod".to_owned()) };
        let common = ["run", "release", "plan", "api", "--environment-name=prod", "--component-name=shop"];
        assert_eq!(plan("api", "shop", &deploy)[..6], common);
        assert_eq!(plan("api", "shop", &deploy)[6..], ["--target-version=v2"]);
        let back = Begun { verb: "rollback".to_owned(), target: None, ..deploy };
        assert_eq!(plan("api", "shop", &back)[4], "--environment-name=default");
        assert_eq!(plan("api", "shop", &back)[7], "--rollback");
    }

    #[test]
    fn an_update_says_how_it_ended() {
        let table = [
            (ExitCode::Success, "--status=SUCCESS", None),
            (ExitCode::Terminated, "--status=CANCELED", None),
            (ExitCode::RolledBack, "--status=FAILED", Some("--failure-reason=rolled-back")),
        ];
        for (code, told, reason) in table {
            let (status, why) = status(code);
            let arguments = update("api", status, why);
            assert_eq!(arguments[4], told);
            assert_eq!(arguments.get(5).map(String::as_str), reason);
        }
    }

    #[test]
    fn a_version_is_a_tag_or_a_digest() {
        let table = [
            ("host:5000/shop/api:v1", "v1"),
            ("host/shop/api@sha256:ab", "sha256:ab"),
            ("host/shop/api:v1@sha256:ab", "sha256:ab"),
            ("host/shop/api", "unknown"),
            ("", "unknown"),
        ];
        for (image, expected) in table {
            assert_eq!(version(image), expected, "{image}");
        }
    }
}
