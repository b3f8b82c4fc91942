//! Tag mutability with its exclusions.

use serde_json::{Value, json};

use crate::{answer::ApiError, seed::TagMutability, wildcard};

/// Whether the tags of a repository may move, and for which tags the opposite holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mutability {
    /// The rule.
    pub(crate) kind: TagMutability,
    /// Wildcards of tags for which the opposite of the rule holds.
    pub(crate) exclusions: Vec<String>,
}

impl Mutability {
    /// Whether this tag, once there, must stay where it is.
    pub(crate) fn holds(&self, tag: &str) -> bool {
        let excluded = self.exclusions.iter().any(|pattern| wildcard::matches(pattern, tag));
        (self.kind == TagMutability::Immutable) != excluded
    }

    /// As the API names it.
    pub(crate) fn name(&self) -> &'static str {
        match (self.kind, self.exclusions.is_empty()) {
            (TagMutability::Mutable, true) => "MUTABLE",
            (TagMutability::Mutable, false) => "MUTABLE_WITH_EXCLUSION",
            (TagMutability::Immutable, true) => "IMMUTABLE",
            (TagMutability::Immutable, false) => "IMMUTABLE_WITH_EXCLUSION",
        }
    }

    /// `imageTagMutabilityExclusionFilters` of an answer.
    pub(crate) fn filters(&self) -> Value {
        self.exclusions.iter().map(|filter| json!({"filterType": "WILDCARD", "filter": filter})).collect()
    }

    /// From the members of a request. `MUTABLE` when it names none.
    pub(crate) fn read(input: &Value) -> Result<Self, ApiError> {
        let exclusions: Vec<String> = input["imageTagMutabilityExclusionFilters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|filter| filter["filter"].as_str().map(str::to_owned))
            .collect();
        let (kind, with_exclusion) = match input["imageTagMutability"].as_str() {
            None | Some("MUTABLE") => (TagMutability::Mutable, false),
            Some("IMMUTABLE") => (TagMutability::Immutable, false),
            Some("MUTABLE_WITH_EXCLUSION") => (TagMutability::Mutable, true),
            Some("IMMUTABLE_WITH_EXCLUSION") => (TagMutability::Immutable, true),
            Some(_) => return Err(unknown()),
        };
        if with_exclusion == exclusions.is_empty() {
            let message = "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: \
                           'exclusion filters go with the _WITH_EXCLUSION settings, and only with them'";
            return Err(ApiError::new(400, "InvalidParameterException", message));
        }
        Ok(Self { kind, exclusions })
    }
}

fn unknown() -> ApiError {
    let message = "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value \
                   set: [IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]'";
    ApiError::new(400, "InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use super::{Mutability, TagMutability};

    #[test]
    fn exclusions_turn_the_rule_around() {
        for (kind, exclusion, tag, holds) in [
            (TagMutability::Mutable, None, "v1", false),
            (TagMutability::Immutable, None, "v1", true),
            (TagMutability::Immutable, Some("latest*"), "latest-dev", false),
            (TagMutability::Immutable, Some("latest*"), "v1", true),
            (TagMutability::Mutable, Some("v*"), "v1", true),
        ] {
            let exclusions = exclusion.into_iter().map(str::to_owned).collect();
            assert_eq!(Mutability { kind, exclusions }.holds(tag), holds, "{kind:?} {exclusion:?} {tag}");
        }
    }
}
