//! Looks at everything there is and writes down what the page shows of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    phrase::moment,
    query::Query,
    view::{Account, Image, Instance, Operation, Phase, Repository, Role, Service, View},
};
use crate::{
    cloud::Cloud,
    ecr::repository::{self, RepositoryId},
    page::lines,
    seed,
};
use shipgate_core::account::{AccountId, Region};

/// How many images of a repository are shown.
const MOST_IMAGES: usize = 12;
/// How many operations of a service are shown.
const MOST_OPERATIONS: usize = 12;

/// The view that a query asks for.
pub(super) fn view(cloud: &Cloud, query: &Query, now: Timestamp) -> View {
    let repositories = cloud.images.look_at_all(|(id, repository)| show_repository(id, repository));
    let overview = cloud.app_runner.overview();
    let living = overview.as_array().into_iter().flatten().filter(|one| one["Service"]["Status"] != "DELETED");
    let mut services: Vec<Service> = living.map(|one| service(cloud, one)).collect();
    let chosen = services.iter().position(|one| query.service.as_ref() == Some(&one.id));
    let chosen = chosen.or((!services.is_empty()).then_some(0));
    let shown = chosen.and_then(|at| services.get_mut(at));
    let lines = shown.map(|service| lines::of_service(&cloud.logs, service, query.filter)).unwrap_or_default();
    View {
        now,
        region: cloud.region.to_string(),
        accounts: accounts(cloud),
        repositories,
        services,
        chosen,
        lines,
        filter: query.filter,
    }
}

fn accounts(cloud: &Cloud) -> Vec<Account> {
    let mut accounts: BTreeMap<AccountId, Account> = BTreeMap::new();
    for (id, _) in cloud.registries.keys() {
        accounts.entry(id.clone()).or_insert_with(|| empty(cloud, id));
    }
    for arn in cloud.identities.users() {
        let Some((id, name)) = arn.rsplit_once(":user/").and_then(|(head, name)| Some((head.get(13..)?, name))) else {
            continue;
        };
        if let Some(account) = id.parse().ok().and_then(|id: AccountId| accounts.get_mut(&id)) {
            account.users.push(name.to_owned());
        }
    }
    for known in cloud.identities.roles() {
        let id = known.role.arn.account();
        accounts.entry(id.clone()).or_insert_with(|| empty(cloud, id)).roles.push(role(&known.role));
    }
    accounts.into_values().collect()
}

/// An account without users and roles.
fn empty(cloud: &Cloud, id: &AccountId) -> Account {
    let mut registries: BTreeMap<&Region, String> = cloud
        .registries
        .iter()
        .filter(|((account, _), _)| account == id)
        .map(|((_, region), address)| (region, address.to_string()))
        .collect();
    Account {
        id: id.to_string(),
        registry: registries.remove(&cloud.region),
        further_registries: registries.into_iter().map(|(region, address)| (region.to_string(), address)).collect(),
        cache_rules: cloud.cache_rules.of_account(id).iter().map(|(rule, to)| (rule.place(), to.shown())).collect(),
        users: Vec::new(),
        roles: Vec::new(),
    }
}

fn role(role: &seed::Role) -> Role {
    let tokens = role.web_identities.iter().map(|token| format!("{} of {}", token.subject, token.issuer));
    let mut assumed_by: Vec<String> = role.assumed_by.iter().cloned().chain(tokens).collect();
    if role.trust_policy.is_some() {
        assumed_by = vec!["whom its trust policy names".to_owned()];
    }
    Role {
        name: role.arn.name().to_owned(),
        assumed_by,
        needs_external_id: role.external_id.is_some(),
        policies: role.policies.as_ref().map(Vec::len),
    }
}

