//! Assuming a role: by another identity, or with an OIDC token.

use jiff::{SignedDuration, Timestamp};

use super::{
    request::Form,
    session_tags::{LONGEST_POLICY, SessionTags, packed_percent},
    trust,
    web_identity::Claims,
    xml::{element, text},
};
use crate::{
    answer::ApiError,
    cloud::Cloud,
    iam::{Context, Denial, Policies, Policy, Question, Subject, decide, decision::Side},
    identities::{KnownRole, Need, Principal, Session, context_of_request},
    seed::Role,
};

/// AssumeRole.
pub(crate) fn role(cloud: &Cloud, principal: &Principal, form: &Form<'_>, now: Timestamp) -> Result<String, ApiError> {
    let arn = form.required("RoleArn")?;
    let session_name = form.session_name()?;
    let duration = form.duration_seconds()?;
    let session_policy = session_policy(form)?;
    let tags = SessionTags::read(form, &principal.tags)?;
    let packed = packed_percent(form.optional("Policy"), &tags.all)?;
    let known = cloud.identities.role(arn, now).ok_or_else(|| untrusted(principal, arn))?;
    let mut context = context_of_request(cloud.region.as_str(), now).with("sts:RoleSessionName", session_name);
    if let Some(external_id) = form.optional("ExternalId") {
        context = context.with("sts:ExternalId", external_id);
    }
    for tag in &tags.all {
        context = context.with(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    may(cloud, principal, &known, "sts:AssumeRole", context.clone())?;
    if tags.requested > 0 {
        may(cloud, principal, &known, "sts:TagSession", context)?;
    }
    if principal.role.is_some() && duration.is_some_and(|seconds| seconds > 3600) {
        let message =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(ApiError::new(400, "ValidationError", message));
    }
    let duration = allowed_duration(&known.role, duration)?;
    let expires = expiry(now, duration);
    let session = cloud.identities.open_session(&known.role, session_name, session_policy, tags.all, expires);
    Ok(assumed(&session, packed, Vec::new()))
}

/// Whether the principal may do this with the role: its own policies and the trust policy must allow it.
fn may(
    cloud: &Cloud,
    principal: &Principal,
    known: &KnownRole,
    action: &str,
    context: Context,
) -> Result<(), ApiError> {
    let need = Need {
        action,
        resource: known.role.arn.as_str(),
        resource_account: known.role.arn.account(),
        resource_policy: Some(&known.trust),
        resource_must_allow: true,
        context,
    };
    cloud.identities.authorize(principal, &need).map_err(|denial| match denial {
        Denial::Implicit(Side::Resource) => unallowed(principal, need.action, need.resource),
        Denial::Implicit(Side::Identity | Side::Session) | Denial::Explicit(_) => {
            ApiError::new(403, "AccessDenied", denial.message(&principal.arn, need.action, need.resource))
        }
    })
}

/// The refusal as AWS words it: it does not tell a missing role from one that does not trust.
fn untrusted(principal: &Principal, role: &str) -> ApiError {
    unallowed(principal, "sts:AssumeRole", role)
}

fn unallowed(principal: &Principal, action: &str, role: &str) -> ApiError {
    let message = format!("User: {} is not authorized to perform: {action} on resource: {role}", principal.arn);
    ApiError::new(403, "AccessDenied", message)
}

/// The policy a session is narrowed to.
fn session_policy(form: &Form<'_>) -> Result<Option<Policy>, ApiError> {
    if form.optional("PolicyArns.member.1.arn").is_some() {
        let message = "managed policies are not supported by the sandbox: pass the document as Policy";
        return Err(ApiError::new(400, "ValidationError", message));
    }
    let parsed = form.optional("Policy").map(Policy::parse).transpose();
    parsed.map_err(|error| ApiError::new(400, "MalformedPolicyDocument", error.to_string()))
}

/// AssumeRoleWithWebIdentity.
pub(crate) fn with_web_identity(cloud: &Cloud, form: &Form<'_>, now: Timestamp) -> Result<String, ApiError> {
    let arn = form.required("RoleArn")?;
    let session_name = form.session_name()?;
    let duration = form.duration_seconds()?;
    let session_policy = session_policy(form)?;
    if form.optional("Policy").is_some_and(|policy| policy.chars().count() > LONGEST_POLICY) {
        let message = "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less \
                       than or equal to 2048";
        return Err(ApiError::new(400, "ValidationError", message));
    }
    let packed = packed_percent(form.optional("Policy"), &[])?;
    let claims = Claims::read(&cloud.issuer, form.required("WebIdentityToken")?, now)?;
    let known = cloud.identities.role(arn, now).filter(|known| trusts_token(known, &claims, session_name, now));
    let known = known
        .ok_or_else(|| ApiError::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"))?;
    let duration = allowed_duration(&known.role, duration)?;
    let extra = vec![
        text("SubjectFromWebIdentityToken", &claims.subject),
        text("Audience", &claims.audience),
        text("Provider", &trust::provider(&known.role, &claims.issuer)),
    ];
    let expires = expiry(now, duration);
    let session = cloud.identities.open_session(&known.role, session_name, session_policy, Vec::new(), expires);
    Ok(assumed(&session, packed, extra))
}

fn trusts_token(known: &KnownRole, claims: &Claims, session_name: &str, now: Timestamp) -> bool {
    let provider = trust::provider(&known.role, &claims.issuer);
    let context = claims.context(context_of_request("", now)).with("sts:RoleSessionName", session_name);
    let policies = Policies {
        identity: Some(&[]),
        session: None,
        resource: Some(&known.trust),
        resource_must_allow: true,
        cross_account: true,
    };
    let question = Question {
        subject: Subject::Federated(&provider),
        action: "sts:AssumeRoleWithWebIdentity",
        resource: known.role.arn.as_str(),
        context: &context,
    };
    decide(policies, &question).is_ok()
}

fn allowed_duration(role: &Role, duration: Option<u32>) -> Result<u32, ApiError> {
    let duration = duration.unwrap_or(3600);
    if duration > role.max_session_seconds {
        let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(ApiError::new(400, "ValidationError", message));
    }
    Ok(duration)
}

fn expiry(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

fn assumed(session: &Session, packed_percent: Option<usize>, extra: Vec<String>) -> String {
    let principal = &session.key.principal;
    let user = [text("AssumedRoleId", &principal.user_id), text("Arn", &principal.arn)].concat();
    let expires = session.key.expires.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let credentials = [
        text("AccessKeyId", &session.access_key_id),
        text("SecretAccessKey", &session.key.secret),
        text("SessionToken", session.key.session_token.as_deref().unwrap_or_default()),
        text("Expiration", &expires),
    ]
    .concat();
    let own = vec![element("AssumedRoleUser", &user), element("Credentials", &credentials)];
    let packed = packed_percent.map(|percent| text("PackedPolicySize", &percent.to_string()));
    own.into_iter().chain(packed).chain(extra).collect()
}
