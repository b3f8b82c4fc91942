//! Whether each role can be assumed; where not, the statement that its trust policy lacks.

use std::error::Error as _;

use serde_json::Value;

use super::{Beginning, Role};
use shipgate_aws::{fault::AwsFault, identity::IdentityError, refusal::RefusedBy, session::Session};
use shipgate_core::{
    access::{Access, Hop},
    diagnosis::Diagnosis,
    oidc::{Claims, trust},
};

/// Tries a role, through all the roles before it.
pub(super) async fn attempt(role: &Role, beginning: &Beginning) -> Diagnosis {
    let name = format!("role-{}", role.purpose);
    let Some((access, base)) = &role.access else {
        return Diagnosis::skipped(name, format!("a variable in it is not set: --target {} tells which", role.purpose));
    };
    let Some(last) = access.hops.last() else {
        return Diagnosis::skipped(name, "no role is named: the base identity is used as it is");
    };
    if !beginning.is_had() {
        return Diagnosis::skipped(name, format!("{} was not tried: there is nothing to begin with", last.role));
    }
    match Session::open(base, access, &role.purpose).await {
        Ok(session) => Diagnosis::passed(name, last.role.as_str()).knowing("session", session.arn()),
        Err(error) => refused(name, &error, access, beginning),
    }
}

fn refused(name: String, error: &IdentityError, access: &Access, beginning: &Beginning) -> Diagnosis {
    let found = Diagnosis::failed(name, told(error));
    let IdentityError::Hop { number, claims, source, .. } = error else { return found.mended_by(error.hint()) };
    // Only a refusal of the role itself is fixed by a statement.
    let is_of_role = source.is_access_denied() || (claims.is_some() && source.is_denied());
    let Some(hop) = access.hops.get(number - 1).filter(|_| is_of_role) else {
        return found.mended_by(error.hint());
    };
    let before = number.checked_sub(2).and_then(|at| access.hops.get(at));
    match (claims, before.map(|hop| hop.role.as_str()).or(beginning.caller.as_deref())) {
        (Some(claims), _) => by_token(found, hop, claims, source, error),
        (None, Some(principal)) => match RefusedBy::read(&source.message) {
            RefusedBy::Trust => by_principal(found, hop, principal),
            RefusedBy::Identity => found.mended_by(format!(
                "let {principal} assume {} by a policy of its own: {}",
                hop.role,
                trust::may_assume(&hop.role)
            )),
            RefusedBy::Deny(_) | RefusedBy::Other(_) => found.mended_by(error.hint()),
        },
        (None, None) => found.mended_by(error.hint()),
    }
}

fn by_token(found: Diagnosis, hop: &Hop, claims: &Claims, fault: &AwsFault, error: &IdentityError) -> Diagnosis {
    let Some(statement) = trust::for_token(&hop.role, claims) else { return found.mended_by(error.hint()) };
    let hint = match fault.code.as_deref() {
        Some("InvalidIdentityToken") => no_provider(hop, claims),
        Some("ExpiredTokenException") => return found.mended_by(error.hint()),
        _ => format!(
            "add this statement to the trust policy of {}; the account must have the OIDC provider that it names, too",
            hop.role
        ),
    };
    stating(found.mended_by(hint), statement)
}

/// The account does not know the issuer, or not for this audience.
fn no_provider(hop: &Hop, claims: &Claims) -> String {
    let [provider, audience] = [claims.provider(), claims.audience()].map(|claim| claim.unwrap_or("?"));
    format!(
        "make the OIDC provider in account {}: aws iam create-open-id-connect-provider --url https://{provider} \
         --client-id-list {audience}\nthen let the job in by this statement of the trust policy of {}",
        hop.role.account(),
        hop.role
    )
}

fn by_principal(found: Diagnosis, hop: &Hop, principal: &str) -> Diagnosis {
    let needs = trust::may_assume(&hop.role);
    let hint = format!(
        "add this statement to the trust policy of {}, and let {principal} ask for it by a policy of its own: {needs}",
        hop.role
    );
    stating(found.mended_by(hint), trust::for_principal(hop, principal))
}

fn stating(found: Diagnosis, statement: Value) -> Diagnosis {
    Diagnosis { statement: Some(statement), ..found }
}

/// An error with what caused it, as `deploy` shows them.
pub(super) fn told(error: &IdentityError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
