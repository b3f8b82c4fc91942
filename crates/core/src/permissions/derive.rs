//! From what a configuration needs to all policies: which there are, and whose they are.

use super::{
    IdentityPolicy, Needs, Part, Permissions, Principal, Repository, RepositoryPolicy, Statement, chain, service_roles,
    workload,
};

/// What a pull takes.
pub(super) const PULL: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// All policies.
#[must_use]
pub fn derive(needs: &Needs) -> Permissions {
    let mut permissions = Permissions {
        identities: chain::callers(needs),
        trusts: chain::trusts(needs),
        repositories: repositories(needs),
        unknown: workload::unknown(needs),
    };
    let registry_role = needs.registry_hops.last().map(|hop| hop.role.clone());
    let workload_role = needs.workload_hops.last().map(|hop| hop.role.clone());
    if let Some(source) = &needs.source {
        let statements = registry_pull(source);
        permissions.identities.push(IdentityPolicy { part: Part::RegistryPull, role: registry_role, statements });
    }
    let deploy = workload::deploy(needs);
    if let Some(create) = &needs.create {
        let statements = workload::create(needs, create, deploy.clone());
        let part = Part::WorkloadCreate;
        permissions.identities.push(IdentityPolicy { part, role: workload_role.clone(), statements });
    }
    let deploying = IdentityPolicy { part: Part::WorkloadDeploy, role: workload_role, statements: deploy };
    let at = permissions.identities.iter().position(|policy| policy.part == Part::WorkloadCreate);
    permissions.identities.insert(at.unwrap_or(permissions.identities.len()), deploying);
    if let Some(create) = &needs.create {
        service_roles::add(needs, create, &mut permissions);
    }
    permissions
}

fn registry_pull(source: &Repository) -> Vec<Statement> {
    vec![log_in(), Statement::allow("PullImage", &PULL, &[source.arn()])]
}

/// ECR has no resource for it: the token is good for whatever its bearer may do.
pub(super) fn log_in() -> Statement {
    Statement::allow("LogInToRegistry", &["ecr:GetAuthorizationToken"], &["*".to_owned()])
}

/// The source lets in who is of another account: the job itself where it assumes no role there, and the workload account's
/// pull-through cache.
fn repositories(needs: &Needs) -> Vec<RepositoryPolicy> {
    let Some(source) = &needs.source else { return Vec::new() };
    let mut statements = Vec::new();
    if needs.registry_hops.is_empty() {
        statements.push(Statement::trust("LetJobPull", Principal::Job, &PULL));
    }
    let reader = needs.repository.account.as_ref().filter(|account| source.account.as_ref() != Some(*account));
    if let Some(account) = reader.filter(|_| needs.is_pulled_through) {
        let root = format!("arn:{}:iam::{account}:root", needs.repository.region.partition());
        let actions = [&PULL[..], &["ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"]].concat();
        statements.push(Statement::trust("LetCachePull", Principal::Account(root), &actions));
    }
    if statements.is_empty() {
        return Vec::new();
    }
    vec![RepositoryPolicy { repository: source.clone(), statements }]
}

impl Repository {
    /// Its ARN. Without an account it means one of whoever's policy names it: ARNs of other accounts' repositories count only
    /// where those let it.
    #[must_use]
    pub fn arn(&self) -> String {
        let account = self.account.as_ref().map_or("*", |account| account.as_str());
        let Self { region, name, .. } = self;
        format!("arn:{}:ecr:{region}:{account}:repository/{name}", region.partition())
    }
}
