//! Many services and deployments in one sandbox, without containers: each comes to its scripted end, and the process stays
//! small.

use std::{collections::BTreeMap, fmt::Write as _, thread, time::Duration};

use aws_sdk_apprunner::{
    Client,
    types::{
        AuthenticationConfiguration, ImageRepository, ImageRepositoryType, OperationStatus, OperationType,
        SourceConfiguration,
    },
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::world::{SEED, World};

/// Accounts with 25 services each: one has room for 30.
const ACCOUNTS: usize = 8;
const SERVICES_EACH: usize = 25;
const DEPLOYMENTS: usize = 50;
const MOST_MEBIBYTES: u64 = 200;
/// How many looks at the services there are before a test gives up, a fifth of a second apart.
const LOOKS: usize = 300;

/// The ends that a deployment can be told to have.
const ENDS: [OperationStatus; 4] = [
    OperationStatus::Succeeded,
    OperationStatus::Failed,
    OperationStatus::RollbackSucceeded,
    OperationStatus::RollbackFailed,
];

fn account(number: usize) -> String {
    format!("4444444444{number:02}")
}

fn role(number: usize) -> String {
    format!("arn:aws:iam::{}:role/deploy", account(number))
}

/// A world without containers, in whose accounts services can be made.
fn scripted() -> World {
    let mut roles = String::new();
    for number in 0..ACCOUNTS {
        let trusted = r#"assumed_by: ["arn:aws:iam::333333333333:root"]"#;
        let access = format!("arn:aws:iam::{}:role/access", account(number));
        writeln!(roles, r#"  - {{ arn: "{}", {trusted} }}"#, role(number)).unwrap();
        writeln!(roles, r#"  - {{ arn: "{access}", assumed_by: [build.apprunner.amazonaws.com] }}"#).unwrap();
    }
    let seed = SEED.replace("roles:\n", &format!("roles:\n{roles}"));
    World::with_seed(&format!("{seed}\nscripted: true\neventual_consistency: false\n"))
}

fn source(account: &str) -> SourceConfiguration {
    let image = ImageRepository::builder()
        .image_identifier(format!("{account}.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1"))
        .image_repository_type(ImageRepositoryType::Ecr)
        .build()
        .unwrap();
    let access = format!("arn:aws:iam::{account}:role/access");
    SourceConfiguration::builder()
        .image_repository(image)
        .auto_deployments_enabled(false)
        .authentication_configuration(AuthenticationConfiguration::builder().access_role_arn(access).build())
        .build()
}

/// Makes an account's services; their ARNs.
async fn create(client: Client, account: String) -> Vec<String> {
    let made = stream::iter(0..SERVICES_EACH).map(|number| {
        let request = client.create_service().service_name(format!("shop-{account}-{number}"));
        let request = request.source_configuration(source(&account));
        async move { request.send().await.unwrap().service.unwrap().service_arn }
    });
    made.buffer_unordered(SERVICES_EACH).collect().await
}

/// The operations of an account's services, by ARN, the newest first: type, status and id.
type Seen = BTreeMap<String, Vec<(OperationType, OperationStatus, String)>>;

fn look(world: &World, services: &[Vec<String>]) -> Seen {
    let mut seen = Seen::new();
    for (number, arns) in services.iter().enumerate() {
        let listed = world.app_runner_of(&role(number), async |client| {
            let asked = stream::iter(arns.clone()).map(|arn| {
                let request = client.list_operations().service_arn(&arn);
                async move { (arn, request.send().await.unwrap().operation_summary_list.unwrap()) }
            });
            asked.buffer_unordered(SERVICES_EACH).collect::<Vec<_>>().await
        });
        seen.extend(listed.into_iter().map(|(arn, operations)| {
            let told = operations.into_iter().map(|one| (one.r#type.unwrap(), one.status.unwrap(), one.id.unwrap()));
            (arn, told.collect())
        }));
    }
    seen
}

fn is_moving(status: &OperationStatus) -> bool {
    [OperationStatus::Pending, OperationStatus::InProgress, OperationStatus::RollbackInProgress].contains(status)
}

/// Looks until nothing is under way.
fn settled(world: &World, services: &[Vec<String>]) -> Seen {
    for _ in 0..LOOKS {
        let seen = look(world, services);
        if !seen.values().flatten().any(|(_, status, _)| is_moving(status)) {
            return seen;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("not settled: {:?}", look(world, services));
}

/// The services that are deployed to, from all accounts in turn, with the end that each deployment shall have.
fn chosen(services: &[Vec<String>]) -> Vec<(usize, String, OperationStatus)> {
    let place = |at: usize| (at % ACCOUNTS, at / ACCOUNTS);
    let places = (0..DEPLOYMENTS).map(|at| (place(at), ENDS[at % ENDS.len()].clone()));
    places.map(|((account, at), end)| (account, services[account][at].clone(), end)).collect()
}

fn name_of(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap()
}

/// Orders the deployments, each to stop in its middle; their ids by ARN.
fn deploy(world: &World, chosen: &[(usize, String, OperationStatus)]) -> BTreeMap<String, String> {
    for (_, arn, end) in chosen {
        world.control(Some(&json!({
            "kind": "script", "service": name_of(arn), "operation": "START_DEPLOYMENT", "outcome": end.as_str(),
            "stuck": true,
        })));
    }
    let order = |(account, arn, _): &(usize, String, OperationStatus)| {
        let started = world.app_runner_of(&role(*account), async |client| {
            client.start_deployment().service_arn(arn).send().await.unwrap().operation_id
        });
        (arn.clone(), started)
    };
    chosen.iter().map(order).collect()
}

/// Lets them go on, all in one moment.
fn release(world: &World, operations: &BTreeMap<String, String>) {
    let orders = operations.values().map(|id| json!({"kind": "release", "operation": id}));
    world.control(Some(&orders.collect()));
}

/// The most memory that a process has had, in MiB. Where the system does not keep it, what it has now.
fn most_memory(process: u32) -> u64 {
    let kibibytes = if cfg!(target_os = "linux") {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").to_owned()
    } else {
        let told = std::process::Command::new("ps").args(["-o", "rss=", "-p", &process.to_string()]).output().unwrap();
        String::from_utf8(told.stdout).unwrap()
    };
    kibibytes.trim().parse::<u64>().unwrap() / 1024
}

/// Twenty bodies of 32 MB at the same time, of somebody without keys.
#[test]
fn unsigned_bodies_are_not_kept_in_memory() {
    let world = World::with_seed(&format!("{SEED}\nscripted: true\n"));
    let before = most_memory(world.process());
    let body = bytes::Bytes::from(vec![b'x'; 32 * 1024 * 1024]);
    let send = |_| {
        let request = reqwest::Client::new().post(world.endpoint()).body(body.clone());
        // The sandbox may close the connection before it has read everything.
        async move { request.send().await.map_or(400, |response| response.status().as_u16()) }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let codes =
        runtime.block_on(async { stream::iter(0..20).map(send).buffer_unordered(20).collect::<Vec<_>>().await });
    assert!(codes.iter().all(|code| (400..500).contains(code)), "{codes:?}");
    let more = most_memory(world.process()) - before;
    assert!(more < 64, "{more} MiB");
}

#[test]
fn two_hundred_services_and_fifty_deployments_at_once_stay_small() {
    let world = scripted();
    let make = |number| world.app_runner_of(&role(number), async |client| create(client, account(number)).await);
    let services: Vec<Vec<String>> = (0..ACCOUNTS).map(make).collect();
    let created = settled(&world, &services);
    assert_eq!(created.len(), 200);
    for (arn, operations) in &created {
        let told: Vec<_> = operations.iter().map(|(kind, status, _)| (kind, status)).collect();
        assert_eq!(told, [(&OperationType::CreateService, &OperationStatus::Succeeded)], "{arn}");
    }

    let chosen = chosen(&services);
    let ordered = deploy(&world, &chosen);
    let at_once = look(&world, &services);
    let under_way = at_once.values().filter(|operations| is_moving(&operations[0].1));
    assert_eq!((ordered.len(), under_way.count()), (DEPLOYMENTS, DEPLOYMENTS), "none of them has ended");
    release(&world, &ordered);

    let ended = settled(&world, &services);
    for (_, arn, end) in &chosen {
        let (kind, status, id) = &ended[arn][0];
        assert_eq!((kind, status, id), (&OperationType::StartDeployment, end, &ordered[arn]), "{arn}");
        assert_eq!(ended[arn][1..], created[arn][..]);
    }
    for (arn, operations) in created.iter().filter(|(arn, _)| !ordered.contains_key(*arn)) {
        assert_eq!(&ended[arn], operations, "nobody has deployed to it");
    }
    let memory = most_memory(world.process());
    assert!(memory < MOST_MEBIBYTES, "{memory} MiB");
}
