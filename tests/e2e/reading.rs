//! The verbs that read: `plan`, `status`, `logs`, `export`, `init`. Services run without containers here: what is read is what counts.

mod export;
mod init;
mod logs;
mod orphans;
mod plan;
mod status;

use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::Value;

use crate::world::{Ran, SEED, World};

/// A service that deploys from the workload repository.
const SERVICE: &str = r#"
scripted: true
services:
  - account: "222222222222"
    create:
      ServiceName: shop-api
      SourceConfiguration:
        AutoDeploymentsEnabled: false
        AuthenticationConfiguration: { AccessRoleArn: "arn:aws:iam::222222222222:role/apprunner-access" }
        ImageRepository:
          ImageIdentifier: "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:shop-api"
          ImageRepositoryType: ECR
          ImageConfiguration:
            RuntimeEnvironmentVariables: { DB_URL: "postgres://u:tiger-9431@db/shop" }
            RuntimeEnvironmentSecrets:
              DATABASE_URL: "arn:aws:secretsmanager:ap-northeast-1:222222222222:secret:shop-db"
      InstanceConfiguration: { InstanceRoleArn: "arn:aws:iam::222222222222:role/apprunner-instance" }
"#;

/// A world with a service that is RUNNING; gives the service's id and ARN too.
fn with_service() -> (World, String, String) {
    let world = World::with_seed(&format!("{SEED}{SERVICE}"));
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some((arn, status, _)) = world.service()
            && status == "RUNNING"
        {
            let id = arn.rsplit('/').next().unwrap().to_owned();
            return (world, id, arn);
        }
        assert!(Instant::now() < deadline, "the service does not come up");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Puts lines of now into a group and stream, which are made if they are not there.
fn put(world: &World, group: &str, stream: &str, lines: &[&str]) {
    let now = jiff::Timestamp::now().as_millisecond();
    world.logs(async |client| {
        client.create_log_group().log_group_name(group).send().await.ok();
        client.create_log_stream().log_group_name(group).log_stream_name(stream).send().await.ok();
        let events = lines.iter().map(|line| InputLogEvent::builder().timestamp(now).message(*line).build().unwrap());
        let put = client.put_log_events().log_group_name(group).log_stream_name(stream);
        put.set_log_events(Some(events.collect())).send().await.unwrap();
    });
}

/// The names of all log groups, as AWS's own client sees them.
fn group_names(world: &World) -> Vec<String> {
    world.logs(async |client| {
        let described = client.describe_log_groups().send().await.unwrap();
        described.log_groups().iter().map(|group| group.log_group_name().unwrap().to_owned()).collect()
    })
}

fn run(world: &World, arguments: &[&str]) -> Ran {
    world.shipgate().args(arguments).output().unwrap().into()
}

/// The events of a run with `--output json`.
fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The calls that changed something, so far.
fn changes(world: &World) -> Vec<String> {
    let reads = |action: &str| {
        ["Describe", "List", "Get", "Filter", "BatchGet", "Assume", "GET ", "HEAD "]
            .iter()
            .any(|verb| action.starts_with(verb))
    };
    let calls = world.calls();
    let actions = calls.iter().map(|call| call["action"].as_str().unwrap().to_owned());
    actions.filter(|action| !reads(action)).collect()
}
