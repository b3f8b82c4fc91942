//! App Runner's answers, read into the domain's types.

use std::time::Duration;

use aws_sdk_apprunner::types::{
    HealthCheckConfiguration, HealthCheckProtocol, ImageConfiguration, ImageRepository, InstanceConfiguration,
    OperationSummary, OperationType, Service,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::target::{ObservedOperation, TargetError};
use shipgate_core::{
    health::{HealthCheck, Protocol},
    mask,
    operation::{OperationId, OperationStatus},
    release::{OperationKind, PastOperation},
    secret::Secret,
    service::{LiveService, RunSettings, ServiceStatus},
    service_secret::SecretSource,
};

pub(super) fn unusable(action: &'static str, reason: &str) -> TargetError {
    TargetError::Answer { action, reason: reason.to_owned() }
}

/// A service as `DescribeService` gives it.
pub(super) fn live_service(service: &Service) -> Result<LiveService, TargetError> {
    let arn =
        service.service_arn().parse().map_err(|error| unusable("apprunner:DescribeService", &format!("{error}")))?;
    let source = service.source_configuration();
    let repository = source.and_then(|source| source.image_repository());
    let image = repository.and_then(|repository| repository.image_configuration());
    // A variable may hold the tag that is deployed, or the service's own address: those are shown all the same.
    let identifier = repository.map(ImageRepository::image_identifier);
    [Some(service.service_arn()), service.service_url(), identifier].into_iter().flatten().for_each(mask::publish);
    Ok(LiveService {
        arn,
        status: ServiceStatus::from(service.status().as_str()),
        url: service.service_url().unwrap_or_default().to_owned(),
        image_identifier: repository.map(|repository| repository.image_identifier().to_owned()),
        // The model's default is true: a service that does not say deploys by itself.
        auto_deployments: source.is_none_or(|source| source.auto_deployments_enabled().unwrap_or(true)),
        settings: run_settings(image, service.instance_configuration(), service.health_check_configuration()),
    })
}

/// How many deployments of a service tell how long the next may take: older ones were of other versions.
const LAST_FEW: usize = 5;

/// An operation as `ListOperations` gives it.
pub(super) fn operation(listed: &OperationSummary) -> ObservedOperation {
    let status = listed.status().map_or("", |status| status.as_str());
    ObservedOperation {
        status: OperationStatus::from(status.to_owned()),
        started_at: listed.started_at().and_then(timestamp),
        ended_at: listed.ended_at().and_then(timestamp),
        usual: None,
    }
}

/// An operation as `ListOperations` gives it among others, with how long those before it took.
pub(super) fn operation_among(listed: &[OperationSummary], at: usize) -> Option<ObservedOperation> {
    let (ours, before) = listed.get(at..)?.split_first()?;
    let usual = before.iter().filter(|before| is_good_deployment(before)).take(LAST_FEW).filter_map(duration).min();
    Some(ObservedOperation { usual, ..operation(ours) })
}

fn is_good_deployment(listed: &OperationSummary) -> bool {
    let deploys = matches!(
        listed.r#type(),
        Some(OperationType::CreateService | OperationType::StartDeployment | OperationType::UpdateService)
    );
    deploys && operation(listed).status == OperationStatus::Succeeded
}

fn duration(listed: &OperationSummary) -> Option<Duration> {
    let seen = operation(listed);
    seen.ended_at?.duration_since(seen.started_at?).try_into().ok()
}

/// An operation of the list; one without an id cannot be told from others.
pub(super) fn past_operation(listed: &OperationSummary) -> Option<PastOperation> {
    let kind = match listed.r#type() {
        Some(OperationType::CreateService) => OperationKind::CreateService,
        Some(OperationType::StartDeployment) => OperationKind::StartDeployment,
        Some(OperationType::UpdateService) => OperationKind::UpdateService,
        Some(OperationType::ResumeService) => OperationKind::ResumeService,
        Some(OperationType::DeleteService) => OperationKind::DeleteService,
        _ => OperationKind::Other,
    };
    let id = OperationId::new(listed.id()?);
    Some(PastOperation {
        id,
        kind,
        status: operation(listed).status,
        started_at: listed.started_at().and_then(timestamp),
    })
}

pub(super) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

fn run_settings(
    image: Option<&ImageConfiguration>,
    instance: Option<&InstanceConfiguration>,
    check: Option<&HealthCheckConfiguration>,
) -> RunSettings {
    let default = RunSettings::default();
    let variables = image.and_then(|image| image.runtime_environment_variables());
    let secrets = image.and_then(|image| image.runtime_environment_secrets());
    RunSettings {
        port: image.and_then(|image| image.port()).and_then(|port| port.parse().ok()).unwrap_or(default.port),
        start_command: image.and_then(|image| image.start_command()).map(str::to_owned),
        cpu_units: instance.and_then(|i| i.cpu()).and_then(cpu_units).unwrap_or(default.cpu_units),
        memory_mib: instance.and_then(|i| i.memory()).and_then(memory_mib).unwrap_or(default.memory_mib),
        environment: variables
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), Secret::variable(name, value.clone())))
            .collect(),
        secrets: secrets
            .into_iter()
            .flatten()
            .map(|(name, source)| (name.clone(), SecretSource::read(source)))
            .collect(),
        health_check: check.map(health_check).unwrap_or_default(),
    }
}