fn show_repository(id: &RepositoryId, repository: &repository::Repository) -> Repository {
    let mut images: Vec<Image> = repository
        .images
        .iter()
        .map(|(digest, image)| Image {
            digest: digest.to_string(),
            tags: repository.tags_of(digest).into_iter().map(str::to_owned).collect(),
            size_bytes: repository.image_size(image),
            pushed: image.pushed,
            members: image.contents.members.len(),
        })
        .collect();
    // What no tag points at says little: it comes last.
    images.sort_by(|a, b| a.tags.is_empty().cmp(&b.tags.is_empty()).then(b.pushed.cmp(&a.pushed)));
    let more = images.len().saturating_sub(MOST_IMAGES);
    images.truncate(MOST_IMAGES);
    Repository {
        account: id.account.to_string(),
        region: id.region.to_string(),
        name: id.name.clone(),
        mutability: repository.mutability.name(),
        images,
        more,
    }
}

/// A service out of what App Runner's overview has of it.
fn service(cloud: &Cloud, one: &Value) -> Service {
    let described = &one["Service"];
    let (account, region) = (text(&one["Account"]), text(&one["Region"]));
    let instance = |value: &Value| {
        let image = value.as_str()?.to_owned();
        Some(Instance { tags: tags_of(cloud, &image), image })
    };
    let all = one["Operations"].as_array().map(Vec::as_slice).unwrap_or_default();
    Service {
        id: text(&described["ServiceId"]),
        name: text(&described["ServiceName"]),
        status: text(&described["Status"]),
        url: text(&described["ServiceUrl"]),
        image: text(&described["SourceConfiguration"]["ImageRepository"]["ImageIdentifier"]),
        maintenance: one["Maintenance"] == true,
        blue: instance(&one["Blue"]),
        green: instance(&one["Green"]),
        settings: settings(described),
        operations: all.iter().take(MOST_OPERATIONS).map(operation).collect(),
        more: all.len().saturating_sub(MOST_OPERATIONS),
        account,
        region,
    }
}

/// The tags that point at a digest, wherever: the account of the services has but the tag that is deployed from.
fn tags_of(cloud: &Cloud, digest: &str) -> Vec<String> {
    let Ok(digest) = digest.parse() else { return Vec::new() };
    let tags = cloud
        .images
        .look_at_all(|(_, repository)| repository.tags_of(&digest).into_iter().map(str::to_owned).collect::<Vec<_>>());
    tags.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()
}

fn operation(value: &Value) -> Operation {
    let phase = |phase: &Value| Phase {
        name: text(&phase["Phase"]),
        since: moment(phase["Since"].as_i64().unwrap_or_default()),
    };
    Operation {
        id: text(&value["Id"]),
        kind: text(&value["Type"]),
        status: text(&value["Status"]),
        phases: value["Phases"].as_array().into_iter().flatten().map(phase).collect(),
        lines: Vec::new(),
    }
}

/// What is worth a look. Variables, secrets and the start command are not shown: they may hold what nobody may see.
fn settings(described: &Value) -> Vec<(&'static str, String)> {
    let source = &described["SourceConfiguration"];
    let image = &source["ImageRepository"]["ImageConfiguration"];
    let health = &described["HealthCheckConfiguration"];
    let path = if health["Protocol"] == "HTTP" { text(&health["Path"]) } else { String::new() };
    let check = format!(
        "{} {path} every {} s, {} s each; healthy after {}, unhealthy after {}",
        text(&health["Protocol"]),
        text(&health["Interval"]),
        text(&health["Timeout"]),
        text(&health["HealthyThreshold"]),
        text(&health["UnhealthyThreshold"]),
    );
    let automatic = source["AutoDeploymentsEnabled"] == true;
    let instance = &described["InstanceConfiguration"];
    vec![
        ("Port", text(&image["Port"])),
        ("Health check", check.replace("  ", " ")),
        ("Deploys on a push", if automatic { "yes" } else { "no" }.to_owned()),
        ("Size", format!("{} CPU units, {} MB", text(&instance["Cpu"]), text(&instance["Memory"]))),
        ("Access role", text(&source["AuthenticationConfiguration"]["AccessRoleArn"])),
        ("Instance role", text(&instance["InstanceRoleArn"])),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}
