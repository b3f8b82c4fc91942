//! `iam`: the policies that a configuration asks for, written for those who put them up. It reads the configuration alone, and
//! asks nothing of AWS.

mod cloudformation;
mod hcl;
mod json;
mod node;
mod roles;
mod terraform;
mod yaml;

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use crate::config::deployment::{CreateSettings, Deployment, Target};
use shipgate_core::{
    event::Event,
    permissions::{CreateNeeds, Needs, Part, Permissions, Repository, derive},
    pull_through::Via,
    service_secret::{SecretSource, SecretsWay},
};

/// How policies are written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// One document with every policy.
    Json,
    /// A template with the roles.
    CloudFormation,
    /// A module with the roles.
    Terraform,
}

/// Prints those of some parts; all where none is named.
///
/// # Errors
/// None, so far: it is a run like any other.
#[expect(clippy::result_large_err, reason = "made once in a run")]
pub fn print(run: &Run, deployment: &Deployment, parts: &[Part], language: Language) -> Result<Deployed, Failure> {
    let permissions = derive(&needs(deployment));
    let permissions = if parts.is_empty() { permissions } else { permissions.of(parts) };
    for message in &permissions.unknown {
        run.events().emit(Event::Notice { message: message.clone() });
    }
    let (what, text) = match language {
        Language::Json => ("policies", json::document(&permissions)),
        Language::CloudFormation => ("cloudformation", cloudformation::template(&permissions, deployment)),
        Language::Terraform => ("terraform", terraform::module(&permissions, deployment)),
    };
    run.events().emit(Event::Printed { what, text });
    Ok(Deployed { digest: None, service_url: None, summary: summary(&permissions, &deployment.target) })
}

fn summary(permissions: &Permissions, target: &Target) -> String {
    let count = permissions.identities.len() + permissions.trusts.len() + permissions.repositories.len();
    let policies = if count == 1 { "1 policy".to_owned() } else { format!("{count} policies") };
    format!("{policies} for target {}, from its configuration alone", target.name)
}

/// What of a configuration decides about permissions.
fn needs(deployment: &Deployment) -> Needs {
    let Deployment { image, registry, target } = deployment;
    let source = image.ecr().map(|host| Repository {
        account: Some(host.account),
        region: host.region,
        name: image.repository().to_owned(),
    });
    let of_create = target.create.as_ref().map(|create| create.access_role.account());
    let account = target.access.hops.last().map(|hop| hop.role.account()).or(of_create);
    let consent = target.release.consent;
    Needs {
        source,
        registry_hops: registry.hops.clone(),
        workload_hops: target.access.hops.clone(),
        repository: Repository {
            account: account.cloned(),
            region: target.access.region.clone(),
            name: target.repository.clone().unwrap_or_else(|| image.repository().to_owned()),
        },
        service: target.service.to_string(),
        create: target.create.as_ref().map(|create| create_needs(target, create)),
        is_pulled_through: target.via == Via::PullThrough,
        keeps_logs: target.log_retention_days.is_some(),
        fetches_secrets: target.verify.secrets == SecretsWay::Fetch && !target.verify.skip,
        resumes: consent.resume,
        recreates: consent.recreate,
    }
}

fn create_needs(target: &Target, create: &CreateSettings) -> CreateNeeds {
    CreateNeeds {
        access_role: create.access_role.clone(),
        instance_role: create.instance_role.clone(),
        secrets: create.secrets.values().map(|source| SecretSource::read(source)).collect(),
        creates_repository: target.create_repository && target.via == Via::Copy,
    }
}
