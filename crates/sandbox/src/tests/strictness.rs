//! Where the sandbox refuses what AWS refuses: regions, partitions, session tags and policies, names, expired images.

use std::time::Duration;

use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use aws_sdk_sts::types::Tag;
use serde_json::json;

use super::world::{DEPLOY, PULL, Plain, REGISTRY, assumed, assumed_in, base, calls, sandbox};
use crate::{Options, delays::Delays, iam::Policy, start};

#[tokio::test]
async fn app_runner_cannot_be_reached_where_it_is_not() {
    let sandbox = sandbox(|_| ()).await;
    for (region, is_there) in
        [("ap-northeast-1", true), ("eu-west-3", true), ("ap-northeast-3", false), ("cn-north-1", false)]
    {
        let client = aws_sdk_apprunner::Client::new(&assumed_in(&sandbox, DEPLOY, region).await);
        let listed = client.list_services().send().await;
        let is_cut = matches!(listed, Err(aws_sdk_apprunner::error::SdkError::DispatchFailure(_)));
        assert_eq!((listed.is_ok(), is_cut), (is_there, !is_there), "{region}: {listed:?}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn arns_name_the_partition_of_their_region() {
    let sandbox = sandbox(|seed| {
        seed.region = "cn-north-1".parse().unwrap();
        seed.roles[0].arn = PULL.replace("arn:aws:", "arn:aws-cn:").parse().unwrap();
    })
    .await;
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    let user = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(user.arn(), Some("arn:aws-cn:iam::333333333333:user/ci"));
    let role = PULL.replace("arn:aws:", "arn:aws-cn:");
    let config = assumed(&sandbox, &role).await;
    let session = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert_eq!(session.arn(), Some("arn:aws-cn:sts::111111111111:assumed-role/shipgate-pull/test"));
    let described = aws_sdk_ecr::Client::new(&config).describe_repositories().send().await.unwrap();
    let repository = &described.repositories()[0];
    assert_eq!(repository.repository_arn(), Some("arn:aws-cn:ecr:cn-north-1:111111111111:repository/shop/api"));
    assert_eq!(repository.repository_uri(), Some("111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn/shop/api"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn session_tags_need_a_permission_of_their_own() {
    let trust = |actions: serde_json::Value| {
        let principal = json!({"AWS": "arn:aws:iam::333333333333:root"});
        Policy::try_from(json!({"Statement": {"Effect": "Allow", "Principal": principal, "Action": actions}})).unwrap()
    };
    let sandbox = sandbox(|seed| {
        seed.roles[0].trust_policy = Some(trust(json!("sts:AssumeRole")));
        seed.roles[1].trust_policy = Some(trust(json!(["sts:AssumeRole", "sts:TagSession"])));
    })
    .await;
    let sts = aws_sdk_sts::Client::new(&base(&sandbox).await);
    let tag = Tag::builder().key("team").value("shop").build().unwrap();
    let assume = |role: &str| sts.assume_role().role_arn(role).role_session_name("test").tags(tag.clone());
    let refused = assume(PULL).send().await.unwrap_err().into_service_error();
    assert!(refused.to_string().contains("AccessDenied") || refused.meta().code() == Some("AccessDenied"), "{refused}");
    assert!(refused.meta().message().unwrap().contains("sts:TagSession"), "{refused}");
    assert!(assume(DEPLOY).send().await.is_ok());
    let large = format!(r#"{{"Statement": []}}{}"#, " ".repeat(2048));
    let refused = assume(DEPLOY).policy(large).send().await.unwrap_err().into_service_error();
    assert!(refused.is_packed_policy_too_large_exception(), "{refused}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_parameter_has_one_name_with_and_without_slash() {
    let sandbox = sandbox(|_| ()).await;
    let ssm = aws_sdk_ssm::Client::new(&assumed(&sandbox, DEPLOY).await);
    let put = |name: &str| ssm.put_parameter().name(name).value("v").r#type(aws_sdk_ssm::types::ParameterType::String);
    for (name, other) in [("/with", "with"), ("without", "/without")] {
        put(name).send().await.unwrap();
        assert!(put(other).send().await.unwrap_err().into_service_error().is_parameter_already_exists());
        let read = ssm.get_parameter().name(other).send().await.unwrap();
        assert_eq!(read.parameter().unwrap().name(), Some(name));
        ssm.delete_parameter().name(other).send().await.unwrap();
        assert!(ssm.get_parameter().name(name).send().await.is_err());
    }
    let path = ssm.get_parameter().name("shop/db").send().await.unwrap_err().into_service_error();
    assert_eq!(path.meta().code(), Some("ValidationException"), "a path begins with a slash");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn images_expire_by_their_lifecycle_policy() {
    let delays = Delays { lifecycle: Duration::from_millis(20), ..Delays::NONE };
    let sandbox = start(Options { delays, ..Options::default() }).await.unwrap();
    let registry = Plain::login(&sandbox, PULL, REGISTRY).await;
    for tag in ["v1", "v2"] {
        registry.push_image("shop/api", tag, tag).await;
    }
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, PULL).await);
    let wrong =
        ecr.put_lifecycle_policy().repository_name("shop/api").lifecycle_policy_text(r#"{"rules": []}"#).send().await;
    assert!(wrong.unwrap_err().into_service_error().is_invalid_parameter_exception());
    let policy = json!({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {
        "tagStatus": "tagged", "tagPatternList": ["v*"], "countType": "imageCountMoreThan", "countNumber": 1,
    }}]});
    let put = ecr.put_lifecycle_policy().repository_name("shop/api").lifecycle_policy_text(policy.to_string());
    put.send().await.unwrap();
    let tags = async || {
        let listed = ecr.list_images().repository_name("shop/api").send().await.unwrap();
        listed.image_ids().iter().filter_map(|id| id.image_tag().map(str::to_owned)).collect::<Vec<_>>()
    };
    while tags().await.len() > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(tags().await, ["v2"]);
    assert!(calls(&sandbox, "ecr").await.contains(&"PolicyExecutionEvent".to_owned()));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn unknown_values_and_services_are_refused() {
    let sandbox = sandbox(|_| ()).await;
    let config = assumed(&sandbox, PULL).await;
    let filter = aws_sdk_ecr::types::ListImagesFilter::builder().tag_status("SOMETIMES".into()).build();
    let listed =
        aws_sdk_ecr::Client::new(&config).list_images().repository_name("shop/api").filter(filter).send().await;
    let refused = listed.unwrap_err().into_service_error();
    assert!(
        refused.is_invalid_parameter_exception() && refused.message().unwrap().contains("enum value set"),
        "{refused}"
    );
    sandbox.shutdown().await;
}
