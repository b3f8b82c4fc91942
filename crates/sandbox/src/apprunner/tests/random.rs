//! Random sequences of calls under random trouble: whatever happens, no second green, no blue lost that served, no
//! state that the model does not know.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::{Value, json};

use super::fixture::{Fixture, scripted, service};
use crate::apprunner::{Options, Pace, Script, instance::Instance, word::ServiceStatus};

const SERVICE_WORDS: [&str; 6] =
    ["CREATE_FAILED", "RUNNING", "DELETED", "DELETE_FAILED", "PAUSED", "OPERATION_IN_PROGRESS"];
const OPERATION_WORDS: [&str; 7] =
    ["PENDING", "IN_PROGRESS", "FAILED", "SUCCEEDED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "ROLLBACK_SUCCEEDED"];

/// What has been seen of a sandbox, to compare the next look with.
#[derive(Default)]
struct Watch {
    /// Every instance ever seen, by service.
    instances: HashMap<String, Vec<Weak<Instance>>>,
    /// The blue that served when the operation under way was accepted, by service.
    blues: HashMap<String, Arc<Instance>>,
}

impl Watch {
    /// Looks at everything and says what must never be.
    fn look(&mut self, fixture: &Fixture) {
        fixture.runner.app.book.with(|services| {
            for service in services {
                let seen = self.instances.entry(service.arn.clone()).or_default();
                for instance in [&service.blue, &service.green].into_iter().flatten() {
                    if !seen.iter().any(|known| known.ptr_eq(&Arc::downgrade(instance))) {
                        seen.push(Arc::downgrade(instance));
                    }
                }
                let open = service.operations.iter().filter(|operation| !operation.status.is_terminal()).count();
                let busy = service.status == ServiceStatus::OperationInProgress;
                assert!(open <= 1, "two operations at once");
                assert_eq!(busy, open == 1 || service.maintenance, "busy without cause, or idle with an operation");
                if !busy {
                    self.look_at_rest(service);
                }
            }
        });
    }

    fn look_at_rest(&mut self, service: &crate::apprunner::record::Service) {
        assert!(service.green.is_none(), "a green that nobody deploys");
        let serves = matches!(service.status, ServiceStatus::Running);
        let gone =
            matches!(service.status, ServiceStatus::Deleted | ServiceStatus::Paused | ServiceStatus::CreateFailed);
        assert!(!serves || service.blue.is_some(), "RUNNING, and nothing runs");
        assert!(!gone || service.blue.is_none(), "{:?}, and something runs", service.status);
        assert_eq!(service.proxy.is_none(), service.status == ServiceStatus::Deleted);
        if let Some(proxy) = &service.proxy {
            assert_eq!(proxy.traffic().serves(), service.blue.is_some(), "traffic goes where nothing is, or nowhere");
        }
        let failed = service.operations.last().is_some_and(|operation| operation.status.word() != "SUCCEEDED");
        if let Some(blue) = self.blues.remove(&service.arn)
            && failed
        {
            assert!(service.blue.as_ref().is_some_and(|now| Arc::ptr_eq(now, &blue)), "a failure has lost its blue");
        }
        if let Some(blue) = &service.blue {
            self.blues.insert(service.arn.clone(), Arc::clone(blue));
        }
    }

    /// Once all is at rest: nothing is alive but what serves.
    fn look_for_leftovers(&mut self, fixture: &Fixture) {
        self.blues.clear();
        fixture.runner.app.book.with(|services| {
            for service in services {
                let alive = self.instances[&service.arn].iter().filter(|instance| instance.strong_count() > 0).count();
                assert_eq!(alive, usize::from(service.blue.is_some()), "an instance that nobody knows");
            }
        });
    }
}

fn check_words(view: &Value) {
    assert!(SERVICE_WORDS.contains(&view["Service"]["Status"].as_str().unwrap()), "{view}");
    for operation in view["Operations"].as_array().unwrap() {
        let status = operation["Status"].as_str().unwrap();
        assert!(OPERATION_WORDS.contains(&status), "{view}");
        let ended = ["FAILED", "SUCCEEDED", "ROLLBACK_FAILED", "ROLLBACK_SUCCEEDED"].contains(&status);
        assert_eq!(operation.get("EndedAt").is_some(), ended, "{view}");
    }
}

fn random_script(random: &mut fastrand::Rng) -> Script {
    let outcome =
        random.choice([None, Some("SUCCEEDED"), Some("FAILED"), Some("ROLLBACK_SUCCEEDED"), Some("ROLLBACK_FAILED")]);
    let at = ["pending", "pulling", "starting", "checking", "routing", "rolling-back", "stopping"];
    serde_json::from_value(json!({
        "outcome": outcome.flatten(),
        "at": random.choice(at),
        "hold_ms": random.u64(0..30),
        "unlisted_reads": random.u32(0..2),
        "stale_reads": random.u32(0..2),
    }))
    .unwrap()
}

async fn act(fixture: &Fixture, random: &mut fastrand::Rng) {
    let calls = ["StartDeployment", "UpdateService", "PauseService", "ResumeService", "DeleteService"];
    let arns: Vec<String> = fixture.runner.app.book.with(|services| services.iter().map(|s| s.arn.clone()).collect());
    let arn = random.choice(&arns).cloned().unwrap_or_default();
    match random.u8(0..10) {
        0 => drop(fixture.try_call("CreateService", service(&format!("shop-{}", random.u8(0..3)))).await),
        1 => fixture.runner.add_script(random_script(random)),
        2 => drop(fixture.runner.begin_maintenance(&arn, Some(Duration::from_millis(random.u64(1..50))))),
        3 => fixture.runner.image_pushed(&fixture.caller.account, &fixture.caller.region, "shop/api", "live"),
        _ => drop(fixture.on(random.choice(calls).unwrap(), &arn).await),
    }
}

#[tokio::test(start_paused = true)]
async fn random_calls_never_lead_where_nothing_may_lead() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let pace = Pace::even(Duration::from_millis(10));
        let fixture = Fixture::new(Options { pace, seed: Some(seed), ..scripted() });
        let mut watch = Watch::default();
        fixture.create(service("shop-0")).await;
        for _ in 0..60 {
            watch.look(&fixture);
            act(&fixture, &mut random).await;
            fixture.runner.overview().as_array().unwrap().iter().for_each(check_words);
            watch.look(&fixture);
            for _ in 0..random.u8(0..8) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                watch.look(&fixture);
            }
        }
        fixture.runner.settle().await;
        watch.look(&fixture);
        watch.look_for_leftovers(&fixture);
        fixture.runner.shutdown().await;
    }
}
