//! Log groups, and which of them belong to services that are no more. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

/// What the names of all of App Runner's log groups begin with.
pub const PREFIX: &str = "/aws/apprunner/";

/// A log group as CloudWatch Logs lists it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// What its lines take, in bytes.
    pub stored_bytes: u64,
    /// Days its lines are kept; absent: for ever.
    pub retention_days: Option<u32>,
}

impl LogGroup {
    /// The id of the service it is of; none when it is not one of App Runner's two groups of a service
    /// (`/aws/apprunner/NAME/ID/service` and `/aws/apprunner/NAME/ID/application`).
    #[must_use]
    pub fn service_id(&self) -> Option<&str> {
        let mut parts = self.name.strip_prefix(PREFIX)?.split('/');
        let (name, id, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let is_one = parts.next().is_none()
            && ["service", "application"].contains(&kind)
            && !name.is_empty()
            && !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        is_one.then_some(id)
    }

    /// Whether it is of a service, and of none of these.
    #[must_use]
    pub fn is_orphan(&self, living: &BTreeSet<String>) -> bool {
        self.service_id().is_some_and(|id| !living.contains(&plain(id)))
    }
}

/// A service's id as it is compared: ids are seen with and without dashes.
#[must_use]
pub fn plain(id: &str) -> String {
    id.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LogGroup, plain};

    const LIVING: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn only_the_groups_of_services_that_are_no_more_are_orphans() {
        let table = [
            ("/aws/apprunner/shop-api/ffff456789abcdef0123456789abcdef/service", true),
            ("/aws/apprunner/shop-api/ffff456789abcdef0123456789abcdef/application", true),
            ("/aws/apprunner/shop-api/0123456789abcdef0123456789abcdef/application", false),
            ("/aws/apprunner/shop-api/01234567-89ab-cdef-0123-456789abcdef/service", false),
            ("/aws/apprunner/shop-api/0123456789ABCDEF0123456789ABCDEF/service", false),
            // Somebody's own, though the name begins alike.
            ("/aws/apprunner/shop-api/ffff456789abcdef0123456789abcdef/mine", false),
            ("/aws/apprunner/shop-api/ffff456789abcdef0123456789abcdef/service/more", false),
            ("/aws/apprunner/shop-api/notes/service", false),
            ("/aws/apprunner//ffff456789abcdef0123456789abcdef/service", false),
            ("/aws/apprunner/shop-api//service", false),
            ("/aws/apprunner/shop-api", false),
            ("/aws/lambda/shop-api/ffff456789abcdef0123456789abcdef/service", false),
        ];
        let living = BTreeSet::from([plain(LIVING)]);
        for (name, orphan) in table {
            let group = LogGroup { name: name.to_owned(), stored_bytes: 0, retention_days: None };
            assert_eq!(group.is_orphan(&living), orphan, "{name}");
        }
    }
}
