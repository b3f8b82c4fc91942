//! The two protocols of the control plane: how answers and errors are dressed.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

/// The services of the control plane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Service {
    /// Security Token Service: query protocol, XML answers.
    Sts,
    /// Elastic Container Registry: JSON 1.1.
    Ecr,
    /// App Runner: JSON 1.0.
    AppRunner,
    /// CloudWatch Logs: JSON 1.1.
    Logs,
    /// Secrets Manager: JSON 1.1.
    SecretsManager,
    /// Systems Manager: JSON 1.1.
    Ssm,
}

impl Service {
    /// By the name in the credential scope.
    pub(crate) fn from_signing_name(name: &str) -> Option<Self> {
        [Self::Sts, Self::Ecr, Self::AppRunner, Self::Logs, Self::SecretsManager, Self::Ssm]
            .into_iter()
            .find(|service| service.signing_name() == name)
    }

    /// The name in the credential scope, which is also the prefix of IAM actions.
    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Ecr => "ecr",
            Self::AppRunner => "apprunner",
            Self::Logs => "logs",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
        }
    }

    /// What comes before the dot in `X-Amz-Target`.
    pub(crate) fn target_prefix(self) -> Option<&'static str> {
        match self {
            Self::Sts => None,
            Self::Ecr => Some("AmazonEC2ContainerRegistry_V20150921"),
            Self::AppRunner => Some("AppRunner"),
            Self::Logs => Some("Logs_20140328"),
            Self::SecretsManager => Some("secretsmanager"),
            Self::Ssm => Some("AmazonSSM"),
        }
    }

    /// Whether a service has this before the dot in `X-Amz-Target`.
    pub(crate) fn has_target(prefix: &str) -> bool {
        let all = [Self::Sts, Self::Ecr, Self::AppRunner, Self::Logs, Self::SecretsManager, Self::Ssm];
        all.into_iter().any(|service| service.target_prefix() == Some(prefix))
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Sts => "text/xml",
            Self::AppRunner => "application/x-amz-json-1.0",
            Self::Ecr | Self::Logs | Self::SecretsManager | Self::Ssm => "application/x-amz-json-1.1",
        }
    }

    /// The status of an identity error: the JSON services answer 400 where the query protocol answers 403.
    pub(crate) fn denied_status(self) -> u16 {
        match self {
            Self::Sts => 403,
            Self::Ecr | Self::AppRunner | Self::Logs | Self::SecretsManager | Self::Ssm => 400,
        }
    }
}

/// A request id, for people who look for one.
pub(crate) fn request_id() -> String {
    let digits: String = std::iter::repeat_with(|| fastrand::digit(16)).take(32).collect();
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// An answer of the service: a JSON document, or XML already written.
pub(crate) fn answer(service: Service, status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(service.content_type()));
    if let Ok(id) = HeaderValue::from_str(&request_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// A JSON answer. `null` is an empty body, as for operations without output.
pub(crate) fn answer_json(service: Service, output: &Value) -> Response<Body> {
    answer(service, 200, if output.is_null() { String::new() } else { output.to_string() })
}

/// An error answer.
pub(crate) fn error(service: Service, status: u16, code: &str, message: &str) -> Response<Body> {
    let body = match service {
        Service::Sts => crate::sts::xml::error(status, code, message, &request_id()),
        Service::Ecr | Service::AppRunner | Service::Logs | Service::SecretsManager | Service::Ssm => {
            json!({"__type": code, message_member(service, code): message}).to_string()
        }
    };
    answer(service, status, body)
}

/// The member an exception has its message in: App Runner's and Secrets Manager's models write it large, the others and the
/// front end small.
fn message_member(service: Service, code: &str) -> &'static str {
    let declared = [
        "InternalServiceErrorException",
        "InvalidRequestException",
        "InvalidStateException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
    ];
    let is_large = match service {
        Service::AppRunner => declared.contains(&code),
        Service::SecretsManager => true,
        Service::Sts | Service::Ecr | Service::Logs | Service::Ssm => false,
    };
    if is_large { "Message" } else { "message" }
}
