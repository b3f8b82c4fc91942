//! The roles as a CloudFormation template. It is the same in every account: conditions keep each role to its own. What the CI
//! job is known by is a parameter. Pure.

use super::{
    node::{Node, TokenWords, policy, trust_by_token},
    roles::{self, Attached, Role, When},
    yaml::{self, JOB},
};
use crate::config::deployment::Deployment;
use shipgate_core::permissions::{Permissions, RepositoryPolicy};

const TOKEN: TokenWords<'static> = TokenWords {
    account: "${AWS::AccountId}",
    provider: "${CiOidcProvider}",
    audience: "${CiOidcAudience}",
    subject: "${CiOidcSubject}",
};

/// The template.
pub(super) fn template(permissions: &Permissions, deployment: &Deployment) -> String {
    let roles = roles::of(permissions);
    let target = &deployment.target;
    let head = format!(
        "# What shipgate needs to deploy {service}, as target {name} of its configuration says.\n\
         # Written by shipgate iam. Deploy it in each account that it names; a stack makes what is its own account's.\n\
         # A role can trust another only once that one is there.\n",
        service = target.service,
        name = target.name,
    );
    let mut members = vec![
        ("AWSTemplateFormatVersion", Node::text("2010-09-09")),
        ("Description", Node::text(format!("What shipgate needs to deploy {}", target.service))),
    ];
    let sections = [
        ("Parameters", parameters(permissions, &roles)),
        ("Conditions", conditions(permissions, &roles)),
        ("Resources", resources(permissions, &roles)),
    ];
    members.extend(sections.into_iter().filter(|(_, section)| !section.is_empty()).map(|(n, s)| (n, Node::Map(s))));
    head + &yaml::written(&members.into_iter().map(|(name, node)| (name.to_owned(), node)).collect::<Vec<_>>())
}

type Members = Vec<(String, Node)>;

