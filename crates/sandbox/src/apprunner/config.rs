//! A service's configuration: made whole with App Runner's defaults, checked member against member, and read back
//! as what a container is run with. Kept as the JSON of the model, because that is what Describe must give back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{model, refusal, shape};
use crate::answer::ApiError;
use shipgate_core::account::{AccountId, Region};

/// The CPU units and the MiB of memory that go together (App Runner developer guide, "App Runner instance
/// configuration").
const PAIRS: [(u32, &[u32]); 5] = [
    (256, &[512, 1024]),
    (512, &[1024]),
    (1024, &[2048, 3072, 4096]),
    (2048, &[4096, 6144]),
    (4096, &[8192, 10240, 12288]),
];

/// The configuration of a service, defaults filled in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Configuration(Value);

/// What an instance is run with.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct RunSpec {
    pub(super) identifier: String,
    pub(super) port: u16,
    pub(super) start_command: Option<String>,
    pub(super) memory_mib: u32,
    /// `RuntimeEnvironmentVariables`.
    pub(super) variables: BTreeMap<String, String>,
    /// `RuntimeEnvironmentSecrets`: name to ARN.
    pub(super) secrets: BTreeMap<String, String>,
    /// What the image is pulled with.
    pub(super) access_role: Option<String>,
    /// What the instance runs as.
    pub(super) instance_role: Option<String>,
    pub(super) health: HealthRule,
}

/// How an instance is checked.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct HealthRule {
    /// `None` is TCP.
    pub(super) http_path: Option<String>,
    pub(super) interval_seconds: u32,
    pub(super) timeout_seconds: u32,
    pub(super) healthy_threshold: u32,
    pub(super) unhealthy_threshold: u32,
}

impl Configuration {
    /// From a checked CreateService input.
    ///
    /// # Errors
    /// `InvalidRequestException` when members contradict each other.
    pub(super) fn new(mut input: Value, account: &AccountId, region: &Region) -> Result<Self, ApiError> {
        let automatic = input.pointer("/SourceConfiguration/AutoDeploymentsEnabled").is_some();
        let same = lies_in(text(&input, "/SourceConfiguration/ImageRepository/ImageIdentifier"), account, region);
        let mut whole = defaults(region, account);
        if let Some(fields) = input.as_object_mut() {
            fields.remove("ServiceName");
            fields.remove("Tags");
        }
        shape::merge(&model::CONFIGURATION, &mut whole, input);
        if !automatic && let Some(source) = whole.get_mut("SourceConfiguration").and_then(Value::as_object_mut) {
            source.insert("AutoDeploymentsEnabled".to_owned(), Value::Bool(same));
        }
        Self(whole).checked(account, region)
    }

    /// This configuration with a checked UpdateService input laid over it.
    ///
    /// # Errors
    /// `InvalidRequestException` when members contradict each other.
    pub(super) fn updated(&self, mut input: Value, account: &AccountId, region: &Region) -> Result<Self, ApiError> {
        if let Some(fields) = input.as_object_mut() {
            fields.remove("ServiceArn");
        }
        let mut whole = self.0.clone();
        shape::merge(&model::CONFIGURATION, &mut whole, input);
        Self(whole).checked(account, region)
    }

    /// The members of the model's `Service` that are configuration.
    pub(super) fn members(&self) -> Map<String, Value> {
        self.0.as_object().cloned().unwrap_or_default()
    }

    /// The configured image identifier.
    pub(super) fn identifier(&self) -> &str {
        text(&self.0, "/SourceConfiguration/ImageRepository/ImageIdentifier")
    }

    /// Whether a push of the configured tag deploys by itself.
    pub(super) fn deploys_automatically(&self) -> bool {
        self.0.pointer("/SourceConfiguration/AutoDeploymentsEnabled") == Some(&Value::Bool(true))
    }

