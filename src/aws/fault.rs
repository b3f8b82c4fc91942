//! What went wrong in a call to AWS, in words a person can act on.

use std::error::Error;

use aws_sdk_sts::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

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
    /// Reads an SDK error.
    pub fn new<E, R>(action: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug,
    {
        match error.as_service_error() {
            Some(service) => Self {
                action,
                code: Some(service.code().unwrap_or("no code").to_owned()),
                message: service.message().unwrap_or("the service gave no message").to_owned(),
            },
            None => Self { action, code: None, message: innermost(error) },
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
        self.code.as_deref().is_some_and(|code| {
            code.starts_with("Throttl") || ["TooManyRequestsException", "RequestLimitExceeded"].contains(&code)
        })
    }

    /// Whether the service failed by its own fault: what the call did is not known then.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.code.as_deref().is_some_and(|code| {
            code.starts_with("Internal") || code.starts_with("ServiceUnavailable") || code == "no code"
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
        assert_eq!(fault(None).to_string(), "sts:AssumeRole failed: m");
        assert_eq!(fault(Some("AccessDenied")).to_string(), "sts:AssumeRole failed (AccessDenied): m");
    }
}
