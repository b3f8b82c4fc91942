//! What exists when the sandbox starts: accounts, users, roles, repositories, secrets. Read from YAML or JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::apprunner::Script;
use super::faults::Fault;
use super::iam::policy::{InvalidPolicy, Policy};
use shipgate_core::{
    account::{AccountId, Region},
    arn::RoleArn,
};

/// The account of the images in the seed one gets without a file.
const REGISTRY_ACCOUNT: &str = "111111111111";
/// The account of the services in that seed.
const WORKLOAD_ACCOUNT: &str = "222222222222";
/// The account whose user a CI job is, in that seed.
const CI_ACCOUNT: &str = "333333333333";

/// The world at the start. A list that a file does not name is the one of [`Seed::default`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// The main region: where things live that name none.
    pub region: Region,
    /// Further regions: every account has a registry in each.
    pub regions: Vec<Region>,
    /// Accounts that exist even if nothing below lives in them.
    pub accounts: Vec<AccountId>,
    /// IAM users with long-lived access keys. The first is the one [`super::Sandbox::environment`] speaks for.
    pub users: Vec<User>,
    /// IAM roles.
    pub roles: Vec<Role>,
    /// ECR repositories.
    pub repositories: Vec<RepositorySeed>,
    /// Secrets of Secrets Manager and parameters (`SecureString`) of SSM: ARN to value.
    pub secrets: BTreeMap<String, String>,
    /// Whether the registries have ECR's own manners (307 to a second address, 201 on PATCH, a same-digest push to an
    /// immutable tag refused) or follow the plain OCI distribution specification.
    pub ecr_manners: bool,
    /// How long the addresses that blob downloads are redirected to stay good.
    pub link_lifetime_seconds: u32,
    /// How long a role that is made while the sandbox runs cannot be used yet; without it, by the time scale.
    pub role_propagation_seconds: Option<u32>,
    /// Trouble from the start; [`super::faults`] says what there is.
    pub faults: Vec<Fault>,
    /// What is to become of App Runner's operations; [`super::apprunner::Script`] says what there is.
    pub scripts: Vec<Script>,
    /// App Runner services. Their first deployment begins when the sandbox starts.
    pub services: Vec<ServiceSeed>,
    /// Whether services run without containers and images: deployments then succeed unless a script says otherwise.
    pub scripted: bool,
    /// How late App Runner's answers show what has changed; without it, by the time scale.
    pub eventual_consistency: Option<ConsistencySeed>,
    /// Whether lists come in short and empty pages that still carry a token.
    pub short_pages: bool,
    /// Rules of ECR's pull-through cache.
    pub pull_through_cache_rules: Vec<CacheRuleSeed>,
    /// How long a cached tag is served without a look at the upstream: 0 looks at every pull, AWS once in 24 hours.
    pub pull_through_cache_seconds: u32,
}

/// How late App Runner's answers show what has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ConsistencySeed {
    /// `false`: every answer shows everything. `true`: by the time scale.
    Switch(bool),
    /// Exactly so.
    Exact {
        /// How long a service reads the status from before an operation.
        stale_status_ms: u64,
        /// How long an operation is not listed.
        late_operations_ms: u64,
    },
}

/// A rule of ECR's pull-through cache.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRuleSeed {
    /// The account whose registry caches.
    pub account: AccountId,
    /// The region of that registry: the main one if it is not named.
    #[serde(default)]
    pub region: Option<Region>,
    /// The input of `CreatePullThroughCacheRule`, as the API takes it.
    pub create: Value,
}

/// An App Runner service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSeed {
    /// The account it lives in.
    pub account: AccountId,
    /// Its region: the main one if it is not named.
    #[serde(default)]
    pub region: Option<Region>,
    /// The input of `CreateService`, as the API takes it.
    pub create: Value,
}

/// An IAM user and its access key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The account it lives in.
    pub account: AccountId,
    /// `AKIA…`; a random one if it is not named.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The secret it signs with, never a real one; random if it is not named.
    #[serde(default)]
    pub secret_access_key: Option<String>,
    /// What it may do: policy documents. Without the list it may do everything its account can let it do.
    #[serde(default)]
    pub policies: Option<Vec<Policy>>,
}