    /// What an instance is run with.
    pub(super) fn run_spec(&self) -> RunSpec {
        let image = "/SourceConfiguration/ImageRepository/ImageConfiguration";
        let health = |name: &str| number(&self.0, &format!("/HealthCheckConfiguration/{name}"));
        let http = text(&self.0, "/HealthCheckConfiguration/Protocol") == "HTTP";
        let given = |place: &str| self.0.pointer(place).and_then(Value::as_str).map(str::to_owned);
        RunSpec {
            identifier: self.identifier().to_owned(),
            port: text(&self.0, &format!("{image}/Port")).parse().unwrap_or(8080),
            start_command: given(&format!("{image}/StartCommand")),
            memory_mib: text(&self.0, "/InstanceConfiguration/Memory").parse().unwrap_or(2048),
            variables: texts(&self.0, &format!("{image}/RuntimeEnvironmentVariables")),
            secrets: texts(&self.0, &format!("{image}/RuntimeEnvironmentSecrets")),
            access_role: given("/SourceConfiguration/AuthenticationConfiguration/AccessRoleArn"),
            instance_role: given("/InstanceConfiguration/InstanceRoleArn"),
            health: HealthRule {
                http_path: http.then(|| text(&self.0, "/HealthCheckConfiguration/Path").to_owned()),
                interval_seconds: health("Interval"),
                timeout_seconds: health("Timeout"),
                healthy_threshold: health("HealthyThreshold"),
                unhealthy_threshold: health("UnhealthyThreshold"),
            },
        }
    }

    fn checked(mut self, account: &AccountId, region: &Region) -> Result<Self, ApiError> {
        check_source(&self.0, account, region)?;
        check_image_configuration(&self.0)?;
        settle_instance(&mut self.0)?;
        let auto_scaling = text(&self.0, "/AutoScalingConfigurationArn");
        if !names_default_auto_scaling(auto_scaling, &default_auto_scaling_arn(region, account)) {
            return Err(refusal::invalid_request(format!("AutoScalingConfiguration {auto_scaling} doesn't exist.")));
        }
        Ok(self)
    }
}

/// Sources: the defaults of the service model's documentation, member by member.
fn defaults(region: &Region, account: &AccountId) -> Value {
    json!({
        "SourceConfiguration": {},
        "InstanceConfiguration": { "Cpu": "1024", "Memory": "2048" },
        "HealthCheckConfiguration": {
            "Protocol": "TCP", "Path": "/", "Interval": 5, "Timeout": 2, "HealthyThreshold": 1, "UnhealthyThreshold": 5,
        },
        "NetworkConfiguration": {
            "EgressConfiguration": { "EgressType": "DEFAULT" },
            "IngressConfiguration": { "IsPubliclyAccessible": true },
            "IpAddressType": "IPV4",
        },
        "AutoScalingConfigurationArn": default_auto_scaling_arn(region, account),
    })
}

/// The ARN of the auto scaling configuration every account has; its id is ones with zeros around, as AWS has it.
pub(super) fn default_auto_scaling_arn(region: &Region, account: &AccountId) -> String {
    format!(
        "arn:aws:apprunner:{region}:{account}:autoscalingconfiguration/DefaultConfiguration/1/00000000000000000000000000000001"
    )
}

/// Whether an ARN, whole or without its id or revision, names the default configuration `arn`.
pub(super) fn names_default_auto_scaling(asked: &str, arn: &str) -> bool {
    let mut partial = Some(arn);
    while let Some(name) = partial.filter(|name| name.matches('/').count() >= 1) {
        if name == asked {
            return true;
        }
        partial = name.rsplit_once('/').map(|(shorter, _)| shorter);
    }
    false
}

