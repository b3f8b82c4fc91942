//! Every service state × identifier × automatic deployments × standing × consent, and the verb it takes.

use super::{Configured, Consent, Course, Facts, IfBusy, OnPush, Preparation, Refusal, ReleaseVerb, Standing, decide};
use crate::{operation::OperationId, service::ServiceStatus};

const NONE: Consent =
    Consent { resume: false, recreate: false, force: false, if_busy: IfBusy::Wait, on_push: OnPush::Follow };

fn facts(status: Option<&ServiceStatus>, configured: Configured, auto_deployments: bool) -> Facts<'_> {
    Facts { status, configured, auto_deployments, tag_in_place: false, standing: Standing::Unknown, is_claimed: false }
}

fn ours() -> OperationId {
    OperationId::new("0123456789abcdef0123456789abcdef")
}

/// `preparation+verb`, `verb`, or the refusal's words.
fn said(decided: Result<Course, Refusal>) -> String {
    match decided {
        Ok(Course { first: Some(first), verb }) => format!("{}+{}", first.name(), verb.name()),
        Ok(Course { first: None, verb }) => verb.name().to_owned(),
        Err(refusal) => refusal.to_string().split(['(', ',']).next().unwrap_or_default().trim().to_owned(),
    }
}

#[test]
fn every_state_and_identifier_has_its_verb() {
    use Configured::{AsWanted, NotAnImage, Otherwise};
    let source_code = "the service is built from source code";
    // State; identifier; verb without and with automatic deployments.
    let table = [
        (None, AsWanted, "create-service", "create-service"),
        (Some("DELETED"), AsWanted, "create-service", "create-service"),
        (Some("DELETED"), NotAnImage, "create-service", "create-service"),
        (Some("RUNNING"), AsWanted, "start-deployment", "follow-push"),
        (Some("RUNNING"), Otherwise, "update-service", "update-service"),
        (Some("RUNNING"), NotAnImage, source_code, source_code),
        (Some("OPERATION_IN_PROGRESS"), AsWanted, "wait+start-deployment", "wait+follow-push"),
        (Some("OPERATION_IN_PROGRESS"), Otherwise, "wait+update-service", "wait+update-service"),
        (Some("OPERATION_IN_PROGRESS"), NotAnImage, source_code, source_code),
        (Some("PAUSED"), AsWanted, "the service is paused", "the service is paused"),
        (Some("PAUSED"), NotAnImage, source_code, source_code),
        (Some("CREATE_FAILED"), AsWanted, "rebuild", "rebuild"),
        (Some("CREATE_FAILED"), Otherwise, "rebuild", "rebuild"),
        (Some("CREATE_FAILED"), NotAnImage, source_code, source_code),
        (Some("DELETE_FAILED"), AsWanted, "the service could not be deleted", "the service could not be deleted"),
        (Some("SLEEPING"), AsWanted, "the service is in state SLEEPING", "the service is in state SLEEPING"),
    ];
    for (word, configured, off, on) in table {
        let status = word.map(ServiceStatus::from);
        for (automatic, expected) in [(false, off), (true, on)] {
            let decided = decide(&facts(status.as_ref(), configured, automatic), NONE);
            assert_eq!(said(decided), expected, "{word:?} {configured:?} automatic {automatic}");
        }
    }
}

#[test]
fn consent_opens_what_is_shut() {
    use Configured::{AsWanted, Otherwise};
    let resume = Consent { resume: true, ..NONE };
    let recreate = Consent { recreate: true, ..NONE };
    let impatient = Consent { if_busy: IfBusy::Fail, ..NONE };
    let quiet = Consent { on_push: OnPush::TurnOff, ..NONE };
    let table = [
        ("PAUSED", AsWanted, false, resume, "resume-service+start-deployment"),
        ("PAUSED", AsWanted, true, resume, "resume-service+start-deployment"),
        ("PAUSED", Otherwise, false, resume, "resume-service+update-service"),
        ("PAUSED", AsWanted, false, recreate, "the service is paused"),
        ("CREATE_FAILED", AsWanted, false, recreate, "delete-service+create-service"),
        ("CREATE_FAILED", AsWanted, false, resume, "rebuild"),
        ("DELETE_FAILED", AsWanted, false, recreate, "delete-service+create-service"),
        // Consent to more than is needed does no more than is needed.
        ("RUNNING", AsWanted, false, recreate, "start-deployment"),
        ("RUNNING", AsWanted, false, resume, "start-deployment"),
        ("OPERATION_IN_PROGRESS", AsWanted, false, impatient, "the service is busy"),
        ("RUNNING", AsWanted, false, impatient, "start-deployment"),
        ("RUNNING", AsWanted, true, quiet, "turn-off-auto-deployments+start-deployment"),
        ("RUNNING", Otherwise, true, quiet, "turn-off-auto-deployments+update-service"),
        ("RUNNING", AsWanted, false, quiet, "start-deployment"),
    ];
    for (word, configured, automatic, consent, expected) in table {
        let status = ServiceStatus::from(word);
        let decided = decide(&facts(Some(&status), configured, automatic), consent);
        assert_eq!(said(decided), expected, "{word} {configured:?} {automatic} {consent:?}");
    }
}

