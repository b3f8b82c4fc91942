//! Security Token Service: AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity.

mod request;
mod trust;
mod web_identity;
pub(crate) mod xml;

use jiff::{SignedDuration, Timestamp};

use self::{
    request::Form,
    xml::{element, text},
};
use super::{
    answer::ApiError,
    identities::{Identities, Principal, Session},
    seed::Role,
};

/// Answers one action with a whole XML document.
pub(crate) fn call(
    identities: &Identities,
    principal: Option<&Principal>,
    action: &str,
    form: &[(String, String)],
) -> Result<String, ApiError> {
    let form = Form(form);
    let now = Timestamp::now();
    let result = match (action, principal) {
        ("AssumeRole", Some(principal)) => assume_role(identities, principal, &form, now)?,
        ("AssumeRoleWithWebIdentity", _) => assume_role_with_web_identity(identities, &form, now)?,
        ("GetCallerIdentity", Some(principal)) => caller_identity(principal),
        ("AssumeRole" | "GetCallerIdentity", None) => {
            return Err(ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
        }
        (
            "GetSessionToken"
            | "GetFederationToken"
            | "AssumeRoleWithSAML"
            | "DecodeAuthorizationMessage"
            | "GetAccessKeyInfo"
            | "AssumeRoot"
            | "GetDelegatedAccessToken"
            | "GetWebIdentityToken",
            _,
        ) => {
            return Err(ApiError::new(400, "InvalidAction", format!("sts:{action} is not supported by the sandbox")));
        }
        _ => {
            let message = format!("Could not find operation {action} for version 2011-06-15");
            return Err(ApiError::new(400, "InvalidAction", message));
        }
    };
    Ok(xml::response(action, &result, &super::control::protocol::request_id()))
}

fn caller_identity(principal: &Principal) -> String {
    [text("Arn", &principal.arn), text("UserId", &principal.user_id), text("Account", principal.account.as_str())]
        .concat()
}

fn assume_role(
    identities: &Identities,
    principal: &Principal,
    form: &Form<'_>,
    now: Timestamp,
) -> Result<String, ApiError> {
    let arn = form.required("RoleArn")?;
    let session_name = form.session_name()?;
    let duration = form.duration_seconds()?;
    let role = identities.role(arn).filter(|role| trust::admits(role, principal, form.optional("ExternalId")));
    let role = role.ok_or_else(|| denied(&principal.arn, arn))?;
    let duration = allowed_duration(role, duration)?;
    if principal.role.is_some() && duration > 3600 {
        let message =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(ApiError::new(400, "ValidationError", message));
    }
    Ok(assumed(&identities.open_session(role, session_name, expiry(now, duration)), Vec::new()))
}

/// The refusal as AWS words it: it does not tell a missing role from a missing permission.
fn denied(user: &str, role: &str) -> ApiError {
    let message = format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}");
    ApiError::new(403, "AccessDenied", message)
}

fn assume_role_with_web_identity(identities: &Identities, form: &Form<'_>, now: Timestamp) -> Result<String, ApiError> {
    let arn = form.required("RoleArn")?;
    let session_name = form.session_name()?;
    let duration = form.duration_seconds()?;
    let claims = web_identity::Claims::read(form.required("WebIdentityToken")?, now)?;
    let role = identities.role(arn).filter(|role| role.web_identities.iter().any(|accepted| claims.fit(accepted)));
    let role = role
        .ok_or_else(|| ApiError::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"))?;
    let duration = allowed_duration(role, duration)?;
    let extra = vec![
        text("SubjectFromWebIdentityToken", &claims.subject),
        text("Audience", &claims.audience),
        text("Provider", &claims.issuer),
    ];
    Ok(assumed(&identities.open_session(role, session_name, expiry(now, duration)), extra))
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

fn assumed(session: &Session, extra: Vec<String>) -> String {
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
    own.into_iter().chain(extra).collect()
}
