//! How services and operations look in answers (the model's `Service`, `ServiceSummary`, `OperationSummary`).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    config::default_auto_scaling_arn,
    record::{Operation, Service},
};

/// When the default auto scaling configuration was made, in every account: the day App Runner opened (2021-05-18).
const DEFAULT_AUTO_SCALING_SINCE: i64 = 1_621_296_000;

/// `Service`.
pub(super) fn service(service: &Service) -> Value {
    let mut members = summary_members(service);
    members.extend(service.configuration.members());
    members.remove("AutoScalingConfigurationArn");
    members.entry("ObservabilityConfiguration").or_insert_with(|| json!({ "ObservabilityEnabled": false }));
    members.insert("AutoScalingConfigurationSummary".to_owned(), auto_scaling_summary(service));
    if let Some(deleted) = service.deleted {
        members.insert("DeletedAt".to_owned(), seconds(deleted));
    }
    Value::Object(members)
}

/// `ServiceSummary`.
pub(super) fn service_summary(service: &Service) -> Value {
    Value::Object(summary_members(service))
}

fn summary_members(service: &Service) -> Map<String, Value> {
    let members = [
        ("ServiceName", json!(service.name)),
        ("ServiceId", json!(service.id)),
        ("ServiceArn", json!(service.arn)),
        ("ServiceUrl", json!(service.url)),
        ("CreatedAt", seconds(service.created)),
        ("UpdatedAt", seconds(service.updated)),
        ("Status", json!(service.status.word())),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn auto_scaling_summary(service: &Service) -> Value {
    json!({
        "AutoScalingConfigurationArn": default_auto_scaling_arn(&service.region, &service.account),
        "AutoScalingConfigurationName": "DefaultConfiguration",
        "AutoScalingConfigurationRevision": 1,
        "Status": "ACTIVE",
        "CreatedAt": DEFAULT_AUTO_SCALING_SINCE,
        "HasAssociatedService": true,
        "IsDefault": true,
    })
}

/// `AutoScalingConfiguration`: the one every account has, with App Runner's documented values.
pub(super) fn default_auto_scaling(arn: &str, has_associated_service: bool) -> Value {
    json!({
        "AutoScalingConfigurationArn": arn,
        "AutoScalingConfigurationName": "DefaultConfiguration",
        "AutoScalingConfigurationRevision": 1,
        "Latest": true,
        "Status": "ACTIVE",
        "MaxConcurrency": 100,
        "MinSize": 1,
        "MaxSize": 25,
        "CreatedAt": DEFAULT_AUTO_SCALING_SINCE,
        "HasAssociatedService": has_associated_service,
        "IsDefault": true,
    })
}

/// `OperationSummary`.
pub(super) fn operation(operation: &Operation, service_arn: &str) -> Value {
    let mut value = json!({
        "Id": operation.id,
        "Type": operation.kind.word(),
        "Status": operation.status.word(),
        "TargetArn": service_arn,
        "StartedAt": seconds(operation.started),
        "UpdatedAt": seconds(operation.updated),
    });
    if let (Some(ended), Some(members)) = (operation.ended, value.as_object_mut()) {
        members.insert("EndedAt".to_owned(), seconds(ended));
    }
    value
}

/// JSON 1.0 timestamps are seconds since the epoch.
fn seconds(time: Timestamp) -> Value {
    json!(time.as_second())
}
