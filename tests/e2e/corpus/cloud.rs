//! App Runner's verdict on a case: a service of the same settings, created through AWS's own client.

use std::time::Duration;

use aws_sdk_apprunner::{
    Client,
    types::{
        AuthenticationConfiguration, HealthCheckConfiguration, HealthCheckProtocol, ImageConfiguration,
        ImageRepository, ImageRepositoryType, InstanceConfiguration, ServiceStatus, SourceConfiguration,
    },
};

use super::cases::{Case, Settings};
use crate::world::{REPOSITORY, World};

/// From one look at the service to the next.
const PAUSE: Duration = Duration::from_millis(300);

/// The status of the service once its creation has ended. It is deleted then: an account has so many and no more.
pub(super) fn verdict(world: &World, case: &Case) -> String {
    world.app_runner(async |client| {
        let request = client
            .create_service()
            .service_name(format!("case-{}", case.name))
            .source_configuration(source(case))
            .instance_configuration(
                InstanceConfiguration::builder()
                    .cpu(format!("{} vCPU", case.settings.size.0))
                    .memory(format!("{} GB", case.settings.size.1))
                    .build(),
            )
            .health_check_configuration(health(&case.settings));
        let arn = request.send().await.unwrap().service.unwrap().service_arn;
        let status = settled(&client, &arn).await;
        client.delete_service().service_arn(&arn).send().await.unwrap();
        status.as_str().to_owned()
    })
}

async fn settled(client: &Client, arn: &str) -> ServiceStatus {
    loop {
        let service = client.describe_service().service_arn(arn).send().await.unwrap().service.unwrap();
        if service.status != ServiceStatus::OperationInProgress {
            return service.status;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn source(case: &Case) -> SourceConfiguration {
    let settings = &case.settings;
    let variables = settings.environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let configuration = ImageConfiguration::builder()
        .port(settings.port.to_string())
        .set_start_command(settings.start_command.map(str::to_owned))
        .set_runtime_environment_variables(Some(variables.collect()))
        .build();
    let repository = ImageRepository::builder()
        .image_identifier(format!("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/{REPOSITORY}:{}", case.name))
        .image_repository_type(ImageRepositoryType::Ecr)
        .image_configuration(configuration)
        .build()
        .unwrap();
    SourceConfiguration::builder()
        .image_repository(repository)
        .auto_deployments_enabled(false)
        .authentication_configuration(
            AuthenticationConfiguration::builder()
                .access_role_arn("arn:aws:iam::222222222222:role/apprunner-access")
                .build(),
        )
        .build()
}

fn health(settings: &Settings) -> HealthCheckConfiguration {
    HealthCheckConfiguration::builder()
        .protocol(HealthCheckProtocol::from(settings.protocol.to_uppercase().as_str()))
        .path(settings.path)
        .interval(settings.interval)
        .timeout(settings.timeout)
        .healthy_threshold(settings.healthy_threshold)
        .unhealthy_threshold(settings.unhealthy_threshold)
        .build()
}
