//! CloudWatch Logs, with the AWS SDK as the client.

use aws_sdk_cloudwatchlogs::{Client, error::ProvideErrorMetadata as _, types::InputLogEvent};

use super::world::{DEPLOY, WORKLOAD, assumed, sandbox};
use crate::{Options, Sandbox, delays::Delays, start};

const GROUP: &str = "/aws/apprunner/shop-api/0123/application";

/// A client, and ten lines, one a millisecond, in two streams.
async fn with_lines(sandbox: &Sandbox) -> Client {
    let (account, region) = (WORKLOAD.parse().unwrap(), "ap-northeast-1".parse().unwrap());
    for number in 0_i64..10 {
        let stream = if number % 2 == 0 { "even" } else { "odd" };
        let message = if number == 7 { "an ERROR".to_owned() } else { format!("line {number}") };
        sandbox.cloud.logs.put_at(1000 + number, &account, &region, GROUP, stream, &message);
    }
    Client::new(&assumed(sandbox, DEPLOY).await)
}

#[tokio::test]
async fn groups_are_found_by_prefix_and_paged() {
    let sandbox = sandbox(|_| ()).await;
    let logs = with_lines(&sandbox).await;
    for name in ["/aws/apprunner/a/1/service", "/other"] {
        logs.create_log_group().log_group_name(name).send().await.unwrap();
    }
    let again = logs.create_log_group().log_group_name("/other").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_already_exists_exception());
    let pages = logs.describe_log_groups().log_group_name_prefix("/aws/apprunner/").limit(1).into_paginator().items();
    let found = pages.send().try_collect().await.unwrap();
    let names: Vec<&str> = found.iter().filter_map(|group| group.log_group_name()).collect();
    assert_eq!(names, ["/aws/apprunner/a/1/service", GROUP]);
    logs.delete_log_group().log_group_name("/other").send().await.unwrap();
    assert_eq!(logs.describe_log_groups().send().await.unwrap().log_groups().len(), 2);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn retention_is_for_groups_that_exist_and_days_that_exist() {
    let sandbox = sandbox(|_| ()).await;
    let logs = with_lines(&sandbox).await;
    let put = |group: &str, days| logs.put_retention_policy().log_group_name(group).retention_in_days(days);
    put(GROUP, 30).send().await.unwrap();
    let absent = put("/absent", 30).send().await.unwrap_err().into_service_error();
    assert!(absent.is_resource_not_found_exception());
    assert_eq!(absent.message(), Some("The specified log group does not exist."));
    assert!(put(GROUP, 31).send().await.unwrap_err().into_service_error().is_invalid_parameter_exception());
    let groups = logs.describe_log_groups().send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(30));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_stream_is_read_forward_until_the_token_repeats() {
    let sandbox = sandbox(|_| ()).await;
    let logs = with_lines(&sandbox).await;
    let streams = logs.describe_log_streams().log_group_name(GROUP).send().await.unwrap();
    let names: Vec<&str> = streams.log_streams().iter().filter_map(|stream| stream.log_stream_name()).collect();
    assert_eq!(names, ["even", "odd"]);
    let (mut token, mut messages) = (None, Vec::new());
    loop {
        let get = logs.get_log_events().log_group_name(GROUP).log_stream_name("even").start_from_head(true).limit(2);
        let page = get.set_next_token(token.clone()).send().await.unwrap();
        messages.extend(page.events().iter().filter_map(|event| event.message().map(str::to_owned)));
        let next = page.next_forward_token.clone();
        if next == token {
            break;
        }
        token = next;
    }
    assert_eq!(messages, ["line 0", "line 2", "line 4", "line 6", "line 8"]);
    let tail = logs.get_log_events().log_group_name(GROUP).log_stream_name("even").limit(1).send().await.unwrap();
    assert_eq!(tail.events()[0].message(), Some("line 8"));
    let absent = logs.get_log_events().log_group_name(GROUP).log_stream_name("none").send().await.unwrap_err();
    assert_eq!(absent.into_service_error().message(), Some("The specified log stream does not exist."));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn lines_of_all_streams_are_filtered_in_order() {
    let sandbox = sandbox(|_| ()).await;
    let logs = with_lines(&sandbox).await;
    let filter = || logs.filter_log_events().log_group_name(GROUP);
    let found = filter().filter_pattern("ERROR").send().await.unwrap();
    assert_eq!(found.events().len(), 1);
    let (mut token, mut stamps) = (None, Vec::new());
    loop {
        let page = filter().start_time(1003).end_time(1008).limit(4).set_next_token(token).send().await.unwrap();
        stamps.extend(page.events().iter().filter_map(aws_sdk_cloudwatchlogs::types::FilteredLogEvent::timestamp));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(stamps, [1003, 1004, 1005, 1006, 1007, 1008]);
    let odd = filter().log_stream_names("odd").send().await.unwrap();
    assert_eq!(odd.events().len(), 5);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn lines_are_put_where_their_time_is() {
    let sandbox = sandbox(|_| ()).await;
    let logs = with_lines(&sandbox).await;
    let create = || logs.create_log_stream().log_group_name(GROUP).log_stream_name("own").send();
    create().await.unwrap();
    assert!(create().await.unwrap_err().into_service_error().is_resource_already_exists_exception());
    let now = jiff::Timestamp::now().as_millisecond();
    let put = |stamps: &[i64]| {
        let events = stamps
            .iter()
            .map(|at| InputLogEvent::builder().timestamp(now + at).message(format!("own {at}")).build().unwrap());
        let put = logs.put_log_events().log_group_name(GROUP).log_stream_name("own");
        put.set_log_events(Some(events.collect())).send()
    };
    put(&[2, 8]).await.unwrap();
    put(&[5]).await.unwrap();
    assert!(put(&[9, 8]).await.unwrap_err().into_service_error().is_invalid_parameter_exception());
    let own = logs.get_log_events().log_group_name(GROUP).log_stream_name("own").send().await.unwrap();
    let messages: Vec<&str> = own.events().iter().filter_map(|event| event.message()).collect();
    assert_eq!(messages, ["own 2", "own 5", "own 8"]);
    let old = put(&[-15 * 24 * 60 * 60 * 1000]).await.unwrap();
    let rejected = old.rejected_log_events_info().unwrap();
    assert_eq!((rejected.too_old_log_event_end_index(), rejected.too_new_log_event_start_index()), (Some(1), None));
    let own = logs.get_log_events().log_group_name(GROUP).log_stream_name("own").send().await.unwrap();
    assert_eq!(own.events().len(), 3, "a line that is too old is not kept");
    logs.delete_log_stream().log_group_name(GROUP).log_stream_name("own").send().await.unwrap();
    let left = logs.describe_log_streams().log_group_name(GROUP).send().await.unwrap();
    assert_eq!(left.log_streams().len(), 2);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_group_is_named_by_name_or_arn() {
    let sandbox = sandbox(|_| ()).await;
    let logs = with_lines(&sandbox).await;
    let group = logs.describe_log_groups().send().await.unwrap().log_groups()[0].clone();
    let describe = |identifier: &str| logs.describe_log_streams().log_group_identifier(identifier);
    for identifier in [GROUP, group.log_group_arn().unwrap()] {
        assert_eq!(describe(identifier).send().await.unwrap().log_streams().len(), 2, "{identifier}");
    }
    // `arn` ends with `:*`.
    let refused = describe(group.arn().unwrap()).send().await.unwrap_err().into_service_error();
    assert!(
        refused.is_invalid_parameter_exception() && refused.message().unwrap().contains("[\\w#+=/:,.@-]*"),
        "{refused}"
    );
    let both = describe(GROUP).log_group_name(GROUP).send().await.unwrap_err().into_service_error();
    assert!(both.is_invalid_parameter_exception(), "{both}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn new_streams_of_app_runner_are_listed_late() {
    let options = Options {
        delays: Delays { log_streams: std::time::Duration::from_hours(1), ..Delays::NONE },
        ..Options::default()
    };
    let sandbox = start(options).await.unwrap();
    let (account, region) = (WORKLOAD.parse().unwrap(), "ap-northeast-1".parse().unwrap());
    let now = jiff::Timestamp::now().as_millisecond();
    for (stream, at) in [("old", now - 7_200_000), ("old", now), ("new", now)] {
        sandbox.cloud.logs.put_at(at, &account, &region, GROUP, stream, "a line");
    }
    let logs = Client::new(&assumed(&sandbox, DEPLOY).await);
    let listed = logs.describe_log_streams().log_group_name(GROUP).send().await.unwrap();
    let seen: Vec<_> =
        listed.log_streams().iter().map(|one| (one.log_stream_name(), one.last_event_timestamp())).collect();
    assert_eq!(seen, [(Some("old"), Some(now - 7_200_000))]);
    let read = logs.get_log_events().log_group_name(GROUP).log_stream_name("new").send().await.unwrap();
    assert_eq!(read.events().len(), 1, "whoever knows its name can read it");
    sandbox.shutdown().await;
}
