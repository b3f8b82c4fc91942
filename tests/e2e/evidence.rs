//! Why a deployment failed: told from this deployment's own lines, with no value of the service's environment in it.

use crate::world::{CONFIGURATION, World};

/// Of a run that shows where a failed operation is named: its id.
fn operation(said: &str) -> String {
    let after = said.split_once("operation ").expect("the operation is named").1;
    after.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn an_environment_that_is_printed_on_a_crash_is_masked() {
    let world = World::new();
    // App Runner takes no value of several lines; the local check does.
    let variables = "create:\n      environment: { DB_URL: \"postgres://u:tiger-9431@db/shop\", DB_PASSWORD: lion7 }";
    let local = "    verify: { environment: { PEM: \"-----BEGIN-----\\nMIIEvQIBADANBg\\n-----END-----\" } }\n    logs:";
    let configuration = CONFIGURATION.replace("create:", variables).replace("    logs:", local);
    world.write("shipgate.yaml", &configuration);
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL", "print-environment")]);
    world.deploy_well("v1");
    let report = world.folder().join("report.json");
    let text = world.deploy("v2", &["--no-verify", "--report", report.to_str().unwrap()]);
    assert_eq!(text.code, 8, "{}", text.said());
    let json = world.deploy("v2", &["--no-verify", "--output", "json"]);
    assert_eq!(json.code, 8, "{}", json.said());
    assert!(json.stdout.contains("DB_URL=…") && json.stdout.contains("DB_PASSWORD=…"), "{}", json.said());
    let local = world.deploy("v2", &[]);
    assert_eq!(local.code, 6, "{}", local.said());
    assert!(local.stderr.contains("PEM=…"), "{}", local.said());
    for said in [local.said(), text.said(), json.said(), std::fs::read_to_string(report).unwrap()] {
        for value in ["tiger-9431", "lion7", "MIIEvQIBADANBg"] {
            assert!(!said.contains(value), "{value} is in: {said}");
        }
    }
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn wait_quotes_the_operation_it_is_about_and_no_later_one() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.push("v3", &[]);
    world.deploy_well("v1");
    let failed = world.deploy("v2", &[]);
    assert_eq!(failed.code, 8, "{}", failed.said());
    for version in ["v3", "v1"] {
        world.deploy_well(version);
    }
    let mut wait = world.shipgate();
    let waited: crate::world::Ran =
        wait.env("VERSION", "v2").args(["wait", &operation(&failed.said())]).output().unwrap().into();
    assert_eq!(waited.code, 8, "{}", waited.said());
    assert!(waited.stderr.contains("Container exit code: 1"), "{}", waited.stderr);
    assert!(waited.stderr.contains("cannot reach the database"), "{}", waited.stderr);
    assert!(!waited.said().contains("told to end"), "another version's line is quoted: {}", waited.said());
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn an_operation_that_does_not_exist_is_not_said_to_run() {
    let world = World::new();
    world.push("v1", &[]);
    world.deploy_well("v1");
    let mut wait = world.shipgate();
    let arguments = ["wait", "12345", "--gate-timeout", "2s"];
    let waited: crate::world::Ran = wait.env("VERSION", "v1").args(arguments).output().unwrap().into();
    assert_eq!(waited.code, 10, "{}", waited.said());
    assert!(waited.stderr.contains("never listed"), "{}", waited.stderr);
    assert!(!waited.stderr.contains("still runs"), "{}", waited.stderr);
}

#[test]
fn logs_that_fail_for_a_while_still_give_the_reason() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.deploy_well("v1");
    world.fault(&serde_json::json!({
        "kind": "error", "service": "logs", "action": "GetLogEvents", "status": 500, "code": "ServiceUnavailableException",
        "times": 12,
    }));
    let ran = world.deploy("v2", &[]);
    assert_eq!(ran.code, 8, "{}", ran.said());
    assert!(ran.stderr.contains("Container exit code: 1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot reach the database"), "{}", ran.stderr);
}

/// A service that is deployed often has many streams of instances, and those that still write come first in the list.
#[test]
fn last_lines_are_found_behind_many_old_streams() {
    let world = World::with_seed(&format!("{}scripted: true\n", crate::world::SEED));
    for version in ["v1", "v2"] {
        world.push_image(version, &crate::images::image(version));
    }
    let ran = world.deploy("v1", &["--no-verify"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let (arn, _, _) = world.service().unwrap();
    let group = format!("/aws/apprunner/shop-api/{}/application", arn.rsplit('/').next().unwrap());
    let now = jiff::Timestamp::now().as_millisecond();
    let put = |stream: &str, lines: &[(i64, &str)]| {
        world.logs(async |client| {
            client.create_log_group().log_group_name(&group).send().await.ok();
            client.create_log_stream().log_group_name(&group).log_stream_name(stream).send().await.ok();
            let events = lines.iter().map(|(at, line)| {
                let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder();
                event.timestamp(*at).message(*line).build().unwrap()
            });
            let put = client.put_log_events().log_group_name(&group).log_stream_name(stream);
            put.set_log_events(Some(events.collect())).send().await.unwrap();
        });
    };
    for number in 0..65 {
        put(&format!("instance/old{number}"), &[(now - 600_000, "began long ago"), (now + 600_000, "writes still")]);
    }
    world.control(Some(&serde_json::json!({
        "kind": "script", "outcome": "ROLLBACK_SUCCEEDED", "at": "checking", "hold_ms": 3000,
    })));
    let mut deploying = world.shipgate();
    let running = deploying.env("VERSION", "v2").args(["deploy", "--no-verify"]).stderr(std::process::Stdio::piped());
    let running = running.stdout(std::process::Stdio::null()).spawn().unwrap();
    while world.orders().len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::thread::sleep(std::time::Duration::from_secs(1));
    put("instance/new", &[(jiff::Timestamp::now().as_millisecond(), "cannot reach the database")]);
    let ran: crate::world::Ran = running.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 8, "{}", ran.said());
    assert!(ran.stderr.contains("cannot reach the database"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("writes still") && !ran.stderr.contains("began long ago"), "{}", ran.stderr);
}
