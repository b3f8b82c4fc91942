//! What went wrong in a call to AWS, in words a person can act on.

use std::error::Error;

use aws_sdk_sts::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{
    http::{self, Unanswered},
    identity::IdentityError,
};
use shipgate_core::{connection::ConnectionProblem, mask::masked};

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
    /// What kept it from being answered, where that is the connection.
    pub connection: Option<Box<ConnectionProblem>>,
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
            None => match error.source() {
                Some(source) => Self::unanswered(action, source),
                None => Self::unusable(action, error.to_string()),
            },
        }
    }

    /// An answer of the service with this code.
    #[must_use]
    pub fn refused(action: &'static str, code: &str, message: &str) -> Self {
        Self { action, code: Some(code.to_owned()), message: message.to_owned(), connection: None }
    }

    /// A fault of our own: what came is of no use.
    #[must_use]
    pub fn unusable(action: &'static str, message: impl Into<String>) -> Self {
        Self { action, code: None, message: masked(&message.into()), connection: None }
    }

    /// An error that the service answered with this HTTP status. A 5xx says that the service failed, whatever it calls that.
    pub(super) fn answered(
        action: &'static str,
        status: Option<u16>,
        code: Option<&str>,
        message: Option<&str>,
    ) -> Self {
        let told = Self {
            action,
            code: Some(code.unwrap_or(NO_CODE).to_owned()),
            message: masked(message.unwrap_or("the service gave no message")),
            connection: None,
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

    fn unanswered(action: &'static str, error: &(dyn Error + 'static)) -> Self {
        // The credentials of the session could not be renewed: the call that failed is another one.
        if let Some(identity) = find::<IdentityError>(error) {
            let unnamed = || Self::unusable(action, identity.to_string());
            return identity.fault().cloned().unwrap_or_else(unnamed);
        }
        let connection = find::<Unanswered>(error).map(|unanswered| Box::new(unanswered.problem.clone()));
        let message = connection.as_ref().map_or_else(|| telling_part(&http::texts(error)), ToString::to_string);
        Self { action, code: None, message: masked(&message), connection }
    }

    /// The command or edit that fixes it, if the fault shows one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        if let Some(connection) = &self.connection {
            return Some(connection.hint());
        }
        let code = self.code.as_deref()?;
        if self.is_closed_to_new_customers() {
            return Some(
                "deploy from an account that used App Runner before 2026-04-30, or ask AWS Support about this account"
                    .to_owned(),
            );
        }
        if self.is_about_a_disabled_region() {
            return Some(
                "enable the region in this account (AWS console: Account, AWS Regions; or `aws account enable-region \
                 --region-name REGION`), or use another region"
                    .to_owned(),
            );
        }
        let service = self.action.split(':').next().unwrap_or_default();
        match code {
            "ServiceQuotaExceededException" | "LimitExceededException" => Some(format!(
                "delete what is not needed, or request a higher quota: `aws service-quotas list-service-quotas --service-code \
                 {service}` shows the limits"
            )),
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                Some("get new credentials, then run the same command again; `shipgate doctor` checks them".to_owned())
            }
            code if code.starts_with("AccessDenied") || code == "UnauthorizedOperation" => {
                let action = self.denied_action().unwrap_or(self.action);
                Some(format!("allow {action} in the role's policy: `shipgate iam` prints the policies"))
            }
            code if self.is_denied() || CLOCK_CODES.contains(&code) => {
                Some("`shipgate doctor` checks the credentials and the clock".to_owned())
            }
            _ => None,
        }
    }

    /// The action that AWS's message names as not allowed: a service may need another one than the call itself.
    fn denied_action(&self) -> Option<&str> {
        let (_, rest) = self.message.split_once("not authorized to perform: ")?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !":-*".contains(c)).unwrap_or(rest.len());
        let action = rest.get(..end)?;
        action.contains(':').then_some(action)
    }

    /// Whether App Runner takes no more customers, whatever code it says so under.
    #[must_use]
    pub fn is_closed_to_new_customers(&self) -> bool {
        self.message.to_ascii_lowercase().contains("new customer")
    }

    /// Whether the account has not enabled the region.
    #[must_use]
    pub fn is_about_a_disabled_region(&self) -> bool {
        let codes = ["OptInRequired", "RegionDisabledException", "RegionDisabled", "SubscriptionRequiredException"];
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
            || self.message.contains("not able to validate the provided access credentials")
    }

    /// Whether the service knows who is calling and does not allow it.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied")) && !self.is_closed_to_new_customers()
    }

    /// Whether the service knows who is calling and refuses, or does not accept the credentials.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        if self.is_closed_to_new_customers() {
            return false;
        }
        self.code.as_deref().is_some_and(|code| {
            code.starts_with("AccessDenied")
                || [
                    "UnrecognizedClientException",
                    "InvalidClientTokenId",
                    "ExpiredToken",
                    "ExpiredTokenException",
                    "RequestExpired",
                    "InvalidSignatureException",
                    "SignatureDoesNotMatch",
                    "IncompleteSignature",
                    "IncompleteSignatureException",
                    "MissingAuthenticationToken",
                    "MissingAuthenticationTokenException",
                    "AuthFailure",
                    "OptInRequired",
                    "RegionDisabledException",
                    "UnauthorizedOperation",
                    "InvalidIdentityToken",
                    "IDPRejectedClaim",
                ]
                .contains(&code)
                || CLOCK_CODES.contains(&code)
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

/// Codes that are about the clock alone.
pub(super) const CLOCK_CODES: [&str; 2] = ["RequestTimeTooSkewed", "RequestInTheFuture"];

/// An error of this type among an error's causes.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    // thiserror gives a boxed source as the box.
    let is_one = |error: &'a (dyn Error + 'static)| {
        error.downcast_ref::<E>().or_else(|| error.downcast_ref::<Box<E>>().map(AsRef::as_ref))
    };
    std::iter::successors(Some(error), |error| (*error).source()).find_map(is_one)
}

