//! Preflight: read-only checks, all of them, so that everything wrong is known at once and before anything is changed.

use crate::{
    aws::ecr::Ecr,
    docker::{Engine, EngineError},
    domain::{
        event::{Emitter, Event, Outcome},
        exit_code::ExitCode,
        service::LiveService,
    },
    stages::{
        pull_through::PullThrough,
        release::{ReleaseOrder, Unreleasable},
        resolve::{PLATFORM, ResolvedImage},
    },
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
    /// The service, if it exists.
    pub live: Option<&'a LiveService>,
    /// What would be ordered, or why nothing can be.
    pub order: &'a Result<ReleaseOrder, Unreleasable>,
    /// ECR of the workload account.
    pub ecr: &'a Ecr,
    /// The workload repository.
    pub repository: &'a str,
    /// The tag that would be moved.
    pub tag: &'a str,
    /// The account and region it is in, for messages.
    pub place: String,
    /// Whether it may be created.
    pub create_repository: bool,
    /// How ECR fetches the image, where it does that itself.
    pub pull_through: Option<PullThrough<'a>>,
    /// The Docker engine; `None` when the local check is skipped.
    pub engine: Option<&'a Result<Engine, EngineError>>,
}

/// Makes every check and tells each.
pub async fn preflight(subject: &Subject<'_>, events: &Emitter) -> Vec<Check> {
    let mut checks = vec![
        platform(subject.image),
        service(subject.live, subject.order),
        repository(subject).await,
        docker(subject.engine),
    ];
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

    fn skipped(name: &'static str, detail: impl Into<String>) -> Self {
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

fn service(live: Option<&LiveService>, order: &Result<ReleaseOrder, Unreleasable>) -> Check {
    const NAME: &str = "service-state";
    match (order, live) {
        (Ok(ReleaseOrder::Create(order)), _) => {
            Check::passed(NAME, format!("there is no service {}: it will be created", order.service))
        }
        (Ok(ReleaseOrder::Deploy(_)), Some(live)) => {
            Check::passed(NAME, format!("{} is {}", live.arn.name(), live.status))
        }
        (Ok(ReleaseOrder::Deploy(arn)), None) => Check::passed(NAME, format!("{} takes deployments", arn.name())),
        (Err(why), _) => {
            let passing = matches!(why, Unreleasable::Refused(refusal) if refusal.is_about_state());
            let trouble = if passing { Trouble::Busy } else { Trouble::Setup };
            Check::failed(NAME, why.to_string(), trouble, Some(why.hint()))
        }
    }
}

async fn repository(subject: &Subject<'_>) -> Check {
    const NAME: &str = "workload-repository";
    let name = subject.repository;
    let place = &subject.place;
    match subject.ecr.repository(name).await {
        Ok(Some(rule)) if rule.lets_move(subject.tag) => Check::passed(NAME, format!("{name} exists in {place}")),
        Ok(Some(_)) => Check::failed(
            NAME,
            format!("{name} in {place} does not let tag {} be moved, which the service deploys from", subject.tag),
            Trouble::Setup,
            Some(format!(
                "exclude that tag from the rule: aws ecr put-image-tag-mutability --repository-name {name} \
                 --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters \
                 filterType=WILDCARD,filter={}",
                subject.tag
            )),
        ),
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
        Err(fault) if fault.is_denied() => Check::failed(NAME, fault.to_string(), Trouble::Permission, None),
        Err(fault) => Check::failed(NAME, fault.to_string(), Trouble::Setup, None),
    }
}

fn docker(engine: Option<&Result<Engine, EngineError>>) -> Check {
    const NAME: &str = "docker-engine";
    match engine {
        None => Check::skipped(NAME, "the local check is switched off"),
        Some(Ok(_)) => Check::passed(NAME, "the engine answers"),
        Some(Err(error)) => Check::failed(NAME, error.to_string(), Trouble::Unverifiable, error.hint()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Trouble, exit_code};
    use crate::domain::exit_code::ExitCode;

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