/// An IAM role and who may assume it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The role.
    pub arn: RoleArn,
    /// ARNs of users, roles or account roots, account ids, service names (`build.apprunner.amazonaws.com`), or `*`.
    #[serde(default)]
    pub assumed_by: Vec<String>,
    /// What `sts:ExternalId` must be.
    #[serde(default)]
    pub external_id: Option<String>,
    /// OIDC identities that may assume it.
    #[serde(default)]
    pub web_identities: Vec<WebIdentity>,
    /// The trust policy, in the place of the three members above.
    #[serde(default)]
    pub trust_policy: Option<Policy>,
    /// What its sessions may do: policy documents. Without the list they may do everything its account can let them do.
    #[serde(default)]
    pub policies: Option<Vec<Policy>>,
    /// The longest session, in seconds.
    #[serde(default = "one_hour")]
    pub max_session_seconds: u32,
}

/// OIDC tokens a role accepts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebIdentity {
    /// The `iss` claim, with or without `https://`.
    pub issuer: String,
    /// The `aud` claim.
    #[serde(default = "sts_audience")]
    pub audience: String,
    /// The `sub` claim; `*` matches any run of characters.
    pub subject: String,
}

/// An ECR repository.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySeed {
    /// The account it lives in.
    pub account: AccountId,
    /// Its region: the main one if it is not named.
    #[serde(default)]
    pub region: Option<Region>,
    /// Its name, such as `shop/api`.
    pub name: String,
    /// Whether tags may move.
    #[serde(default)]
    pub tag_mutability: TagMutability,
    /// Wildcards of tags for which the opposite holds.
    #[serde(default)]
    pub mutability_exclusions: Vec<String>,
    /// Its repository policy.
    #[serde(default)]
    pub policy: Option<PolicyText>,
}

/// A policy document that has been read once, kept as its text.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub struct PolicyText(pub(crate) String);

impl TryFrom<Value> for PolicyText {
    type Error = InvalidPolicy;

    fn try_from(document: Value) -> Result<Self, InvalidPolicy> {
        let text = document.to_string();
        Policy::try_from(document).map(|_| Self(text))
    }
}

/// Whether the tags of a repository may move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TagMutability {
    /// They may.
    #[default]
    Mutable,
    /// They may not.
    Immutable,
}

fn one_hour() -> u32 {
    3600
}

fn sts_audience() -> String {
    "sts.amazonaws.com".to_owned()
}

impl Seed {
    /// Reads a seed from YAML (of which JSON is a part).
    ///
    /// # Errors
    /// [`InvalidSeed`] names the place and what is wrong there.
    pub fn from_yaml(text: &str) -> Result<Self, InvalidSeed> {
        serde_saphyr::from_str(text).map_err(|error| InvalidSeed(error.to_string()))
    }

    /// Every account that anything lives in.
    #[must_use]
    pub fn all_accounts(&self) -> BTreeSet<AccountId> {
        let named = self.accounts.iter().cloned();
        let of_users = self.users.iter().map(|user| user.account.clone());
        let of_roles = self.roles.iter().map(|role| role.arn.account().clone());
        let of_repositories = self.repositories.iter().map(|repository| repository.account.clone());
        let of_caches = self.pull_through_cache_rules.iter().map(|rule| rule.account.clone());
        named.chain(of_users).chain(of_roles).chain(of_repositories).chain(of_caches).collect()
    }

    /// The regions beside the main one that have registries: those named, and those that anything of ECR lives in.
    #[must_use]
    pub fn further_regions(&self) -> BTreeSet<Region> {
        let of_repositories = self.repositories.iter().filter_map(|repository| repository.region.clone());
        let of_caches = self.pull_through_cache_rules.iter().filter_map(|rule| rule.region.clone());
        let all = self.regions.iter().cloned().chain(of_repositories).chain(of_caches);
        all.filter(|region| *region != self.region).collect()
    }
}

/// Why a text is not a seed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the sandbox's seed cannot be read: {0}")]
pub struct InvalidSeed(String);

impl Default for Seed {
    fn default() -> Self {
        match default_seed() {
            Ok(seed) => seed,
            Err(error) => unreachable!("the built-in seed is wrong: {error}"),
        }
    }
}

fn default_seed() -> Result<Seed, Box<dyn std::error::Error>> {
    let ci_root = format!("arn:aws:iam::{CI_ACCOUNT}:root");
    let (registry, workload, ci) = (REGISTRY_ACCOUNT.parse()?, WORKLOAD_ACCOUNT.parse()?, CI_ACCOUNT.parse()?);
    Ok(Seed {
        region: "ap-northeast-1".parse()?,
        regions: Vec::new(),
        roles: vec![
            role(&registry, "shipgate-pull", &ci_root)?,
            role(&workload, "shipgate-deploy", &ci_root)?,
            role(&workload, "apprunner-access", "build.apprunner.amazonaws.com")?,
            role(&workload, "apprunner-instance", "tasks.apprunner.amazonaws.com")?,
        ],
        repositories: vec![repository(&registry), repository(&workload)],
        users: vec![User {
            name: "ci".to_owned(),
            account: ci,
            access_key_id: None,
            secret_access_key: None,
            policies: None,
        }],
        accounts: vec![registry, workload],
        secrets: BTreeMap::new(),
        ecr_manners: true,
        link_lifetime_seconds: 3600,
        role_propagation_seconds: None,
        faults: Vec::new(),
        scripts: Vec::new(),
        services: Vec::new(),
        scripted: false,
        eventual_consistency: None,
        short_pages: false,
        pull_through_cache_rules: Vec::new(),
        pull_through_cache_seconds: 0,
    })
}

