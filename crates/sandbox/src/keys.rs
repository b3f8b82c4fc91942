//! KMS, as far as the secrets of others need it: whether somebody may decrypt with a key. The sandbox encrypts nothing, and
//! has no KMS.

use jiff::Timestamp;

use super::{
    caller::Caller,
    identities::{Identities, Need, Principal, context_of_request},
};

/// Asks whether a principal may decrypt.
pub(crate) struct MayDecrypt<'a> {
    pub(crate) identities: &'a Identities,
    pub(crate) principal: &'a Principal,
}

impl MayDecrypt<'_> {
    /// Whether the principal may decrypt with this key of the caller's account. AWS's own key (none is named, or `alias/aws/…`)
    /// is for everybody who may read what is encrypted with it.
    pub(crate) fn with(&self, key: Option<&str>, caller: &Caller) -> bool {
        let Some(key) = key.filter(|key| !key.starts_with("alias/aws/")) else { return true };
        let place = format!("arn:{}:kms:{}:{}", caller.region.partition(), caller.region, caller.account);
        let resource = match key {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            alias if alias.starts_with("alias/") => format!("{place}:{alias}"),
            id => format!("{place}:key/{id}"),
        };
        let need = Need {
            action: "kms:Decrypt",
            resource: &resource,
            resource_account: &caller.account,
            resource_policy: None,
            resource_must_allow: false,
            context: context_of_request(caller.region.as_str(), Timestamp::now()),
        };
        self.identities.authorize(self.principal, &need).is_ok()
    }
}
