//! The inputs of App Runner's operations, transcribed from the service model 2020-05-15 (required members, ranges,
//! patterns, enumerations). `SourceConfiguration.CodeRepository` is kept opaque: this sandbox runs images.

use super::{
    pattern,
    shape::{Member, Shape, Text},
};

const fn text(min: usize, max: usize) -> Text {
    Text { min, max, pattern: None, words: &[], sensitive: false }
}

const fn patterned(min: usize, max: usize, expression: &'static str, matches: fn(&str) -> bool) -> Text {
    Text { min, max, pattern: Some((expression, matches)), words: &[], sensitive: false }
}

const fn one_of(words: &'static [&'static str]) -> Text {
    Text { min: 0, max: usize::MAX, pattern: None, words, sensitive: false }
}

const fn sensitive(text: Text) -> Text {
    Text { sensitive: true, ..text }
}

const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: true }
}

const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false }
}

static STRING: Shape = Shape::Text(patterned(0, 51200, ".*", pattern::no_newline));
static FLAG: Shape = Shape::Flag;
static ONE_TO_TWENTY: Shape = Shape::Integer { min: 1, max: 20 };
static ONE_TO_FIVE: Shape = Shape::Integer { min: 1, max: 5 };

static SERVICE_NAME: Shape = Shape::Text(patterned(4, 40, "[A-Za-z0-9][A-Za-z0-9-_]{3,39}", pattern::service_name));
static RESOURCE_ARN: Shape = Shape::Text(patterned(
    1,
    1011,
    r"arn:aws(-[\w]+)*:[a-z0-9-\\.]{0,63}:[a-z0-9-\\.]{0,63}:[0-9]{12}:(\w|\/|-){1,1011}",
    pattern::resource_arn,
));
static ROLE_ARN: Shape = Shape::Text(patterned(
    29,
    1024,
    r"arn:(aws|aws-us-gov|aws-cn|aws-iso|aws-iso-b):iam::[0-9]{12}:(role|role\/service-role)\/[\w+=,.@\-/]{1,1000}",
    pattern::role_arn,
));
static KMS_KEY_ARN: Shape = Shape::Text(patterned(
    0,
    256,
    r"arn:aws(-[\w]+)*:kms:[a-z\-]+-[0-9]{1}:[0-9]{12}:key\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    pattern::kms_key_arn,
));
static IMAGE_IDENTIFIER: Shape = Shape::Text(patterned(
    1,
    1024,
    r"([0-9]{12}.dkr.ecr.[a-z\-]+-[0-9]{1}.amazonaws.com\/((?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)(:([\w\d+\-=._:\/@])+|@([\w\d\:]+))?)|(^public\.ecr\.aws\/.+\/((?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)(:([\w\d+\-=._:\/@])+|@([\w\d\:]+))?)",
    pattern::image_identifier,
));

static START_COMMAND: Shape = Shape::Text(sensitive(patterned(0, usize::MAX, r"[^\x0a\x0d]+", pattern::one_line)));
static VARIABLES: Shape = Shape::Map {
    key: sensitive(patterned(1, 51200, ".*", pattern::no_newline)),
    value: sensitive(patterned(0, 51200, ".*", pattern::no_newline)),
};
static SECRETS: Shape = Shape::Map { key: sensitive(text(1, 2048)), value: sensitive(text(1, 2048)) };
static IMAGE_CONFIGURATION: Shape = Shape::Structure(&[
    optional("RuntimeEnvironmentVariables", &VARIABLES),
    optional("StartCommand", &START_COMMAND),
    optional("Port", &STRING),
    optional("RuntimeEnvironmentSecrets", &SECRETS),
]);
static REPOSITORY_TYPE: Shape = Shape::Text(one_of(&["ECR", "ECR_PUBLIC"]));
static IMAGE_REPOSITORY: Shape = Shape::Structure(&[
    required("ImageIdentifier", &IMAGE_IDENTIFIER),
    optional("ImageConfiguration", &IMAGE_CONFIGURATION),
    required("ImageRepositoryType", &REPOSITORY_TYPE),
]);
static VERSION_TYPE: Shape = Shape::Text(one_of(&["BRANCH"]));
static CODE_VERSION: Shape = Shape::Structure(&[required("Type", &VERSION_TYPE), required("Value", &STRING)]);
static CODE_REPOSITORY: Shape =
    Shape::Structure(&[required("RepositoryUrl", &STRING), required("SourceCodeVersion", &CODE_VERSION)]);
