//! The shape of `shipgate.yaml`: every key there is. The comments here are the descriptions in the JSON Schema.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    deployment::ServiceName,
    oidc::{Audience, Variable},
    read::{Given, InSchema, Reader, Shape, mappings},
    role::Role,
    scalars::{
        Cpu, EnvironmentValue, GateTimeout, HealthPath, HttpStatus, Memory, Port, Repository, RetentionDays, SecretArn,
        StartCommand, Stay, Switch, Tag, UpToTwenty,
    },
    secrets::{VariablesFile, WayWord},
    tree::Node,
};
use shipgate_core::{
    account::Region,
    arn::RoleArn,
    health::Protocol,
    image::ImageReference,
    oidc::OidcUse,
    pull_through::Via,
    reach::ReachChoice,
    release::{IfBusy, Naming, OnPush},
    smoke::OnFailure,
};

mappings! {
    /// What shipgate deploys, and where. `${NAME}` and `${NAME:-default}` in any value stand for environment variables.
    File {
        /// The image: registry host, repository, and a tag or a digest. Required, here or as `--image`.
        image: ImageReference,
        /// The role that reads the image from the registry account. Default: the base identity as it is.
        registry_role: Role,
        /// The OIDC token of a CI job, which the first role is assumed with.
        oidc: Oidc,
        /// Keys of a target that hold for every target that does not say otherwise.
        defaults: Target,
        /// The targets by name. A run deploys to one: the only one, or the one that `--target` names.
        targets: Targets,
    }

    /// The OIDC token of a CI job, which the first role is assumed with.
    Oidc {
        /// When it is used: `auto` (where the job was given no credentials of AWS), `always` or `off`. Default: `auto`.
        #[schemars(extend("default" = "auto"))]
        when: OidcUse,
        /// The audience to ask for. Default: `sts.amazonaws.com`; CircleCI's own token has the organization's id.
        audience: Audience,
        /// The variable that the token may be in, as GitLab's `id_tokens` name it. Default: `SHIPGATE_ID_TOKEN`.
        #[schemars(extend("default" = "SHIPGATE_ID_TOKEN"))]
        token_variable: Variable,
    }

    /// A service in a workload account.
    Target {
        /// The role that deploys in the workload account. Default: the base identity as it is.
        role: Role,
        /// The name of the App Runner service. Required, here or as `--service`.
        service: ServiceName,
        /// The region of the service and of its repository. Default: the region of the image's ECR host, else
        /// `AWS_REGION`.
        region: Region,
        /// The repository in the workload account. Default: the live service's, else the image's.
        repository: Repository,
        /// The tag the service deploys from, which shipgate moves. Default: the live service's, else its name.
        tag: Tag,
        /// What to create the service with if it does not exist, or has never come up. Never applied to one that runs. Default: a
        /// missing service is an error.
        create: Create,
        /// Whether to create the repository in the workload account if it does not exist. Default: false.
        #[schemars(extend("default" = false))]
        create_repository: Switch,
        /// How the image comes to the repository: `copy` (shipgate reads and writes it) or `pull-through` (ECR fetches it by a
        /// rule of its pull-through cache). Default: `copy`.
        #[schemars(extend("default" = "copy"))]
        via: Via,
        /// The check in a local container.
        verify: Verify,
        /// How a version is released.
        release: Release,
        /// Following the deployment to its verdict.
        gate: Gate,
        /// The service's log groups.
        logs: Logs,
        /// Asking the service's URL once the deployment has succeeded. Default: it is not asked.
        smoke_test: SmokeTest,
    }

    /// What a service is created with.
    Create {
        /// The role App Runner pulls the image with; it trusts build.apprunner.amazonaws.com. Required in `create`.
        access_role: RoleArn,
        /// The role the application runs as; it trusts tasks.apprunner.amazonaws.com. Default: none.
        instance_role: RoleArn,
        /// vCPUs (0.25, 0.5, 1, 2, 4) or units (256 to 4096). Default: 1.
        #[schemars(extend("default" = 1))]
        cpu: Cpu,
        /// GB (0.5 to 12) or MiB (512 to 12288); which go with a CPU size is App Runner's table. Default: 2.
        #[schemars(extend("default" = 2))]
        memory: Memory,
        /// The port the application listens on. Default: 8080.
        #[schemars(extend("default" = 8080))]
        port: Port,
        /// Replaces the image's command; no shell reads it. Default: the image's.
        start_command: StartCommand,
        /// Environment variables: name to value. Default: none.
        environment: BTreeMap<String, Given<EnvironmentValue>>,
        /// Environment variables that App Runner fetches: name to the ARN of a Secrets Manager secret or an SSM parameter.
        /// Default: none.
        secrets: BTreeMap<String, Given<SecretArn>>,
        /// How App Runner probes the application.
        health_check: HealthCheck,
    }

    /// How App Runner probes an application.
    HealthCheck {
        /// `tcp` (the application accepts a connection) or `http` (it answers 200). Default: `tcp`.
        #[schemars(extend("default" = "tcp"))]
        protocol: Protocol,
        /// The path an HTTP probe asks for. Default: `/`.
        #[schemars(extend("default" = "/"))]
        path: HealthPath,
        /// Seconds from one probe to the next, 1 to 20. Default: 5.
        #[schemars(extend("default" = 5))]
        interval: UpToTwenty,
        /// Seconds a probe may take, 1 to 20. Default: 2.
        #[schemars(extend("default" = 2))]
        timeout: UpToTwenty,
        /// Probes in a row that must pass, 1 to 20. Default: 1.
        #[schemars(extend("default" = 1))]
        healthy_threshold: UpToTwenty,
        /// Probes in a row that must fail, 1 to 20. Default: 5.
        #[schemars(extend("default" = 5))]
        unhealthy_threshold: UpToTwenty,
    }

    /// The check in a local container.
    Verify {
        /// Variables for the local container only, over those of the service: stand-ins for what its secrets hold. Default:
        /// none.
        environment: BTreeMap<String, Given<EnvironmentValue>>,
        /// Whether to leave the check out. Default: false.
        #[schemars(extend("default" = false))]
        skip: Switch,
        /// How long a healthy application is watched on, to catch what fails soon after, such as `10s`, at most `1h`. Default:
        /// `0s`.
        #[schemars(extend("default" = "0s"))]
        stay: Stay,
        /// How the container is reached: `auto`, `own-address`, `same-network`, `sidecar`, or a host. Default: `auto`.
        #[schemars(extend("default" = "auto"))]
        reach: ReachChoice,
        /// What it is given for the service's secrets: `skip` (nothing), `stub` (stand-ins), `fetch` (what the service has) or
        /// `file` (what `secrets_file` has). Default: `skip`.
        #[schemars(extend("default" = "skip"))]
        secrets: WayWord,
        /// A file of secrets, NAME=VALUE a line, meant from where this file is; it means `secrets: file`. Default: none.
        secrets_file: VariablesFile,
    }

    /// How a version is released.
    Release {
        /// A service that is busy: `wait` until it is free, or `fail`. Default: `wait`.
        #[schemars(extend("default" = "wait"))]
        if_busy: IfBusy,
        /// How long to wait for a busy service, such as `20m`, at most `24h`. Default: `20m`.
        #[schemars(extend("default" = "20m"))]
        busy_timeout: GateTimeout,
        /// A service that deploys by itself on every push of its tag: `follow` that deployment, or turn this `off` first.
        /// Default: `follow`.
        #[schemars(extend("default" = "follow"))]
        auto_deployments: OnPush,
        /// How the service names its image: as it does now (`live`), by a `tag`, or by the `digest`. Default: `live`.
        #[schemars(extend("default" = "live"))]
        identifier: Naming,
    }

    /// Following the deployment to its verdict.
    Gate {
        /// How long to wait for the verdict, such as `35m` or `1h30m`, at most `24h`. Default: `35m`.
        #[schemars(extend("default" = "35m"))]
        timeout: GateTimeout,
    }

    /// The service's log groups.
    Logs {
        /// Days to keep log lines, one of CloudWatch Logs' values. Default: left as it is.
        retention_days: RetentionDays,
    }
}