/// Texts of the SDK's layers, which say nothing to a user.
const LAYERS: [&str; 12] = [
    "dispatch failure",
    "service error",
    "response error",
    "failed to construct request",
    "io error",
    "user error",
    "other",
    "timeout",
    "an error occurred while loading credentials",
    "the credential provider was not enabled",
    "the credentials provider was not properly configured",
    "unexpected credentials error",
];

/// What is left of an SDK error's texts without its layers: the innermost, on one line.
pub(super) fn telling_part(texts: &[String]) -> String {
    let telling = texts.iter().rev().find(|text| !text.is_empty() && !LAYERS.contains(&text.as_str()));
    let text = telling.or_else(|| texts.last()).map_or("no answer came", String::as_str);
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{AwsFault, telling_part};
    use shipgate_core::connection::ConnectionProblem;

    #[test]
    fn each_fault_has_its_own_hint() {
        let table = [
            (
                "apprunner:CreateService",
                "ServiceQuotaExceededException",
                "Service quota exceeded",
                "service-code apprunner",
            ),
            ("ecr:PutImage", "LimitExceededException", "too many", "service-code ecr"),
            ("apprunner:ListServices", "OptInRequired", "not subscribed", "enable the region"),
            (
                "ecr:DescribeImages",
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                "enable the region",
            ),
            (
                "apprunner:CreateService",
                "AccessDeniedException",
                "App Runner is closed to new customers",
                "AWS Support",
            ),
            (
                "apprunner:CreateService",
                "InvalidRequestException",
                "no longer available to new customers",
                "AWS Support",
            ),
            ("ecr:DescribeImages", "AccessDeniedException", "no", "`shipgate iam`"),
            ("ecr:DescribeImages", "ExpiredTokenException", "expired", "`shipgate doctor`"),
            ("ecr:DescribeImages", "UnrecognizedClientException", "invalid", "`shipgate doctor`"),
            ("ecr:DescribeImages", "RequestTimeTooSkewed", "skewed", "`shipgate doctor`"),
        ];
        for (action, code, message, expected) in table {
            let hint = AwsFault::refused(action, code, message).hint().unwrap_or_default();
            assert!(hint.contains(expected), "{code}: {hint}");
        }
        assert_eq!(AwsFault::refused("ecr:PutImage", "ServerException", "no").hint(), None);
        let problem = ConnectionProblem::read("h", None, &["dns error".to_owned()]);
        let lost = AwsFault { connection: Some(Box::new(problem)), ..AwsFault::unusable("ecr:PutImage", "m") };
        assert!(lost.hint().unwrap().contains("nslookup h"));
    }

    #[test]
    fn denials_name_the_action_of_the_message() {
        let denied = |message: &str| {
            let fault = AwsFault::refused("apprunner:CreateService", "AccessDeniedException", message);
            fault.hint().unwrap_or_default()
        };
        let other = denied("User: u is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/r");
        assert!(other.starts_with("allow iam:PassRole in"), "{other}");
        let last = denied("not authorized to perform: iam:CreateServiceLinkedRole");
        assert!(last.starts_with("allow iam:CreateServiceLinkedRole in"), "{last}");
        for unnamed in ["no", "is not authorized to perform: ", "is not authorized to perform: this operation"] {
            assert!(denied(unnamed).starts_with("allow apprunner:CreateService in"), "{unnamed}");
        }
    }

    #[test]
    fn a_closed_service_is_no_denial() {
        let closed = AwsFault::refused(
            "apprunner:CreateService",
            "AccessDeniedException",
            "App Runner is closed to new customers",
        );
        assert!(!closed.is_denied() && !closed.is_access_denied());
        assert!(AwsFault::refused("apprunner:CreateService", "AccessDeniedException", "not authorized").is_denied());
    }

    #[test]
    fn the_layers_of_the_sdk_are_left_out() {
        let texts = |all: &[&str]| telling_part(&all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(
            texts(&["dispatch failure", "other", "an error occurred while loading credentials", "it is gone"]),
            "it is gone"
        );
        assert_eq!(texts(&["it is gone\n  at all", "io error"]), "it is gone at all");
        assert_eq!(texts(&["dispatch failure"]), "dispatch failure");
        assert_eq!(texts(&[]), "no answer came");
    }

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
            connection: None,
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
