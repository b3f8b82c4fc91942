//! The members of requests that have a fixed set of values in the service models (botocore 1.43). AWS refuses other values
//! before the service sees the call. App Runner's are in its own shapes.

use serde_json::Value;

use super::protocol::Service;
use crate::answer::ApiError;

/// A member by its path, and its values. `*` stands for every element of a list.
struct Enumeration {
    service: Service,
    path: &'static [&'static str],
    values: &'static [&'static str],
}

const ENUMERATIONS: &[Enumeration] = &[
    Enumeration {
        service: Service::Ecr,
        path: &["imageTagMutability"],
        values: &["IMMUTABLE", "MUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION"],
    },
    Enumeration {
        service: Service::Ecr,
        path: &["imageTagMutabilityExclusionFilters", "*", "filterType"],
        values: &["WILDCARD"],
    },
    Enumeration {
        service: Service::Ecr,
        path: &["encryptionConfiguration", "encryptionType"],
        values: &["AES256", "KMS", "KMS_DSSE"],
    },
    Enumeration { service: Service::Ecr, path: &["filter", "tagStatus"], values: &["TAGGED", "UNTAGGED", "ANY"] },
    Enumeration {
        service: Service::Ecr,
        path: &["filter", "imageStatus"],
        values: &["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"],
    },
    Enumeration {
        service: Service::Ecr,
        path: &["upstreamRegistry"],
        values: &[
            "ecr",
            "ecr-public",
            "quay",
            "k8s",
            "docker-hub",
            "github-container-registry",
            "azure-container-registry",
            "gitlab-container-registry",
            "chainguard",
        ],
    },
    Enumeration {
        service: Service::Logs,
        path: &["logGroupClass"],
        values: &["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"],
    },
    Enumeration { service: Service::Logs, path: &["orderBy"], values: &["LogStreamName", "LastEventTime"] },
    Enumeration { service: Service::Ssm, path: &["Type"], values: &["SecureString", "StringList", "String"] },
    Enumeration { service: Service::Ssm, path: &["Tier"], values: &["Standard", "Advanced", "Intelligent-Tiering"] },
    Enumeration {
        service: Service::SecretsManager,
        path: &["Filters", "*", "Key"],
        values: &["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"],
    },
    Enumeration { service: Service::SecretsManager, path: &["SortOrder"], values: &["asc", "desc"] },
    Enumeration {
        service: Service::SecretsManager,
        path: &["SortBy"],
        values: &["created-date", "last-accessed-date", "last-changed-date", "name"],
    },
];

/// Refuses a request with a value that a member cannot have.
pub(super) fn check(service: Service, input: &Value) -> Result<(), ApiError> {
    for known in ENUMERATIONS.iter().filter(|known| known.service == service) {
        for value in values(input, known.path) {
            if !known.values.contains(&value) {
                return Err(refusal(known, value));
            }
        }
    }
    Ok(())
}

/// The texts at a path.
fn values<'a>(input: &'a Value, path: &[&str]) -> Vec<&'a str> {
    match path.split_first() {
        None => input.as_str().into_iter().collect(),
        Some((&"*", rest)) => input.as_array().into_iter().flatten().flat_map(|one| values(one, rest)).collect(),
        Some((name, rest)) => input.get(name).map(|inner| values(inner, rest)).unwrap_or_default(),
    }
}

fn refusal(known: &Enumeration, value: &str) -> ApiError {
    let place = known.path.iter().filter(|part| **part != "*").map(|part| camel(part)).collect::<Vec<_>>().join(".");
    let set = format!("Member must satisfy enum value set: [{}]", known.values.join(", "));
    let detected =
        format!("1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: {set}");
    match known.service {
        Service::Ecr => {
            let message = format!("Invalid parameter at '{place}' failed to satisfy constraint: '{set}'");
            ApiError::new(400, "InvalidParameterException", message)
        }
        Service::Logs => ApiError::new(400, "InvalidParameterException", detected),
        Service::Sts | Service::AppRunner | Service::SecretsManager | Service::Ssm => {
            ApiError::new(400, "ValidationException", detected)
        }
    }
}

/// As the messages write members: the first letter small.
fn camel(name: &str) -> String {
    name.chars().enumerate().map(|(at, c)| if at == 0 { c.to_ascii_lowercase() } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Service, check};

    #[test]
    fn unknown_values_are_refused() {
        for (service, input, code) in [
            (Service::Ecr, json!({"filter": {"tagStatus": "SOMETIMES"}}), Some("InvalidParameterException")),
            (Service::Ecr, json!({"filter": {"tagStatus": "ANY"}}), None),
            (Service::Ecr, json!({"imageTagMutability": "mutable"}), Some("InvalidParameterException")),
            (Service::Logs, json!({"orderBy": "Size"}), Some("InvalidParameterException")),
            (Service::Logs, json!({"filter": {"tagStatus": "SOMETIMES"}}), None),
            (Service::Ssm, json!({"Tier": "Best"}), Some("ValidationException")),
            (Service::Ssm, json!({"Tier": null}), None),
            (
                Service::SecretsManager,
                json!({"Filters": [{"Key": "all"}, {"Key": "some"}]}),
                Some("ValidationException"),
            ),
            (Service::SecretsManager, json!({"Filters": [{"Key": "all"}]}), None),
        ] {
            let refused = check(service, &input).err();
            assert_eq!(refused.as_ref().map(|refused| refused.code), code, "{input}: {refused:?}");
        }
        let refused = check(Service::SecretsManager, &json!({"Filters": [{"Key": "some"}]})).unwrap_err();
        assert!(refused.message.contains("Value 'some' at 'filters.key'"), "{refused}");
    }
}
