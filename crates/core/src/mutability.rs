//! Whether a repository lets a tag be moved.

/// What a repository allows its tags (ECR API reference, `imageTagMutability` and its exclusion filters).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TagMutability {
    /// Whether tags may not be moved.
    pub immutable: bool,
    /// Wildcards of tags for which the opposite holds; `*` stands for any run of characters.
    pub exclusions: Vec<String>,
}

impl TagMutability {
    /// Whether this tag may be moved.
    #[must_use]
    pub fn lets_move(&self, tag: &str) -> bool {
        let excluded = self.exclusions.iter().any(|filter| matches(filter, tag));
        self.immutable == excluded
    }
}

fn matches(filter: &str, tag: &str) -> bool {
    match filter.split_once('*') {
        None => filter == tag,
        Some((before, after)) => tag
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).filter_map(|skip| rest.get(skip..)).any(|rest| matches(after, rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::TagMutability;

    #[test]
    fn exclusions_turn_the_rule_round() {
        let table = [
            (false, &[][..], "live", true),
            (true, &[], "live", false),
            (true, &["live"], "live", true),
            (true, &["live-*", "latest"], "live-prod", true),
            (true, &["live-*"], "live", false),
            (false, &["v*"], "v1.2", false),
            (false, &["v*"], "live", true),
            (true, &["*-prod*"], "a-prod-b", true),
            (true, &["a*b*c"], "a-b-b-c", true),
            (true, &["a*b"], "abc", false),
            (true, &["*"], "anything", true),
        ];
        for (immutable, exclusions, tag, moves) in table {
            let exclusions = exclusions.iter().map(|filter| (*filter).to_owned()).collect();
            let rule = TagMutability { immutable, exclusions };
            assert_eq!(rule.lets_move(tag), moves, "{rule:?} {tag}");
        }
    }
}