mappings! {
    /// Asking the service's URL once the deployment has succeeded.
    SmokeTest {
        /// The path that is asked for. Default: `/`.
        #[schemars(extend("default" = "/"))]
        path: HealthPath,
        /// The status that passes; redirects are not followed. Default: 200.
        #[schemars(extend("default" = 200))]
        status: HttpStatus,
        /// How many answers in a row must pass, 1 to 20. Default: 1.
        #[schemars(extend("default" = 1))]
        times: UpToTwenty,
        /// How long it may take until they have, at most `1h`. Default: `1m`.
        #[schemars(extend("default" = "1m"))]
        within: Stay,
        /// What a failure leads to: `report` (exit code 12; the new version serves on) or `return` (the version before is
        /// deployed again, too). Default: `report`.
        #[schemars(extend("default" = "report"))]
        on_failure: OnFailure,
    }
}

/// The targets by name.
#[derive(Default)]
pub(super) struct Targets(pub(super) BTreeMap<String, Given<Target>>);

/// Every target is read. In those that this run is not about, an unset variable is no problem: `staging` may need what
/// only its own job knows.
impl Shape for Targets {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut targets = BTreeMap::new();
        for entry in reader.any_entries(node)? {
            reader.demands_variables = reader.target.as_deref() == Some(entry.key.as_str());
            targets.insert(entry.key.clone(), Given::read(&entry.value, reader));
        }
        reader.demands_variables = true;
        Some(Self(targets))
    }
}

impl InSchema for Targets {
    const DEFINITION: Option<&'static str> = None;

    fn in_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, Given<Target>>::json_schema(generator)
    }
}
