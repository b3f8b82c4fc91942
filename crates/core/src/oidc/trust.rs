//! The statement of a role's trust policy that lets a job in. Nothing else of the policy is this program's business.

use serde_json::{Value, json};

use super::Claims;
use crate::{access::Hop, arn::RoleArn};

/// Lets the jobs in that this token is one's of: its provider, its audience, its subject. `None` when a claim for that is missing.
#[must_use]
pub fn for_token(role: &RoleArn, claims: &Claims) -> Option<Value> {
    let (provider, audience) = (claims.provider()?, claims.audience()?);
    let subject = lasting_subject(claims.subject()?);
    let (audience_key, subject_key) = (format!("{provider}:aud"), format!("{provider}:sub"));
    let condition = match &subject {
        Subject::Same(subject) => json!({
            "StringEquals": { audience_key: literal(audience), subject_key: literal(subject) },
        }),
        Subject::Like(pattern) => json!({
            "StringEquals": { audience_key: literal(audience) },
            "StringLike": { subject_key: pattern },
        }),
    };
    Some(json!({
        "Effect": "Allow",
        "Principal": { "Federated": provider_arn(role, provider) },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }))
}

/// The ARN of the OIDC provider that IAM in the role's account must have.
#[must_use]
pub fn provider_arn(role: &RoleArn, provider: &str) -> String {
    format!("arn:{}:iam::{}:oidc-provider/{provider}", role.partition(), role.account())
}

/// Lets a user or a role in, with the external id that it comes with.
#[must_use]
pub fn for_principal(hop: &Hop, principal: &str) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": principal_arn(principal) },
        "Action": "sts:AssumeRole",
    });
    if let Some(id) = &hop.external_id {
        statement["Condition"] = json!({ "StringEquals": { "sts:ExternalId": literal(id) } });
    }
    statement
}

/// What lets that user or role ask, where a policy of its own must.
#[must_use]
pub fn may_assume(role: &RoleArn) -> Value {
    json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role.as_str() })
}

/// A session's role: trust policies name roles, not sessions. STS leaves a role's path out.
fn principal_arn(caller: &str) -> String {
    let parts: Vec<&str> = caller.splitn(6, ':').collect();
    let role = parts.get(5).and_then(|resource| resource.strip_prefix("assumed-role/")?.split('/').next());
    match (parts.as_slice(), role) {
        ([arn, partition, "sts", _, account, _], Some(role)) => format!("{arn}:{partition}:iam::{account}:role/{role}"),
        _ => caller.to_owned(),
    }
}

/// A subject as the next job of the same kind has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The same.
    Same(String),
    /// One like it: this pattern of `StringLike`.
    Like(String),
}

/// Leaves out of a subject what belongs to this one run: Buildkite's commit and step, CircleCI's user.
#[must_use]
pub fn lasting_subject(subject: &str) -> Subject {
    let pattern = if subject.starts_with("organization:") {
        buildkite(subject)
    } else if subject.starts_with("org/") {
        circleci(subject)
    } else {
        None
    };
    pattern.map_or_else(|| Subject::Same(subject.to_owned()), Subject::Like)
}

/// `organization:ORG:pipeline:PIPELINE:ref:REF:commit:COMMIT:step:STEP`.
fn buildkite(subject: &str) -> Option<String> {
    let (kept, _) = subject.rsplit_once(":commit:")?;
    Some(format!("{}:commit:*:step:*", literal(kept)))
}

/// `org/ORG/project/PROJECT/user/USER`, and in the second version `/vcs-origin/ORIGIN/vcs-ref/REF` behind it.
fn circleci(subject: &str) -> Option<String> {
    let (before, after) = subject.split_once("/user/")?;
    let rest = after.split_once('/').map_or(String::new(), |(_, rest)| format!("/{}", literal(rest)));
    Some(format!("{}/user/*{rest}", literal(before)))
}

/// A text that means itself in a policy (IAM User Guide, "Policy variables": `${$}` is a dollar sign).
fn literal(text: &str) -> String {
    text.replace("${", "${$}{")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Subject, for_principal, for_token, lasting_subject};
    use crate::{access::Hop, oidc::tests::token};

    #[test]
    fn what_belongs_to_one_run_is_left_out_of_a_subject() {
        let same = |subject: &str| (subject.to_owned(), Subject::Same(subject.to_owned()));
        let like = |subject: &str, pattern: &str| (subject.to_owned(), Subject::Like(pattern.to_owned()));
        let table = [
            same("repo:shop/api:ref:refs/heads/main"),
            same("repo:shop@1/api@2:environment:prod"),
            same("project_path:shop/api:ref_type:branch:ref:main"),
            like(
                "organization:shop:pipeline:api:ref:refs/heads/main:commit:0123abcd:step:deploy",
                "organization:shop:pipeline:api:ref:refs/heads/main:commit:*:step:*",
            ),
            like("org/o-1/project/p-1/user/u-1", "org/o-1/project/p-1/user/*"),
            like(
                "org/o-1/project/p-1/user/u-1/vcs-origin/github.com/shop/api/vcs-ref/refs/heads/main",
                "org/o-1/project/p-1/user/*/vcs-origin/github.com/shop/api/vcs-ref/refs/heads/main",
            ),
            like("org/o-1/project/${p}/user/u-1", "org/o-1/project/${$}{p}/user/*"),
            same("organization:shop"),
            same("org/o-1"),
        ];
        for (subject, expected) in table {
            assert_eq!(lasting_subject(&subject), expected, "{subject}");
        }
    }

    #[test]
    fn a_statement_names_provider_audience_and_subject() {
        let role = "arn:aws-cn:iam::222222222222:role/ci/deploy".parse().unwrap();
        let claims = json!({
            "iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com",
            "sub": "repo:shop/api:ref:refs/heads/${aws:username}",
        });
        let statement = for_token(&role, &token(&claims)).unwrap();
        let expected = json!({
            "Effect": "Allow",
            "Principal": {
                "Federated": "arn:aws-cn:iam::222222222222:oidc-provider/token.actions.githubusercontent.com",
            },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": "repo:shop/api:ref:refs/heads/${$}{aws:username}",
            } },
        });
        assert_eq!(statement, expected);
        assert_eq!(for_token(&role, &token(&json!({ "iss": "x", "aud": "y" }))), None);
    }

    #[test]
    fn a_statement_for_a_session_names_its_role() {
        let table = [
            ("arn:aws:sts::333333333333:assumed-role/ci/i-0123", "arn:aws:iam::333333333333:role/ci"),
            ("arn:aws:iam::333333333333:user/ci", "arn:aws:iam::333333333333:user/ci"),
            ("arn:aws:iam::333333333333:role/ci/runner", "arn:aws:iam::333333333333:role/ci/runner"),
        ];
        for (caller, principal) in table {
            let role = "arn:aws:iam::222222222222:role/deploy".parse().unwrap();
            let hop = Hop { role, external_id: Some("x".to_owned()), session_name: String::new(), duration: None };
            let statement = for_principal(&hop, caller);
            assert_eq!(statement["Principal"]["AWS"], principal);
            assert_eq!(statement["Condition"]["StringEquals"]["sts:ExternalId"], "x");
            let open = for_principal(&Hop { external_id: None, ..hop }, caller);
            assert_eq!(open.get("Condition"), None::<&Value>);
        }
    }
}
