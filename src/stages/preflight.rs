//! Preflight: read-only checks, all of them, so that everything wrong is known at once and before anything is changed.

use crate::stages::{
    pull_through::PullThrough,
    release::Unreleasable,
    resolve::{PLATFORM, ResolvedImage},
};
use shipgate_aws::fault::AwsFault;
use shipgate_container_check::docker::{Engine, EngineError};
use shipgate_core::{
    digest::Digest,
    event::{Emitter, Event, Outcome},
    exit_code::ExitCode,
    mutability::TagMutability,
    release::{Course, Identifier, Preparation, ReleaseVerb},
    service::LiveService,
};

/// What kind of trouble a failed check is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Something must be set up or corrected.
    Setup,
    /// Somebody must be allowed to do something.
    Permission,
    /// The service takes no deployment now.
    Busy,
    /// The image cannot be checked here.
    Unverifiable,
}

/// A check that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// Its name, stable.
    pub name: &'static str,
    /// What was seen.
    pub detail: String,
    /// What is wrong and how to mend it; `None` when all is well.
    pub problem: Option<Problem>,
    /// Whether it was passed over.
    pub skipped: bool,
}

/// What a failed check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Its kind.
    pub trouble: Trouble,
    /// How to mend it.
    pub hint: Option<String>,
}

/// What is checked.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The source image.
    pub image: &'a ResolvedImage,
    /// The service's name.
    pub service: &'a str,
    /// The service, if it exists.
    pub live: Option<&'a LiveService>,
    /// How it would be released, or why it cannot be.
    pub course: &'a Result<Course, Unreleasable>,
    /// What the service is to deploy from.
    pub identifier: &'a Identifier,
    /// What the workload repository allows its tags, if it exists; or why that is not known.
    pub repository: &'a Result<Option<TagMutability>, AwsFault>,
    /// Whose the tag is that it deploys from, where that is another image's and cannot be moved.
    pub taken_by: Option<&'a Digest>,
    /// The account and region it is in, for messages.
    pub place: String,
    /// Whether it may be created.
    pub create_repository: bool,
    /// How ECR fetches the image, where it does that itself.
    pub pull_through: Option<PullThrough<'a>>,
    /// The Docker engine; or why none is needed.
    pub engine: Result<&'a Result<Engine, EngineError>, &'static str>,
}

/// Makes every check, of what was observed, and tells each.
pub async fn preflight(subject: &Subject<'_>, events: &Emitter) -> Vec<Check> {
    let mut checks = vec![platform(subject.image), service(subject), repository(subject), docker(subject.engine)];
    if let Some(pull_through) = &subject.pull_through {
        checks.extend(pull_through.checks().await);
    }
    tell(&checks, events);
    checks
}

/// Tells what came of checks.
pub fn tell(checks: &[Check], events: &Emitter) {
    for check in checks {
        events.emit(Event::Checked {
            check: check.name.to_owned(),
            outcome: check.outcome(),
            detail: check.detail.clone(),
            hint: check.problem.as_ref().and_then(|problem| problem.hint.clone()),
        });
    }
}

impl Check {
    pub(super) fn passed(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, detail: detail.into(), problem: None, skipped: false }
    }

    pub(super) fn skipped(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, detail: detail.into(), problem: None, skipped: true }
    }

    pub(super) fn failed(
        name: &'static str,
        detail: impl Into<String>,
        trouble: Trouble,
        hint: Option<String>,
    ) -> Self {
        Self { name, detail: detail.into(), problem: Some(Problem { trouble, hint }), skipped: false }
    }

    fn outcome(&self) -> Outcome {
        match (&self.problem, self.skipped) {
            (Some(_), _) => Outcome::Fail,
            (None, true) => Outcome::Skip,
            (None, false) => Outcome::Ok,
        }
    }
}

/// The exit code of failed checks; `None` when none failed. What must be set up counts before permissions, and both
/// before what may pass by itself.
#[must_use]
pub fn exit_code(checks: &[Check]) -> Option<ExitCode> {
    let found = |trouble| checks.iter().any(|check| check.problem.as_ref().is_some_and(|p| p.trouble == trouble));
    [
        (Trouble::Setup, ExitCode::Preflight),
        (Trouble::Permission, ExitCode::Identity),
        (Trouble::Busy, ExitCode::Busy),
        (Trouble::Unverifiable, ExitCode::Unverifiable),
    ]
    .into_iter()
    .find_map(|(trouble, code)| found(trouble).then_some(code))
}

fn platform(image: &ResolvedImage) -> Check {
    const NAME: &str = "image-platform";
    if image.runs_on_app_runner() {
        return Check::passed(NAME, format!("the image offers {PLATFORM}"));
    }
    let offered = if image.platforms.is_empty() { "no platform".to_owned() } else { image.platforms.join(", ") };
    let hint = format!("build it for the platform App Runner runs: docker build --platform {PLATFORM} …");
    Check::failed(NAME, format!("the image offers {offered}, not {PLATFORM}"), Trouble::Setup, Some(hint))
}

