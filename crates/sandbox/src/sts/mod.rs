//! Security Token Service: AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity.

mod assume;
pub(crate) mod issuer;
mod request;
pub(crate) mod session_tags;
pub(crate) mod trust;
mod web_identity;
pub(crate) mod xml;

use jiff::Timestamp;

use self::{request::Form, xml::text};
use super::{answer::ApiError, cloud::Cloud, control::protocol::request_id, identities::Principal};

/// What other actions of STS there are (STS API reference).
const UNSUPPORTED: [&str; 8] = [
    "GetSessionToken",
    "GetFederationToken",
    "AssumeRoleWithSAML",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "AssumeRoot",
    "GetDelegatedAccessToken",
    "GetWebIdentityToken",
];

/// Answers one action with a whole XML document.
pub(crate) fn call(
    cloud: &Cloud,
    principal: Option<&Principal>,
    action: &str,
    form: &[(String, String)],
) -> Result<String, ApiError> {
    let form = Form(form);
    let now = Timestamp::now();
    let result = match (action, principal) {
        ("AssumeRole", Some(principal)) => assume::role(cloud, principal, &form, now)?,
        ("AssumeRoleWithWebIdentity", _) => assume::with_web_identity(cloud, &form, now)?,
        ("GetCallerIdentity", Some(principal)) => caller_identity(principal),
        ("AssumeRole" | "GetCallerIdentity", None) => {
            return Err(ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
        }
        (known, _) if UNSUPPORTED.contains(&known) => {
            return Err(ApiError::new(400, "InvalidAction", format!("sts:{action} is not supported by the sandbox")));
        }
        _ => {
            let message = format!("Could not find operation {action} for version 2011-06-15");
            return Err(ApiError::new(400, "InvalidAction", message));
        }
    };
    Ok(xml::response(action, &result, &request_id()))
}

/// GetCallerIdentity, which no policy can deny.
fn caller_identity(principal: &Principal) -> String {
    [text("Arn", &principal.arn), text("UserId", &principal.user_id), text("Account", principal.account.as_str())]
        .concat()
}
