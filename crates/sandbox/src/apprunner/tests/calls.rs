//! The calls without containers: what each state takes, pages, tags, isolation, automatic deployments.

use serde_json::{Value, json};

use super::fixture::{Fixture, IDENTIFIER, caller, scripted, service};
use crate::apprunner::{Options, word::ServiceStatus};

/// Puts a service into a state, whichever way it got there.
fn force(fixture: &Fixture, arn: &str, status: ServiceStatus) {
    fixture.runner.app.book.with_service(arn, |service| service.status = status).unwrap();
}

#[tokio::test]
async fn every_call_in_every_state() {
    // The code of the answer; an empty one is a success.
    const STATE: &str = "InvalidStateException";
    const REQUEST: &str = "InvalidRequestException";
    let calls = [
        "DescribeService",
        "ListOperations",
        "StartDeployment",
        "UpdateService",
        "PauseService",
        "ResumeService",
        "DeleteService",
        "TagResource",
        "UntagResource",
        "ListTagsForResource",
    ];
    let table = [
        (ServiceStatus::Running, ["", "", "", "", "", "", "", "", "", ""]),
        (ServiceStatus::OperationInProgress, ["", "", REQUEST, STATE, STATE, STATE, STATE, STATE, STATE, ""]),
        (ServiceStatus::Paused, ["", "", REQUEST, STATE, STATE, "", "", "", "", ""]),
        (ServiceStatus::CreateFailed, ["", "", REQUEST, "", STATE, STATE, "", STATE, STATE, ""]),
        (ServiceStatus::DeleteFailed, ["", "", REQUEST, STATE, STATE, STATE, "", STATE, STATE, ""]),
        (ServiceStatus::Deleted, ["", "", REQUEST, STATE, STATE, STATE, STATE, STATE, STATE, ""]),
    ];
    for (status, row) in table {
        for (action, expected) in calls.into_iter().zip(row) {
            let fixture = Fixture::new(scripted());
            let arn = fixture.create(service("shop-api")).await;
            force(&fixture, &arn, status);
            let before = fixture.describe(&arn).await;
            let mut input = json!({ "ServiceArn": arn });
            if action.ends_with("Resource") {
                input = json!({ "ResourceArn": arn, "Tags": [{ "Key": "a", "Value": "b" }], "TagKeys": ["a"] });
            }
            let answer = fixture.try_call(action, input).await;
            let code = answer.as_ref().err().map_or("", |error| error.code);
            assert_eq!(code, expected, "{status:?} {action} {answer:?}");
            if answer.is_err() {
                assert_eq!(fixture.describe(&arn).await, before, "a refused call changes nothing: {status:?} {action}");
            }
        }
    }
}