fn service(subject: &Subject<'_>) -> Check {
    const NAME: &str = "service-state";
    match subject.course {
        Ok(course) => Check::passed(NAME, intention(subject, course)),
        Err(why) => {
            let passing = matches!(why, Unreleasable::Refused(refusal) if refusal.is_about_state());
            let trouble = if passing { Trouble::Busy } else { Trouble::Setup };
            Check::failed(NAME, why.to_string(), trouble, Some(why.hint()))
        }
    }
}

/// What is going to happen to the service, in one line.
fn intention(subject: &Subject<'_>, course: &Course) -> String {
    let name = subject.service;
    let is = match subject.live {
        None => format!("there is no service {name}"),
        Some(live) => format!("{name} is {}", live.status),
    };
    let first = match course.first {
        None => None,
        Some(Preparation::Wait) => Some("it is waited for".to_owned()),
        Some(Preparation::Resume) => Some("it will be resumed".to_owned()),
        Some(Preparation::Delete) => Some("it will be deleted: its URL, ARN and log groups change".to_owned()),
        Some(Preparation::TurnOffAutoDeployments) => Some("its automatic deployments will be turned off".to_owned()),
    };
    let reference = subject.identifier.reference();
    let then = match &course.verb {
        ReleaseVerb::Nothing => Some("it runs this image already".to_owned()),
        ReleaseVerb::Follow(operation) => Some(format!("operation {operation} is deploying this image")),
        ReleaseVerb::CreateService => Some("it will be created".to_owned()),
        ReleaseVerb::StartDeployment => None,
        ReleaseVerb::UpdateService => Some(format!("it will deploy from {reference}")),
        ReleaseVerb::Rebuild => Some("it will be rebuilt in place".to_owned()),
        ReleaseVerb::FollowPush => Some(format!("it deploys by itself when {reference} is moved")),
    };
    let steps: Vec<String> = first.into_iter().chain(then).collect();
    if steps.is_empty() { is } else { format!("{is}: {}", steps.join(", then ")) }
}

fn repository(subject: &Subject<'_>) -> Check {
    const NAME: &str = "workload-repository";
    let name = subject.identifier.reference().repository();
    let place = &subject.place;
    match subject.repository {
        Ok(Some(_)) => match subject.identifier.tag().zip(subject.taken_by) {
            None => Check::passed(NAME, format!("{name} exists in {place}")),
            Some((tag, other)) => Check::failed(
                NAME,
                format!("{name} in {place} does not let tag {tag} be moved, and it points at {}", other.short()),
                Trouble::Setup,
                Some(format!(
                    "name no tag, or one of this image alone; or exclude that tag from the rule: aws ecr \
                     put-image-tag-mutability --repository-name {name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION \
                     --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter={tag}"
                )),
            ),
        },
        Ok(None) if subject.pull_through.is_some() => {
            Check::skipped(NAME, format!("{name} does not exist in {place}: ECR creates it when it fetches the image"))
        }
        Ok(None) if subject.create_repository => {
            Check::skipped(NAME, format!("{name} does not exist in {place}: it will be created"))
        }
        Ok(None) => Check::failed(
            NAME,
            format!("there is no repository {name} in {place}"),
            Trouble::Setup,
            Some(format!("pass --create-repository, or run: aws ecr create-repository --repository-name {name}")),
        ),
        Err(fault) if fault.is_denied() => Check::failed(NAME, fault.to_string(), Trouble::Permission, fault.hint()),
        Err(fault) => Check::failed(NAME, fault.to_string(), Trouble::Setup, fault.hint()),
    }
}

fn docker(engine: Result<&Result<Engine, EngineError>, &'static str>) -> Check {
    const NAME: &str = "docker-engine";
    match engine {
        Err(why) => Check::skipped(NAME, why),
        Ok(Ok(_)) => Check::passed(NAME, "the engine answers"),
        Ok(Err(error)) => Check::failed(NAME, error.to_string(), Trouble::Unverifiable, error.hint()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Trouble, exit_code};
    use shipgate_core::exit_code::ExitCode;

    #[test]
    fn what_must_be_set_up_counts_first() {
        use Trouble::{Busy, Permission, Setup, Unverifiable};
        let table: [(&[Trouble], Option<ExitCode>); 6] = [
            (&[], None),
            (&[Unverifiable], Some(ExitCode::Unverifiable)),
            (&[Unverifiable, Busy], Some(ExitCode::Busy)),
            (&[Busy, Permission], Some(ExitCode::Identity)),
            (&[Unverifiable, Busy, Permission, Setup], Some(ExitCode::Preflight)),
            (&[Setup], Some(ExitCode::Preflight)),
        ];
        for (troubles, code) in table {
            let mut checks = vec![Check::passed("a", "fine"), Check::skipped("b", "not needed")];
            checks.extend(troubles.iter().map(|trouble| Check::failed("c", "bad", *trouble, None)));
            assert_eq!(exit_code(&checks), code, "{troubles:?}");
        }
    }
}
