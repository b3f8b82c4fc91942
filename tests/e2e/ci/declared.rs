//! What `pipeline-examples/aws` declares beside what shipgate says of the same: the policies are those that `shipgate iam` prints, and the
//! service is the one that a deployment of the examples has made, so that importing it changes nothing.

use std::{collections::BTreeSet, process::Command};

use serde_json::{Value, json};

use super::{
    cloud::{Trusted, made},
    job::with_keys,
    project,
    stage::Stage,
};
use crate::world::{BINARY, Ran};

const WATCHER: &str = "arn:aws:iam::444444444444:user/watcher";

#[test]
fn the_template_of_the_service_declares_what_was_created() {
    let stage = Stage::new(Trusted::Role(WATCHER));
    stage.world.push("v1", &[]);
    let mut all = with_keys(&stage.world);
    all.insert("VERSION".to_owned(), "v1".to_owned());
    let ran = stage.script(&[BINARY, "deploy", "--target"], "prod", &all);
    assert_eq!(ran.code, 0, "{}", ran.log);

    let (arn, _, _) = stage.world.service().unwrap();
    let id = arn.rsplit('/').next().unwrap().to_owned();
    let access = "arn:aws:iam::222222222222:role/shop-api-access".to_owned();
    let declared =
        made("service.yaml", "222222222222", &[("ServiceId", id), ("AccessRole", access)])["declared"].clone();
    let live = stage
        .world
        .app_runner(async |client| client.describe_service().service_arn(&arn).send().await.unwrap().service.unwrap());
    let source = live.source_configuration.unwrap();
    let image = source.image_repository.unwrap();
    let health = live.health_check_configuration.unwrap();
    let ours = json!({
        "ServiceName": live.service_name,
        "SourceConfiguration": {
            "AutoDeploymentsEnabled": source.auto_deployments_enabled,
            "AuthenticationConfiguration": {"AccessRoleArn": source.authentication_configuration.unwrap().access_role_arn},
            "ImageRepository": {
                "ImageRepositoryType": image.image_repository_type.as_str(),
                "ImageIdentifier": image.image_identifier,
                "ImageConfiguration": {"Port": image.image_configuration.unwrap().port},
            },
        },
        "HealthCheckConfiguration": {
            "Protocol": health.protocol.unwrap().as_str(), "Path": health.path, "Interval": health.interval,
        },
    });
    assert_eq!(declared["AppRunner"], ours);

    let groups = stage.world.logs(async |client| client.describe_log_groups().send().await.unwrap());
    for group in groups.log_groups() {
        let kind = group.log_group_name().unwrap().rsplit('/').next().unwrap().to_owned();
        let name = if kind == "application" { "ApplicationLogs" } else { "ServiceLogs" };
        let days = group.retention_in_days().unwrap().to_string();
        assert_eq!(declared[name], json!({"LogGroupName": group.log_group_name(), "RetentionInDays": days}));
    }
    assert_eq!(groups.log_groups().len(), 2);
}

/// The texts of a member that is one text or a list of them.
fn all(member: &Value) -> Vec<&str> {
    let one = member.as_str().into_iter();
    one.chain(member.as_array().into_iter().flatten().filter_map(Value::as_str)).collect()
}

/// What a document allows: each action with each resource and the condition.
fn allowed(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        for action in all(&statement["Action"]) {
            for resource in all(&statement["Resource"]) {
                found.insert(format!("{action} on {resource} if {}", statement["Condition"]));
            }
        }
    }
    assert!(found.len() > 2, "{document}");
    found
}

#[test]
fn the_policies_of_the_templates_are_those_that_iam_prints() {
    let printed: Ran = Command::new(BINARY)
        .args(["iam", "--target", "prod", "registry-pull", "workload-create", "access-role"])
        .current_dir(project().join("pipeline-examples"))
        .env("VERSION", "v1")
        .output()
        .unwrap()
        .into();
    assert_eq!(printed.code, 0, "{}", printed.said());
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    let ours = Trusted::Role(WATCHER).parameters(&|_| String::new());
    let registry = made("registry-account.yaml", "111111111111", &ours);
    let workload = made("workload-account.yaml", "222222222222", &ours);
    let mut compared = 0;
    for role in [&registry["roles"], &workload["roles"]].iter().flat_map(|roles| roles.as_array().unwrap()) {
        let policies = printed["policies"].as_array().unwrap().iter();
        let of_role = policies.filter(|policy| policy["kind"] == "identity" && policy["role"] == role["arn"]);
        for policy in of_role {
            assert_eq!(allowed(&role["policies"][0]), allowed(&policy["document"]), "{}", policy["name"]);
            compared += 1;
        }
    }
    assert_eq!(compared, 3);
}
