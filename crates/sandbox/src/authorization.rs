//! Which permissions a call needs, and whether the caller has them.
//!
//! Actions and resources are those of the Service Authorization Reference. ECR's repositories have policies of their own;
//! App Runner asks for `iam:PassRole` on the roles it is given, and that it can assume them.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    answer::ApiError,
    caller::Caller,
    cloud::Cloud,
    control::protocol::Service,
    ecr::{caching, repository::RepositoryId, store::Store},
    iam::{Context, Policies, Policy, Question, Subject, decide},
    identities::{Identities, Need, Principal, context_of_request},
    parameters::store as parameters,
};
use shipgate_core::account::{AccountId, Region};

/// Refuses a call that the caller may not make.
pub(crate) fn check(
    cloud: &Cloud,
    principal: &Principal,
    caller: &Caller,
    service: Service,
    action: &str,
    input: &Value,
) -> Result<(), ApiError> {
    match service {
        Service::Sts => Ok(()),
        Service::Ecr => ecr(cloud, principal, caller, action, input),
        Service::Logs => {
            let resource = logs_resource(caller, action, input);
            plain(cloud, principal, caller, &format!("logs:{action}"), &resource)
        }
        Service::SecretsManager => {
            let resource = secret_resource(cloud, caller, action, input);
            plain(cloud, principal, caller, &format!("secretsmanager:{action}"), &resource)
        }
        Service::Ssm => parameter_resources(caller, input)
            .iter()
            .try_for_each(|resource| plain(cloud, principal, caller, &format!("ssm:{action}"), resource)),
        Service::AppRunner => {
            let resource = app_runner_resource(caller, action, input);
            plain(cloud, principal, caller, &format!("apprunner:{action}"), &resource)?;
            pass_roles(cloud, principal, caller, action, input)?;
            linked_role(cloud, principal, caller, action)
        }
    }
}

/// A call on something in the caller's own account that has no policy of its own.
fn plain(cloud: &Cloud, principal: &Principal, caller: &Caller, action: &str, resource: &str) -> Result<(), ApiError> {
    let account = resource.split(':').nth(4).and_then(|text| text.parse().ok());
    let account: AccountId = account.unwrap_or_else(|| caller.account.clone());
    let context = context_of_request(caller.region.as_str(), Timestamp::now());
    allow(&cloud.identities, principal, action, resource, &account, None, context)
}

fn allow(
    identities: &Identities,
    principal: &Principal,
    action: &str,
    resource: &str,
    resource_account: &AccountId,
    resource_policy: Option<&Policy>,
    context: Context,
) -> Result<(), ApiError> {
    let need = Need { action, resource, resource_account, resource_policy, resource_must_allow: false, context };
    identities
        .authorize(principal, &need)
        .map_err(|denial| ApiError::new(400, "AccessDeniedException", denial.message(&principal.arn, action, resource)))
}

