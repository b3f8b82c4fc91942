//! Trouble on demand, without containers and with paused time.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{Fixture, caller, scripted, service};
use crate::apprunner::{ControlError, Disputed, Options, Order, Pace, Script};

fn script(script: Value) -> Script {
    serde_json::from_value(script).unwrap()
}

fn disputed(disputed: Disputed) -> Options {
    Options { disputed, ..scripted() }
}

/// A fixture with one running service.
async fn running(options: Options) -> (Fixture, String) {
    let fixture = Fixture::new(options);
    let arn = fixture.create(service("shop-api")).await;
    (fixture, arn)
}

#[tokio::test]
async fn every_terminal_status_can_be_had_at_every_moment() {
    let moments = ["pending", "pulling", "starting", "checking", "routing"];
    for outcome in ["FAILED", "ROLLBACK_SUCCEEDED", "ROLLBACK_FAILED"] {
        for at in moments {
            let (fixture, arn) = running(scripted()).await;
            let blue = fixture.blue(&arn);
            fixture.runner.add_script(script(json!({ "outcome": outcome, "at": at })));
            fixture.on("StartDeployment", &arn).await.unwrap();
            fixture.runner.settle().await;
            assert_eq!(fixture.newest(&arn).await, ("START_DEPLOYMENT".to_owned(), outcome.to_owned()), "{at}");
            assert_eq!(fixture.status(&arn).await, "RUNNING");
            assert!(fixture.blue(&arn).ptr_eq(&blue), "what served goes on serving: {outcome} {at}");
            assert!(
                fixture.lines("/service", "deployment/").last().unwrap().ends_with("reason : Health check failed.")
            );
            fixture.on("StartDeployment", &arn).await.unwrap();
            fixture.runner.settle().await;
            assert_eq!(fixture.newest(&arn).await.1, "SUCCEEDED", "a script is used up");
        }
    }
}

#[tokio::test]
async fn outcomes_of_the_other_operations() {
    let table = [
        ("PauseService", "FAILED", "RUNNING"),
        ("PauseService", "ROLLBACK_FAILED", "RUNNING"),
        ("DeleteService", "FAILED", "DELETE_FAILED"),
        ("UpdateService", "FAILED", "RUNNING"),
    ];
    for (action, outcome, status) in table {
        let (fixture, arn) = running(scripted()).await;
        let blue = fixture.blue(&arn);
        fixture.runner.add_script(script(json!({ "outcome": outcome })));
        fixture.on(action, &arn).await.unwrap();
        fixture.runner.settle().await;
        assert_eq!((fixture.newest(&arn).await.1, fixture.status(&arn).await), (outcome.to_owned(), status.to_owned()));
        assert!(fixture.blue(&arn).ptr_eq(&blue), "{action} {outcome}");
    }
    let fixture = Fixture::new(scripted());
    fixture.runner.add_script(script(json!({ "outcome": "ROLLBACK_FAILED", "operation": "CREATE_SERVICE" })));
    let arn = fixture.create(service("shop-api")).await;
    assert_eq!(fixture.newest(&arn).await.1, "ROLLBACK_FAILED");
    assert_eq!(fixture.status(&arn).await, "CREATE_FAILED");
    // DELETE_FAILED takes another delete.
    let (fixture, arn) = running(scripted()).await;
    fixture.runner.add_script(script(json!({ "outcome": "FAILED" })));
    for status in ["DELETE_FAILED", "DELETED"] {
        fixture.on("DeleteService", &arn).await.unwrap();
        fixture.runner.settle().await;
        assert_eq!(fixture.status(&arn).await, status);
    }
}

#[tokio::test]
async fn the_configuration_goes_back_with_whatever_keeps_the_old_version() {
    for outcome in ["FAILED", "ROLLBACK_SUCCEEDED", "ROLLBACK_FAILED"] {
        let (fixture, arn) = running(scripted()).await;
        let before = fixture.describe(&arn).await["InstanceConfiguration"].take();
        fixture.runner.add_script(script(json!({ "outcome": outcome })));
        let input = json!({ "ServiceArn": arn, "InstanceConfiguration": { "Cpu": "2048", "Memory": "4096" } });
        fixture.call("UpdateService", input).await;
        fixture.runner.settle().await;
        assert_eq!(fixture.describe(&arn).await["InstanceConfiguration"], before, "{outcome}");
    }
}

