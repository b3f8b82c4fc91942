//! The service as `pipeline-examples/aws` declares it is the service that a deployment of the examples has made: importing it changes nothing.

use serde_json::json;

use super::{
    cloud::{Trusted, made},
    job::with_keys,
    stage::Stage,
};

const WATCHER: &str = "arn:aws:iam::444444444444:user/watcher";

#[test]
fn the_template_of_the_service_declares_what_was_created() {
    let stage = Stage::new(Trusted::Role(WATCHER));
    stage.world.push("v1", &[]);
    let mut all = with_keys(&stage.world);
    all.insert("VERSION".to_owned(), "v1".to_owned());
    let ran = stage.script(&[crate::world::BINARY, "deploy", "--target"], "prod", &all);
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
