//! The plan in the words of `plan`: which steps a deployment would take, and what would be different afterwards. Pure.

use std::collections::BTreeMap;

use super::{Plan, tags};
use crate::{config::deployment::Target, stages::observe::Observation, target::CreateOrder};
use shipgate_core::{
    digest::Digest,
    event::Stage,
    forecast::{Change, Forecast, Step},
    operation::OperationId,
    release::{Course, Preparation, ReleaseVerb},
    secret::Secret,
    service::{LiveService, RunSettings},
    smoke::SmokeTest,
};

/// What the record in the repository says besides what was observed.
#[derive(Clone, Default, Debug)]
pub struct Known {
    /// What serves.
    pub serving: Option<Digest>,
    /// Earlier deployments of the digest that failed, newest first.
    pub failed_before: Vec<OperationId>,
    /// What would be noted of the operation that serves, where nothing is on record of it.
    pub note: Option<Digest>,
}

/// Puts it into words.
#[must_use]
pub fn forecast(target: &Target, digest: &Digest, seen: &Observation, plan: &Plan, known: Known) -> Forecast {
    let course = plan.course.as_ref().ok();
    let tags = course.map(|course| tags::writes(target.service.as_str(), digest, seen, plan, course, &known));
    Forecast {
        serving: known.serving,
        failed_before: known.failed_before,
        tags: tags.unwrap_or_default(),
        service: target.service.to_string(),
        identifier: plan.identifier.reference().to_string(),
        digest: digest.clone(),
        verb: course.map(|course| course.verb.name()),
        operation: course.and_then(|course| match &course.verb {
            ReleaseVerb::Follow(operation) => Some(operation.clone()),
            ReleaseVerb::Nothing
            | ReleaseVerb::CreateService
            | ReleaseVerb::StartDeployment
            | ReleaseVerb::UpdateService
            | ReleaseVerb::Rebuild
            | ReleaseVerb::FollowPush => None,
        }),
        steps: course.map(|course| steps(target, digest, plan, course)).unwrap_or_default(),
        changes: course.map(|course| changes(target, digest, seen, plan, course)).unwrap_or_default(),
    }
}

fn step(stage: Stage, action: impl Into<String>) -> Step {
    Step { stage, action: action.into(), skipped: false }
}

fn skipped(stage: Stage, action: impl Into<String>) -> Step {
    Step { skipped: true, ..step(stage, action) }
}

fn steps(target: &Target, digest: &Digest, plan: &Plan, course: &Course) -> Vec<Step> {
    let is_begun = matches!(course.verb, ReleaseVerb::Nothing | ReleaseVerb::Follow(_)) && course.first.is_none();
    if is_begun {
        return begun(course);
    }
    let repository = plan.repository();
    let mut steps =
        vec![step(Stage::Copy, format!("the image to {repository}, by its digest: what is there is not sent"))];
    steps.push(if target.verify.skip {
        skipped(Stage::Verify, "the local check is switched off")
    } else {
        step(Stage::Verify, format!("in a local container, probed by {}", plan.settings.health_check))
    });
    steps.extend(course.first.map(|first| step(Stage::Prepare, preparation(first))));
    steps.push(match plan.tag() {
        None => skipped(Stage::Promote, "the service deploys by digest, no tag is moved"),
        Some(tag) if plan.points_at.as_ref() == Some(digest) => {
            skipped(Stage::Promote, format!("tag {tag} points at {} already", digest.short()))
        }
        Some(tag) => step(Stage::Promote, format!("tag {tag} of {repository} to {}", digest.short())),
    });
    steps.push(step(Stage::Release, call(&course.verb)));
    steps.push(step(Stage::Gate, "the operation is followed to its verdict"));
    steps.extend(
        target
            .log_retention_days
            .map(|days| step(Stage::Aftercare, format!("both log groups are set to keep their lines {days} days"))),
    );
    steps.extend(target.smoke_test.as_ref().map(smoke));
    steps
}

fn smoke(test: &SmokeTest) -> Step {
    let SmokeTest { path, status, times, .. } = test;
    step(Stage::Smoke, format!("the service's URL must answer {path} with {status}, {times} times in a row"))
}

/// What is left of a deployment that an earlier run has ordered.
fn begun(course: &Course) -> Vec<Step> {
    match &course.verb {
        ReleaseVerb::Follow(operation) => {
            vec![step(Stage::Gate, format!("operation {operation} is followed to its verdict"))]
        }
        ReleaseVerb::Nothing
        | ReleaseVerb::CreateService
        | ReleaseVerb::StartDeployment
        | ReleaseVerb::UpdateService
        | ReleaseVerb::Rebuild
        | ReleaseVerb::FollowPush => Vec::new(),
    }
}

fn preparation(first: Preparation) -> &'static str {
    match first {
        Preparation::Wait => "what runs on the service is waited for; then everything is looked at anew",
        Preparation::Resume => "apprunner:ResumeService; then everything is looked at anew",
        Preparation::Delete => "apprunner:DeleteService: created anew, the service has another URL, ARN and log groups",
        Preparation::TurnOffAutoDeployments => {
            "apprunner:UpdateService, which turns automatic deployments off; then everything is looked at anew"
        }
    }
}

