//! What to do when STS refuses a role: read from the code and the message.

use super::fault::AwsFault;
use shipgate_core::oidc::Claims;

/// Which policy keeps a principal from assuming a role (IAM user guide, "Troubleshoot access denied error messages").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedBy {
    /// No policy of the principal allows it.
    Identity,
    /// A policy of the principal's session, its boundary, or its organization does not allow it or denies it. The name.
    Other(&'static str),
    /// A statement denies it explicitly.
    Deny(&'static str),
    /// The role's trust policy does not allow it, or the role does not exist: STS does not say which.
    Trust,
}

/// The policies that STS names.
const POLICIES: [&str; 7] = [
    "service control policy",
    "resource control policy",
    "permissions boundary",
    "session policy",
    "identity-based policy",
    "resource-based policy",
    "VPC endpoint policy",
];

impl RefusedBy {
    /// Reads the message of an AccessDenied.
    #[must_use]
    pub fn read(message: &str) -> Self {
        let named = POLICIES.into_iter().find(|policy| message.contains(policy));
        match named {
            Some(policy) if message.contains("explicit deny") => Self::Deny(policy),
            Some("identity-based policy") => Self::Identity,
            Some("resource-based policy") | None => Self::Trust,
            Some(policy) => Self::Other(policy),
        }
    }
}

/// The command or edit that lets a role be assumed. `by_role` says whether it is another role that assumes it.
pub(super) fn hint(role: &str, by_role: bool, fault: &AwsFault) -> String {
    let who = if by_role { "the role before it" } else { "the base identity" };
    match fault.code.as_deref() {
        _ if fault.is_access_denied() => denied(role, who, &fault.message),
        Some("ValidationError") if fault.message.contains("role chaining") => format!(
            "set `duration` of {role} to 1h or less, or remove it: a role that another role session assumes lasts at most one hour"
        ),
        Some("ValidationError") if fault.message.contains("MaxSessionDuration") => format!(
            "set `duration` of {role} to at most the role's own maximum, or raise that: aws iam update-role --role-name {} \
             --max-session-duration SECONDS",
            role.rsplit('/').next().unwrap_or(role)
        ),
        Some("ValidationError") => {
            format!("correct `session_name`, `external_id` or `duration` of {role} in the configuration")
        }
        Some("PackedPolicyTooLarge" | "PackedPolicyTooLargeException") => {
            "pass fewer or shorter session tags and session policies to the sessions before this role; on GitHub, \
             aws-actions/configure-aws-credentials has role-skip-session-tagging: true"
                .to_owned()
        }
        Some("RegionDisabledException" | "RegionDisabled") => {
            "turn AWS STS on for the region in the role's account: IAM console, Account settings, Endpoints".to_owned()
        }
        Some("IDPCommunicationError" | "IDPCommunicationErrorException") => {
            "run the same command again: AWS could not reach the issuer of the token".to_owned()
        }
        _ => fault.hint().unwrap_or_else(|| "run the same command again; `shipgate doctor` tries each role".to_owned()),
    }
}

/// The command or edit that lets a role be assumed with a token.
pub(super) fn token_hint(role: &str, claims: &Claims, fault: &AwsFault) -> String {
    let provider = claims.provider().unwrap_or("its issuer");
    let [audience, subject] = [claims.audience(), claims.subject()].map(|claim| claim.unwrap_or("none"));
    match fault.code.as_deref() {
        Some("InvalidIdentityToken") => format!(
            "the account of {role} must know the issuer: an OIDC provider in IAM for https://{provider}, with the audience \
             {audience}; `shipgate doctor` prints how to make one"
        ),
        Some("ExpiredTokenException") => {
            "the job's token has expired: shipgate asks for a new one where the CI system lets it; one in a variable must \
             live as long as the run"
                .to_owned()
        }
        _ if fault.is_access_denied() || fault.has_code("IDPRejectedClaim") => format!(
            "let the job in: the trust policy of {role} must allow sts:AssumeRoleWithWebIdentity to tokens of {provider} \
             with aud `{audience}` and sub `{subject}`; `shipgate doctor` prints the statement"
        ),
        _ => hint(role, false, fault),
    }
}

fn denied(role: &str, who: &str, message: &str) -> String {
    if message.contains("root accounts") {
        return "use an IAM user or a role as base identity: an account's root user cannot assume roles".to_owned();
    }
    match RefusedBy::read(message) {
        RefusedBy::Identity => {
            format!("allow {who} sts:AssumeRole on {role} in a policy of its own; `shipgate doctor` checks it")
        }
        RefusedBy::Deny(policy) => format!("remove the statement of the {policy} that denies sts:AssumeRole on {role}"),
        RefusedBy::Other(policy) => format!("allow sts:AssumeRole on {role} in the {policy} of {who}"),
        RefusedBy::Trust => format!(
            "let {who} assume it: `shipgate doctor` prints the statement that the trust policy of {role} needs (with the external \
             ID, if it asks for one); if the role does not exist, correct its ARN"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{RefusedBy, hint};
    use crate::fault::AwsFault;

    const ROLE: &str = "arn:aws:iam::222222222222:role/ci/deploy";
    const START: &str =
        "User: arn:aws:iam::333333333333:user/ci is not authorized to perform: sts:AssumeRole on resource: r";

    #[test]
    fn policies_are_told_apart() {
        let table = [
            ("", RefusedBy::Trust),
            (" because no identity-based policy allows the sts:AssumeRole action", RefusedBy::Identity),
            (" because no resource-based policy allows the sts:AssumeRole action", RefusedBy::Trust),
            (" because no session policy allows the sts:AssumeRole action", RefusedBy::Other("session policy")),
            (
                " because no permissions boundary allows the sts:AssumeRole action",
                RefusedBy::Other("permissions boundary"),
            ),
            (" with an explicit deny in a service control policy", RefusedBy::Deny("service control policy")),
            (" with an explicit deny in an identity-based policy", RefusedBy::Deny("identity-based policy")),
            (" with an explicit deny in a resource-based policy", RefusedBy::Deny("resource-based policy")),
        ];
        for (end, expected) in table {
            assert_eq!(RefusedBy::read(&format!("{START}{end}")), expected, "{end}");
        }
    }

    #[test]
    fn hints_speak_of_trust_where_sts_does() {
        let chaining =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        let maximum = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        let table = [
            ("AccessDenied", START, "`shipgate doctor` prints the statement that the trust policy", true),
            (
                "AccessDenied",
                "because no identity-based policy allows the sts:AssumeRole action",
                "in a policy of its own",
                false,
            ),
            (
                "AccessDenied",
                "with an explicit deny in a service control policy",
                "service control policy that denies",
                false,
            ),
            ("AccessDenied", "Roles may not be assumed by root accounts.", "IAM user or a role", false),
            (
                "ValidationError",
                chaining,
                "`duration` of arn:aws:iam::222222222222:role/ci/deploy to 1h or less",
                false,
            ),
            ("ValidationError", maximum, "--role-name deploy", false),
            ("ValidationError", "1 validation error detected: 'roleSessionName'", "`session_name`", false),
            ("PackedPolicyTooLarge", "Packed policy consumes 105% of allotted space", "session tags", false),
            ("RegionDisabledException", "STS is not activated in this region", "Endpoints", false),
            ("Throttling", "Rate exceeded", "run the same command again", false),
            ("InternalFailure", "oops", "run the same command again", false),
        ];
        for (code, message, expected, is_about_trust) in table {
            let hint = hint(ROLE, false, &AwsFault::refused("sts:AssumeRole", code, message));
            assert!(hint.contains(expected), "{code}: {hint}");
            assert_eq!(hint.contains("trust policy"), is_about_trust, "{code}: {hint}");
            assert!(!hint.contains("network"), "{code}: {hint}");
            assert_eq!(hint.lines().count(), 1);
        }
    }
}