/// The API takes `1 vCPU` and `1024` and answers the latter; both are read.
fn cpu_units(text: &str) -> Option<u32> {
    match text {
        "0.25 vCPU" => Some(256),
        "0.5 vCPU" => Some(512),
        "1 vCPU" => Some(1024),
        "2 vCPU" => Some(2048),
        "4 vCPU" => Some(4096),
        units => units.parse().ok(),
    }
}

/// Likewise `2 GB` and `2048`.
fn memory_mib(text: &str) -> Option<u32> {
    match text {
        "0.5 GB" => Some(512),
        _ => match text.strip_suffix(" GB") {
            Some(gigabytes) => gigabytes.parse::<u32>().ok()?.checked_mul(1024),
            None => text.parse().ok(),
        },
    }
}

fn health_check(check: &HealthCheckConfiguration) -> HealthCheck {
    let default = HealthCheck::default();
    let number = |value: Option<i32>, default: u32| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(default);
    HealthCheck {
        protocol: match check.protocol() {
            Some(HealthCheckProtocol::Http) => Protocol::Http,
            _ => Protocol::Tcp,
        },
        path: check.path().unwrap_or(&default.path).to_owned(),
        interval_seconds: number(check.interval(), default.interval_seconds),
        timeout_seconds: number(check.timeout(), default.timeout_seconds),
        healthy_threshold: number(check.healthy_threshold(), default.healthy_threshold),
        unhealthy_threshold: number(check.unhealthy_threshold(), default.unhealthy_threshold),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_apprunner::types::OperationStatus as SdkStatus;

    use super::{
        DateTime, Duration, OperationStatus, OperationSummary, cpu_units, memory_mib, operation, run_settings,
    };
    use shipgate_core::service::RunSettings;

    #[test]
    fn cpu_and_memory_are_read_in_both_spellings() {
        for (text, units) in [("0.25 vCPU", 256), ("256", 256), ("1 vCPU", 1024), ("4096", 4096)] {
            assert_eq!(cpu_units(text), Some(units), "{text}");
        }
        for (text, mib) in [("0.5 GB", 512), ("512", 512), ("2 GB", 2048), ("12288", 12288), ("12 GB", 12288)] {
            assert_eq!(memory_mib(text), Some(mib), "{text}");
        }
        assert_eq!((cpu_units("lots"), memory_mib("lots")), (None, None));
    }

    #[test]
    fn what_a_service_does_not_say_is_app_runners_default() {
        assert_eq!(run_settings(None, None, None), RunSettings::default());
    }

    #[test]
    fn an_operation_has_its_times() {
        let running = OperationSummary::builder()
            .status(SdkStatus::InProgress)
            .started_at(DateTime::from_secs_and_nanos(1_700_000_000, 5))
            .build();
        let seen = operation(&running);
        assert_eq!(seen.status, OperationStatus::InProgress);
        assert_eq!(seen.started_at.unwrap().as_nanosecond(), 1_700_000_000_000_000_005);
        assert_eq!(seen.ended_at, None);
    }

    #[test]
    fn the_deployments_before_tell_how_long_it_may_take() {
        use aws_sdk_apprunner::types::OperationType::{ResumeService, StartDeployment, UpdateService};
        let listed = |kind, status, seconds: Option<i64>| {
            let began = OperationSummary::builder().r#type(kind).status(status).started_at(DateTime::from_secs(1_000));
            began.set_ended_at(seconds.map(|seconds| DateTime::from_secs(1_000 + seconds))).build()
        };
        let mut page = vec![
            listed(StartDeployment, SdkStatus::Succeeded, Some(1)),
            listed(StartDeployment, SdkStatus::InProgress, None),
            listed(StartDeployment, SdkStatus::RollbackSucceeded, Some(20)),
            listed(ResumeService, SdkStatus::Succeeded, Some(30)),
            listed(StartDeployment, SdkStatus::Succeeded, Some(320)),
            listed(UpdateService, SdkStatus::Succeeded, Some(290)),
        ];
        let usual = |page: &[OperationSummary]| super::operation_among(page, 1).unwrap().usual;
        assert_eq!(usual(&page), Some(Duration::from_secs(290)), "not what failed, is no deployment or came later");
        page.extend((0..9).map(|age| listed(StartDeployment, SdkStatus::Succeeded, Some(300 - age))));
        assert_eq!(usual(&page), Some(Duration::from_secs(290)), "the last five");
        assert_eq!(usual(&page[..4]), None);
    }
}
