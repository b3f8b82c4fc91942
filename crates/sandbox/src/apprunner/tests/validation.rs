//! What inputs are refused for, and in which words.

use serde_json::{Value, json};

use super::fixture::{Fixture, IDENTIFIER, scripted, service};

/// `service("shop-api")` with one member set (or, by null, taken away).
fn with(pointer: &str, value: Value) -> Value {
    let mut input = service("shop-api");
    let mut place = &mut input;
    for name in pointer.split('.') {
        place = &mut place[name];
    }
    *place = value;
    input
}

#[tokio::test]
async fn violations_of_the_model_are_worded_as_aws_words_them() {
    let arn = "arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123456789abcdef0123456789abcdef";
    let port = "SourceConfiguration.ImageRepository.ImageConfiguration.Port";
    let table = [
        (
            "CreateService",
            with("ServiceName", json!("abc")),
            "ValidationException",
            "2 validation errors detected: Value 'abc' at 'serviceName' failed to satisfy constraint: Member must have length greater than or equal to 4; Value 'abc' at 'serviceName' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9][A-Za-z0-9-_]{3,39}",
        ),
        (
            "CreateService",
            json!({}),
            "ValidationException",
            "2 validation errors detected: Value null at 'serviceName' failed to satisfy constraint: Member must not be null; Value null at 'sourceConfiguration' failed to satisfy constraint: Member must not be null",
        ),
        (
            "CreateService",
            with("HealthCheckConfiguration.Interval", json!(21)),
            "ValidationException",
            "1 validation error detected: Value '21' at 'healthCheckConfiguration.interval' failed to satisfy constraint: Member must have value less than or equal to 20",
        ),
        (
            "CreateService",
            with("HealthCheckConfiguration.Timeout", json!(0)),
            "ValidationException",
            "1 validation error detected: Value '0' at 'healthCheckConfiguration.timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "CreateService",
            with("HealthCheckConfiguration.Protocol", json!("HTTPS")),
            "ValidationException",
            "1 validation error detected: Value 'HTTPS' at 'healthCheckConfiguration.protocol' failed to satisfy constraint: Member must satisfy enum value set: [TCP, HTTP]",
        ),
        (
            "CreateService",
            with("Tags", json!([{ "Key": "aws:x", "Value": "y" }])),
            "ValidationException",
            "1 validation error detected: Value 'aws:x' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?!aws:).+",
        ),
        (
            "CreateService",
            with("InstanceConfiguration", json!({ "Cpu": "3 vCPU" })),
            "ValidationException",
            "1 validation error detected: Value '3 vCPU' at 'instanceConfiguration.cpu' failed to satisfy constraint: Member must satisfy regular expression pattern: 256|512|1024|2048|4096|(0.25|0.5|1|2|4) vCPU",
        ),
        (
            "CreateService",
            with("SourceConfiguration.ImageRepository.ImageConfiguration.StartCommand", json!("secret\nwords")),
            "ValidationException",
            r"1 validation error detected: Value at 'sourceConfiguration.imageRepository.imageConfiguration.startCommand' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\x0a\x0d]+",
        ),
        (
            "CreateService",
            with(port, json!(3000)),
            "SerializationException",
            "NUMBER_VALUE cannot be converted to String",
        ),
        (
            "CreateService",
            with("SourceConfiguration.AutoDeploymentsEnabled", json!("no")),
            "SerializationException",
            "STRING_VALUE cannot be converted to Boolean",
        ),
        (
            "DescribeService",
            json!({ "ServiceArn": null }),
            "ValidationException",
            "1 validation error detected: Value null at 'serviceArn' failed to satisfy constraint: Member must not be null",
        ),
        (
            "ListOperations",
            json!({ "ServiceArn": arn, "MaxResults": 100 }),
            "ValidationException",
            "1 validation error detected: Value '100' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 20",
        ),
        (
            "DescribeService",
            json!({ "ServiceArn": arn }),
            "ResourceNotFoundException",
            "Resource with ARN 'arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123456789abcdef0123456789abcdef' doesn't exist.",
        ),
    ];
    let fixture = Fixture::new(scripted());
    for (action, input, code, message) in table {
        let error = fixture.try_call(action, input).await.unwrap_err();
        assert_eq!((error.status, error.code, error.message.as_str()), (400, code, message));
    }
}

#[tokio::test]
async fn members_that_contradict_each_other_are_invalid_requests() {
    let source = "SourceConfiguration";
    let image = "SourceConfiguration.ImageRepository";
    let configuration = "SourceConfiguration.ImageRepository.ImageConfiguration";
    let foreign = IDENTIFIER.replace("222222222222", "111111111111");
    let mut followed = with(&format!("{image}.ImageIdentifier"), json!(foreign));
    followed["SourceConfiguration"]["AutoDeploymentsEnabled"] = json!(true);
    let table = [
        (with("InstanceConfiguration", json!({ "Cpu": "256", "Memory": "2048" })), "Invalid combination of CPU"),
        (with("InstanceConfiguration", json!({ "Cpu": "4 vCPU" })), "Invalid combination of CPU"),
        (with(image, Value::Null), "Either CodeRepository or ImageRepository"),
        (
            with(&format!("{source}.AuthenticationConfiguration"), Value::Null),
            "AuthenticationConfiguration.AccessRoleArn",
        ),
        (with(&format!("{image}.ImageRepositoryType"), json!("ECR_PUBLIC")), "ImageRepositoryType ECR_PUBLIC"),
        (with(&format!("{configuration}.Port"), json!("http")), "Port http"),
        (with(&format!("{configuration}.Port"), json!("65536")), "Port 65536"),
        (
            with(&format!("{configuration}.RuntimeEnvironmentVariables"), json!({ "AWSAPPRUNNERX": "1" })),
            "Environment variable",
        ),
        (followed, "Automatic deployments are only supported"),
        (
            with(
                "AutoScalingConfigurationArn",
                json!("arn:aws:apprunner:eu-west-1:222222222222:autoscalingconfiguration/mine"),
            ),
            "AutoScalingConfiguration",
        ),
    ];
    let fixture = Fixture::new(scripted());
    for (input, beginning) in table {
        let error = fixture.try_call("CreateService", input).await.unwrap_err();
        assert_eq!(error.code, "InvalidRequestException", "{}", error.message);
        assert!(error.message.starts_with(beginning), "{}", error.message);
    }
    let services = fixture.call("ListServices", json!({})).await;
    assert_eq!(services["ServiceSummaryList"], json!([]), "a refused creation leaves nothing behind");
}

#[tokio::test]
async fn the_model_s_other_operations_are_refused_by_name() {
    let fixture = Fixture::new(scripted());
    let error = fixture.try_call("CreateVpcConnector", json!({})).await.unwrap_err();
    assert_eq!(error.message, "CreateVpcConnector is not supported by the sandbox");
    let error = fixture.try_call("MakeCoffee", json!({})).await.unwrap_err();
    assert_eq!(error.code, "UnknownOperationException");
}