fn check_source(whole: &Value, account: &AccountId, region: &Region) -> Result<(), ApiError> {
    let source = "/SourceConfiguration";
    let code = whole.pointer(&format!("{source}/CodeRepository")).is_some();
    match (code, whole.pointer(&format!("{source}/ImageRepository")).is_some()) {
        (true, true) => {
            return Err(refusal::invalid_request("Only one of CodeRepository or ImageRepository can be specified."));
        }
        (false, false) => {
            return Err(refusal::invalid_request("Either CodeRepository or ImageRepository must be specified."));
        }
        (true, false) => return Err(refusal::unsupported("A service built from a code repository")),
        (false, true) => {}
    }
    let identifier = text(whole, "/SourceConfiguration/ImageRepository/ImageIdentifier");
    let public = identifier.starts_with("public.ecr.aws/");
    let kind = text(whole, "/SourceConfiguration/ImageRepository/ImageRepositoryType");
    if public != (kind == "ECR_PUBLIC") {
        return Err(refusal::invalid_request(format!(
            "ImageRepositoryType {kind} doesn't match the image identifier {identifier}."
        )));
    }
    let role = text(whole, "/SourceConfiguration/AuthenticationConfiguration/AccessRoleArn");
    if !public && role.is_empty() {
        return Err(refusal::invalid_request(
            "AuthenticationConfiguration.AccessRoleArn is required for ECR image repositories.",
        ));
    }
    let automatic = whole.pointer("/SourceConfiguration/AutoDeploymentsEnabled") == Some(&Value::Bool(true));
    if automatic && !lies_in(identifier, account, region) {
        return Err(refusal::invalid_request(
            "Automatic deployments are only supported for an ECR repository in the service's own account and Region.",
        ));
    }
    Ok(())
}

fn check_image_configuration(whole: &Value) -> Result<(), ApiError> {
    let image = "/SourceConfiguration/ImageRepository/ImageConfiguration";
    if let Some(port) = whole.pointer(&format!("{image}/Port")).and_then(Value::as_str)
        && port.parse::<u16>().map_or(true, |port| port == 0)
    {
        return Err(refusal::invalid_request(format!("Port {port} isn't valid: it must be between 1 and 65535.")));
    }
    let variables = texts(whole, &format!("{image}/RuntimeEnvironmentVariables"));
    let secrets = texts(whole, &format!("{image}/RuntimeEnvironmentSecrets"));
    // App Runner API reference, ImageConfiguration: keys with this prefix are reserved.
    if let Some(name) = variables.keys().chain(secrets.keys()).find(|name| name.starts_with("AWSAPPRUNNER")) {
        return Err(refusal::invalid_request(format!(
            "Environment variable {name} has the reserved prefix AWSAPPRUNNER."
        )));
    }
    if !secrets.is_empty() && text(whole, "/InstanceConfiguration/InstanceRoleArn").is_empty() {
        let message = "Instance Role have to be provided if passing in RuntimeEnvironmentSecrets.";
        return Err(refusal::invalid_request(message));
    }
    if let Some(name) = variables.keys().find(|name| secrets.contains_key(*name)) {
        return Err(refusal::invalid_request(format!(
            "{name} is both in RuntimeEnvironmentVariables and in RuntimeEnvironmentSecrets."
        )));
    }
    Ok(())
}

/// Writes CPU and memory in units, as the API answers them, and refuses pairs that do not exist.
fn settle_instance(whole: &mut Value) -> Result<(), ApiError> {
    let cpu = units(text(whole, "/InstanceConfiguration/Cpu"));
    let memory = units(text(whole, "/InstanceConfiguration/Memory"));
    if !PAIRS.iter().any(|(units, memories)| *units == cpu && memories.contains(&memory)) {
        return Err(refusal::invalid_request(format!("Invalid combination of CPU ({cpu}) and memory ({memory}).")));
    }
    if let Some(instance) = whole.get_mut("InstanceConfiguration").and_then(Value::as_object_mut) {
        instance.insert("Cpu".to_owned(), Value::String(cpu.to_string()));
        instance.insert("Memory".to_owned(), Value::String(memory.to_string()));
    }
    Ok(())
}

/// `1 vCPU` is 1024 units, `2 GB` is 2048 MiB; a bare number is units already. The shape has been checked.
fn units(text: &str) -> u32 {
    let Some((number, _)) = text.split_once(' ') else { return text.parse().unwrap_or(0) };
    match number {
        "0.25" => 256,
        "0.5" => 512,
        whole => whole.parse::<u32>().unwrap_or(0) * 1024,
    }
}

/// Whether an identifier names a private repository of this account and region.
fn lies_in(identifier: &str, account: &AccountId, region: &Region) -> bool {
    identifier.starts_with(&format!("{account}.dkr.ecr.{region}.amazonaws.com/"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> u32 {
    value.pointer(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

fn texts(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let fields = value.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
