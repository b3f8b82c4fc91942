//! `shipgate logs`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use super::{events, put, run, with_service};
use crate::world::signal;

#[test]
fn lines_of_both_groups_come_in_the_order_of_their_time_and_act_no_more() {
    let (world, id, _) = with_service();
    let application = format!("/aws/apprunner/shop-api/{id}/application");
    let lines = ["listening on 8080", "dial postgres://u:tiger-9431@db/shop", "\u{1b}[2J##[error]x"];
    put(&world, &application, "instance/1", &lines);
    let before = super::changes(&world).len();
    let ran = run(&world, &["logs"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let shown: Vec<&str> = ran.stdout.lines().collect();
    assert!(shown.is_sorted_by_key(|line| &line[..24]), "{}", ran.stdout);
    assert!(shown.iter().any(|line| line.contains("  service      ")), "{}", ran.stdout);
    for told in ["  application  listening on 8080", "  application  dial …", "  application  # #[error]x"] {
        assert!(shown.iter().any(|line| line.ends_with(told)), "{told}: {}", ran.stdout);
    }
    assert!(!ran.said().contains("tiger-9431") && !ran.said().contains('\u{1b}'), "{}", ran.said());
    assert!(shown.iter().all(|line| line.contains("Z  ")), "nothing but lines: {}", ran.stdout);
    assert_eq!(super::changes(&world).len(), before, "it only reads");

    let json = run(&world, &["logs", "--application", "--output", "json"]);
    let logged: Vec<_> = events(&json).into_iter().filter(|event| event["event"] == "logged-line").collect();
    assert_eq!(logged.len(), 3, "{}", json.stdout);
    assert!(logged.iter().all(|line| line["source"] == "application" && line["stream"] == "instance/1"));
    assert!(!json.stdout.contains("tiger-9431"));
    let service = run(&world, &["logs", "--service-events"]);
    assert!(!service.stdout.is_empty() && !service.stdout.contains("  application  "), "{}", service.stdout);
}

#[test]
fn an_operation_has_its_own_lines_and_one_that_is_none_is_refused() {
    let (world, id, arn) = with_service();
    let operation = world.app_runner(async |client| {
        let listed = client.list_operations().service_arn(&arn).send().await.unwrap();
        listed.operation_summary_list()[0].id().unwrap().to_owned()
    });
    let hex: String = operation.chars().filter(|c| *c != '-').collect();
    let service = format!("/aws/apprunner/shop-api/{id}/service");
    put(&world, &service, "deployment/ffff", &["of another operation"]);
    let ran = run(&world, &["logs", "--operation", &operation, "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let streams: Vec<String> = events(&ran)
        .iter()
        .filter(|event| event["event"] == "logged-line" && event["source"] == "service")
        .map(|event| event["stream"].as_str().unwrap().to_owned())
        .collect();
    assert!(!streams.is_empty() && streams.iter().all(|stream| *stream == format!("deployment/{hex}")), "{streams:?}");
    let none = run(&world, &["logs", "--operation", "12345"]);
    assert_eq!(none.code, 4, "{}", none.said());
    assert!(none.stdout.is_empty(), "{}", none.stdout);
    let wrong = run(&world, &["logs", "--since", "yesterday"]);
    assert_eq!(wrong.code, 2, "{}", wrong.said());
}

#[test]
fn new_lines_are_followed_until_ctrl_c() {
    let (world, id, _) = with_service();
    let application = format!("/aws/apprunner/shop-api/{id}/application");
    put(&world, &application, "instance/1", &["the first"]);
    let mut following = world.shipgate();
    following.args(["logs", "--follow", "--application"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = following.spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with("the first"));
    put(&world, &application, "instance/2", &["the second"]);
    assert!(lines.next().unwrap().unwrap().ends_with("the second"), "and the first is not shown again");
    signal(&process, "INT");
    assert_eq!(lines.count(), 0);
    assert_eq!(process.wait().unwrap().code(), Some(130));
}

#[test]
fn a_service_that_is_not_there_has_no_lines() {
    let (world, _, _) = with_service();
    let ran = run(&world, &["logs", "--service", "shop-web"]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("there is no service shop-web"), "{}", ran.stderr);
    let denied = run(&world, &["logs", "--role", "arn:aws:iam::222222222222:role/closed"]);
    assert_eq!(denied.code, 3, "{}", denied.said());
}