/// What the actions of ECR need.
fn ecr(cloud: &Cloud, principal: &Principal, caller: &Caller, action: &str, input: &Value) -> Result<(), ApiError> {
    if action == "GetAuthorizationToken" {
        return plain(cloud, principal, caller, "ecr:GetAuthorizationToken", "*");
    }
    if action.contains("PullThroughCacheRule") {
        return cache_rule(cloud, principal, caller, action, input);
    }
    if let Some(arn) = input["resourceArn"].as_str() {
        return plain(cloud, principal, caller, &format!("ecr:{action}"), arn);
    }
    let account = input["registryId"].as_str().and_then(|id| id.parse().ok());
    let account: AccountId = account.unwrap_or_else(|| caller.account.clone());
    let many = input["repositoryNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<&str> = input["repositoryName"].as_str().into_iter().chain(many).collect();
    if names.is_empty() {
        names.push("*");
    }
    names.into_iter().try_for_each(|name| {
        let id = RepositoryId { account: account.clone(), region: caller.region.clone(), name: name.to_owned() };
        repository(cloud, principal, action, &id)
    })
}

/// What an action on a pull-through cache rule needs: rules have no ARN. Whoever names a role hands it to ECR.
fn cache_rule(
    cloud: &Cloud,
    principal: &Principal,
    caller: &Caller,
    action: &str,
    input: &Value,
) -> Result<(), ApiError> {
    let account = input["registryId"].as_str().and_then(|id| id.parse().ok());
    let account: AccountId = account.unwrap_or_else(|| caller.account.clone());
    let context = context_of_request(caller.region.as_str(), Timestamp::now());
    allow(&cloud.identities, principal, &format!("ecr:{action}"), "*", &account, None, context.clone())?;
    match input["customRoleArn"].as_str() {
        None => Ok(()),
        Some(role) => {
            let context = context.with("iam:PassedToService", caching::SERVICE);
            allow(&cloud.identities, principal, "iam:PassRole", role, &caller.account, None, context)
        }
    }
}

/// What an action on a repository needs, on either face of ECR.
pub(crate) fn repository(
    cloud: &Cloud,
    principal: &Principal,
    action: &str,
    id: &RepositoryId,
) -> Result<(), ApiError> {
    repository_of(&cloud.images, &cloud.identities, principal, action, id)
}

/// The same, of those who are no callers: App Runner pulls under a role of the service's.
pub(crate) fn repository_of(
    images: &Store,
    identities: &Identities,
    principal: &Principal,
    action: &str,
    id: &RepositoryId,
) -> Result<(), ApiError> {
    let text = images.look(id, |repository| repository.policy.clone()).ok().flatten();
    let policy = text.and_then(|text| Policy::parse(&text).ok());
    let context = context_of_request(id.region.as_str(), Timestamp::now());
    allow(identities, principal, &format!("ecr:{action}"), &id.arn(), &id.account, policy.as_ref(), context)
}

fn logs_resource(caller: &Caller, action: &str, input: &Value) -> String {
    let base = format!("arn:{}:logs:{}:{}:log-group:", caller.region.partition(), caller.region, caller.account);
    let group = input["logGroupName"].as_str().unwrap_or_default();
    if let Some(identifier) = input["logGroupIdentifier"].as_str().filter(|text| text.starts_with("arn:")) {
        return format!("{}:log-stream:", identifier.trim_end_matches(":*"));
    }
    let on_stream = ["GetLogEvents", "PutLogEvents", "CreateLogStream", "DeleteLogStream"].contains(&action);
    let stream = if on_stream { input["logStreamName"].as_str().unwrap_or_default() } else { "" };
    format!("{base}{group}:log-stream:{stream}")
}

/// One that is to be made has no ARN yet: policies are written for the six characters that it will end with.
fn secret_resource(cloud: &Cloud, caller: &Caller, action: &str, input: &Value) -> String {
    match (input["SecretId"].as_str(), input["Name"].as_str()) {
        (Some(id), _) => cloud.secrets.arn_of(&caller.account, &caller.region, id),
        (None, Some(name)) if action == "CreateSecret" => {
            let Caller { account, region, .. } = caller;
            format!("arn:{}:secretsmanager:{region}:{account}:secret:{name}-??????", region.partition())
        }
        (None, _) => "*".to_owned(),
    }
}

/// Each parameter that a call names has its say.
fn parameter_resources(caller: &Caller, input: &Value) -> Vec<String> {
    let many = input["Names"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let one = ["Name", "Path"].into_iter().filter_map(|member| input[member].as_str());
    let arn = |name: &str| {
        if name.starts_with("arn:") {
            return name.split(':').take(6).collect::<Vec<_>>().join(":");
        }
        let name = name.split(':').next().unwrap_or_default();
        parameters::arn(&caller.account, &caller.region, name)
    };
    let named: Vec<String> = one.chain(many).map(arn).collect();
    if named.is_empty() { vec!["*".to_owned()] } else { named }
}

fn app_runner_resource(caller: &Caller, action: &str, input: &Value) -> String {
    let named = ["ServiceArn", "ResourceArn", "AutoScalingConfigurationArn", "VpcConnectorArn", "ConnectionArn"];
    match named.iter().find_map(|member| input[member].as_str()) {
        Some(arn) if action != "CreateService" => arn.to_owned(),
        _ if action == "CreateService" => {
            let name = input["ServiceName"].as_str().unwrap_or_default();
            let Caller { account, region, .. } = caller;
            format!("arn:{}:apprunner:{region}:{account}:service/{name}/*", region.partition())
        }
        _ => "*".to_owned(),
    }
}

/// The roles a call hands to App Runner: the member's name in the error, the ARN, and the service that gets it.
fn passed_roles(input: &Value) -> impl Iterator<Item = (&'static str, &str, &'static str)> {
    let access = input["SourceConfiguration"]["AuthenticationConfiguration"]["AccessRoleArn"].as_str();
    let instance = input["InstanceConfiguration"]["InstanceRoleArn"].as_str();
    let access = access.map(|arn| ("access", arn, "build.apprunner.amazonaws.com"));
    let instance = instance.map(|arn| ("instance", arn, "tasks.apprunner.amazonaws.com"));
    access.into_iter().chain(instance)
}

fn pass_roles(
    cloud: &Cloud,
    principal: &Principal,
    caller: &Caller,
    action: &str,
    input: &Value,
) -> Result<(), ApiError> {
    if !["CreateService", "UpdateService"].contains(&action) {
        return Ok(());
    }
    let now = Timestamp::now();
    for (member, arn, service) in passed_roles(input) {
        if arn.split(':').nth(4) != Some(caller.account.as_str()) {
            return Err(ApiError::new(400, "AccessDeniedException", "Cross-account pass role is not allowed."));
        }
        let context = context_of_request(caller.region.as_str(), now).with("iam:PassedToService", service);
        allow(&cloud.identities, principal, "iam:PassRole", arn, &caller.account, None, context)?;
        if !can_be_assumed_by(&cloud.identities, &cloud.region, arn, service, now) {
            let message = format!("Error in assuming {member} role {arn}");
            return Err(ApiError::new(400, "InvalidRequestException", message));
        }
    }
    Ok(())
}

/// The first service of an account makes the role that App Runner itself works under, on behalf of whoever creates it (App Runner
/// developer guide, "Using service-linked roles").
fn linked_role(cloud: &Cloud, principal: &Principal, caller: &Caller, action: &str) -> Result<(), ApiError> {
    if action != "CreateService" || cloud.app_runner.has_had_service(&caller.account) {
        return Ok(());
    }
    let role = format!(
        "arn:{}:iam::{}:role/aws-service-role/apprunner.amazonaws.com/AWSServiceRoleForAppRunner",
        caller.region.partition(),
        caller.account
    );
    let context = context_of_request(caller.region.as_str(), Timestamp::now());
    let context = context.with("iam:AWSServiceName", "apprunner.amazonaws.com");
    allow(&cloud.identities, principal, "iam:CreateServiceLinkedRole", &role, &caller.account, None, context)
}

/// Whether the role is there, can be used already, and trusts the service.
pub(crate) fn can_be_assumed_by(
    identities: &Identities,
    region: &Region,
    arn: &str,
    service: &str,
    now: Timestamp,
) -> bool {
    let Some(known) = identities.role(arn, now) else { return false };
    let context = context_of_request(region.as_str(), now);
    let policies = Policies {
        identity: Some(&[]),
        session: None,
        resource: Some(&known.trust),
        resource_must_allow: true,
        cross_account: true,
    };
    let subject = Subject::Service(service);
    decide(policies, &Question { subject, action: "sts:AssumeRole", resource: arn, context: &context }).is_ok()
}
