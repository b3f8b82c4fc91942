//! The actions on rules. Their upstream is another registry of ECR: the sandbox has no other to offer.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    import,
    rule::{ROOT, Rule, RuleId},
    rules::Rules,
};
use crate::{
    answer::ApiError,
    caller::Caller,
    cloud::Cloud,
    ecr::{Request, epoch_seconds, invalid, null_member, paged, registry},
};
use shipgate_core::{
    account::AccountId,
    arn::RoleArn,
    image::{EcrHost, is_repository},
};

/// The rules of a registry at most (Amazon ECR endpoints and quotas).
const MOST_RULES: usize = 50;

/// The id and the rule that the input of CreatePullThroughCacheRule asks for.
pub(super) fn read(caller: &Caller, input: &Value) -> Result<(RuleId, Rule), ApiError> {
    let request = Ask { caller, input };
    let id = request.id()?;
    let url = request.text("upstreamRegistryUrl")?.to_owned();
    let upstream = upstream(&url, input["upstreamRegistry"].as_str())?;
    let upstream_prefix =
        input["upstreamRepositoryPrefix"].as_str().map(|text| prefix("upstreamRepositoryPrefix", text));
    let upstream_prefix = upstream_prefix.transpose()?.unwrap_or_else(|| ROOT.to_owned());
    if id.prefix == ROOT && upstream_prefix != ROOT {
        return Err(invalid(
            "Invalid parameter at 'upstreamRepositoryPrefix' failed to satisfy constraint: 'must be ROOT when the \
             repository prefix is ROOT'",
        ));
    }
    let custom_role_arn = request.role(&id.account)?;
    if upstream.account == id.account && upstream.region == id.region {
        return Err(invalid(
            "Invalid parameter at 'upstreamRegistryUrl' failed to satisfy constraint: 'must be another registry'",
        ));
    }
    if upstream.account != id.account && custom_role_arn.is_none() {
        return Err(invalid(
            "Invalid parameter at 'customRoleArn' failed to satisfy constraint: 'a registry of another account needs a \
             role'",
        ));
    }
    let now = Timestamp::now();
    Ok((id, Rule { upstream_registry_url: url, upstream_prefix, custom_role_arn, created: now, updated: now }))
}

/// The input of an action on rules.
struct Ask<'a> {
    caller: &'a Caller,
    input: &'a Value,
}

impl<'a> Ask<'a> {
    fn text(&self, name: &str) -> Result<&'a str, ApiError> {
        self.input[name].as_str().ok_or_else(|| null_member(name))
    }

    fn id(&self) -> Result<RuleId, ApiError> {
        let prefix = prefix("ecrRepositoryPrefix", self.text("ecrRepositoryPrefix")?)?;
        let account = registry(self.caller, self.input)?;
        Ok(RuleId { account, region: self.caller.region.clone(), prefix })
    }

    fn role(&self, account: &AccountId) -> Result<Option<RoleArn>, ApiError> {
        if !self.input["credentialArn"].is_null() {
            return Err(invalid(
                "Invalid parameter at 'credentialArn' failed to satisfy constraint: 'not for an upstream registry of ECR'",
            ));
        }
        let Some(text) = self.input["customRoleArn"].as_str() else { return Ok(None) };
        let role = text.parse::<RoleArn>().ok().filter(|role| role.account() == account);
        role.map(Some).ok_or_else(|| {
            invalid(format!(
                "Invalid parameter at 'customRoleArn' failed to satisfy constraint: '{text}' is not the ARN of a role of \
                 the registry's account"
            ))
        })
    }
}

/// A prefix without the slash that is always meant.
fn prefix(member: &str, text: &str) -> Result<String, ApiError> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    if (2..=30).contains(&text.len()) && (bare == ROOT || is_repository(bare)) {
        return Ok(bare.to_owned());
    }
    Err(invalid(format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: 'must satisfy regular expression \
         '^([a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*\\/?|ROOT)$' and have length \
         between 2 and 30'"
    )))
}

fn upstream(url: &str, kind: Option<&str>) -> Result<EcrHost, ApiError> {
    let host = EcrHost::parse(url).filter(|_| kind.is_none_or(|kind| kind == "ecr"));
    host.ok_or_else(|| {
        let message = format!("The upstream registry '{url}' is not supported: in the sandbox it is one of ECR's");
        ApiError::new(400, "UnsupportedUpstreamRegistryException", message)
    })
}

fn not_found(id: &RuleId) -> ApiError {
    let message = format!(
        "The pull through cache rule with the repository prefix '{}' does not exist in the registry with id '{}'",
        id.prefix, id.account
    );
    ApiError::new(400, "PullThroughCacheRuleNotFoundException", message)
}

