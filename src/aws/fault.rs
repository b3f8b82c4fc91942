//! What went wrong in a call to AWS, in words a person can act on.

use std::error::Error;

use aws_sdk_sts::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::domain::mask::masked;

/// What stands for the error code of an answer without one.
const NO_CODE: &str = "no code";

/// Error codes of calls that were not taken because there were too many, without the `Exception` that some end in (the list of
/// AWS's own SDKs: botocore, `retries/standard.py`, without `LimitExceededException`, by which ECR means a quota).
const THROTTLING: [&str; 10] = [
    "BandwidthLimitExceeded",
    "EC2Throttled",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "TooManyRequests",
    "TOOMANYREQUESTS",
    "RateExceeded",
];

/// A call to AWS that gave no good answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{action} failed{}: {message}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
pub struct AwsFault {
    /// The API action, such as `sts:AssumeRole`.
    pub action: &'static str,
    /// The service's error code; absent when no answer came at all.
    pub code: Option<String>,
    /// The service's message, or what kept the call from being answered.
    pub message: String,
}

impl AwsFault {
    /// Reads an SDK error. Services repeat parts of the request in their messages.
    pub fn new<E>(action: &'static str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match error.as_service_error() {
            Some(service) => Self::answered(action, status, service.code(), service.message()),
            None => Self { action, code: None, message: masked(&innermost(error)) },
        }
    }

    /// An error that the service answered with this HTTP status. A 5xx says that the service failed, whatever it calls that.
    fn answered(action: &'static str, status: Option<u16>, code: Option<&str>, message: Option<&str>) -> Self {
        let told = Self {
            action,
            code: Some(code.unwrap_or(NO_CODE).to_owned()),
            message: masked(message.unwrap_or("the service gave no message")),
        };
        match status {
            Some(status @ 500..) if !told.is_internal() && !told.is_throttling() => {
                let message = format!("HTTP {status} ({}): {}", code.unwrap_or(NO_CODE), told.message);
                Self { code: Some("InternalFailure".to_owned()), message, ..told }
            }
            Some(429) if !told.is_throttling() => {
                let message = format!("HTTP 429 ({}): {}", code.unwrap_or(NO_CODE), told.message);
                Self { code: Some("TooManyRequests".to_owned()), message, ..told }
            }
            Some(_) | None => told,
        }
    }

    /// Whether the service knows who is calling and refuses, or does not accept the credentials.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(|code| {
            code.starts_with("AccessDenied")
                || [
                    "UnrecognizedClientException",
                    "InvalidClientTokenId",
                    "ExpiredToken",
                    "ExpiredTokenException",
                    "InvalidSignatureException",
                    "SignatureDoesNotMatch",
                    "UnauthorizedOperation",
                    "InvalidIdentityToken",
                    "IDPRejectedClaim",
                ]
                .contains(&code)
        })
    }

    /// Whether the caller is known, and lacks a permission.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied") || code == "UnauthorizedOperation")
    }

    /// Whether the call was not taken because there were too many.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        let throttles = |code: &str| {
            let code = code.strip_suffix("Exception").unwrap_or(code);
            code.starts_with("Throttl") || THROTTLING.contains(&code)
        };
        self.code.as_deref().is_some_and(throttles)
    }

    /// Whether the service failed by its own fault: what the call did is not known then.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.code.as_deref().is_some_and(|code| {
            code.starts_with("Internal") || code.starts_with("ServiceUnavailable") || code == NO_CODE
        })
    }

    /// Whether the service's error code is this one.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// The SDK wraps causes several deep ("dispatch failure: io error: …"); the outer words say nothing a user can
/// use, the inner ones do. Joined without repeating what an outer layer already quotes.
fn innermost(error: &dyn Error) -> String {
    let mut layers = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !layers.iter().any(|layer| layer.contains(&text)) {
            layers.push(text);
        }
        source = cause.source();
    }
    layers[layers.len().saturating_sub(2)..].join(": ")
}

#[cfg(test)]
mod tests {
    use super::AwsFault;

    #[test]
    fn http_status_tells_whose_fault_it_was() {
        let read = |status, code| {
            let fault = AwsFault::answered("apprunner:StartDeployment", Some(status), code, None);
            (fault.is_internal(), fault.is_throttling())
        };
        assert_eq!(read(500, Some("DependencyTimeout")), (true, false));
        assert_eq!(read(502, None), (true, false));
        assert_eq!(read(503, Some("SlowDown")), (false, true));
        assert_eq!(read(429, Some("Whatever")), (false, true));
        assert_eq!(read(400, Some("InvalidRequestException")), (false, false));
    }

    #[test]
    fn denials_are_told_from_other_faults() {
        let fault = |code: Option<&str>| AwsFault {
            action: "sts:AssumeRole",
            code: code.map(str::to_owned),
            message: "m".to_owned(),
        };
        for code in ["AccessDenied", "AccessDeniedException", "ExpiredTokenException"] {
            assert!(fault(Some(code)).is_denied(), "{code}");
        }
        for code in [Some("ThrottlingException"), Some("RepositoryNotFoundException"), None] {
            assert!(!fault(code).is_denied(), "{code:?}");
        }
        for code in ["Throttling", "ThrottledException", "SlowDown", "RequestThrottled", "RequestThrottledException"] {
            assert!(fault(Some(code)).is_throttling(), "{code}");
        }
        for code in ["RequestLimitExceeded", "TooManyRequests", "ProvisionedThroughputExceededException"] {
            assert!(fault(Some(code)).is_throttling(), "{code}");
        }
        for code in [Some("InvalidStateException"), Some("ServiceQuotaExceededException"), None] {
            assert!(!fault(code).is_throttling(), "{code:?}");
        }
        assert_eq!(fault(None).to_string(), "sts:AssumeRole failed: m");
        assert_eq!(fault(Some("AccessDenied")).to_string(), "sts:AssumeRole failed (AccessDenied): m");
    }
}