static AUTHENTICATION: Shape =
    Shape::Structure(&[optional("ConnectionArn", &RESOURCE_ARN), optional("AccessRoleArn", &ROLE_ARN)]);
static SOURCE: Shape = Shape::Structure(&[
    optional("CodeRepository", &CODE_REPOSITORY),
    optional("ImageRepository", &IMAGE_REPOSITORY),
    optional("AutoDeploymentsEnabled", &FLAG),
    optional("AuthenticationConfiguration", &AUTHENTICATION),
]);

static CPU: Shape = Shape::Text(patterned(3, 9, "256|512|1024|2048|4096|(0.25|0.5|1|2|4) vCPU", pattern::cpu));
static MEMORY: Shape = Shape::Text(patterned(
    3,
    6,
    "512|1024|2048|3072|4096|6144|8192|10240|12288|(0.5|1|2|3|4|6|8|10|12) GB",
    pattern::memory,
));
static INSTANCE: Shape =
    Shape::Structure(&[optional("Cpu", &CPU), optional("Memory", &MEMORY), optional("InstanceRoleArn", &ROLE_ARN)]);

static TAG_KEY: Shape = Shape::Text(patterned(1, 128, "^(?!aws:).+", pattern::tag_key));
static TAG_VALUE: Shape = Shape::Text(patterned(0, 256, ".*", pattern::no_newline));
static TAG: Shape = Shape::Structure(&[optional("Key", &TAG_KEY), optional("Value", &TAG_VALUE)]);
static TAGS: Shape = Shape::List(&TAG);
static TAG_KEYS: Shape = Shape::List(&TAG_KEY);

static ENCRYPTION: Shape = Shape::Structure(&[required("KmsKey", &KMS_KEY_ARN)]);
static PROTOCOL: Shape = Shape::Text(one_of(&["TCP", "HTTP"]));
static PATH: Shape = Shape::Text(text(1, usize::MAX));
static HEALTH_CHECK: Shape = Shape::Structure(&[
    optional("Protocol", &PROTOCOL),
    optional("Path", &PATH),
    optional("Interval", &ONE_TO_TWENTY),
    optional("Timeout", &ONE_TO_TWENTY),
    optional("HealthyThreshold", &ONE_TO_TWENTY),
    optional("UnhealthyThreshold", &ONE_TO_TWENTY),
]);
static EGRESS_TYPE: Shape = Shape::Text(one_of(&["DEFAULT", "VPC"]));
static EGRESS: Shape =
    Shape::Structure(&[optional("EgressType", &EGRESS_TYPE), optional("VpcConnectorArn", &RESOURCE_ARN)]);
static INGRESS: Shape = Shape::Structure(&[optional("IsPubliclyAccessible", &FLAG)]);
static IP_ADDRESS_TYPE: Shape = Shape::Text(one_of(&["IPV4", "DUAL_STACK"]));
static NETWORK: Shape = Shape::Structure(&[
    optional("EgressConfiguration", &EGRESS),
    optional("IngressConfiguration", &INGRESS),
    optional("IpAddressType", &IP_ADDRESS_TYPE),
]);
static OBSERVABILITY: Shape = Shape::Structure(&[
    required("ObservabilityEnabled", &FLAG),
    optional("ObservabilityConfigurationArn", &RESOURCE_ARN),
]);

/// `CreateServiceRequest`.
pub(super) static CREATE_SERVICE: Shape = Shape::Structure(&[
    required("ServiceName", &SERVICE_NAME),
    required("SourceConfiguration", &SOURCE),
    optional("InstanceConfiguration", &INSTANCE),
    optional("Tags", &TAGS),
    optional("EncryptionConfiguration", &ENCRYPTION),
    optional("HealthCheckConfiguration", &HEALTH_CHECK),
    optional("AutoScalingConfigurationArn", &RESOURCE_ARN),
    optional("NetworkConfiguration", &NETWORK),
    optional("ObservabilityConfiguration", &OBSERVABILITY),
]);

