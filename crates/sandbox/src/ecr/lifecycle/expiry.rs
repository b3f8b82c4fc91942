//! Which images of a repository expire. Pure.
//!
//! All rules look at the repository as it is. An image that a rule of a higher priority selects cannot be expired by one
//! of a lower priority, whether the former expires it or not (Amazon ECR User Guide, "How the lifecycle policy works").

use std::{cmp::Reverse, collections::BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::policy::{LifecyclePolicy, Limit};
use crate::ecr::repository::{Image, Repository};
use shipgate_core::digest::Digest;

/// The images that expire now. `day` is how long a day is.
pub(super) fn expired(
    policy: &LifecyclePolicy,
    repository: &Repository,
    now: Timestamp,
    day: SignedDuration,
) -> Vec<Digest> {
    let (mut expired, mut claimed) = (BTreeSet::new(), BTreeSet::new());
    for rule in &policy.rules {
        let mut selected: Vec<(&Digest, &Image)> = repository
            .images
            .iter()
            .filter(|(digest, image)| !is_part(repository, digest, image) && rule.selects(&repository.tags_of(digest)))
            .collect();
        selected.sort_by_key(|(_, image)| Reverse(image.pushed));
        let over = selected.iter().enumerate().filter(|(at, (_, image))| match rule.limit {
            Limit::MoreThan(count) => *at >= count,
            Limit::DaysSincePush(days) => {
                age(image, now) >= day.saturating_mul(i32::try_from(days).unwrap_or(i32::MAX))
            }
        });
        let over: Vec<Digest> = over.map(|(_, (digest, _))| (*digest).clone()).collect();
        expired.extend(over.into_iter().filter(|digest| !claimed.contains(digest)));
        claimed.extend(selected.into_iter().map(|(digest, _)| digest.clone()));
    }
    expired.into_iter().collect()
}

fn age(image: &Image, now: Timestamp) -> SignedDuration {
    now.duration_since(image.pushed)
}

/// Whether it belongs to another image: the members of an index expire after the index, and what has a subject goes with it.
fn is_part(repository: &Repository, digest: &Digest, image: &Image) -> bool {
    let subject = image.contents.subject.as_ref();
    subject.is_some_and(|subject| repository.images.contains_key(subject)) || !repository.listed_by(digest).is_empty()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};

    use super::{Digest, LifecyclePolicy, Repository, expired};
    use crate::ecr::{mutability::Mutability, repository::Push};

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn push(repository: &mut Repository, day: i64, tags: &[&str], extra: &Value) -> Digest {
        let mut manifest = json!({"schemaVersion": 2, "annotations": {"n": day.to_string()}});
        if extra.get("manifests").is_none() {
            let layer = Digest::of(b"layer");
            repository.layers.insert(layer.clone(), 5);
            manifest["config"] = json!({"digest": layer, "size": 5});
            manifest["layers"] = json!([]);
        }
        manifest.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        let mut digest = None;
        for tag in tags.iter().map(|tag| Some((*tag).to_owned())).chain(tags.is_empty().then_some(None)) {
            let bytes = manifest.to_string().into();
            let push = Push { media_type: None, bytes, tag, same_digest_is_fine: true };
            digest = Some(repository.push(push, at).unwrap().digest);
        }
        digest.unwrap()
    }

    fn policy(rules: &[(&str, Option<&str>, Value)]) -> LifecyclePolicy {
        let rule = |(at, (status, prefix, limit)): (usize, &(&str, Option<&str>, Value))| {
            let mut selection = limit.clone();
            selection["tagStatus"] = json!(status);
            if let Some(prefix) = prefix {
                selection["tagPrefixList"] = json!([prefix]);
            }
            json!({"rulePriority": at + 1, "selection": selection, "action": {"type": "expire"}})
        };
        let rules: Vec<Value> = rules.iter().enumerate().map(rule).collect();
        LifecyclePolicy::parse(&json!({ "rules": rules }).to_string()).unwrap()
    }

    fn newest(count: u32) -> Value {
        json!({"countType": "imageCountMoreThan", "countNumber": count})
    }

    fn days(count: u32) -> Value {
        json!({"countType": "sinceImagePushed", "countUnit": "days", "countNumber": count})
    }

    fn repository() -> Repository {
        Repository::new(
            Timestamp::UNIX_EPOCH,
            Mutability { kind: crate::seed::TagMutability::Mutable, exclusions: vec![] },
        )
    }

    fn check(repository: &Repository, rules: &[(&str, Option<&str>, Value)], day: i64, gone: &[&Digest]) {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        let mut gone: Vec<Digest> = gone.iter().map(|digest| (*digest).clone()).collect();
        gone.sort();
        assert_eq!(expired(&policy(rules), repository, now, DAY), gone, "{rules:?} on day {day}");
    }

    #[test]
    fn images_expire_by_number_or_age() {
        let mut all = repository();
        let a = push(&mut all, 0, &["v1"], &json!({}));
        let b = push(&mut all, 1, &["v2", "next-2"], &json!({}));
        let c = push(&mut all, 2, &[], &json!({}));
        check(&all, &[("any", None, newest(3))], 2, &[]);
        check(&all, &[("any", None, newest(1))], 2, &[&a, &b]);
        check(&all, &[("tagged", Some("v"), newest(1))], 2, &[&a]);
        check(&all, &[("tagged", Some("next-"), newest(1))], 2, &[]);
        check(&all, &[("untagged", None, days(1))], 2, &[]);
        check(&all, &[("untagged", None, days(1))], 3, &[&c]);
        check(&all, &[("any", None, days(2))], 2, &[&a]);
        check(&all, &[("any", None, days(u32::MAX))], 2, &[]);
    }

    #[test]
    fn a_higher_priority_protects_what_it_selects() {
        let mut all = repository();
        let a = push(&mut all, 0, &["v1", "next-1"], &json!({}));
        let b = push(&mut all, 1, &["v2"], &json!({}));
        let c = push(&mut all, 2, &["v3"], &json!({}));
        check(&all, &[("tagged", Some("next-"), newest(5)), ("any", None, newest(1))], 2, &[&b]);
        check(&all, &[("tagged", Some("v"), newest(2)), ("any", None, newest(1))], 2, &[&a]);
        check(&all, &[("tagged", Some("x"), newest(2)), ("any", None, days(1))], 9, &[&a, &b, &c]);
    }

    #[test]
    fn parts_of_another_image_stay_with_it() {
        let mut all = repository();
        let member = push(&mut all, 0, &[], &json!({}));
        let index = push(&mut all, 1, &["v1"], &json!({"manifests": [{"digest": member, "size": 1}]}));
        let signature = push(&mut all, 2, &[], &json!({"subject": {"digest": index, "size": 1}}));
        check(&all, &[("untagged", None, days(1))], 9, &[]);
        check(&all, &[("any", None, days(1))], 9, &[&index]);
        all.delete_image(&index);
        check(&all, &[("untagged", None, days(1))], 9, &[&member, &signature]);
    }
}