#[tokio::test]
async fn a_service_is_described_as_the_model_says() {
    let fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    let described = fixture.describe(&arn).await;
    let id = described["ServiceId"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/{id}"));
    assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()));
    assert!(described["ServiceUrl"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(described["CreatedAt"].is_u64());
    assert_eq!(described["SourceConfiguration"]["AutoDeploymentsEnabled"], true);
    assert_eq!(described["InstanceConfiguration"], json!({ "Cpu": "1024", "Memory": "2048" }));
    assert_eq!(
        described["HealthCheckConfiguration"],
        json!({ "Protocol": "HTTP", "Path": "/health", "Interval": 1, "Timeout": 2, "HealthyThreshold": 1, "UnhealthyThreshold": 10 })
    );
    assert_eq!(described["AutoScalingConfigurationSummary"]["AutoScalingConfigurationName"], "DefaultConfiguration");
    assert_eq!(described["NetworkConfiguration"]["IpAddressType"], "IPV4");
    assert_eq!(described.get("DeletedAt"), None);
    assert_eq!(described.get("Tags"), None);
}

#[tokio::test]
async fn an_update_is_laid_over_what_is_there() {
    let fixture = Fixture::new(scripted());
    let mut input = service("shop-api");
    let image = &mut input["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"];
    image["StartCommand"] = json!("serve");
    image["RuntimeEnvironmentVariables"] = json!({ "A": "1", "B": "2" });
    let arn = fixture.create(input).await;
    let changes = json!({
        "ServiceArn": arn,
        "SourceConfiguration": { "ImageRepository": {
            "ImageIdentifier": IDENTIFIER, "ImageRepositoryType": "ECR",
            "ImageConfiguration": { "RuntimeEnvironmentVariables": { "C": "3" }, "Port": null },
        }},
        "InstanceConfiguration": { "Cpu": "2 vCPU", "Memory": "4 GB" },
    });
    fixture.call("UpdateService", changes).await;
    fixture.runner.settle().await;
    let described = fixture.describe(&arn).await;
    let source = &described["SourceConfiguration"];
    assert_eq!(
        source["ImageRepository"]["ImageConfiguration"],
        json!({ "Port": "3000", "StartCommand": "serve", "RuntimeEnvironmentVariables": { "C": "3" } })
    );
    assert_eq!(
        source["AuthenticationConfiguration"]["AccessRoleArn"],
        "arn:aws:iam::222222222222:role/apprunner-access"
    );
    assert_eq!(described["InstanceConfiguration"], json!({ "Cpu": "2048", "Memory": "4096" }));
    assert_eq!(described["HealthCheckConfiguration"]["Path"], "/health");
}

#[tokio::test]
async fn lists_come_in_pages_of_twenty_newest_first() {
    let fixture = Fixture::new(scripted());
    for number in 0..25 {
        fixture.create(service(&format!("service-{number}"))).await;
    }
    let first = fixture.call("ListServices", json!({})).await;
    let second = fixture.call("ListServices", json!({ "NextToken": first["NextToken"] })).await;
    let names = |page: &Value| -> Vec<String> {
        let list = page["ServiceSummaryList"].as_array().unwrap();
        list.iter().map(|service| service["ServiceName"].as_str().unwrap().to_owned()).collect()
    };
    let all = [names(&first), names(&second)].concat();
    assert_eq!(all, (0..25).rev().map(|number| format!("service-{number}")).collect::<Vec<_>>());
    assert_eq!((names(&first).len(), second.get("NextToken")), (20, None));

    let arn = first["ServiceSummaryList"][0]["ServiceArn"].as_str().unwrap();
    for _ in 0..20 {
        fixture.on("StartDeployment", arn).await.unwrap();
        fixture.runner.settle().await;
    }
    let first = fixture.on("ListOperations", arn).await.unwrap();
    assert_eq!(first["OperationSummaryList"].as_array().unwrap().len(), 20);
    let input = json!({ "ServiceArn": arn, "NextToken": first["NextToken"] });
    let second = fixture.call("ListOperations", input).await;
    let oldest = &second["OperationSummaryList"][0];
    assert_eq!((oldest["Type"].as_str(), oldest["Status"].as_str()), (Some("CREATE_SERVICE"), Some("SUCCEEDED")));
    assert_eq!(oldest["TargetArn"], arn);
    assert!(oldest["StartedAt"].is_u64() && oldest["EndedAt"].is_u64());
}

#[tokio::test]
async fn a_deleted_service_is_described_and_not_listed() {
    let fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    fixture.on("DeleteService", &arn).await.unwrap();
    fixture.runner.settle().await;
    let described = fixture.describe(&arn).await;
    assert_eq!(described["Status"], "DELETED");
    assert!(described["DeletedAt"].is_u64());
    assert_eq!(fixture.call("ListServices", json!({})).await["ServiceSummaryList"], json!([]));
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let mut fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    fixture.caller = caller("111111111111");
    for action in ["DescribeService", "DeleteService", "StartDeployment", "ListOperations"] {
        let error = fixture.on(action, &arn).await.unwrap_err();
        assert_eq!(error.code, "ResourceNotFoundException", "{action}");
    }
    assert_eq!(fixture.call("ListServices", json!({})).await["ServiceSummaryList"], json!([]));
    let mut own = service("shop-api");
    own["SourceConfiguration"]["AutoDeploymentsEnabled"] = Value::Null;
    let own = fixture.create(own).await;
    let described = fixture.describe(&own).await;
    assert_eq!(described["SourceConfiguration"]["AutoDeploymentsEnabled"], false, "its image is another account's");
    fixture.caller = caller("222222222222");
    assert_eq!(fixture.status(&arn).await, "RUNNING");
}

#[tokio::test]
async fn a_push_of_the_followed_tag_deploys() {
    let fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    let mut manual = service("shop-manual");
    manual["SourceConfiguration"]["AutoDeploymentsEnabled"] = json!(false);
    let manual = fixture.create(manual).await;
    let paused = fixture.create(service("shop-paused")).await;
    fixture.on("PauseService", &paused).await.unwrap();
    fixture.runner.settle().await;
    let (account, region) = (fixture.caller.account.clone(), fixture.caller.region.clone());
    let elsewhere = "us-east-1".parse().unwrap();
    let other = "111111111111".parse().unwrap();
    fixture.runner.image_pushed(&account, &region, "shop/api", "other");
    fixture.runner.image_pushed(&account, &region, "shop/apis", "live");
    fixture.runner.image_pushed(&account, &elsewhere, "shop/api", "live");
    fixture.runner.image_pushed(&other, &region, "shop/api", "live");
    assert_eq!(fixture.operations(&arn).await.len(), 1);
    fixture.runner.image_pushed(&account, &region, "shop/api", "live");
    assert_eq!(fixture.status(&arn).await, "OPERATION_IN_PROGRESS");
    fixture.runner.image_pushed(&account, &region, "shop/api", "live");
    fixture.runner.settle().await;
    let operations = fixture.operations(&arn).await;
    assert_eq!(operations.len(), 2, "a busy service misses a push");
    assert_eq!(operations[0], ("START_DEPLOYMENT".to_owned(), "SUCCEEDED".to_owned()));
    assert_eq!(fixture.operations(&manual).await.len(), 1);
    assert_eq!(fixture.status(&paused).await, "PAUSED");
}

#[tokio::test]
async fn tags_are_kept() {
    let fixture = Fixture::new(scripted());
    let mut input = service("shop-api");
    input["Tags"] = json!([{ "Key": "team", "Value": "shop" }]);
    let arn = fixture.create(input).await;
    fixture.call("TagResource", json!({ "ResourceArn": arn, "Tags": [{ "Key": "stage", "Value": "prod" }] })).await;
    fixture.call("UntagResource", json!({ "ResourceArn": arn, "TagKeys": ["team", "absent"] })).await;
    let tags = fixture.call("ListTagsForResource", json!({ "ResourceArn": arn })).await;
    assert_eq!(tags, json!({ "Tags": [{ "Key": "stage", "Value": "prod" }] }));
}

#[tokio::test]
async fn the_quota_counts_failed_creations() {
    let fixture = Fixture::new(Options { service_quota: 1, ..scripted() });
    let arn = fixture.create(service("shop-api")).await;
    force(&fixture, &arn, ServiceStatus::CreateFailed);
    let error = fixture.try_call("CreateService", service("shop-web")).await.unwrap_err();
    assert_eq!(error.code, "ServiceQuotaExceededException");
    force(&fixture, &arn, ServiceStatus::Deleted);
    fixture.create(service("shop-web")).await;
}

#[tokio::test]
async fn the_default_auto_scaling_configuration_has_three_names() {
    let fixture = Fixture::new(scripted());
    let whole = "arn:aws:apprunner:eu-west-1:222222222222:autoscalingconfiguration/DefaultConfiguration";
    for name in [whole.to_owned(), format!("{whole}/1"), format!("{whole}/1/00000000000000000000000000000001")] {
        let input = json!({ "AutoScalingConfigurationArn": name });
        let answer = fixture.call("DescribeAutoScalingConfiguration", input).await;
        assert_eq!(answer["AutoScalingConfiguration"]["MaxConcurrency"], 100, "{name}");
    }
    let input = json!({ "AutoScalingConfigurationArn": whole.replace("Default", "Other") });
    let error = fixture.try_call("DescribeAutoScalingConfiguration", input).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn resuming_a_running_service_is_no_operation() {
    let fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    let answer = fixture.on("ResumeService", &arn).await.unwrap();
    assert_eq!((answer.get("OperationId"), &answer["Service"]["Status"]), (None, &json!("RUNNING")));
    assert_eq!(fixture.operations(&arn).await.len(), 1);
}

#[tokio::test]
async fn custom_domains_are_none() {
    let fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    let answer = fixture.on("DescribeCustomDomains", &arn).await.unwrap();
    assert_eq!((&answer["CustomDomains"], &answer["VpcDNSTargets"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn two_hundred_services_and_fifty_deployments_at_once() {
    let fixture = Fixture::new(Options { service_quota: 200, ..scripted() });
    let mut arns = Vec::new();
    for number in 0..200 {
        let answer = fixture.call("CreateService", service(&format!("service-{number}"))).await;
        arns.push(answer["Service"]["ServiceArn"].as_str().unwrap().to_owned());
    }
    fixture.runner.settle().await;
    for arn in &arns[..50] {
        fixture.on("StartDeployment", arn).await.unwrap();
    }
    fixture.runner.settle().await;
    for arn in &arns[..50] {
        assert_eq!(fixture.newest(arn).await, ("START_DEPLOYMENT".to_owned(), "SUCCEEDED".to_owned()));
    }
}

#[tokio::test]
async fn a_resume_that_fails_leaves_the_service_paused() {
    let fixture = Fixture::new(scripted());
    let arn = fixture.create(service("shop-api")).await;
    fixture.on("PauseService", &arn).await.unwrap();
    fixture.runner.settle().await;
    fixture.runner.add_script(serde_json::from_value(json!({ "outcome": "FAILED" })).unwrap());
    fixture.on("ResumeService", &arn).await.unwrap();
    fixture.runner.settle().await;
    assert_eq!(fixture.newest(&arn).await, ("RESUME_SERVICE".to_owned(), "FAILED".to_owned()));
    assert_eq!(fixture.status(&arn).await, "PAUSED");
}