/// What every answer has of a rule.
fn shown(id: &RuleId, rule: &Rule) -> Value {
    let mut shown = json!({
        "ecrRepositoryPrefix": id.prefix,
        "registryId": id.account,
        "upstreamRepositoryPrefix": rule.upstream_prefix,
    });
    if let Some(role) = &rule.custom_role_arn {
        shown["customRoleArn"] = json!(role);
    }
    shown
}

fn with(mut shown: Value, more: &[(&str, Value)]) -> Value {
    for (name, value) in more {
        shown[*name] = value.clone();
    }
    shown
}

/// CreatePullThroughCacheRule.
pub(in super::super) fn create(rules: &Rules, request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, rule) = read(request.caller, request.input)?;
    let answer = with(
        shown(&id, &rule),
        &[
            ("upstreamRegistryUrl", json!(rule.upstream_registry_url)),
            ("upstreamRegistry", json!("ecr")),
            ("createdAt", epoch_seconds(rule.created)),
        ],
    );
    let there = rules.list(&id.account, &id.region);
    if there.len() >= MOST_RULES && there.iter().all(|(named, _)| *named != id) {
        let message = format!("The registry with id '{}' has {MOST_RULES} pull through cache rules", id.account);
        return Err(ApiError::new(400, "LimitExceededException", message));
    }
    if rules.create(id.clone(), rule) {
        return Ok(answer);
    }
    let message = format!(
        "A pull through cache rule with the repository prefix '{}' already exists in the registry with id '{}'",
        id.prefix, id.account
    );
    Err(ApiError::new(400, "PullThroughCacheRuleAlreadyExistsException", message))
}

/// DescribePullThroughCacheRules.
pub(in super::super) fn describe(rules: &Rules, request: &Request<'_>) -> Result<Value, ApiError> {
    let (account, page) = (request.account()?, request.page(100)?);
    let full = |(id, rule): &(RuleId, Rule)| {
        let more = [
            ("upstreamRegistryUrl", json!(rule.upstream_registry_url)),
            ("upstreamRegistry", json!("ecr")),
            ("createdAt", epoch_seconds(rule.created)),
            ("updatedAt", epoch_seconds(rule.updated)),
        ];
        with(shown(id, rule), &more)
    };
    let all = rules.list(&account, &request.caller.region);
    let Some(named) = request.input["ecrRepositoryPrefixes"].as_array() else {
        return Ok(paged("pullThroughCacheRules", all.iter().map(full).collect(), page));
    };
    let find = |name: &str| {
        let name = prefix("ecrRepositoryPrefixes", name)?;
        let id = RuleId { account: account.clone(), region: request.caller.region.clone(), prefix: name };
        all.iter().find(|(known, _)| *known == id).map(full).ok_or_else(|| not_found(&id))
    };
    let found: Result<Vec<Value>, ApiError> = named.iter().filter_map(Value::as_str).map(find).collect();
    Ok(json!({ "pullThroughCacheRules": found? }))
}

/// UpdatePullThroughCacheRule: of a rule whose upstream is ECR only the role can be changed.
pub(in super::super) fn update(rules: &Rules, request: &Request<'_>) -> Result<Value, ApiError> {
    let ask = Ask { caller: request.caller, input: request.input };
    let id = ask.id()?;
    rules.get(&id).ok_or_else(|| not_found(&id))?;
    let arn = ask.role(&id.account)?.ok_or_else(|| null_member("customRoleArn"))?;
    let change = |rule: &mut Rule| {
        rule.custom_role_arn = Some(arn);
        rule.updated = Timestamp::now();
    };
    let rule = rules.change(&id, change).ok_or_else(|| not_found(&id))?;
    Ok(with(shown(&id, &rule), &[("updatedAt", epoch_seconds(rule.updated))]))
}

/// ValidatePullThroughCacheRule: whether the upstream is served here, and the role can be assumed by ECR.
pub(in super::super) fn validate(cloud: &Cloud, request: &Request<'_>) -> Result<Value, ApiError> {
    let id = Ask { caller: request.caller, input: request.input }.id()?;
    let rule = cloud.cache_rules.get(&id).ok_or_else(|| not_found(&id))?;
    let problem = import::problem(cloud, &rule, Timestamp::now());
    let mut more =
        vec![("upstreamRegistryUrl", json!(rule.upstream_registry_url)), ("isValid", json!(problem.is_none()))];
    more.extend(problem.map(|problem| ("failure", json!(problem))));
    Ok(with(shown(&id, &rule), &more))
}

/// DeletePullThroughCacheRule.
pub(in super::super) fn delete(rules: &Rules, request: &Request<'_>) -> Result<Value, ApiError> {
    let id = Ask { caller: request.caller, input: request.input }.id()?;
    let rule = rules.remove(&id).ok_or_else(|| not_found(&id))?;
    let more = [("upstreamRegistryUrl", json!(rule.upstream_registry_url)), ("createdAt", epoch_seconds(rule.created))];
    Ok(with(shown(&id, &rule), &more))
}
