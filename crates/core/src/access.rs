//! How an identity in an account is come by: the roles assumed one after the other, starting from the base identity.

use std::time::Duration;

use super::{account::Region, arn::RoleArn};

/// One role to assume on the way to an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The role.
    pub role: RoleArn,
    /// `sts:ExternalId`, where the role's trust policy asks for one.
    pub external_id: Option<String>,
    /// The role session's name, as CloudTrail shows it.
    pub session_name: String,
    /// How long a session lives; the role's own default when absent.
    pub duration: Option<Duration>,
}

/// The way to one account, in one region. No hops: the base identity is used as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The roles, in the order they are assumed. The last one's account is the account this leads to.
    pub hops: Vec<Hop>,
    /// The region calls are made in.
    pub region: Region,
}
