//! PutImage at ten a second (Amazon ECR service quotas): a bucket for each account and region.

use std::{collections::HashMap, sync::Mutex};

use jiff::Timestamp;

use super::repository::RepositoryId;
use crate::locking::lock;
use shipgate_core::account::{AccountId, Region};

/// How many a second, and how many at once.
const A_SECOND: f64 = 10.0;

/// The buckets.
#[derive(Default)]
pub(crate) struct Rate(Mutex<HashMap<(AccountId, Region), Bucket>>);

/// What is left, and when that was so.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    /// The bucket after one call more; `None` when it is empty.
    fn take(self, now: Timestamp) -> Option<Self> {
        let elapsed = now.duration_since(self.at).as_secs_f64().max(0.0);
        let left = elapsed.mul_add(A_SECOND, self.left).min(A_SECOND) - 1.0;
        (left >= 0.0).then_some(Self { left, at: now })
    }
}

impl Rate {
    /// Whether one more PutImage is let through now.
    pub(crate) fn admits(&self, id: &RepositoryId, now: Timestamp) -> bool {
        let mut buckets = lock(&self.0);
        let full = Bucket { left: A_SECOND, at: now };
        let bucket = buckets.entry((id.account.clone(), id.region.clone())).or_insert(full);
        match bucket.take(now) {
            Some(after) => {
                *bucket = after;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Rate, RepositoryId};

    #[test]
    fn ten_at_once_and_ten_a_second() {
        let id = RepositoryId {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            name: "a/b".to_owned(),
        };
        let (rate, start) = (Rate::default(), Timestamp::UNIX_EPOCH);
        assert!((0..10).all(|_| rate.admits(&id, start)));
        assert!(!rate.admits(&id, start));
        assert!(!rate.admits(&id, start + SignedDuration::from_millis(99)));
        assert!(rate.admits(&id, start + SignedDuration::from_millis(100)));
        assert!(!rate.admits(&id, start + SignedDuration::from_millis(100)));
        let other = RepositoryId { account: "222222222222".parse().unwrap(), ..id };
        assert!(rate.admits(&other, start));
    }
}