fn role(account: &AccountId, name: &str, assumed_by: &str) -> Result<Role, shipgate_core::arn::InvalidArn> {
    Ok(Role {
        arn: format!("arn:aws:iam::{account}:role/{name}").parse()?,
        assumed_by: vec![assumed_by.to_owned()],
        external_id: None,
        web_identities: Vec::new(),
        trust_policy: None,
        policies: None,
        max_session_seconds: one_hour(),
    })
}

fn repository(account: &AccountId) -> RepositorySeed {
    RepositorySeed {
        account: account.clone(),
        region: None,
        name: "shop/api".to_owned(),
        tag_mutability: TagMutability::Mutable,
        mutability_exclusions: Vec::new(),
        policy: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Seed, TagMutability};

    #[test]
    fn a_file_names_what_differs_from_the_default() {
        let seed = Seed::from_yaml(
            "repositories:\n- {account: '444444444444', name: a/b, tag_mutability: IMMUTABLE}\nsecrets: {'arn:x': y}\n",
        )
        .unwrap();
        assert_eq!(seed.repositories[0].tag_mutability, TagMutability::Immutable);
        assert_eq!(seed.secrets["arn:x"], "y");
        assert_eq!((seed.roles.len(), seed.all_accounts().len()), (4, 4));
        assert!(seed.further_regions().is_empty());
    }

    #[test]
    fn a_region_has_registries_when_it_is_named_or_lived_in() {
        let seed = Seed::from_yaml(
            "regions: [us-east-1, ap-northeast-1]\n\
             repositories: [{account: '444444444444', region: eu-west-1, name: a/b}]\n",
        )
        .unwrap();
        let regions: Vec<String> = seed.further_regions().iter().map(ToString::to_string).collect();
        assert_eq!(regions, ["eu-west-1", "us-east-1"]);
    }

    #[test]
    fn policies_faults_and_scripts_are_written_as_aws_and_the_control_interface_have_them() {
        let seed = Seed::from_yaml(
            r#"
users:
- name: ci
  account: "333333333333"
  access_key_id: AKIAEXAMPLE
  secret_access_key: example
  policies:
  - Version: "2012-10-17"
    Statement: { Effect: Allow, Action: "sts:AssumeRole", Resource: "*" }
roles:
- arn: arn:aws:iam::111111111111:role/pull
  policies: []
  trust_policy:
    Statement:
    - Effect: Allow
      Principal: { AWS: "333333333333" }
      Action: sts:AssumeRole
      Condition: { StringEquals: { "sts:ExternalId": [one, two] }, Bool: { "aws:SecureTransport": false } }
repositories:
- account: "111111111111"
  name: shop/api
  policy: { Statement: { Effect: Allow, Principal: "*", Action: ["ecr:*"] } }
faults:
- { kind: error, service: ecr, action: PutImage, status: 400, code: ThrottlingException, times: 2 }
- { kind: cut, service: layers, after_bytes: 1000 }
scripts:
- { service: shop-api, outcome: ROLLBACK_SUCCEEDED }
"#,
        )
        .unwrap();
        assert_eq!(seed.users[0].policies.as_ref().map(Vec::len), Some(1));
        assert_eq!(seed.roles[0].policies, Some(Vec::new()));
        assert!(seed.roles[0].trust_policy.is_some() && seed.repositories[0].policy.is_some());
        assert_eq!((seed.faults.len(), seed.scripts.len()), (2, 1));
        let wrong = r"roles: [{arn: 'arn:aws:iam::111111111111:role/r', policies: [{Statement: {Effect: Perhaps}}]}]";
        assert!(Seed::from_yaml(wrong).unwrap_err().to_string().contains("Effect must be Allow or Deny"));
    }

    #[test]
    fn unknown_keys_and_bad_ids_are_refused() {
        for bad in ["acounts: []", "accounts: ['12']", "roles: [{arn: nonsense}]", "region: Tokyo"] {
            assert!(Seed::from_yaml(bad).is_err(), "{bad}");
        }
    }
}