#[tokio::test]
async fn reasons_and_lines_of_the_log_can_be_chosen() {
    let (fixture, arn) = running(scripted()).await;
    let line = "Invalid Access Role in AuthenticationConfiguration";
    fixture.runner.add_script(script(json!({
        "outcome": "ROLLBACK_SUCCEEDED", "at": "pulling", "reason": "Out of luck.", "line": line,
    })));
    let id = fixture.on("StartDeployment", &arn).await.unwrap()["OperationId"].as_str().unwrap().replace('-', "");
    fixture.runner.settle().await;
    assert_eq!(
        fixture.lines("/service", &format!("deployment/{id}")),
        [
            format!("[AppRunner] Deployment with ID : {id} started. Triggering event : SERVICE_DEPLOY"),
            format!("[AppRunner] {line}"),
            format!("[AppRunner] Deployment with ID : {id} failed. Failure reason : Out of luck."),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_phase_takes_its_time_and_a_stuck_one_waits_to_be_released() {
    let (fixture, arn) = running(scripted()).await;
    fixture.runner.add_script(script(json!({ "hold_ms": 60_000, "at": "starting" })));
    fixture.runner.add_script(script(json!({ "stuck": true })));
    let begun = tokio::time::Instant::now();
    fixture.on("StartDeployment", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert!(begun.elapsed() >= Duration::from_mins(1));

    let operation = fixture.on("StartDeployment", &arn).await.unwrap()["OperationId"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_hours(10)).await;
    assert_eq!(fixture.newest(&arn).await.1, "IN_PROGRESS");
    assert_eq!(fixture.status(&arn).await, "OPERATION_IN_PROGRESS");
    fixture.runner.release(&operation.replace('-', "")).unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await.1, "SUCCEEDED");
    assert_eq!(fixture.runner.release(&operation), Err(ControlError::NotStuck(operation.clone())));
}

#[tokio::test]
async fn an_operation_can_be_listed_late_and_a_status_read_stale() {
    let (fixture, arn) = running(scripted()).await;
    fixture.runner.add_script(script(json!({ "unlisted_reads": 2, "stale_reads": 1, "stuck": true })));
    let operation = fixture.on("StartDeployment", &arn).await.unwrap()["OperationId"].as_str().unwrap().to_owned();
    assert_eq!(fixture.status(&arn).await, "RUNNING");
    assert_eq!(fixture.status(&arn).await, "OPERATION_IN_PROGRESS");
    let listed = [
        fixture.operations(&arn).await.len(),
        fixture.operations(&arn).await.len(),
        fixture.operations(&arn).await.len(),
    ];
    assert_eq!(listed, [1, 1, 2]);
    fixture.runner.release(&operation).unwrap();
    fixture.runner.settle().await;
}

#[tokio::test(start_paused = true)]
async fn maintenance_is_a_busy_service_without_an_operation() {
    let (fixture, arn) = running(scripted()).await;
    fixture.runner.begin_maintenance(&arn, None).unwrap();
    assert_eq!(fixture.status(&arn).await, "OPERATION_IN_PROGRESS");
    assert_eq!(fixture.operations(&arn).await.len(), 1);
    assert_eq!(fixture.on("UpdateService", &arn).await.unwrap_err().code, "InvalidStateException");
    assert!(matches!(fixture.runner.begin_maintenance(&arn, None), Err(ControlError::NotRunning { .. })));
    fixture.runner.end_maintenance(&arn).unwrap();
    assert_eq!(fixture.status(&arn).await, "RUNNING");
    assert_eq!(fixture.runner.end_maintenance(&arn), Err(ControlError::NoMaintenance(arn.clone())));

    fixture.runner.begin_maintenance(&arn, Some(Duration::from_mins(3))).unwrap();
    tokio::time::sleep(Duration::from_secs(179)).await;
    assert_eq!(fixture.status(&arn).await, "OPERATION_IN_PROGRESS");
    fixture.runner.settle().await;
    assert_eq!(fixture.status(&arn).await, "RUNNING");
    assert!(matches!(fixture.runner.begin_maintenance("nothing", None), Err(ControlError::NoService(_))));
}

#[tokio::test]
async fn the_rule_before_2023_can_be_brought_back() {
    let fixture = Fixture::new(scripted());
    fixture.runner.add_script(script(json!({ "outcome": "FAILED" })));
    let arn = fixture.create(service("shop-api")).await;
    fixture.runner.make_create_failed_final(true);
    let error = fixture.on("UpdateService", &arn).await.unwrap_err();
    assert_eq!(error.message, "Service cannot be updated in the current state: CREATE_FAILED.");
    fixture.runner.make_create_failed_final(false);
    fixture.on("UpdateService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.status(&arn).await, "RUNNING");
}

#[tokio::test]
async fn a_paused_service_can_be_made_updatable() {
    let (fixture, arn) = running(disputed(Disputed { paused_is_updatable: true, ..Disputed::default() })).await;
    fixture.on("PauseService", &arn).await.unwrap();
    fixture.runner.settle().await;
    let input = json!({ "ServiceArn": arn, "InstanceConfiguration": { "Cpu": "2048", "Memory": "4096" } });
    fixture.call("UpdateService", input).await;
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await, ("UPDATE_SERVICE".to_owned(), "SUCCEEDED".to_owned()));
    let described = fixture.describe(&arn).await;
    assert_eq!((&described["Status"], &described["InstanceConfiguration"]["Cpu"]), (&json!("PAUSED"), &json!("2048")));
}

#[tokio::test]
async fn orders_are_json() {
    let (fixture, arn) = running(scripted()).await;
    let order = |order: Value| serde_json::from_value(order).unwrap();
    let control = |value: Value| fixture.runner.control(order(value));
    control(json!({ "kind": "script", "stuck": true, "at": "pulling" })).unwrap();
    control(json!({ "kind": "script", "outcome": "FAILED" })).unwrap();
    assert_eq!(fixture.runner.scripts().len(), 2);
    let operation = fixture.on("StartDeployment", &arn).await.unwrap()["OperationId"].take();
    control(json!({ "kind": "clear-scripts" })).unwrap();
    assert_eq!(fixture.runner.scripts(), []);
    control(json!({ "kind": "release", "operation": operation })).unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await.1, "SUCCEEDED");
    control(json!({ "kind": "begin-maintenance", "arn": arn })).unwrap();
    assert_eq!(fixture.status(&arn).await, "OPERATION_IN_PROGRESS");
    control(json!({ "kind": "end-maintenance", "arn": arn })).unwrap();
    control(json!({ "kind": "create-failed-is-final", "is_final": true })).unwrap();
    for bad in [json!({ "kind": "script", "outcom": "FAILED" }), json!({ "kind": "nothing" }), json!({})] {
        assert!(serde_json::from_value::<Order>(bad).is_err());
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_can_be_no_operation() {
    let (fixture, arn) =
        running(disputed(Disputed { unchanged_update_is_no_operation: true, ..Disputed::default() })).await;
    let input = json!({ "ServiceArn": arn, "InstanceConfiguration": { "Cpu": "1 vCPU" } });
    assert_eq!(fixture.call("UpdateService", input).await.get("OperationId"), None);
    let (fixture, arn) = running(scripted()).await;
    assert!(fixture.on("UpdateService", &arn).await.unwrap()["OperationId"].is_string());
    fixture.runner.settle().await;
}

#[tokio::test(start_paused = true)]
async fn the_overview_shows_blue_and_green() {
    let (fixture, arn) = running(Options { pace: Pace::even(Duration::from_secs(1)), ..scripted() }).await;
    fixture.runner.add_script(script(json!({ "stuck": true, "at": "checking" })));
    let operation = fixture.on("StartDeployment", &arn).await.unwrap()["OperationId"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let seen = fixture.runner.overview();
    assert_eq!(seen[0]["Account"], "222222222222");
    assert!(seen[0]["Blue"].is_string() && seen[0]["Green"].is_string());
    assert_eq!(seen[0]["Operations"][0]["Status"], "IN_PROGRESS");
    fixture.runner.release(&operation).unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.runner.overview()[0]["Green"], Value::Null);
}

#[tokio::test]
async fn a_seed_gives_the_same_run() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let mut fixture = Fixture::new(Options { seed: Some(seed), ..scripted() });
        fixture.caller = caller("222222222222");
        fixture.runner.add_script(script(json!({ "chance": 0.5, "times": 0, "outcome": "ROLLBACK_SUCCEEDED" })));
        let arn = fixture.create(service("shop-api")).await;
        for _ in 0..12 {
            // Refused when the creation has failed; that too must be the same.
            let _ = fixture.on("StartDeployment", &arn).await;
            fixture.runner.settle().await;
        }
        let operations = fixture.operations(&arn).await;
        runs.push((arn, operations));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
