//! The rules there are, and when each cached tag was looked up at its upstream.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::{Arc, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    calls,
    rule::{self, Rule, RuleId},
};
use crate::{
    SandboxError,
    caller::Caller,
    ecr::repository::RepositoryId,
    locking::lock,
    seed::Seed,
    state::{self, Keeper, life::Life},
};
use shipgate_core::account::{AccountId, Region};

/// All rules.
pub(crate) struct Rules {
    all: Mutex<BTreeMap<RuleId, Rule>>,
    /// When a tag was looked up last.
    looked: Mutex<HashMap<(RepositoryId, String), Timestamp>>,
    /// How long a cached tag is served without a look at the upstream.
    lifetime: SignedDuration,
    keeper: Option<Arc<Keeper>>,
}

/// The document of a rule.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: RuleId,
    rule: Rule,
}

fn document(id: &RuleId) -> String {
    state::document("cache-rules", &id.name())
}

impl Rules {
    /// No rule yet.
    pub(crate) fn new(lifetime_seconds: u32, keeper: Option<Arc<Keeper>>) -> Self {
        let lifetime = SignedDuration::from_secs(lifetime_seconds.into());
        Self { all: Mutex::default(), looked: Mutex::default(), lifetime, keeper }
    }

    /// The rules that were kept.
    pub(crate) fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        let kept = keeper.read_all::<Kept>("cache-rules")?;
        lock(&self.all).extend(kept.into_iter().map(|(_, kept)| (kept.id, kept.rule)));
        Ok(())
    }

    /// The rules of the seed, save those that it has brought in before.
    pub(crate) fn seed(&self, seed: &Seed, life: &mut Life) -> Result<(), SandboxError> {
        for one in &seed.pull_through_cache_rules {
            let region = one.region.as_ref().unwrap_or(&seed.region).clone();
            let arn = format!("arn:{}:iam::{}:root", seed.region.partition(), one.account);
            let owner = Caller { account: one.account.clone(), region, arn };
            let (id, rule) = calls::read(&owner, &one.create)
                .map_err(|refused| SandboxError::CacheRule { reason: refused.to_string() })?;
            if life.seeded.insert(id.name()) {
                // One that somebody has made by hand meanwhile stays as it is.
                self.create(id, rule);
            }
        }
        Ok(())
    }

    /// Adds a rule; `false` when there is one with this prefix.
    pub(super) fn create(&self, id: RuleId, rule: Rule) -> bool {
        match lock(&self.all).entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                self.keep(place.key(), &rule);
                place.insert(rule);
                true
            }
        }
    }

    /// A rule.
    pub(super) fn get(&self, id: &RuleId) -> Option<Rule> {
        lock(&self.all).get(id).cloned()
    }

    /// Changes a rule, and gives what it is then.
    pub(super) fn change(&self, id: &RuleId, change: impl FnOnce(&mut Rule)) -> Option<Rule> {
        let mut all = lock(&self.all);
        let rule = all.get_mut(id)?;
        change(rule);
        self.keep(id, rule);
        Some(rule.clone())
    }

    /// Takes a rule away. What it has cached stays.
    pub(super) fn remove(&self, id: &RuleId) -> Option<Rule> {
        let mut all = lock(&self.all);
        let removed = all.remove(id)?;
        if let Some(keeper) = &self.keeper {
            keeper.forget(&document(id));
        }
        Some(removed)
    }

    /// The rules of a registry, by prefix.
    pub(super) fn list(&self, account: &AccountId, region: &Region) -> Vec<(RuleId, Rule)> {
        let mut rules = self.of_account(account);
        rules.retain(|(id, _)| id.region == *region);
        rules
    }

    /// The rules of an account, by region and prefix.
    pub(crate) fn of_account(&self, account: &AccountId) -> Vec<(RuleId, Rule)> {
        let all = lock(&self.all);
        let own = all.iter().filter(|(id, _)| id.account == *account);
        own.map(|(id, rule)| (id.clone(), rule.clone())).collect()
    }

    /// The rule that covers a repository, with the repository it leads to.
    pub(super) fn covering(&self, id: &RepositoryId) -> Option<(RuleId, Rule, RepositoryId)> {
        rule::covering(lock(&self.all).iter(), id)
    }

    /// Whether a cached tag is to be served without a look at the upstream.
    pub(super) fn is_fresh(&self, id: &RepositoryId, tag: &str, now: Timestamp) -> bool {
        let looked = lock(&self.looked).get(&(id.clone(), tag.to_owned())).copied();
        looked.is_some_and(|at| now.duration_since(at) < self.lifetime)
    }

    /// Remembers that a tag has been looked up.
    pub(super) fn has_looked(&self, id: &RepositoryId, tag: &str, now: Timestamp) {
        lock(&self.looked).insert((id.clone(), tag.to_owned()), now);
    }

    fn keep(&self, id: &RuleId, rule: &Rule) {
        if let Some(keeper) = &self.keeper {
            keeper.keep(&document(id), &Kept { id: id.clone(), rule: rule.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{RepositoryId, Rules};

    #[test]
    fn a_tag_is_fresh_for_as_long_as_the_seed_says() {
        let id = RepositoryId {
            account: "222222222222".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            name: "cache/api".to_owned(),
        };
        let now = Timestamp::UNIX_EPOCH;
        for (lifetime, seconds, fresh) in [(0, 0, false), (60, 0, true), (60, 59, true), (60, 60, false)] {
            let rules = Rules::new(lifetime, None);
            assert!(!rules.is_fresh(&id, "v1", now), "never looked up");
            rules.has_looked(&id, "v1", now);
            let later = now + SignedDuration::from_secs(seconds);
            assert_eq!(rules.is_fresh(&id, "v1", later), fresh, "{lifetime} {seconds}");
            assert!(!rules.is_fresh(&id, "v2", now));
        }
    }
}
