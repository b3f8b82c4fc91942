//! The trust policy that the short form of a role in the seed stands for.

use serde_json::{Value, json};

use crate::{
    iam::{Policy, policy::InvalidPolicy},
    seed::{Role, WebIdentity},
};

/// The trust policy of a role.
pub(crate) fn policy(role: &Role) -> Result<Policy, InvalidPolicy> {
    match &role.trust_policy {
        Some(policy) => Ok(policy.clone()),
        None => Policy::try_from(json!({"Version": "2012-10-17", "Statement": statements(role)})),
    }
}

fn statements(role: &Role) -> Vec<Value> {
    let (services, principals): (Vec<&String>, Vec<&String>) =
        role.assumed_by.iter().partition(|name| name.ends_with(".amazonaws.com"));
    let mut statements = Vec::new();
    if !principals.is_empty() {
        let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"});
        if let Some(external_id) = &role.external_id {
            statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": external_id}});
        }
        statements.push(statement);
    }
    if !services.is_empty() {
        statements.push(json!({"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}));
    }
    statements.extend(role.web_identities.iter().map(|accepted| web_identity(role, accepted)));
    statements
}

fn web_identity(role: &Role, accepted: &WebIdentity) -> Value {
    let issuer = accepted.issuer.trim_start_matches("https://");
    let provider = provider(role, issuer);
    json!({
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {format!("{issuer}:aud"): accepted.audience},
            "StringLike": {format!("{issuer}:sub"): accepted.subject},
        },
    })
}

/// The ARN of an OIDC provider in the role's account.
pub(crate) fn provider(role: &Role, issuer: &str) -> String {
    format!("arn:{}:iam::{}:oidc-provider/{issuer}", role.arn.partition(), role.arn.account())
}
