//! What CI systems are shown of a run: as their own rules read it, by a judge that knows nothing of shipgate, and with a
//! container that tries to say more than it may.

mod elsewhere;
mod judged;

use std::fs;

use judged::{HOSTILE, Step, hostile};
use serde_json::Value;

use crate::world::{LIVE, World};

#[test]
fn a_deployment_leaves_its_outputs_and_a_summary() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    let step = Step::new(&world);
    let ran = step.run("v1", &["deploy", "--report", "report.xml", "--report", "report.json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let (arn, _, url) = world.service().unwrap();
    let outputs = step.outputs();
    let expected = [
        ("status", "success"),
        ("exit-code", "0"),
        ("image-digest", digest.as_str()),
        ("repository", "shop/api"),
        ("tag", LIVE),
        ("service-arn", &arn),
        ("service-url", &url),
        ("report", "report.xml\nreport.json"),
    ];
    for (name, value) in expected {
        assert_eq!(outputs[name], value, "{outputs:#}");
    }
    assert_eq!(outputs["operation-id"].as_str().unwrap().replace('-', "").len(), 32, "{outputs:#}");
    assert_eq!(outputs.as_object().unwrap().len(), 9, "{outputs:#}");

    let page = step.summary();
    assert!(page["headings"][0].as_str().unwrap().starts_with("✅ success: "), "{page:#}");
    for shown in [digest.as_str(), "prod", "gate"] {
        assert!(page["rendered"].as_str().unwrap().contains(shown), "{shown}: {page:#}");
    }
    // Its own output for scripts is what it is without a CI system.
    assert_eq!(ran.stdout, format!("{url}\n"));
    let report: Value = serde_json::from_str(&fs::read_to_string(world.folder().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 0);
    assert!(fs::read_to_string(world.folder().join("report.xml")).unwrap().contains("<testsuites"));
}

#[test]
fn the_log_has_a_group_around_what_runs_and_the_verdict_outside() {
    let world = World::new();
    world.push("v1", &[]);
    let step = Step::new(&world);
    let ran = step.run("v1", &["deploy"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let log = step.log(&ran);
    let groups = judged::commands(&log, "group");
    assert!(groups.contains(&"copy and verify".to_owned()) && groups.contains(&"gate".to_owned()), "{groups:?}");
    assert_eq!(groups.len(), judged::commands(&log, "endgroup").len());
    let outside = log["outside"].to_string();
    for told in ["✓ success: ", "✓ verify ", "✓ copy ", "✓ gate "] {
        assert!(outside.contains(told), "{told}: {log:#}");
    }
    assert!(!outside.contains("│ ") && !outside.contains("probe 1"), "{log:#}");
    assert_eq!(log["left_open"], false);
}

#[test]
fn an_unhealthy_and_hostile_container_says_nothing_to_the_runner() {
    let world = World::new();
    let old = world.push("v1", &[]);
    world.push("v2", &hostile());
    world.deploy_well("v1");
    let step = Step::new(&world);
    let ran = step.run("v2", &["deploy"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v1", Some(old)));
    judged::assert_harmless(&step.log(&ran));
    judged::assert_shown_as_code(&step.summary());
    let outputs = step.outputs();
    assert_eq!((&outputs["status"], &outputs["exit-code"]), (&"unhealthy".into(), &"6".into()));
    assert!(outputs.get("operation-id").is_none(), "nothing was ordered: {outputs:#}");
}

#[test]
fn a_rollback_says_nothing_of_the_cloud_to_the_runner() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &hostile());
    world.deploy_well("v1");
    let step = Step::new(&world);
    let ran = step.run("v2", &["deploy", "--no-verify"]);
    assert_eq!(ran.code, 8, "{}", ran.said());
    assert_eq!(world.answer(), "200 v1");
    let log = step.log(&ran);
    judged::assert_harmless(&log);
    judged::assert_shown_as_code(&step.summary());
    let errors = judged::commands(&log, "error");
    assert!(errors.len() == 1 && errors[0].contains("Container exit code: 1"), "{errors:?}");
    let outputs = step.outputs();
    assert_eq!((&outputs["status"], &outputs["exit-code"]), (&"rolled-back".into(), &"8".into()));
    assert_eq!(outputs["service-url"], world.service().unwrap().2, "what serves on");
}

/// `::error::` of a line of its own is the container's only here: the test of the test.
#[test]
fn the_judge_sees_a_command_where_there_is_one() {
    let world = World::new();
    let step = Step::new(&world);
    for line in HOSTILE.iter().filter(|line| line.starts_with("::") || line.starts_with("##[")) {
        let log = step.judge("log", &format!("before\n{line}\nafter\n"));
        assert_eq!(log["commands"].as_array().unwrap().len(), 1, "{line}: {log:#}");
    }
    let page = step.judge("markdown", "text\n\n</details><script>x</script>\n\n[a](javascript:b)\n");
    assert!(!page["html"].as_array().unwrap().is_empty(), "{page:#}");
}

#[test]
fn a_wrong_configuration_is_annotated_where_it_is_written() {
    let world = World::new();
    fs::create_dir(world.folder().join("deploy")).unwrap();
    world.write("deploy/odd.yaml", "image: shop/api:v1\ntargets:\n  prod:\n    rolle: x\n    service: shop-api\n");
    let step = Step::new(&world);
    let ran = step.run("v1", &["deploy", "-f", "deploy/odd.yaml", "--report", "report.json"]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    let log = step.log(&ran);
    let commands = log["commands"].as_array().unwrap();
    let placed = commands.iter().find(|command| command["data"].as_str().unwrap().contains("`rolle`")).unwrap();
    let place = &placed["properties"];
    assert_eq!(
        (&placed["name"], &place["file"], &place["line"], &place["col"]),
        (&"error".into(), &"deploy/odd.yaml".into(), &"4".into(), &"5".into()),
        "{log:#}"
    );
    assert_eq!(step.outputs()["status"], "usage-error");
    assert!(step.summary()["code"].to_string().contains("deploy/odd.yaml:4:5"));
    let report: Value = serde_json::from_str(&fs::read_to_string(world.folder().join("report.json")).unwrap()).unwrap();
    let problems = report["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["place"]["line"] == 4), "{report:#}");
}

#[test]
fn a_command_line_that_cannot_be_read_leaves_outputs_too() {
    let world = World::new();
    for arguments in [&["deploy", "--no-such-flag"][..], &["deploy", "--report", "missing/report.json"]] {
        let step = Step::new(&world);
        let ran = step.run("v1", arguments);
        assert_eq!(ran.code, 2, "{}", ran.said());
        let outputs = step.outputs();
        assert_eq!((&outputs["status"], &outputs["exit-code"]), (&"usage-error".into(), &"2".into()));
        let errors = judged::commands(&step.log(&ran), "error");
        assert!(errors.len() == 1 && errors[0].contains(arguments.last().unwrap()), "{errors:?}");
        assert!(step.summary()["headings"][0].as_str().unwrap().contains("usage error"));
    }
}

#[test]
fn huge_logs_leave_a_summary_that_github_takes() {
    let world = World::new();
    let line = "🦀".repeat(450);
    let wide = format!("\n{}", format!("{line}\n").repeat(60));
    let names: Vec<String> = (0..15).map(|number| format!("WIDE_{number}")).collect();
    let mut behaviour = vec![("DEMO_FAIL", "print-environment")];
    behaviour.extend(names.iter().map(|name| (name.as_str(), wide.as_str())));
    world.push("v1", &behaviour);
    let step = Step::new(&world);
    let before = format!("# Somebody else's\n\n{}\n", "x".repeat(600_000));
    step.write_summary(&before);
    let ran = step.run("v1", &["deploy"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let text = step.summary_text();
    assert!(text.starts_with(&before) && text.len() > before.len() + 1000, "it is added to: {}", text.len());
    assert!(text.len() < 1024 * 1024, "{}", text.len());
    assert!(step.summary()["headings"].to_string().contains("unhealthy"));
}

#[test]
fn what_the_runner_gives_no_place_for_is_a_warning_and_no_failure() {
    let world = World::new();
    world.push("v1", &[]);
    let step = Step::new(&world).without_files();
    let ran = step.run("v1", &["deploy"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    for what in ["outputs", "summary"] {
        assert!(ran.stderr.contains(&format!("warning: could not write the {what} of this step")), "{}", ran.stderr);
    }
}

#[test]
fn json_changes_nothing_of_the_stream_and_nothing_is_told_when_it_is_switched_off() {
    let world = World::new();
    world.push("v1", &[]);
    let step = Step::new(&world);
    let ran = step.run("v1", &["deploy", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", ran.stdout);
    assert!(!ran.stderr.contains("::"), "{}", ran.stderr);
    assert_eq!(step.outputs()["status"], "success");
    let off = Step::new(&world).with("SHIPGATE_CI", "none");
    let ran = off.run("v1", &["deploy", "--force"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(!ran.stderr.contains("::group::") && off.output_text().is_empty() && off.summary_text().is_empty());
}
