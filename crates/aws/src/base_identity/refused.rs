//! Credentials that AWS does not accept. Nothing here is about a role or its trust policy: the caller itself is refused.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use super::{BaseProblem, CredentialVariables, OriginKind, Source, Variable};
use crate::fault::{AwsFault, CLOCK_CODES};

/// Regions that an account has only once it has enabled them (AWS Account Management user guide, "Enable or disable AWS
/// Regions"): until then STS there knows none of its keys.
const OPT_IN_REGIONS: [&str; 17] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// Explains a failure that is about the caller's own credentials or clock, or the way to STS; `None` for every other. `ahead_seconds` is how far
/// this machine's clock was found to be ahead of AWS's, where the answer does not say it.
pub(crate) fn refused(
    fault: &AwsFault,
    variables: &CredentialVariables,
    region: &str,
    ahead_seconds: Option<i64>,
) -> Option<BaseProblem> {
    let source = variables.source_named();
    if let Some(problem) = &fault.connection {
        return Some(BaseProblem::new(format!("AWS STS cannot be reached: {problem}"), problem.hint()));
    }
    match fault.code.as_deref()? {
        code if is_about_the_clock(fault) => {
            Some(clock(clock_difference(&fault.message).or(ahead_seconds), code, &fault.message))
        }
        "ExpiredToken" | "ExpiredTokenException" => {
            Some(BaseProblem::new(format!("the AWS credentials {source} have expired"), renewal(variables)))
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" => Some(unknown_key(variables, &source, region)),
        "SignatureDoesNotMatch" | "InvalidSignatureException"
            if fault.message.contains("Credential should be scoped") =>
        {
            Some(BaseProblem::new(
                format!("AWS expects a signature for another region or service: {}", fault.message),
                "unset AWS_ENDPOINT_URL, or let it lead to the region in use",
            ))
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => Some(BaseProblem::new(
            format!("the secret access key does not belong to the access key ID ({source})"),
            set_again(variables, "the secret access key, complete and without blanks or quotes"),
        )),
        "IncompleteSignature" | "IncompleteSignatureException" => Some(BaseProblem::new(
            format!("AWS cannot read the signature: the access key ID is malformed ({source})"),
            set_again(variables, "the access key ID: letters and digits alone"),
        )),
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => Some(BaseProblem::new(
            "the request reached AWS without its signature",
            "let no proxy between here and AWS remove the Authorization header",
        )),
        _ if fault.is_about_a_disabled_region() => Some(BaseProblem::new(
            format!("the account has not enabled region {region}, or has turned AWS STS off there"),
            format!(
                "aws account enable-region --region-name {region}; for AWS STS: IAM console, Account settings, Endpoints"
            ),
        )),
        _ => None,
    }
}

/// Whether it is about the clock: AWS uses the codes of wrong signatures for that too.
pub(crate) fn is_about_the_clock(fault: &AwsFault) -> bool {
    let says = |text: &str| fault.message.contains(text);
    fault.code.as_deref().is_some_and(|code| CLOCK_CODES.contains(&code) || code == "RequestExpired")
        || (fault.is_denied()
            && (says("Signature expired")
                || says("Signature not yet current")
                || says("request time and the current time")))
}

fn clock(ahead_seconds: Option<i64>, code: &str, message: &str) -> BaseProblem {
    let difference = match ahead_seconds {
        Some(seconds @ 1..) => format!("{} ahead of AWS's", length(seconds)),
        Some(seconds @ ..=-1) => format!("{} behind AWS's", length(-seconds)),
        Some(0) | None => format!("not AWS's ({code}: {message})"),
    };
    BaseProblem::new(
        format!("this machine's clock is {difference}; AWS accepts 5 min"),
        "set the clock of this machine: sudo timedatectl set-ntp true (in a container or VM: that of its host)",
    )
}

/// Seconds, as people say them.
fn length(seconds: i64) -> String {
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// How many seconds the request's time is ahead of AWS's, from `Signature expired: SIGNED is now earlier than LIMIT (NOW - 5
/// min.)` or `Signature not yet current: SIGNED is still later than LIMIT (NOW + 5 min.)`.
fn clock_difference(message: &str) -> Option<i64> {
    let (_, rest) = message.split_once(": ")?;
    let signed = parse(rest.split_whitespace().next()?)?;
    let (_, rest) = rest.split_once('(')?;
    let now = parse(rest.split_whitespace().next()?)?;
    Some(signed.as_second() - now.as_second())
}

fn parse(text: &str) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?).ok()
}

/// AWS does not know the key, or not with this session token.
fn unknown_key(variables: &CredentialVariables, source: &str, region: &str) -> BaseProblem {
    if let Source::Variables = variables.source() {
        match (variables.is_temporary, variables.session_token) {
            (true, Variable::Unset | Variable::Empty) => {
                return BaseProblem::new(
                    "AWS_SESSION_TOKEN is not set, and the key in AWS_ACCESS_KEY_ID (ASIA…) is of a session that needs it",
                    "set AWS_SESSION_TOKEN to the token of the same session (export AWS_SESSION_TOKEN=…)",
                );
            }
            (false, Variable::Set | Variable::Malformed) => {
                return BaseProblem::new(
                    "AWS_SESSION_TOKEN is set, but the key in AWS_ACCESS_KEY_ID does not belong to a session",
                    "unset AWS_SESSION_TOKEN, or set all three variables from one session",
                );
            }
            _ => {}
        }
    }
    if OPT_IN_REGIONS.contains(&region) {
        return BaseProblem::new(
            format!(
                "AWS does not know the access key {source} in {region}: it is invalid, or the account has not enabled the region"
            ),
            format!("aws account enable-region --region-name {region}; if it is enabled, set the credentials again"),
        );
    }
    let hint = set_again(variables, "an access key that exists and is active (`aws iam list-access-keys`)");
    BaseProblem::new(format!("AWS does not know the access key {source}"), hint)
}

fn set_again(variables: &CredentialVariables, what: &str) -> String {
    let profile = variables.profile_name();
    match variables.source() {
        Source::Variables => format!("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY again: {what}"),
        Source::Profile => match variables.origin_kind() {
            Some(OriginKind::Sso) => format!("aws sso login --profile {profile}"),
            Some(OriginKind::Process) => {
                format!("check the command of `credential_process` of profile {profile}: it must give {what}")
            }
            Some(OriginKind::TokenFile { .. } | OriginKind::Named(_)) => works_for(profile),
            Some(OriginKind::Keys | OriginKind::Nothing) | None => {
                format!("aws configure --profile {profile}: give {what}")
            }
        },
        Source::TokenFile(_) | Source::Container | Source::Elsewhere => {
            format!("give credentials again: {what}; `aws sts get-caller-identity` must work")
        }
    }
}

/// How to have credentials that have not expired.
fn renewal(variables: &CredentialVariables) -> String {
    let profile = variables.profile_name();
    match variables.source() {
        Source::Variables => {
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN from a new session, or unset them and \
                              use AWS_PROFILE"
                .to_owned()
        }
        Source::Profile => match variables.origin_kind() {
            Some(OriginKind::Sso) => format!("aws sso login --profile {profile}"),
            Some(OriginKind::Process) => format!(
                "run the command of `credential_process` of profile {profile} by hand: it must print credentials that have not \
                 expired"
            ),
            Some(OriginKind::Keys) => format!(
                "set aws_access_key_id, aws_secret_access_key and aws_session_token of profile {profile} from a new session"
            ),
            Some(OriginKind::TokenFile { file, .. }) => format!("write a new token to {file}"),
            Some(OriginKind::Named(_) | OriginKind::Nothing) | None => works_for(profile),
        },
        Source::TokenFile(file) => format!("write a new token to {file}"),
        Source::Container | Source::Elsewhere => {
            "get new credentials where these came from; `aws sts get-caller-identity` must work".to_owned()
        }
    }
}

fn works_for(profile: &str) -> String {
    format!("get new credentials for profile {profile}: `aws sts get-caller-identity --profile {profile}` must work")
}
