//! The roles that App Runner takes: the one it pulls the image with, and the one the application runs as.

use super::{
    CreateNeeds, IdentityPolicy, Needs, Part, Permissions, Principal, RoleArn, Statement, TrustPolicy,
    derive::log_in,
    workload::{BUILD, TASKS, access_pull, read_secrets},
};

/// Adds both, as far as the configuration names them.
pub(super) fn add(needs: &Needs, create: &CreateNeeds, permissions: &mut Permissions) {
    let pull = vec![log_in(), Statement::allow("PullImage", &access_pull(), &[needs.repository.arn()])];
    grant(permissions, Part::AccessRole, &create.access_role, BUILD, pull);
    if let Some(role) = &create.instance_role {
        grant(permissions, Part::InstanceRole, role, TASKS, read_secrets(needs, &create.secrets));
    }
}

/// A role without a policy is trusted all the same.
fn grant(permissions: &mut Permissions, part: Part, role: &RoleArn, service: &'static str, statements: Vec<Statement>) {
    if !statements.is_empty() {
        permissions.identities.push(IdentityPolicy { part, role: Some(role.clone()), statements });
    }
    let trusted = Statement::trust("TrustAppRunner", Principal::Service(service), &["sts:AssumeRole"]);
    match permissions.trusts.iter_mut().find(|known| known.role == *role) {
        Some(known) => known.statements.push(trusted),
        None => permissions.trusts.push(TrustPolicy {
            part,
            role: role.clone(),
            statements: vec![trusted],
            session_seconds: None,
        }),
    }
}
