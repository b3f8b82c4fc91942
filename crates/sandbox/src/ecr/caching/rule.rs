//! A rule of the pull-through cache: which repositories it covers, and where it leads. No I/O.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ecr::repository::RepositoryId;
use shipgate_core::{
    account::{AccountId, Region},
    arn::RoleArn,
    image::EcrHost,
};

/// The prefix that stands for none.
pub(super) const ROOT: &str = "ROOT";

/// Which rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct RuleId {
    /// The account whose registry caches.
    pub(crate) account: AccountId,
    /// The region of that registry.
    pub(crate) region: Region,
    /// What the names of its repositories begin with, or `ROOT`.
    pub(crate) prefix: String,
}

/// Where it leads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// `A.dkr.ecr.R.amazonaws.com`, as it was given.
    pub(crate) upstream_registry_url: String,
    /// What the names of the upstream's repositories begin with, or `ROOT`.
    pub(crate) upstream_prefix: String,
    /// The role that may read them.
    pub(crate) custom_role_arn: Option<RoleArn>,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

impl RuleId {
    /// What names it among everything else that a seed brings in. AWS has no ARN for rules.
    pub(crate) fn name(&self) -> String {
        format!("pull-through-cache-rule:{}:{}:{}", self.region, self.account, self.prefix)
    }

    /// As the page has it: `PREFIX/`, with the region that it holds in.
    pub(crate) fn place(&self) -> String {
        let root = self.prefix == ROOT;
        format!("{}/ in {}", if root { "" } else { &self.prefix }, self.region)
    }

    /// What is left of a repository's name behind the prefix, if the rule covers it.
    fn rest<'a>(&self, id: &'a RepositoryId) -> Option<&'a str> {
        if id.account != self.account || id.region != self.region {
            return None;
        }
        if self.prefix == ROOT {
            return Some(&id.name);
        }
        id.name.strip_prefix(self.prefix.as_str())?.strip_prefix('/')
    }

    /// The longer the prefix, the closer the rule; that of the root is the last.
    fn closeness(&self) -> usize {
        if self.prefix == ROOT { 0 } else { self.prefix.len() }
    }
}

impl Rule {
    /// The account and region of the upstream.
    pub(crate) fn upstream(&self) -> Option<EcrHost> {
        EcrHost::parse(&self.upstream_registry_url)
    }

    /// As the page has it.
    pub(crate) fn shown(&self) -> String {
        let url = &self.upstream_registry_url;
        if self.upstream_prefix == ROOT { format!("{url}/") } else { format!("{url}/{}/", self.upstream_prefix) }
    }

    fn repository(&self, rest: &str) -> Option<RepositoryId> {
        let EcrHost { account, region } = self.upstream()?;
        let root = self.upstream_prefix == ROOT;
        let name = if root { rest.to_owned() } else { format!("{}/{rest}", self.upstream_prefix) };
        Some(RepositoryId { account, region, name })
    }
}

/// The rule that covers a repository, with the repository it leads to.
pub(super) fn covering<'a>(
    rules: impl Iterator<Item = (&'a RuleId, &'a Rule)>,
    id: &RepositoryId,
) -> Option<(RuleId, Rule, RepositoryId)> {
    let covering = rules.filter_map(|(named, rule)| Some((named, rule, named.rest(id)?)));
    let (named, rule, rest) = covering.max_by_key(|(named, _, _)| named.closeness())?;
    Some((named.clone(), rule.clone(), rule.repository(rest)?))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{RepositoryId, Rule, RuleId, covering};

    fn rule(prefix: &str, upstream_prefix: &str) -> (RuleId, Rule) {
        let id = RuleId {
            account: "222222222222".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            prefix: prefix.to_owned(),
        };
        let rule = Rule {
            upstream_registry_url: "111111111111.dkr.ecr.eu-west-1.amazonaws.com".to_owned(),
            upstream_prefix: upstream_prefix.to_owned(),
            custom_role_arn: None,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        };
        (id, rule)
    }

    #[test]
    fn the_closest_rule_covers() {
        let rules = [rule("cache", "ROOT"), rule("cache/team", "shop"), rule("cach", "no"), rule("same", "same")];
        let id = |name: &str| RepositoryId {
            account: "222222222222".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            name: name.to_owned(),
        };
        let leads = |id: &RepositoryId| {
            covering(rules.iter().map(|(id, rule)| (id, rule)), id).map(|(_, _, upstream)| upstream.name)
        };
        for (name, upstream) in [
            ("cache/shop/api", Some("shop/api")),
            ("cache/team/api", Some("shop/api")),
            ("same/api", Some("same/api")),
            ("cache", None),
            ("cachet/api", None),
            ("other/cache/api", None),
        ] {
            assert_eq!(leads(&id(name)).as_deref(), upstream, "{name}");
        }
        let elsewhere = RepositoryId { region: "eu-west-1".parse().unwrap(), ..id("cache/shop/api") };
        let of_another = RepositoryId { account: "333333333333".parse().unwrap(), ..id("cache/shop/api") };
        assert_eq!((leads(&elsewhere), leads(&of_another)), (None, None));
    }

    #[test]
    fn the_root_covers_what_no_other_rule_does() {
        let rules = [rule("ROOT", "ROOT"), rule("a", "b")];
        for (name, upstream) in [("shop/api", "shop/api"), ("a/x", "b/x"), ("ab/x", "ab/x")] {
            let id = RepositoryId {
                account: rules[0].0.account.clone(),
                region: rules[0].0.region.clone(),
                name: name.into(),
            };
            let (_, _, leads) = covering(rules.iter().map(|(id, rule)| (id, rule)), &id).unwrap();
            assert_eq!((leads.account.as_str(), leads.name.as_str()), ("111111111111", upstream), "{name}");
        }
    }
}
