//! The record of what was deployed, kept where every runner sees it and no infrastructure code does: in tags of the
//! workload repository.
//!
//! App Runner tells which operations a service had, and not what any of them deployed. So before an order is given, a tag
//! says what the next one is going to deploy: `shipgate-next-SERVICE-OPERATION` points at the digest that the operation after
//! OPERATION is for, whoever starts it, because it is written when the deployed tag points there already. Nothing has to be
//! written once the deployment has ended, so a run that is killed at any moment leaves the record true: no later operation
//! means that nobody deployed it, one under way is to be followed, one that succeeded has deployed it.

use crate::operation::OperationId;

/// What every tag of the record begins with: for the wildcards of mutability and of lifecycle rules.
pub const PREFIX: &str = "shipgate-next-";

/// The tag that says what the operation after `predecessor` deploys; `None` for the first one of a service, which creates it.
///
/// At most 14 + 40 + 1 + 32 characters of the 128 that a tag may have.
#[must_use]
pub fn tag(service: &str, predecessor: Option<&OperationId>) -> String {
    let predecessor = predecessor.map_or_else(|| "create".to_owned(), OperationId::without_dashes);
    format!("{PREFIX}{service}-{predecessor}")
}

/// What every tag of the notes begins with.
pub const NOTE_PREFIX: &str = "shipgate-was-";

/// The tag that notes what an operation is thought to have deployed, where the record does not tell: what the service deployed
/// from when shipgate first changed that. An assumption: good to go back to, not good enough to say that something is deployed.
#[must_use]
pub fn note(service: &str, operation: &OperationId) -> String {
    format!("{NOTE_PREFIX}{service}-{}", operation.without_dashes())
}

#[cfg(test)]
mod tests {
    use super::{note, tag};
    use crate::{image::is_tag, operation::OperationId};

    #[test]
    fn a_tag_for_each_operation() {
        let operation = OperationId::new("17FE9F55-7E91-4097-B243-FCABBB69A4CF");
        assert_eq!(tag("shop-api", Some(&operation)), "shipgate-next-shop-api-17fe9f557e914097b243fcabbb69a4cf");
        assert_eq!(tag("shop-api", None), "shipgate-next-shop-api-create");
        assert_eq!(note("shop-api", &operation), "shipgate-was-shop-api-17fe9f557e914097b243fcabbb69a4cf");
        assert!(is_tag(&tag(&"a".repeat(40), Some(&operation))));
    }
}