fn parameters(permissions: &Permissions, roles: &[Role<'_>]) -> Members {
    let mut all = Members::new();
    let parameter = |default: &str, description: &str| {
        let (default, description) = (Node::text(default), Node::text(description));
        Node::map([("Type", Node::text("String")), ("Default", default), ("Description", description)])
    };
    if roles.iter().any(Role::trusts_job) || roles::opens_to_job(permissions) {
        let what = "The ARN of the IAM role or user that the CI job is; not looked at where its OIDC token lets it in";
        all.push((JOB.to_owned(), parameter("arn:aws:iam::123456789012:role/ci-job", what)));
    }
    if roles.iter().any(Role::trusts_job) {
        let subject =
            "The sub of the CI job's OIDC token, as shipgate doctor prints it (* fits anything); empty without one";
        all.push(("CiOidcSubject".to_owned(), parameter("", subject)));
        let provider = "The OIDC provider's host and path; the account of the role must have it";
        all.push(("CiOidcProvider".to_owned(), parameter("token.actions.githubusercontent.com", provider)));
        all.push(("CiOidcAudience".to_owned(), parameter("sts.amazonaws.com", "The aud of that token")));
    }
    if roles.iter().any(Role::is_optional) {
        let what = "Whether the service may be created; false once it is there";
        let Node::Map(mut members) = parameter("true", what) else { return all };
        members.push(("AllowedValues".to_owned(), Node::texts(["true", "false"])));
        all.push(("MayCreate".to_owned(), Node::Map(members)));
    }
    if !permissions.repositories.is_empty() {
        let what = "Whether the stack has the source repository, with its policy; one that exists is imported first";
        let Node::Map(mut members) = parameter("false", what) else { return all };
        members.push(("AllowedValues".to_owned(), Node::texts(["true", "false"])));
        all.push(("HasSourceRepository".to_owned(), Node::Map(members)));
    }
    all
}

fn equals(parameter: &str, value: &str) -> Node {
    let reference = Node::map([("Ref", Node::text(parameter))]);
    Node::map([("Fn::Equals", Node::List(vec![reference, Node::text(value)]))])
}

fn both(account: &str, other: Node) -> Node {
    let own = Node::map([("Condition", Node::text(format!("In{account}")))]);
    Node::map([("Fn::And", Node::List(vec![own, other]))])
}

fn conditions(permissions: &Permissions, roles: &[Role<'_>]) -> Members {
    let sources = permissions.repositories.iter().filter_map(|known| known.repository.account.as_ref());
    let mut accounts: Vec<String> =
        roles.iter().map(|role| role.arn.account()).chain(sources).map(ToString::to_string).collect();
    accounts.sort();
    accounts.dedup();
    let mut all: Members =
        accounts.iter().map(|account| (format!("In{account}"), equals("AWS::AccountId", account))).collect();
    if roles.iter().any(Role::trusts_job) {
        let none = Node::List(vec![equals("CiOidcSubject", "")]);
        all.push(("HasOidcToken".to_owned(), Node::map([("Fn::Not", none)])));
    }
    for role in roles.iter().filter(|role| role.is_optional()) {
        let account = role.arn.account().as_str();
        all.push((format!("MayCreateIn{account}"), both(account, equals("MayCreate", "true"))));
        all.push((format!("MayOnlyDeployIn{account}"), both(account, equals("MayCreate", "false"))));
    }
    for account in permissions.repositories.iter().filter_map(|known| known.repository.account.as_ref()) {
        all.push((format!("HasRepositoryIn{account}"), both(account.as_str(), equals("HasSourceRepository", "true"))));
    }
    all
}

fn resources(permissions: &Permissions, roles: &[Role<'_>]) -> Members {
    let mut all = Members::new();
    for role in roles {
        all.push((role.label(), role_resource(role)));
        for attached in &role.policies {
            all.push((format!("{}Policy", roles::camel(&role.policy_name(attached))), policy_resource(role, attached)));
        }
    }
    all.extend(permissions.repositories.iter().map(|known| ("SourceRepository".to_owned(), repository(known))));
    all
}

fn role_resource(role: &Role<'_>) -> Node {
    let mut properties = vec![
        ("RoleName".to_owned(), Node::text(role.arn.name())),
        ("Path".to_owned(), Node::text(role.path())),
        ("AssumeRolePolicyDocument".to_owned(), trust(role)),
    ];
    properties.extend(role.session_seconds.map(|seconds| ("MaxSessionDuration".to_owned(), Node::Number(seconds))));
    Node::map([
        ("Type", Node::text("AWS::IAM::Role")),
        ("Condition", Node::text(format!("In{}", role.arn.account()))),
        ("Properties", Node::Map(properties)),
    ])
}

/// The keys of a token's conditions contain the provider's name, which only a text can: members have fixed names.
fn trust(role: &Role<'_>) -> Node {
    let plain = policy(role.trust);
    if !role.trusts_job() {
        return plain;
    }
    let by_token = trust_by_token(role.trust, role.partition(), &TOKEN);
    let by_token = Node::map([("Fn::Sub", Node::text(super::json::written(&by_token) + "\n"))]);
    Node::map([("Fn::If", Node::List(vec![Node::text("HasOidcToken"), by_token, plain]))])
}

fn policy_resource(role: &Role<'_>, attached: &Attached<'_>) -> Node {
    let account = role.arn.account();
    let condition = match attached.when {
        When::Always => format!("In{account}"),
        When::MayCreate => format!("MayCreateIn{account}"),
        When::MayOnlyDeploy => format!("MayOnlyDeployIn{account}"),
    };
    Node::map([
        ("Type", Node::text("AWS::IAM::RolePolicy")),
        ("Condition", Node::text(condition)),
        (
            "Properties",
            Node::map([
                ("RoleName", Node::map([("Ref", Node::text(role.label()))])),
                ("PolicyName", Node::text(format!("shipgate-{}", attached.name))),
                ("PolicyDocument", policy(attached.statements)),
            ]),
        ),
    ])
}

fn repository(known: &RepositoryPolicy) -> Node {
    let account = known.repository.account.as_ref().map(ToString::to_string).unwrap_or_default();
    Node::map([
        ("Type", Node::text("AWS::ECR::Repository")),
        ("Condition", Node::text(format!("HasRepositoryIn{account}"))),
        ("DeletionPolicy", Node::text("Retain")),
        ("UpdateReplacePolicy", Node::text("Retain")),
        (
            "Properties",
            Node::map([
                ("RepositoryName", Node::text(known.repository.name.as_str())),
                ("RepositoryPolicyText", policy(&known.statements)),
            ]),
        ),
    ])
}
