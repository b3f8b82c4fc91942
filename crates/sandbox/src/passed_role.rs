//! Sessions that App Runner opens of the roles that it was handed.

use jiff::Timestamp;

use super::{
    authorization::can_be_assumed_by,
    identities::{Identities, Principal},
    random::alphanumeric,
};
use shipgate_core::{account::Region, arn::RoleArn};

/// A session of a role, if the service may open one.
pub(crate) fn session(
    identities: &Identities,
    region: &Region,
    role: &str,
    service: &str,
) -> Result<Principal, String> {
    if !can_be_assumed_by(identities, region, role, service, Timestamp::now()) {
        return Err(format!("Error in assuming instance role {role}"));
    }
    let role: RoleArn = role.parse().map_err(|_| format!("{role} is no role"))?;
    let (account, name, session) = (role.account(), role.name(), alphanumeric(32));
    Ok(Principal {
        account: account.clone(),
        arn: format!("arn:{}:sts::{account}:assumed-role/{name}/{session}", role.partition()),
        user_id: format!("AROA:{session}"),
        role: Some(role.clone()),
        session_policy: None,
        tags: Vec::new(),
    })
}
