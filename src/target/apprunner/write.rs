//! Orders to App Runner, written from the domain's types.

use aws_sdk_apprunner::{
    error::BuildError,
    types::{
        AuthenticationConfiguration, HealthCheckConfiguration, HealthCheckProtocol, ImageConfiguration,
        ImageRepository, ImageRepositoryType, InstanceConfiguration, Service, SourceConfiguration,
    },
};

use crate::target::{CreateOrder, TargetError, UpdateOrder};
use shipgate_core::health::{HealthCheck, Protocol};

/// The source of a new service. Deployments by push are off: what is deployed is decided here, once.
pub(super) fn source(order: &CreateOrder) -> Result<SourceConfiguration, TargetError> {
    let incomplete = |error: BuildError| super::read::unusable("apprunner:CreateService", &error.to_string());
    let settings = &order.settings;
    let environment = settings.environment.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    let image = ImageConfiguration::builder()
        .port(settings.port.to_string())
        .set_start_command(settings.start_command.clone())
        .set_runtime_environment_variables(Some(environment.collect()))
        .set_runtime_environment_secrets(Some(order.secrets.iter().cloned().collect()))
        .build();
    let repository = ImageRepository::builder()
        .image_identifier(order.image.to_string())
        .image_repository_type(ImageRepositoryType::Ecr)
        .image_configuration(image)
        .build()
        .map_err(incomplete)?;
    let access = AuthenticationConfiguration::builder().access_role_arn(order.access_role.as_str()).build();
    Ok(SourceConfiguration::builder()
        .image_repository(repository)
        .authentication_configuration(access)
        .auto_deployments_enabled(false)
        .build())
}

/// The source of a service as it is now, with what the order changes. All of it is sent: an update merges what it is given into
/// what there is, and what it is not given it keeps in ways of its own.
pub(super) fn updated_source(order: &UpdateOrder, service: &Service) -> Result<SourceConfiguration, TargetError> {
    let unusable = |reason| super::read::unusable("apprunner:DescribeService", reason);
    let mut whole = match &order.like_new {
        Some(anew) => source(anew)?,
        None => service.source_configuration.clone().ok_or_else(|| unusable("it holds no source"))?,
    };
    if let Some(image) = &order.image {
        let repository = whole.image_repository.as_mut().ok_or_else(|| unusable("its source is not an image"))?;
        repository.image_identifier = image.to_string();
    }
    if order.turn_off_auto_deployments {
        whole.auto_deployments_enabled = Some(false);
    }
    Ok(whole)
}

pub(super) fn instance(order: &CreateOrder) -> InstanceConfiguration {
    InstanceConfiguration::builder()
        .cpu(order.settings.cpu_units.to_string())
        .memory(order.settings.memory_mib.to_string())
        .set_instance_role_arn(order.instance_role.as_ref().map(ToString::to_string))
        .build()
}

/// Sent in full, so that the service's rules are the ones that were verified, whatever App Runner's defaults become.
pub(super) fn health_check(check: &HealthCheck) -> HealthCheckConfiguration {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    HealthCheckConfiguration::builder()
        .protocol(match check.protocol {
            Protocol::Tcp => HealthCheckProtocol::Tcp,
            Protocol::Http => HealthCheckProtocol::Http,
        })
        .path(&check.path)
        .interval(number(check.interval_seconds))
        .timeout(number(check.timeout_seconds))
        .healthy_threshold(number(check.healthy_threshold))
        .unhealthy_threshold(number(check.unhealthy_threshold))
        .build()
}
