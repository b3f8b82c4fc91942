//! What a plan is told as.

use super::{Observation, WORKLOAD, created, live, planned, seen, target, wanted};
use crate::{
    config::deployment::Target,
    pipeline::plan::forecast::{Known, forecast},
};
use shipgate_core::{
    digest::Digest,
    forecast::Forecast,
    release::{Consent, Naming, OnPush},
    secret::Secret,
    service::LiveService,
    smoke::{OnFailure, SmokeTest},
};

fn told(target: &Target, seen: &Observation) -> Forecast {
    told_knowing(target, seen, Known::default())
}

fn told_knowing(target: &Target, seen: &Observation, known: Known) -> Forecast {
    forecast(target, &wanted(), seen, &planned(target, seen), known)
}

/// `of what: from > to`, with the digests by their names.
fn changes(forecast: &Forecast) -> Vec<String> {
    let named = |text: Option<&String>| {
        let text = text.map_or("nothing", String::as_str);
        text.replace(wanted().as_str(), "WANTED").replace(Digest::of(b"other").as_str(), "OTHER")
    };
    let line = |change: &shipgate_core::forecast::Change| {
        format!("{} {}: {} > {}", change.of, change.what, named(change.from.as_ref()), named(change.to.as_ref()))
    };
    forecast.changes.iter().map(line).collect()
}

/// The stages, with a dash before those that have nothing to do.
fn stages(forecast: &Forecast) -> String {
    let name = |step: &shipgate_core::forecast::Step| format!("{}{}", if step.skipped { "-" } else { "" }, step.stage);
    forecast.steps.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn running() -> LiveService {
    live("RUNNING", Some(&format!("{WORKLOAD}:prod")))
}

#[test]
fn a_deployment_moves_the_tag_and_leaves_the_service_as_it_is() {
    let smoke_test = SmokeTest {
        path: "/health".to_owned(),
        status: 200,
        times: 3,
        within: std::time::Duration::from_mins(1),
        on_failure: OnFailure::default(),
    };
    let target = Target { log_retention_days: Some(30), smoke_test: Some(smoke_test), ..target() };
    let forecast = told(&target, &seen(Some(running())));
    assert_eq!(forecast.verb, Some("start-deployment"));
    assert_eq!(stages(&forecast), "copy verify promote release gate aftercare smoke");
    assert_eq!(changes(&forecast), ["tag prod: OTHER > WANTED"]);
}

#[test]
fn a_tag_that_is_in_place_is_not_moved() {
    let there = Observation { points_at: Some(wanted()), ..seen(Some(running())) };
    let forecast = told(&target(), &there);
    assert_eq!((stages(&forecast).as_str(), changes(&forecast).len()), ("copy verify -promote release gate", 0));
    let done = Observation { recorded: Some(wanted()), ..there };
    let forecast = told(&target(), &done);
    assert_eq!((forecast.verb, forecast.steps.len(), forecast.changes.len()), (Some("nothing"), 0, 0));
}

#[test]
fn an_identifier_by_digest_moves_no_tag_and_changes_the_service() {
    let mut target = target();
    target.release.naming = Naming::Digest;
    let forecast = told(&target, &seen(Some(running())));
    assert_eq!(stages(&forecast), "copy verify -promote release gate");
    assert_eq!(changes(&forecast), [format!("service image identifier: {WORKLOAD}:prod > {WORKLOAD}@WANTED")]);
}

#[test]
fn automatic_deployments_that_are_turned_off_are_a_change() {
    let mut target = target();
    target.release.consent = Consent { on_push: OnPush::TurnOff, ..Consent::default() };
    let forecast = told(&target, &seen(Some(LiveService { auto_deployments: true, ..running() })));
    assert_eq!(stages(&forecast), "copy verify prepare promote release gate");
    assert!(changes(&forecast).contains(&"service automatic deployments: on > off".to_owned()));
}

#[test]
fn what_a_service_is_rebuilt_with_is_told_and_no_value_of_a_variable() {
    let mut created = created();
    for (name, value) in [("KEPT", "same"), ("OTHER", "new-tiger"), ("NEW", "lion")] {
        created.run.environment.insert(name.to_owned(), Secret::new(value));
    }
    let mut failed = live("CREATE_FAILED", Some(&format!("{WORKLOAD}:prod")));
    for (name, value) in [("KEPT", "same"), ("OTHER", "old-tiger"), ("GONE", "bear")] {
        failed.settings.environment.insert(name.to_owned(), Secret::new(value));
    }
    let forecast = told(&Target { create: Some(created), ..target() }, &seen(Some(failed)));
    assert_eq!(forecast.verb, Some("rebuild"));
    let expected = [
        "tag prod: OTHER > WANTED",
        "service port: 3000 > 4000",
        "service variable GONE: a value > nothing",
        "service variable NEW: nothing > a value",
        "service variable OTHER: a value > another value",
        "service secrets: DATABASE_URL > nothing",
    ];
    assert_eq!(changes(&forecast), expected);
    for value in ["tiger", "lion", "bear"] {
        assert!(!format!("{forecast:?}").contains(value), "{value}");
    }
}

#[test]
fn a_refusal_has_no_verb_and_changes_nothing() {
    let forecast = told(&target(), &seen(Some(live("PAUSED", Some(&format!("{WORKLOAD}:prod"))))));
    assert_eq!((forecast.verb, forecast.steps.len(), forecast.changes.len()), (None, 0, 0));
}
