//! Who calls: the identity the server has established before any service sees the call.

use crate::domain::account::{AccountId, Region};

/// The identity of a caller and the region it called.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account the credentials belong to.
    pub account: AccountId,
    /// The region that was called.
    pub region: Region,
    /// The identity's ARN.
    pub arn: String,
}
