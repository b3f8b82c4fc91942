//! What the address of the page asks for: `?service=ID&lines=application`.

use super::view::{Filter, Source};
use crate::control::percent;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Query {
    /// The id of the service to show in full.
    pub(super) service: Option<String>,
    /// Which of its log lines.
    pub(super) filter: Filter,
}

impl Query {
    /// Reads a query string; what makes no sense is not asked for.
    pub(super) fn read(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in percent::pairs(text, true) {
            match (name.as_str(), value.as_str()) {
                ("service", _) => query.service = Some(value),
                ("lines", "application") => query.filter = Filter::Only(Source::Application),
                ("lines", "service") => query.filter = Filter::Only(Source::Service),
                _ => {}
            }
        }
        query
    }
}

/// The address that asks for this.
pub(super) fn address(service: &str, filter: Filter) -> String {
    let service = percent::encode(service);
    match filter {
        Filter::All => format!("/?service={service}"),
        Filter::Only(Source::Application) => format!("/?service={service}&lines=application"),
        Filter::Only(Source::Service) => format!("/?service={service}&lines=service"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Query, Source, address};

    #[test]
    fn an_address_asks_for_what_it_was_made_for() {
        for filter in [Filter::All, Filter::Only(Source::Application), Filter::Only(Source::Service)] {
            let query = Query { service: Some("a b&lines=service".to_owned()), filter };
            assert_eq!(Query::read(&address("a b&lines=service", filter)[2..]), query);
        }
        assert_eq!(Query::read("lines=nonsense&x"), Query::default());
    }
}