/// `UpdateServiceRequest`.
pub(super) static UPDATE_SERVICE: Shape = Shape::Structure(&[
    required("ServiceArn", &RESOURCE_ARN),
    optional("SourceConfiguration", &SOURCE),
    optional("InstanceConfiguration", &INSTANCE),
    optional("AutoScalingConfigurationArn", &RESOURCE_ARN),
    optional("HealthCheckConfiguration", &HEALTH_CHECK),
    optional("NetworkConfiguration", &NETWORK),
    optional("ObservabilityConfiguration", &OBSERVABILITY),
]);

/// What a service keeps of its configuration: the members create and update have in common, laid over each other
/// by an update.
pub(super) static CONFIGURATION: Shape = Shape::Structure(&[
    optional("SourceConfiguration", &SOURCE),
    optional("InstanceConfiguration", &INSTANCE),
    optional("AutoScalingConfigurationArn", &RESOURCE_ARN),
    optional("HealthCheckConfiguration", &HEALTH_CHECK),
    optional("NetworkConfiguration", &NETWORK),
    optional("ObservabilityConfiguration", &OBSERVABILITY),
    optional("EncryptionConfiguration", &ENCRYPTION),
]);

/// The requests that name a service and nothing else: Describe, Delete, Pause, Resume, StartDeployment.
pub(super) static SERVICE_ONLY: Shape = Shape::Structure(&[required("ServiceArn", &RESOURCE_ARN)]);

/// `ListServicesRequest`.
pub(super) static LIST_SERVICES: Shape =
    Shape::Structure(&[optional("NextToken", &STRING), optional("MaxResults", &ONE_TO_TWENTY)]);

/// `ListOperationsRequest`.
pub(super) static LIST_OPERATIONS: Shape = Shape::Structure(&[
    required("ServiceArn", &RESOURCE_ARN),
    optional("NextToken", &STRING),
    optional("MaxResults", &ONE_TO_TWENTY),
]);

/// `DescribeCustomDomainsRequest`.
pub(super) static DESCRIBE_CUSTOM_DOMAINS: Shape = Shape::Structure(&[
    required("ServiceArn", &RESOURCE_ARN),
    optional("NextToken", &STRING),
    optional("MaxResults", &ONE_TO_FIVE),
]);

/// `DescribeAutoScalingConfigurationRequest`.
pub(super) static DESCRIBE_AUTO_SCALING: Shape =
    Shape::Structure(&[required("AutoScalingConfigurationArn", &RESOURCE_ARN)]);

/// `TagResourceRequest`.
pub(super) static TAG_RESOURCE: Shape =
    Shape::Structure(&[required("ResourceArn", &RESOURCE_ARN), required("Tags", &TAGS)]);

/// `UntagResourceRequest`.
pub(super) static UNTAG_RESOURCE: Shape =
    Shape::Structure(&[required("ResourceArn", &RESOURCE_ARN), required("TagKeys", &TAG_KEYS)]);

/// `ListTagsForResourceRequest`.
pub(super) static LIST_TAGS: Shape = Shape::Structure(&[required("ResourceArn", &RESOURCE_ARN)]);

/// The operations of the model that the sandbox does not imitate.
pub(super) const UNSUPPORTED: [&str; 23] = [
    "AssociateCustomDomain",
    "CreateAutoScalingConfiguration",
    "CreateConnection",
    "CreateObservabilityConfiguration",
    "CreateVpcConnector",
    "CreateVpcIngressConnection",
    "DeleteAutoScalingConfiguration",
    "DeleteConnection",
    "DeleteObservabilityConfiguration",
    "DeleteVpcConnector",
    "DeleteVpcIngressConnection",
    "DescribeObservabilityConfiguration",
    "DescribeVpcConnector",
    "DescribeVpcIngressConnection",
    "DisassociateCustomDomain",
    "ListAutoScalingConfigurations",
    "ListConnections",
    "ListObservabilityConfigurations",
    "ListServicesForAutoScalingConfiguration",
    "ListVpcConnectors",
    "ListVpcIngressConnections",
    "UpdateDefaultAutoScalingConfiguration",
    "UpdateVpcIngressConnection",
];
