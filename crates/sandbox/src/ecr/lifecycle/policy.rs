//! A lifecycle policy as text and as rules (Amazon ECR User Guide, "Lifecycle policy properties").

use serde::Deserialize;
use serde_json::Value;

use crate::wildcard;

/// The rules of a policy, in the order of their priority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LifecyclePolicy {
    /// The rule of the lowest number, which is applied first, comes first.
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    priority: u64,
    images: Selected,
    /// Which of them expire.
    pub(super) limit: Limit,
}

/// The images that a rule is about.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Selected {
    Any,
    Untagged,
    /// For each prefix there is a tag that begins with it.
    Prefixes(Vec<String>),
    /// For each pattern there is a tag that it matches.
    Patterns(Vec<String>),
}

/// When an image expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    /// All but the newest so many.
    MoreThan(usize),
    /// So many days after the push.
    DaysSincePush(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<DocumentRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DocumentRule {
    rule_priority: u64,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    selection: Selection,
    #[serde(rename = "action")]
    _action: Action,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Selection {
    tag_status: TagStatus,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    count_type: CountType,
    #[serde(default)]
    count_unit: Option<CountUnit>,
    count_number: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum TagStatus {
    Tagged,
    Untagged,
    Any,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CountType {
    ImageCountMoreThan,
    SinceImagePushed,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CountUnit {
    Days,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    #[serde(rename = "type")]
    _kind: ActionType,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ActionType {
    Expire,
}

impl LifecyclePolicy {
    /// Reads a policy; an error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let read = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
        let value = read.ok_or_else(|| "Could not map policyString into LifecyclePolicy.".to_owned())?;
        if !value["rules"].is_array() {
            return Err("object has missing required properties ([\"rules\"])".to_owned());
        }
        let document: Document = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let mut rules: Vec<Rule> = document.rules.into_iter().map(Rule::read).collect::<Result<_, _>>()?;
        rules.sort_by_key(|rule| rule.priority);
        if rules.is_empty() {
            return Err("array is too short: must have at least 1 elements but instance has 0 elements".to_owned());
        }
        if rules.windows(2).any(|pair| pair[0].priority == pair[1].priority) {
            return Err("Lifecycle policy rules must have unique rulePriority values".to_owned());
        }
        if rules.iter().rev().skip(1).any(|rule| rule.images == Selected::Any) {
            return Err("A rule with tagStatus any must have the highest rulePriority".to_owned());
        }
        Ok(Self { rules })
    }
}

impl Rule {
    fn read(rule: DocumentRule) -> Result<Self, String> {
        let DocumentRule { rule_priority, selection, .. } = rule;
        if rule_priority < 1 || selection.count_number < 1 {
            return Err("numeric instance is lower than the required minimum (minimum: 1, found: 0)".to_owned());
        }
        let (prefixes, patterns) = (selection.tag_prefix_list, selection.tag_pattern_list);
        let images = match (selection.tag_status, prefixes.is_empty(), patterns.is_empty()) {
            (TagStatus::Any, true, true) => Selected::Any,
            (TagStatus::Untagged, true, true) => Selected::Untagged,
            (TagStatus::Tagged, false, true) => Selected::Prefixes(prefixes),
            (TagStatus::Tagged, true, false) if patterns.iter().all(|one| one.matches('*').count() <= 4) => {
                Selected::Patterns(patterns)
            }
            (TagStatus::Tagged, true, false) => return Err("A tag pattern has four wildcards at most".to_owned()),
            (TagStatus::Tagged, ..) => {
                return Err("tagStatus tagged needs either tagPrefixList or tagPatternList".to_owned());
            }
            (TagStatus::Any | TagStatus::Untagged, ..) => {
                return Err("tagPrefixList and tagPatternList need tagStatus tagged".to_owned());
            }
        };
        let limit = match (selection.count_type, selection.count_unit) {
            (CountType::ImageCountMoreThan, None) => {
                Limit::MoreThan(usize::try_from(selection.count_number).map_err(|error| error.to_string())?)
            }
            (CountType::SinceImagePushed, Some(CountUnit::Days)) => Limit::DaysSincePush(selection.count_number),
            (CountType::ImageCountMoreThan, Some(_)) | (CountType::SinceImagePushed, None) => {
                return Err("instance failed to match exactly one schema (matched 0 out of 2)".to_owned());
            }
        };
        Ok(Self { priority: rule_priority, images, limit })
    }

    /// Whether the rule is about an image with these tags.
    pub(super) fn selects(&self, tags: &[&str]) -> bool {
        match &self.images {
            Selected::Any => true,
            Selected::Untagged => tags.is_empty(),
            Selected::Prefixes(all) => all.iter().all(|prefix| tags.iter().any(|tag| tag.starts_with(prefix.as_str()))),
            Selected::Patterns(all) => {
                all.iter().all(|pattern| tags.iter().any(|tag| wildcard::matches(&pattern.replace('?', "\u{0}"), tag)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::LifecyclePolicy;

    fn rule(priority: u64, selection: &Value) -> Value {
        json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
    }

    fn count(status: &str, tags: &Value) -> Value {
        let mut selection = json!({"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": 1});
        selection.as_object_mut().unwrap().extend(tags.as_object().unwrap().clone());
        selection
    }

    #[test]
    fn wrong_policies_are_refused() {
        let none = json!({});
        let (any, untagged) = (count("any", &none), count("untagged", &none));
        let since = |unit: Value| json!({"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": unit, "countNumber": 1});
        let zero = json!({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 0});
        for (rules, good) in [
            (json!([rule(1, &any)]), true),
            (json!([rule(2, &any), rule(1, &untagged)]), true),
            (json!([rule(1, &any), rule(2, &untagged)]), false),
            (json!([rule(1, &untagged), rule(1, &any)]), false),
            (json!([rule(1, &count("tagged", &none))]), false),
            (json!([rule(1, &count("tagged", &json!({"tagPrefixList": ["v"]})))]), true),
            (json!([rule(1, &count("tagged", &json!({"tagPatternList": ["*v*"]})))]), true),
            (json!([rule(1, &count("tagged", &json!({"tagPatternList": ["*a*b*c*d"]})))]), true),
            (json!([rule(1, &count("tagged", &json!({"tagPatternList": ["*a*b*c*d*"]})))]), false),
            (json!([rule(1, &count("tagged", &json!({"tagPrefixList": ["v"], "tagPatternList": ["v"]})))]), false),
            (json!([rule(1, &count("untagged", &json!({"tagPrefixList": ["v"]})))]), false),
            (json!([rule(1, &count("sometimes", &none))]), false),
            (json!([rule(1, &since(json!("days")))]), true),
            (json!([rule(1, &since(Value::Null))]), false),
            (json!([rule(1, &since(json!("weeks")))]), false),
            (json!([rule(1, &zero)]), false),
            (json!([rule(0, &any)]), false),
            (json!([]), false),
            (json!({}), false),
            (json!([{"rulePriority": 1, "selection": any, "action": {"type": "keep"}}]), false),
            (json!([{"rulePriority": 1, "selection": any, "action": {"type": "expire"}, "more": 1}]), false),
        ] {
            let read = LifecyclePolicy::parse(&json!({ "rules": rules }).to_string());
            assert_eq!(read.is_ok(), good, "{rules}: {read:?}");
        }
        for text in ["", "[]", "{}", "null"] {
            assert!(LifecyclePolicy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_selects_by_tags() {
        let prefixes = |list: Value| count("tagged", &json!({ "tagPrefixList": list }));
        let patterns = |list: Value| count("tagged", &json!({ "tagPatternList": list }));
        for (selection, tags, selected) in [
            (count("any", &json!({})), &[][..], true),
            (count("untagged", &json!({})), &[], true),
            (count("untagged", &json!({})), &["v1"], false),
            (prefixes(json!(["v"])), &["v1"], true),
            (prefixes(json!(["v"])), &["x", "v1"], true),
            (prefixes(json!(["v"])), &["1v"], false),
            (prefixes(json!(["v"])), &[], false),
            (prefixes(json!(["v", "x"])), &["v1"], false),
            (prefixes(json!(["v", "x"])), &["v1", "x1"], true),
            (patterns(json!(["v*"])), &["v1"], true),
            (patterns(json!(["v"])), &["v1"], false),
            (patterns(json!(["*-prod", "v*"])), &["v1", "a-prod"], true),
            (patterns(json!(["*-prod", "v*"])), &["v1-prod"], true),
            (patterns(json!(["?1"])), &["v1"], false),
        ] {
            let policy = LifecyclePolicy::parse(&json!({ "rules": [rule(1, &selection)] }).to_string()).unwrap();
            assert_eq!(policy.rules[0].selects(tags), selected, "{selection} {tags:?}");
        }
    }
}
