//! Several regions: a registry for each account in each, with the AWS SDK and plain HTTP as the clients.

use std::{collections::BTreeMap, net::SocketAddr};

use reqwest::Client;

use super::world::{PULL, Plain, REGISTRY, WORKLOAD, assumed, assumed_in, code, sandbox};
use crate::{Options, Sandbox, seed::RepositorySeed, start};
use shipgate_core::account::{AccountId, Region};

const MAIN: &str = "ap-northeast-1";
const OTHER: &str = "us-east-1";

/// `http://ADDRESS` of a registry.
fn registry(sandbox: &Sandbox, account: &str, region: &str) -> String {
    let address = sandbox.registry_address(&account.parse().unwrap(), &region.parse().unwrap());
    format!("http://{}", address.unwrap())
}

/// A sandbox of two regions, with `shop/api` of the registry account in both.
async fn two_regions() -> Sandbox {
    sandbox(|seed| {
        let more = RepositorySeed { region: Some(OTHER.parse().unwrap()), ..seed.repositories[0].clone() };
        seed.repositories.push(more);
    })
    .await
}

/// Whether the registries of a region listen where they did. Somebody else may have taken one of the ports meanwhile.
fn has_again(before: &BTreeMap<(AccountId, Region), SocketAddr>, sandbox: &Sandbox, region: &str) -> bool {
    let of_region = before.iter().filter(|((_, of), _)| of.as_str() == region);
    of_region.filter(|(place, address)| sandbox.registries().get(place) == Some(address)).count() > 0
}

#[tokio::test]
async fn the_same_name_in_two_regions_is_two_repositories() {
    let sandbox = two_regions().await;
    let mut digests = Vec::new();
    for region in [MAIN, OTHER] {
        let config = assumed_in(&sandbox, PULL, region).await;
        let ecr = aws_sdk_ecr::Client::new(&config);
        let shown = ecr.describe_repositories().send().await.unwrap().repositories.unwrap();
        let uri = format!("{REGISTRY}.dkr.ecr.{region}.amazonaws.com/shop/api");
        assert_eq!((shown.len(), shown[0].repository_uri()), (1, Some(uri.as_str())));
        let token = ecr.get_authorization_token().send().await.unwrap();
        let endpoint = token.authorization_data()[0].proxy_endpoint().unwrap().to_owned();
        assert_eq!(endpoint, registry(&sandbox, REGISTRY, region));
        let plain = Plain::login_at(&config, endpoint).await;
        let digest = plain.push_image("shop/api", "v1", region).await;
        let image = sandbox.cloud.images.image_for_app_runner(&format!("{uri}:v1")).unwrap();
        assert_eq!(image.digest, digest, "a service of {region} runs the image of its region");
        let head = plain.send("HEAD", "/v2/shop/api/manifests/v1").await;
        assert_eq!(head.headers()["docker-content-digest"], digest.as_str());
        digests.push(digest);
    }
    assert_ne!(digests[0], digests[1]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_token_opens_the_registries_of_its_region_alone() {
    let sandbox = two_regions().await;
    for (of, at) in [(MAIN, OTHER), (OTHER, MAIN)] {
        let config = assumed_in(&sandbox, PULL, of).await;
        let astray = Plain::login_at(&config, registry(&sandbox, REGISTRY, at)).await;
        let refused = astray.send("GET", "/v2/shop/api/tags/list").await;
        assert_eq!((refused.status().as_u16(), code(refused).await.as_str()), (403, "DENIED"), "{of} {at}");
    }
    let elsewhere = aws_sdk_ecr::Client::new(&assumed_in(&sandbox, PULL, "eu-west-1").await);
    let refused = elsewhere.get_authorization_token().send().await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_parameter_exception(), "no registry is served in eu-west-1");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn who_has_no_token_is_told_of_the_registry_of_the_region() {
    let sandbox = two_regions().await;
    let base = registry(&sandbox, REGISTRY, OTHER);
    let challenged = Client::new().get(format!("{base}/v2/")).send().await.unwrap();
    let challenge = challenged.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(&format!("realm=\"{base}/\"")), "{challenge}");
    let config = assumed_in(&sandbox, PULL, OTHER).await;
    let plain = Plain::login_at(&config, base.clone()).await;
    let started = plain.send("POST", "/v2/shop/api/blobs/uploads/").await;
    assert!(started.headers()["location"].to_str().unwrap().starts_with(&base));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_service_of_the_seed_lives_where_it_says() {
    let seeded = |region: &str| {
        let image = format!("{WORKLOAD}.dkr.ecr.{region}.amazonaws.com/shop/api:live");
        serde_json::json!({
            "ServiceName": "shop-api",
            "SourceConfiguration": {
                "ImageRepository": {"ImageIdentifier": image, "ImageRepositoryType": "ECR"},
                "AuthenticationConfiguration": {"AccessRoleArn": super::world::ACCESS},
            },
        })
    };
    let mut options = Options::default();
    options.app_runner.scripted = true;
    options.seed.services = serde_json::from_value(serde_json::json!([
        {"account": WORKLOAD, "region": OTHER, "create": seeded(OTHER)},
    ]))
    .unwrap();
    let sandbox = start(options).await.unwrap();
    for (region, count) in [(MAIN, 0), (OTHER, 1)] {
        let config = assumed_in(&sandbox, super::world::DEPLOY, region).await;
        let listed = aws_sdk_apprunner::Client::new(&config).list_services().send().await.unwrap();
        assert_eq!(listed.service_summary_list().len(), count, "{region}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn ports_and_contents_of_every_region_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    options.seed.regions = vec![OTHER.parse().unwrap()];
    let first = start(options.clone()).await.unwrap();
    let before = first.registries().clone();
    assert_eq!(before.len(), 6, "three accounts in two regions");
    let ecr = aws_sdk_ecr::Client::new(&assumed_in(&first, PULL, OTHER).await);
    ecr.create_repository().repository_name("only/there").send().await.unwrap();
    first.shutdown().await;

    let second = start(options).await.unwrap();
    for region in [MAIN, OTHER] {
        assert!(has_again(&before, &second, region), "{region}");
    }
    let ecr = aws_sdk_ecr::Client::new(&assumed_in(&second, PULL, OTHER).await);
    let shown = ecr.describe_repositories().send().await.unwrap().repositories.unwrap();
    assert_eq!(shown[0].repository_name(), Some("only/there"));
    let main = aws_sdk_ecr::Client::new(&assumed(&second, PULL).await);
    let shown = main.describe_repositories().send().await.unwrap().repositories.unwrap();
    assert_eq!(shown[0].repository_name(), Some("shop/api"));
    second.shutdown().await;
}

#[tokio::test]
async fn a_state_of_one_region_is_read_by_a_sandbox_of_two() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    let first = start(options.clone()).await.unwrap();
    let before = first.registries().clone();
    first.shutdown().await;
    let path = folder.path().join("sandbox.json");
    let mut life: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    life.as_object_mut().unwrap().remove("further_registries").unwrap();
    std::fs::write(&path, life.to_string()).unwrap();

    let mut more = options;
    more.seed.regions = vec![OTHER.parse().unwrap()];
    let second = start(more).await.unwrap();
    assert!(has_again(&before, &second, MAIN));
    assert_eq!(second.registries().len(), 2 * before.len());
    second.shutdown().await;
}
