//! One secret: its versions and their staging labels. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::missing;
use crate::answer::ApiError;
use shipgate_core::account::{AccountId, Region};

/// The label of the version that is read when none is named.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// The label of the one before it.
const PREVIOUS: &str = "AWSPREVIOUS";

/// A secret, as it is kept. No `Debug`: it holds values.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(super) description: Option<String>,
    /// The key it is encrypted with; AWS's own when absent.
    pub(crate) key: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    /// When it is deleted for good, if it is marked for that.
    pub(super) deletion: Option<Timestamp>,
    versions: BTreeMap<String, Version>,
}

/// One of its versions.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) value: Content,
    pub(crate) created: Timestamp,
    pub(crate) stages: BTreeSet<String>,
}

/// What a version holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Content {
    /// `SecretString`.
    Text(String),
    /// `SecretBinary`, in base64.
    Bytes(String),
}

/// Which version is meant.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    /// By its id.
    pub(crate) id: Option<&'a str>,
    /// By one of its labels; the current one when neither is said.
    pub(crate) stage: Option<&'a str>,
}

impl Secret {
    /// Without a version.
    pub(super) fn new(account: AccountId, region: Region, arn: String, name: String, now: Timestamp) -> Self {
        Self {
            account,
            region,
            arn,
            name,
            description: None,
            key: None,
            tags: Vec::new(),
            created: now,
            changed: now,
            deletion: None,
            versions: BTreeMap::new(),
        }
    }

    /// Whether nothing of it is left at this time.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        self.deletion.is_some_and(|at| at <= now)
    }

    /// Marks it for deletion after so many days.
    pub(super) fn delete_after(&mut self, days: i64, now: Timestamp) -> Timestamp {
        let at = now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
        self.deletion = Some(at);
        at
    }

    /// Adds a version with these labels, which others lose. What was current becomes the previous one.
    pub(super) fn add_version(&mut self, id: &str, value: Content, stages: &[String], now: Timestamp) {
        let former = self.versions.iter().find(|(_, version)| version.stages.contains(CURRENT));
        let former = former.map(|(id, _)| id.clone()).filter(|_| stages.iter().any(|stage| stage == CURRENT));
        for version in self.versions.values_mut() {
            version.stages.retain(|stage| !stages.contains(stage) && (former.is_none() || stage != PREVIOUS));
        }
        if let Some(former) = former.and_then(|id| self.versions.get_mut(&id)) {
            former.stages.insert(PREVIOUS.to_owned());
        }
        let stages = stages.iter().cloned().collect();
        self.versions.insert(id.to_owned(), Version { value, created: now, stages });
        self.changed = now;
    }

    /// A version by its id.
    pub(super) fn version_of_id(&self, id: &str) -> Option<&Version> {
        self.versions.get(id)
    }

    /// The version that is meant.
    pub(crate) fn version(&self, wanted: Wanted<'_>) -> Result<(&str, &Version), ApiError> {
        let stage = wanted.stage.unwrap_or(CURRENT);
        let found = match wanted.id {
            Some(id) => self.versions.get_key_value(id),
            None => self.versions.iter().find(|(_, version)| version.stages.contains(stage)),
        };
        let found = found.filter(|(_, version)| wanted.stage.is_none_or(|stage| version.stages.contains(stage)));
        found.map(|(id, version)| (id.as_str(), version)).ok_or_else(|| {
            let which = wanted.id.map_or_else(|| format!("staging label: {stage}"), |id| format!("VersionId: {id}"));
            missing(format!("Secrets Manager can't find the specified secret value for {which}"))
        })
    }

    /// What DescribeSecret and ListSecrets say of it. The member with its versions has another name in each.
    pub(super) fn shown(&self, versions_member: &str) -> Map<String, Value> {
        let tags: Vec<Value> = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let labelled = self.versions.iter().filter(|(_, version)| !version.stages.is_empty());
        let versions: Map<String, Value> = labelled.map(|(id, version)| (id.clone(), json!(version.stages))).collect();
        let members = [
            ("ARN", Some(json!(self.arn))),
            ("Name", Some(json!(self.name))),
            ("Description", self.description.as_ref().map(|text| json!(text))),
            ("KmsKeyId", self.key.as_ref().map(|key| json!(key))),
            ("CreatedDate", Some(json!(seconds(self.created)))),
            ("LastChangedDate", Some(json!(seconds(self.changed)))),
            ("DeletedDate", self.deletion.map(|at| json!(seconds(at)))),
            ("Tags", Some(json!(tags)).filter(|_| !self.tags.is_empty())),
            (versions_member, Some(json!(versions)).filter(|_| !versions.is_empty())),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// A time as the JSON protocol has it: seconds since 1970, with their fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact in a double")]
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Content, Secret, Wanted};

    fn text(secret: &Secret, wanted: Wanted<'_>) -> String {
        match secret.version(wanted).map(|(_, version)| version.value.clone()) {
            Ok(Content::Text(text) | Content::Bytes(text)) => text,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn labels_move_to_the_newest_version_and_the_former_is_the_previous_one() {
        let (account, region) = ("222222222222".parse().unwrap(), "eu-west-1".parse().unwrap());
        let now = Timestamp::UNIX_EPOCH;
        let mut secret = Secret::new(account, region, "arn".to_owned(), "db".to_owned(), now);
        let current = ["AWSCURRENT".to_owned()];
        assert!(text(&secret, Wanted::default()).contains("for staging label: AWSCURRENT"));
        for (id, value) in [("1", "one"), ("2", "two"), ("3", "three")] {
            secret.add_version(id, Content::Text(value.to_owned()), &current, now);
        }
        secret.add_version("4", Content::Text("four".to_owned()), &["AWSPENDING".to_owned()], now);
        let stage = |stage| Wanted { stage: Some(stage), id: None };
        let table = [
            (Wanted::default(), "three"),
            (stage("AWSPREVIOUS"), "two"),
            (stage("AWSPENDING"), "four"),
            (Wanted { id: Some("1"), stage: None }, "one"),
        ];
        for (wanted, value) in table {
            assert_eq!(text(&secret, wanted), value);
        }
        let both = Wanted { id: Some("1"), stage: Some("AWSCURRENT") };
        assert!(text(&secret, both).contains("for VersionId: 1"));
        assert_eq!(secret.shown("V")["V"].as_object().unwrap().len(), 3, "a version without a label is not shown");
    }
}
