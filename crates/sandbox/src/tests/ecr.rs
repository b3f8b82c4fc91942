//! ECR's control plane, with the AWS SDK as the client.

use aws_sdk_ecr::{
    error::ProvideErrorMetadata as _,
    types::{
        EncryptionConfiguration, EncryptionType, ImageFailureCode, ImageIdentifier, ImageTagMutability,
        LayerAvailability, LayerFailureCode,
    },
};

use serde_json::json;

use super::world::{DEPLOY, PULL, Plain, REGISTRY, WORKLOAD, assumed, manifest, sandbox};
use shipgate_core::digest::Digest;

#[tokio::test]
async fn a_missing_repository_is_named_with_its_account() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let error = ecr.describe_repositories().repository_names("no/such").send().await.unwrap_err().into_service_error();
    assert!(error.is_repository_not_found_exception());
    let expected = "The repository with name 'no/such' does not exist in the registry with id '222222222222'";
    assert_eq!(error.message(), Some(expected));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn repositories_are_made_paged_and_deleted() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let immutable = ImageTagMutability::Immutable;
    let made = ecr.create_repository().repository_name("shop/web").image_tag_mutability(immutable.clone()).send().await;
    let made = made.unwrap().repository.unwrap();
    assert_eq!(made.repository_uri(), Some("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/web"));
    assert_eq!(made.image_tag_mutability(), Some(&immutable));
    let again = ecr.create_repository().repository_name("shop/web").send().await.unwrap_err().into_service_error();
    assert!(again.is_repository_already_exists_exception());
    assert!(ecr.create_repository().repository_name("Shop").send().await.is_err());
    let pages = ecr.describe_repositories().max_results(1).into_paginator().items().send();
    let names: Vec<String> =
        pages.try_collect().await.unwrap().into_iter().filter_map(|one| one.repository_name).collect();
    assert_eq!(names, ["shop/api", "shop/web"]);
    ecr.delete_repository().repository_name("shop/web").send().await.unwrap();
    Plain::login(&sandbox, DEPLOY, WORKLOAD).await.push_image("shop/api", "v1", "1").await;
    let full = ecr.delete_repository().repository_name("shop/api").send().await.unwrap_err().into_service_error();
    assert!(full.is_repository_not_empty_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_encryption_is_kept_and_a_key_is_told_by_its_arn() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let given = "arn:aws:kms:ap-northeast-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    for (name, kind, key) in [
        ("a/plain", EncryptionType::Aes256, None),
        ("a/own", EncryptionType::Kms, None),
        ("a/given", EncryptionType::Kms, Some(given)),
        ("a/alias", EncryptionType::KmsDsse, Some("alias/mirror")),
    ] {
        let wanted =
            EncryptionConfiguration::builder().encryption_type(kind.clone()).set_kms_key(key.map(str::to_owned));
        let create = ecr.create_repository().repository_name(name).encryption_configuration(wanted.build().unwrap());
        create.send().await.unwrap();
        let described = ecr.describe_repositories().repository_names(name).send().await.unwrap();
        let told = described.repositories()[0].encryption_configuration().unwrap().clone();
        assert_eq!(told.encryption_type(), &kind);
        let key_told = told.kms_key();
        assert_eq!(key_told.is_some(), kind != EncryptionType::Aes256, "{name}");
        assert!(key_told.is_none_or(|told| told.starts_with("arn:aws:kms:ap-northeast-1:222222222222:key/")));
        assert!(key != Some(given) || key_told == key);
    }
    let wrong = EncryptionConfiguration::builder().encryption_type(EncryptionType::Aes256).kms_key("alias/a");
    let create = ecr.create_repository().repository_name("a/wrong").encryption_configuration(wrong.build().unwrap());
    assert!(create.send().await.unwrap_err().into_service_error().is_invalid_parameter_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn another_account_is_refused() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let describe = ecr.describe_images().registry_id(REGISTRY).repository_name("shop/api");
    let error = describe.send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let plain = Plain::login(&sandbox, DEPLOY, REGISTRY).await;
    let answer = plain.send("GET", "/v2/shop/api/tags/list").await;
    assert_eq!(answer.status(), 403);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn images_are_listed_described_and_deleted() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let digest = plain.push_image("shop/api", "v1", "content").await;
    plain.push_image("shop/api", "v2", "content").await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, PULL).await);
    let details = ecr.describe_images().repository_name("shop/api").send().await.unwrap().image_details.unwrap();
    assert_eq!(
        (details.len(), details[0].image_tags(), details[0].image_size_in_bytes()),
        (1, &["v1".to_owned(), "v2".to_owned()][..], Some(9))
    );
    let tag = |tag: &str| ImageIdentifier::builder().image_tag(tag).build();
    let got = ecr.batch_get_image().repository_name("shop/api").image_ids(tag("v1")).image_ids(tag("v3"));
    let got = got.send().await.unwrap();
    assert_eq!(got.images()[0].image_id().unwrap().image_digest(), Some(digest.as_str()));
    assert_eq!(Digest::of(got.images()[0].image_manifest().unwrap().as_bytes()), digest);
    assert_eq!(got.failures()[0].failure_code(), Some(&ImageFailureCode::ImageNotFound));
    let absent = ecr.describe_images().repository_name("shop/api").image_ids(tag("v3")).send().await.unwrap_err();
    assert!(absent.into_service_error().is_image_not_found_exception());
    ecr.batch_delete_image().repository_name("shop/api").image_ids(tag("v1")).send().await.unwrap();
    let left = ecr.list_images().repository_name("shop/api").send().await.unwrap().image_ids.unwrap();
    assert_eq!((left.len(), left[0].image_tag()), (1, Some("v2")));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn layers_are_there_or_not() {
    let sandbox = sandbox(|_| ()).await;
    let there = Plain::login(&sandbox, PULL, REGISTRY).await.push_blob("shop/api", b"layer").await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, PULL).await);
    let absent = Digest::of(b"absent").to_string();
    let answer = ecr
        .batch_check_layer_availability()
        .repository_name("shop/api")
        .set_layer_digests(Some(vec![there.to_string(), absent, "nonsense".to_owned()]))
        .send()
        .await
        .unwrap();
    let layers: Vec<_> = answer.layers().iter().map(|layer| layer.layer_availability().unwrap().clone()).collect();
    assert_eq!(layers, [LayerAvailability::Available, LayerAvailability::Unavailable]);
    assert_eq!(answer.failures()[0].failure_code(), Some(&LayerFailureCode::InvalidLayerDigest));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn put_image_moves_a_tag_or_says_why_not() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    let config = plain.push_blob("shop/api", b"{}").await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let put = |text: &str| ecr.put_image().repository_name("shop/api").image_manifest(text).image_tag("v1");
    let good = manifest(&config, &[]);
    put(&good).send().await.unwrap();
    assert!(put(&good).send().await.unwrap_err().into_service_error().is_image_already_exists_exception());
    let incomplete = manifest(&config, &[(&Digest::of(b"absent"), 1)]);
    assert!(put(&incomplete).send().await.unwrap_err().into_service_error().is_layers_not_found_exception());
    let wrong = put(&good).image_digest(Digest::of(b"other").as_str()).send().await.unwrap_err();
    assert!(wrong.into_service_error().is_image_digest_does_not_match_exception());
    let tagged = plain.send("HEAD", "/v2/shop/api/manifests/v1").await;
    assert_eq!(tagged.headers()["docker-content-digest"], Digest::of(good.as_bytes()).as_str());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_is_not_supported_says_so() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let error = ecr.describe_registry().send().await.unwrap_err().into_service_error();
    assert_eq!(error.message(), Some("ecr:DescribeRegistry is not supported by the sandbox"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn layers_are_uploaded_in_parts() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let started = ecr.initiate_layer_upload().repository_name("shop/api").send().await.unwrap();
    let id = started.upload_id().unwrap();
    let first = vec![1_u8; 5 * 1024 * 1024];
    let part = |at: usize, bytes: &[u8]| {
        let first = i64::try_from(at).unwrap();
        let last = i64::try_from(at + bytes.len()).unwrap() - 1;
        let blob = aws_smithy_types::Blob::new(bytes);
        let part = ecr.upload_layer_part().repository_name("shop/api").upload_id(id);
        part.part_first_byte(first).part_last_byte(last).layer_part_blob(blob).send()
    };
    part(0, &first).await.unwrap();
    let gap = part(7, b"gap").await.unwrap_err().into_service_error();
    assert!(gap.is_invalid_layer_part_exception());
    part(first.len(), b"end").await.unwrap();
    let digest = Digest::of(&[first.as_slice(), b"end"].concat()).to_string();
    let complete = |digest: &str| {
        ecr.complete_layer_upload().repository_name("shop/api").upload_id(id).layer_digests(digest).send()
    };
    assert_eq!(complete(&digest).await.unwrap().layer_digest(), Some(digest.as_str()));
    assert!(complete(&digest).await.unwrap_err().into_service_error().is_upload_not_found_exception());
    let url = async || ecr.get_download_url_for_layer().repository_name("shop/api").layer_digest(&digest).send().await;
    assert!(url().await.unwrap_err().into_service_error().is_layer_inaccessible_exception());
    let config = Plain::login(&sandbox, DEPLOY, WORKLOAD).await.push_blob("shop/api", b"{}").await;
    let image = manifest(&config, &[(&digest.parse().unwrap(), 5)]);
    ecr.put_image().repository_name("shop/api").image_manifest(image).send().await.unwrap();
    let url = url().await.unwrap();
    let bytes = reqwest::get(url.download_url().unwrap()).await.unwrap().bytes().await.unwrap();
    assert_eq!(Digest::of(&bytes).as_str(), digest);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_tools_set_on_a_repository_is_told_again() {
    let sandbox = sandbox(|_| ()).await;
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, DEPLOY).await);
    let arn = "arn:aws:ecr:ap-northeast-1:222222222222:repository/shop/api";
    let tag = |key: &str| aws_sdk_ecr::types::Tag::builder().key(key).value("x").build().unwrap();
    ecr.tag_resource().resource_arn(arn).tags(tag("a")).tags(tag("b")).send().await.unwrap();
    ecr.untag_resource().resource_arn(arn).tag_keys("a").send().await.unwrap();
    let tags = ecr.list_tags_for_resource().resource_arn(arn).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, [tag("b")]);
    let get = async || ecr.get_lifecycle_policy().repository_name("shop/api").send().await;
    assert!(get().await.unwrap_err().into_service_error().is_lifecycle_policy_not_found_exception());
    let put = |text: &str| ecr.put_lifecycle_policy().repository_name("shop/api").lifecycle_policy_text(text).send();
    assert!(put("{}").await.is_err());
    assert!(put(r#"{"rules":[]}"#).await.is_err());
    let policy = json!({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {
        "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 100,
    }}]});
    put(&policy.to_string()).await.unwrap();
    assert_eq!(get().await.unwrap().lifecycle_policy_text(), Some(policy.to_string().as_str()));
    sandbox.shutdown().await;
}