#[test]
fn what_is_deployed_is_not_deployed_again_and_what_runs_is_followed() {
    let force = Consent { force: true, ..NONE };
    let impatient = Consent { if_busy: IfBusy::Fail, ..NONE };
    let under_way = Standing::UnderWay(ours());
    let table = [
        ("RUNNING", Standing::Deployed, false, NONE, "nothing"),
        ("RUNNING", Standing::Deployed, true, NONE, "nothing"),
        ("RUNNING", Standing::Deployed, false, force, "start-deployment"),
        // The tag is there already: no push of it is to come.
        ("RUNNING", Standing::Deployed, true, force, "start-deployment"),
        ("RUNNING", Standing::Unknown, true, NONE, "start-deployment"),
        ("RUNNING", under_way.clone(), false, NONE, "follow"),
        ("RUNNING", under_way.clone(), false, force, "follow"),
        ("OPERATION_IN_PROGRESS", under_way.clone(), false, NONE, "follow"),
        ("OPERATION_IN_PROGRESS", under_way, false, impatient, "follow"),
        // Maintenance, on what is deployed already.
        ("OPERATION_IN_PROGRESS", Standing::Deployed, false, NONE, "wait+nothing"),
        // A failed or paused service runs nothing, whatever its last operation was.
        ("CREATE_FAILED", Standing::Deployed, false, NONE, "rebuild"),
        ("PAUSED", Standing::Deployed, false, Consent { resume: true, ..NONE }, "resume-service+start-deployment"),
    ];
    for (word, standing, automatic, consent, expected) in table {
        let status = ServiceStatus::from(word);
        let facts = Facts {
            standing: standing.clone(),
            tag_in_place: true,
            ..facts(Some(&status), Configured::AsWanted, automatic)
        };
        assert_eq!(said(decide(&facts, consent)), expected, "{word} {standing:?} {automatic} {consent:?}");
    }
}

#[test]
fn a_preparation_never_stands_before_a_verb_that_it_makes_pointless() {
    for word in ["RUNNING", "OPERATION_IN_PROGRESS", "PAUSED", "CREATE_FAILED", "DELETE_FAILED"] {
        let status = ServiceStatus::from(word);
        for on_push in [OnPush::Follow, OnPush::TurnOff] {
            for automatic in [false, true] {
                let consent = Consent { resume: true, recreate: true, on_push, ..NONE };
                let Ok(course) = decide(&facts(Some(&status), Configured::AsWanted, automatic), consent) else {
                    continue;
                };
                let deletes = course.first == Some(Preparation::Delete);
                assert_eq!(deletes, course.verb == ReleaseVerb::CreateService, "{word}");
                let turns_off = course.first == Some(Preparation::TurnOffAutoDeployments);
                assert!(!(turns_off && course.verb == ReleaseVerb::FollowPush), "{word}");
            }
        }
    }
}

/// Every combination there is, and what must hold of each.
#[test]
fn nothing_is_done_that_was_not_consented_to_and_nothing_twice() {
    let mut seen = 0;
    for word in ["RUNNING", "OPERATION_IN_PROGRESS", "PAUSED", "CREATE_FAILED", "DELETE_FAILED", "DELETED", "SLEEPING"]
    {
        let status = ServiceStatus::from(word);
        for configured in [Configured::AsWanted, Configured::Otherwise, Configured::NotAnImage] {
            for bits in 0..128_u32 {
                let bit = |at: u32| bits & (1 << at) != 0;
                for standing in [Standing::Unknown, Standing::Deployed, Standing::UnderWay(ours())] {
                    let facts = Facts {
                        is_claimed: false,
                        status: Some(&status),
                        configured,
                        auto_deployments: bit(0),
                        tag_in_place: bit(1),
                        standing,
                    };
                    let consent = Consent {
                        resume: bit(2),
                        recreate: bit(3),
                        force: bit(4),
                        if_busy: if bit(5) { IfBusy::Wait } else { IfBusy::Fail },
                        on_push: if bit(6) { OnPush::Follow } else { OnPush::TurnOff },
                    };
                    if let Ok(course) = decide(&facts, consent) {
                        assert_sound(word, &facts, consent, &course);
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

fn assert_sound(word: &str, facts: &Facts<'_>, consent: Consent, course: &Course) {
    let what = format!("{word} {facts:?} {consent:?} {course:?}");
    match course.first {
        Some(Preparation::Wait) => {
            assert!(word == "OPERATION_IN_PROGRESS" && consent.if_busy == IfBusy::Wait, "{what}");
        }
        Some(Preparation::Resume) => assert!(word == "PAUSED" && consent.resume, "{what}"),
        Some(Preparation::Delete) => assert!(word.ends_with("_FAILED") && consent.recreate, "{what}"),
        Some(Preparation::TurnOffAutoDeployments) => {
            assert!(facts.auto_deployments && consent.on_push == OnPush::TurnOff, "{what}");
        }
        None => {}
    }
    let runs = ["RUNNING", "OPERATION_IN_PROGRESS"].contains(&word);
    match course.verb {
        ReleaseVerb::Nothing => assert!(runs && facts.standing == Standing::Deployed && !consent.force, "{what}"),
        ReleaseVerb::Follow(_) => assert!(runs && facts.standing == Standing::UnderWay(ours()), "{what}"),
        ReleaseVerb::CreateService => {
            assert!(word == "DELETED" || course.first == Some(Preparation::Delete), "{what}");
        }
        ReleaseVerb::StartDeployment => {
            assert!(word != "CREATE_FAILED" && facts.configured == Configured::AsWanted, "{what}");
            let the_push_deploys = facts.auto_deployments && !facts.tag_in_place && course.first.is_none();
            assert!(!the_push_deploys, "twice: {what}");
        }
        ReleaseVerb::UpdateService => assert_eq!(facts.configured, Configured::Otherwise, "{what}"),
        ReleaseVerb::Rebuild => assert_eq!(word, "CREATE_FAILED", "{what}"),
        ReleaseVerb::FollowPush => {
            assert!(facts.auto_deployments && !facts.tag_in_place && consent.on_push == OnPush::Follow, "{what}");
            assert_eq!(facts.configured, Configured::AsWanted, "{what}");
        }
    }
}