fn call(verb: &ReleaseVerb) -> &'static str {
    match verb {
        ReleaseVerb::CreateService => "apprunner:CreateService",
        ReleaseVerb::StartDeployment => "apprunner:StartDeployment",
        ReleaseVerb::UpdateService => "apprunner:UpdateService, which points the service at this image",
        ReleaseVerb::Rebuild => "apprunner:UpdateService, which rebuilds the service",
        ReleaseVerb::FollowPush => "no call: the push of the tag deploys by itself, and that deployment is followed",
        ReleaseVerb::Nothing | ReleaseVerb::Follow(_) => "no call",
    }
}

fn changes(target: &Target, digest: &Digest, seen: &Observation, plan: &Plan, course: &Course) -> Vec<Change> {
    let mut changes = Vec::new();
    if matches!(course.verb, ReleaseVerb::Nothing | ReleaseVerb::Follow(_)) && course.first.is_none() {
        return changes;
    }
    if matches!(seen.repository, Ok(None)) && target.create_repository {
        changes.push(change("repository", plan.repository(), None, Some("created".to_owned())));
    }
    if let Some(tag) = plan.tag() {
        let from = plan.points_at.as_ref();
        changes.extend(differing("tag", tag, from.map(ToString::to_string), Some(digest.to_string())));
    }
    changes.extend(changes_of_service(seen.live.as_ref(), plan, course));
    changes
}

fn changes_of_service(live: Option<&LiveService>, plan: &Plan, course: &Course) -> Vec<Change> {
    let identifier = plan.identifier.reference().to_string();
    let now = live.and_then(|live| live.image_identifier.clone());
    let mut changes = Vec::new();
    match &course.verb {
        ReleaseVerb::CreateService => {
            if let (Some(Preparation::Delete), Some(live)) = (course.first, live) {
                changes.push(change("service", "service", Some(live.arn.to_string()), None));
            }
            changes.extend(plan.anew.iter().flat_map(|anew| settings(None, anew)));
            changes.push(change("service", "image identifier", None, Some(identifier)));
        }
        ReleaseVerb::UpdateService => changes.extend(differing("service", "image identifier", now, Some(identifier))),
        ReleaseVerb::Rebuild => {
            changes.extend(differing("service", "image identifier", now, Some(identifier)));
            let live = live.map(|live| &live.settings);
            changes.extend(plan.anew.iter().flat_map(|anew| settings(live, anew)));
        }
        ReleaseVerb::Nothing | ReleaseVerb::Follow(_) | ReleaseVerb::StartDeployment | ReleaseVerb::FollowPush => {}
    }
    if course.first == Some(Preparation::TurnOffAutoDeployments) {
        let (from, to) = (Some("on".to_owned()), Some("off".to_owned()));
        changes.push(change("service", "automatic deployments", from, to));
    }
    changes
}

/// What the settings would be next to what they are. Of variables the names are shown, and whether the value differs.
fn settings(live: Option<&RunSettings>, anew: &CreateOrder) -> Vec<Change> {
    let wanted = &anew.settings;
    let pairs: [(&str, Option<String>, Option<String>); 5] = [
        ("port", live.map(|live| live.port.to_string()), Some(wanted.port.to_string())),
        ("start command", live.and_then(|live| live.start_command.clone()), wanted.start_command.clone()),
        ("cpu units", live.map(|live| live.cpu_units.to_string()), Some(wanted.cpu_units.to_string())),
        ("memory MiB", live.map(|live| live.memory_mib.to_string()), Some(wanted.memory_mib.to_string())),
        ("health check", live.map(|live| live.health_check.to_string()), Some(wanted.health_check.to_string())),
    ];
    let mut changes: Vec<Change> =
        pairs.into_iter().filter_map(|(what, from, to)| differing("service", what, from, to)).collect();
    if live.is_none() {
        changes.push(change("service", "access role", None, Some(anew.access_role.to_string())));
        changes.extend(
            anew.instance_role.as_ref().map(|role| change("service", "instance role", None, Some(role.to_string()))),
        );
    }
    let nothing = BTreeMap::new();
    changes.extend(variables(live.map_or(&nothing, |live| &live.environment), &wanted.environment));
    let secrets = |of: &RunSettings| {
        let names: Vec<&str> = of.secrets.keys().map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    changes.extend(differing("service", "secrets", live.and_then(secrets), secrets(wanted)));
    changes
}

fn variables<'a>(
    live: &'a BTreeMap<String, Secret>,
    wanted: &'a BTreeMap<String, Secret>,
) -> impl Iterator<Item = Change> + 'a {
    let names: std::collections::BTreeSet<&String> = live.keys().chain(wanted.keys()).collect();
    names.into_iter().filter_map(|name| {
        let (from, to) = (live.get(name), wanted.get(name));
        let shown = |known: &str| Some(known.to_owned());
        let what = format!("variable {name}");
        match (from, to) {
            (Some(from), Some(to)) if from == to => None,
            (Some(_), Some(_)) => Some(change("service", &what, shown("a value"), shown("another value"))),
            (from, to) => {
                Some(change("service", &what, from.and_then(|_| shown("a value")), to.and_then(|_| shown("a value"))))
            }
        }
    })
}

fn differing(of: &'static str, what: &str, from: Option<String>, to: Option<String>) -> Option<Change> {
    (from != to).then(|| change(of, what, from, to))
}

fn change(of: &'static str, what: &str, from: Option<String>, to: Option<String>) -> Change {
    Change { of, what: what.to_owned(), from, to }
}
