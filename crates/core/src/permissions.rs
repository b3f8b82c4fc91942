//! Which permissions a configuration asks for: policies of identities, trust policies of roles, policies of repositories. What
//! is in them is derived from the configuration alone; how they are written down is the pipeline's. Pure.
//!
//! Actions and resources are those of the Service Authorization Reference. `docs/permissions.md` says what each is for, and
//! where `*` cannot be avoided.

mod calls;
mod chain;
mod derive;
mod service_roles;
#[cfg(test)]
mod tests;
mod workload;

use std::{collections::BTreeMap, fmt};

use super::{
    access::Hop,
    account::{AccountId, Region},
    arn::RoleArn,
    service_secret::SecretSource,
};

pub use self::{
    calls::{Arrival, PlannedCall, PlannedRun, calls},
    derive::derive,
};

/// What a policy is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// The identity that the CI job begins with: it may assume the first role of each way.
    Caller,
    /// A role on the way to another.
    Hop,
    /// Pulls the image from the registry account.
    RegistryPull,
    /// Deploys to a service that exists.
    WorkloadDeploy,
    /// Creates the service too.
    WorkloadCreate,
    /// App Runner pulls the image under it.
    AccessRole,
    /// The application runs under it.
    InstanceRole,
    /// Hangs on the source repository.
    RepositoryPolicy,
}

impl Part {
    /// Its name, stable.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Hop => "hop",
            Self::RegistryPull => "registry-pull",
            Self::WorkloadDeploy => "workload-deploy",
            Self::WorkloadCreate => "workload-create",
            Self::AccessRole => "access-role",
            Self::InstanceRole => "instance-role",
            Self::RepositoryPolicy => "repository-policy",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who is meant, in policies that say so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Principal {
    /// The identity that the CI job begins with: the configuration does not name it.
    Job,
    /// A role.
    Role(RoleArn),
    /// All of an account, as far as its own policies allow it.
    Account(String),
    /// A service of AWS.
    Service(&'static str),
}

/// What must hold for a statement to count. All keys are compared by `StringEquals`.
pub type Conditions = BTreeMap<&'static str, Vec<String>>;

/// A statement that allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// `Sid`: letters and digits.
    pub id: &'static str,
    /// In policies that hang on something.
    pub principal: Option<Principal>,
    /// `service:Action`.
    pub actions: Vec<&'static str>,
    /// ARNs, `*` in them; none in policies that hang on something.
    pub resources: Vec<String>,
    /// When it counts.
    pub conditions: Conditions,
}

impl Statement {
    /// What an identity may do.
    pub(crate) fn allow(id: &'static str, actions: &[&'static str], resources: &[String]) -> Self {
        let (actions, resources) = (actions.to_vec(), resources.to_vec());
        Self { id, principal: None, actions, resources, conditions: Conditions::new() }
    }

    /// What somebody may do to what the policy hangs on.
    pub(crate) fn trust(id: &'static str, principal: Principal, actions: &[&'static str]) -> Self {
        Self { principal: Some(principal), ..Self::allow(id, actions, &[]) }
    }

    /// When a key has one of these values.
    pub(crate) fn when(mut self, key: &'static str, values: &[&str]) -> Self {
        self.conditions.insert(key, values.iter().map(ToString::to_string).collect());
        self
    }
}

/// What an identity may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityPolicy {
    /// What it is for.
    pub part: Part,
    /// Whose it is; `None` is the identity that the CI job begins with.
    pub role: Option<RoleArn>,
    /// What it says.
    pub statements: Vec<Statement>,
}

/// Who may assume a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustPolicy {
    /// What the role is for first.
    pub part: Part,
    /// The role.
    pub role: RoleArn,
    /// What it says.
    pub statements: Vec<Statement>,
    /// How long its sessions must be able to live, in seconds, where that is longer than the hour that every role allows.
    pub session_seconds: Option<u64>,
}

/// A repository in an account's ECR.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repository {
    /// The account; unknown where no role says it.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Region,
    /// The name.
    pub name: String,
}

/// Who may pull from a repository, besides those whom their own policies let.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RepositoryPolicy {
    /// The repository.
    pub repository: Repository,
    /// What it says.
    pub statements: Vec<Statement>,
}

/// All that a configuration asks for.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Permissions {
    /// What identities may do.
    pub identities: Vec<IdentityPolicy>,
    /// Who may assume roles.
    pub trusts: Vec<TrustPolicy>,
    /// Policies of repositories.
    pub repositories: Vec<RepositoryPolicy>,
    /// What the configuration does not tell, and how to tell it.
    pub unknown: Vec<String>,
}

impl Permissions {
    /// Those of some parts alone. A role's trust policy goes with each policy that the role has.
    #[must_use]
    pub fn of(mut self, parts: &[Part]) -> Self {
        self.identities.retain(|policy| parts.contains(&policy.part));
        let has_policy = |trust: &TrustPolicy| {
            self.identities.iter().any(|policy| policy.role.as_ref() == Some(&trust.role))
                || parts.contains(&trust.part)
        };
        self.trusts.retain(has_policy);
        self.repositories.retain(|_| parts.contains(&Part::RepositoryPolicy));
        self
    }
}

/// What of a configuration decides about permissions.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of the configuration's own, and any of them go together"
)]
pub struct Needs {
    /// Where the image comes from, if that is ECR.
    pub source: Option<Repository>,
    /// The roles on the way to the source.
    pub registry_hops: Vec<Hop>,
    /// The roles on the way to the workload account.
    pub workload_hops: Vec<Hop>,
    /// The workload repository.
    pub repository: Repository,
    /// The service.
    pub service: String,
    /// What the service may be created with.
    pub create: Option<CreateNeeds>,
    /// Whether ECR fetches the image by a rule of its pull-through cache.
    pub is_pulled_through: bool,
    /// Whether log groups are told how long to keep their lines.
    pub keeps_logs: bool,
    /// Whether the local check fetches the values of the service's secrets.
    pub fetches_secrets: bool,
    /// Whether a paused service is resumed.
    pub resumes: bool,
    /// Whether a service that never came up is deleted and created anew.
    pub recreates: bool,
}

/// What a service is created with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateNeeds {
    /// The role App Runner pulls the image with.
    pub access_role: RoleArn,
    /// The role the application runs as.
    pub instance_role: Option<RoleArn>,
    /// What App Runner fetches for it.
    pub secrets: Vec<SecretSource>,
    /// Whether the repository is created too.
    pub creates_repository: bool,
}
