//! The roles as a Terraform module: a provider for each account, a variable for what the CI job is known by. Pure.

use std::collections::BTreeMap;

use super::{
    hcl::{JOB, expression},
    node::{Node, TokenWords, policy, trust_by_token},
    roles::{self, Attached, Role, When},
};
use crate::{
    config::deployment::Deployment,
    pipeline::hcl::{attributes, block, quoted},
};
use shipgate_core::{
    account::AccountId,
    permissions::{Permissions, RepositoryPolicy},
};

/// The provider of each account, by name.
type Providers = BTreeMap<AccountId, String>;

/// The module.
pub(super) fn module(permissions: &Permissions, deployment: &Deployment) -> String {
    let roles = roles::of(permissions);
    let providers = providers(permissions, &roles, deployment);
    let mut blocks = vec![head(deployment), required(&providers)];
    blocks.extend(variables(permissions, &roles));
    for role in &roles {
        blocks.push(role_block(role, &providers));
        blocks.extend(role.policies.iter().map(|attached| policy_block(role, attached, &providers)));
    }
    blocks.extend(permissions.repositories.iter().map(|known| repository_block(known, &providers)));
    blocks.join("\n")
}

fn head(deployment: &Deployment) -> String {
    format!(
        "# What shipgate needs to deploy {service}, as target {name} of its configuration says.\n\
         # Written by shipgate iam, for Terraform 1.5 or later. Give the module a provider for each account.\n",
        service = deployment.target.service,
        name = deployment.target.name,
    )
}

fn providers(permissions: &Permissions, roles: &[Role<'_>], deployment: &Deployment) -> Providers {
    let of_sources = permissions.repositories.iter().filter_map(|known| known.repository.account.as_ref());
    let accounts = roles.iter().map(|role| role.arn.account()).chain(of_sources);
    let mut providers: Providers = accounts.map(|account| (account.clone(), format!("account_{account}"))).collect();
    let source = deployment.image.ecr().map(|host| host.account);
    let workload = deployment.target.access.hops.last().map(|hop| hop.role.account().clone());
    // A registry in the workload account is the workload's.
    for (account, name) in [(source, "registry"), (workload, "workload")] {
        if let Some(known) = account.and_then(|account| providers.get_mut(&account)) {
            name.clone_into(known);
        }
    }
    providers
}

fn required(providers: &Providers) -> String {
    let names: Vec<String> = providers.values().map(|name| format!("aws.{name}")).collect();
    let source = [
        ("source".to_owned(), quoted("hashicorp/aws")),
        ("configuration_aliases".to_owned(), format!("[{}]", names.join(", "))),
    ];
    format!(
        "terraform {{\n  required_version = \">= 1.5\"\n\n  required_providers {{\n    aws = {{\n{}    }}\n  }}\n}}\n",
        attributes(&source, 3)
    )
}

fn variables(permissions: &Permissions, roles: &[Role<'_>]) -> Vec<String> {
    let trusts_job = roles.iter().any(Role::trusts_job);
    let mut all = Vec::new();
    if trusts_job || roles::opens_to_job(permissions) {
        let what = "The ARN of the IAM role or user that the CI job is; not looked at where its OIDC token lets it in.";
        all.push(variable(JOB, "string", Some("\"\""), what));
    }
    if trusts_job {
        let subject =
            "The sub of the CI job's OIDC token, as shipgate doctor prints it (* fits anything); empty without one.";
        all.push(variable("ci_oidc_subject", "string", Some("\"\""), subject));
        let provider = "The OIDC provider's host and path; the account of each role that trusts it must have it.";
        let github = quoted("token.actions.githubusercontent.com");
        all.push(variable("ci_oidc_provider", "string", Some(&github), provider));
        all.push(variable("ci_oidc_audience", "string", Some("\"sts.amazonaws.com\""), "The aud of that token."));
    }
    if roles.iter().any(Role::is_optional) {
        all.push(variable(
            "may_create",
            "bool",
            Some("true"),
            "Whether the service may be created; false once it is there.",
        ));
    }
    all
}

fn variable(name: &str, kind: &str, default: Option<&str>, description: &str) -> String {
    let mut members = vec![("description", quoted(description)), ("type", kind.to_owned())];
    members.extend(default.map(|default| ("default", default.to_owned())));
    block(&format!("variable \"{name}\""), &members)
}

fn resource(role: &Role<'_>) -> String {
    role.name().replace('-', "_")
}

fn provider(account: &AccountId, providers: &Providers) -> String {
    format!("aws.{}", providers.get(account).map_or("workload", String::as_str))
}

fn role_block(role: &Role<'_>, providers: &Providers) -> String {
    let mut members = vec![
        ("provider", provider(role.arn.account(), providers)),
        ("name", quoted(role.arn.name())),
        ("path", quoted(&role.path())),
    ];
    members.extend(role.session_seconds.map(|seconds| ("max_session_duration", seconds.to_string())));
    members.push(("assume_role_policy", trust(role)));
    block(&format!("resource \"aws_iam_role\" \"{}\"", resource(role)), &members)
}

/// One of two documents, where the job may be known by its token.
fn trust(role: &Role<'_>) -> String {
    let plain = encoded(&policy(role.trust));
    if !role.trusts_job() {
        return plain;
    }
    let words = TokenWords {
        account: role.arn.account().as_str(),
        provider: "${var.ci_oidc_provider}",
        audience: "${var.ci_oidc_audience}",
        subject: "${var.ci_oidc_subject}",
    };
    let by_token = encoded(&trust_by_token(role.trust, role.partition(), &words));
    // Where the first of two ends, `terraform fmt` indents it like what goes on.
    let plain = plain.strip_suffix("\n  })").map_or_else(|| plain.clone(), |head| format!("{head}\n    }})"));
    format!("var.ci_oidc_subject == \"\" ? {plain} : {by_token}")
}

fn encoded(document: &Node) -> String {
    format!("jsonencode({})", expression(document, 1))
}

fn policy_block(role: &Role<'_>, attached: &Attached<'_>, providers: &Providers) -> String {
    let name = role.policy_name(attached);
    let mut members = Vec::new();
    members.extend(match attached.when {
        When::Always => None,
        When::MayCreate => Some(("count", "var.may_create ? 1 : 0".to_owned())),
        When::MayOnlyDeploy => Some(("count", "var.may_create ? 0 : 1".to_owned())),
    });
    members.extend([
        ("provider", provider(role.arn.account(), providers)),
        ("name", quoted(&format!("shipgate-{}", attached.name))),
        ("role", format!("aws_iam_role.{}.id", resource(role))),
        ("policy", encoded(&policy(attached.statements))),
    ]);
    block(&format!("resource \"aws_iam_role_policy\" \"{}\"", name.replace('-', "_")), &members)
}

fn repository_block(known: &RepositoryPolicy, providers: &Providers) -> String {
    let provider = known.repository.account.as_ref().map(|account| provider(account, providers));
    let members = [
        ("provider", provider.unwrap_or_else(|| "aws.registry".to_owned())),
        ("repository", quoted(&known.repository.name)),
        ("policy", encoded(&policy(&known.statements))),
    ];
    block("resource \"aws_ecr_repository_policy\" \"source\"", &members)
}
