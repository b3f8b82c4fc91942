//! What a service is created with: the `create` block with App Runner's defaults and App Runner's rules.

use std::collections::BTreeMap;

use super::{
    deployment::CreateSettings,
    problem::{Location, Problem},
    read::Given,
    resolve::other_account,
    scalars::{Cpu, EnvironmentValue, Memory, SecretArn, UpToTwenty},
    shape, sizes,
};
use shipgate_core::{
    account::AccountId,
    arn::RoleArn,
    health::{HealthCheck, Protocol},
    secret::Secret,
    service::RunSettings,
    service_secret::SecretSource,
};

/// Names that App Runner keeps for itself (App Runner API reference, `ImageConfiguration`).
const RESERVED_PREFIX: &str = "AWSAPPRUNNER";

/// Resolves a `create` block. `account` is the one the deploying role is of.
pub(super) fn settings(
    (create, owner): (shape::Create, Location),
    account: Option<&AccountId>,
    problems: &mut Vec<Problem>,
) -> Option<CreateSettings> {
    let access_role = role(create.access_role, "access_role", account, problems);
    let instance_role = role(create.instance_role, "instance_role", account, problems);
    let (cpu_units, memory_mib) = instance_size(create.cpu, create.memory, problems);
    let secrets = secrets(create.secrets, &create.environment, problems);
    let defaults = RunSettings::default();
    let run = RunSettings {
        port: create.port.value().map_or(defaults.port, |port| port.0),
        start_command: create.start_command.value().map(|command| command.0),
        cpu_units,
        memory_mib,
        environment: environment(create.environment, problems),
        secrets: secrets.iter().map(|(name, arn)| (name.clone(), SecretSource::read(arn))).collect(),
        health_check: health_check(create.health_check.value().unwrap_or_default(), problems),
    };
    let access_role = access_role.required(problems, || {
        Problem::new(&owner, "`create` has no `access_role`").with_hint(
            "name the role that App Runner pulls the image with: `access_role: ARN` in `create`, or --access-role",
        )
    })?;
    Some(CreateSettings { access_role, instance_role: instance_role.value(), run, secrets })
}

/// App Runner takes roles of the service's own account only (`iam:PassRole` does not cross accounts).
fn role(given: Given<RoleArn>, key: &str, account: Option<&AccountId>, problems: &mut Vec<Problem>) -> Given<RoleArn> {
    if let (Given::Is { value, location }, Some(account)) = (&given, account)
        && value.account() != account
    {
        problems.push(other_account(location, key, value.account(), "the target's role", account));
    }
    given
}

fn instance_size(cpu: Given<Cpu>, memory: Given<Memory>, problems: &mut Vec<Problem>) -> (u32, u32) {
    let defaults = RunSettings::default();
    let faulty = matches!(cpu, Given::Faulty) || matches!(memory, Given::Faulty);
    let (cpu, memory) = (cpu.located(), memory.located());
    let cpu_units = cpu.as_ref().map_or(defaults.cpu_units, |(cpu, _)| cpu.0);
    let memory_mib = memory.as_ref().map_or(defaults.memory_mib, |(memory, _)| memory.0);
    let at = memory.map(|(_, at)| at).or(cpu.map(|(_, at)| at));
    if let (Some(allowed), Some(at), false) = (sizes::mismatch(cpu_units, memory_mib), at, faulty) {
        let (vcpus, gigabytes) = (sizes::in_whole(cpu_units), sizes::in_whole(memory_mib));
        let message = format!("App Runner has no {vcpus} vCPU with {gigabytes} GB");
        let hint = format!("with `cpu: {vcpus}` the memory can be {allowed} GB");
        problems.push(Problem::new(&at, message).with_hint(hint));
    }
    (cpu_units, memory_mib)
}

/// The values of environment variables, kept secret; names that App Runner refuses are problems.
pub(super) fn environment(
    given: Given<BTreeMap<String, Given<EnvironmentValue>>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Secret> {
    named(given, problems).into_iter().map(|(name, value)| (name, value.0)).collect()
}

fn secrets(
    given: Given<BTreeMap<String, Given<SecretArn>>>,
    environment: &Given<BTreeMap<String, Given<EnvironmentValue>>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    if let (Given::Is { value: secrets, .. }, Given::Is { value: environment, .. }) = (&given, environment) {
        for (name, secret) in secrets.iter().filter(|(name, _)| environment.contains_key(*name)) {
            if let Given::Is { location, .. } = secret {
                problems.push(Problem::new(location, format!("`{name}` is in `environment` too")));
            }
        }
    }
    named(given, problems).into_iter().map(|(name, arn)| (name, arn.0)).collect()
}

fn named<T>(given: Given<BTreeMap<String, Given<T>>>, problems: &mut Vec<Problem>) -> BTreeMap<String, T> {
    let mut values = BTreeMap::new();
    for (name, given) in given.value().unwrap_or_default() {
        let Some((value, location)) = given.located() else { continue };
        if name.is_empty() || name.contains(['=', '\0']) {
            problems.push(Problem::new(&location, format!("{name:?} cannot be the name of an environment variable")));
        } else if name.starts_with(RESERVED_PREFIX) {
            problems.push(Problem::new(&location, format!("`{name}`: App Runner keeps {RESERVED_PREFIX}… for itself")));
        }
        values.insert(name, value);
    }
    values
}

fn health_check(given: shape::HealthCheck, problems: &mut Vec<Problem>) -> HealthCheck {
    let defaults = HealthCheck::default();
    let protocol_is_faulty = matches!(given.protocol, Given::Faulty);
    let protocol = given.protocol.value().unwrap_or(defaults.protocol);
    let path = given.path.located();
    if let (Protocol::Tcp, Some((_, at)), false) = (protocol, &path, protocol_is_faulty) {
        problems.push(
            Problem::new(at, "a `path` is asked for by HTTP probes only, and the protocol is tcp")
                .with_hint("write `protocol: http`, or leave out `path`"),
        );
    }
    let or = |given: Given<UpToTwenty>, default| given.value().map_or(default, |number| number.0);
    HealthCheck {
        protocol,
        path: path.map_or(defaults.path, |(path, _)| path.0),
        interval_seconds: or(given.interval, defaults.interval_seconds),
        timeout_seconds: or(given.timeout, defaults.timeout_seconds),
        healthy_threshold: or(given.healthy_threshold, defaults.healthy_threshold),
        unhealthy_threshold: or(given.unhealthy_threshold, defaults.unhealthy_threshold),
    }
}
