//! Who calls: what the services are told once a signature has been verified.

use shipgate_core::account::{AccountId, Region};

/// An authenticated caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account the caller's credentials belong to.
    pub account: AccountId,
    /// The region the request was signed for.
    pub region: Region,
    /// The caller's ARN, as GetCallerIdentity answers it.
    pub arn: String,
}
