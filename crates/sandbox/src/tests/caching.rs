//! The pull-through cache, with the AWS SDK and plain HTTP as the clients.

use aws_sdk_ecr::{
    Client as Ecr,
    error::ProvideErrorMetadata as _,
    types::{ImageIdentifier, ImageTagMutability},
};
use serde_json::json;

use super::world::{DEPLOY, MANIFEST, PULL, Plain, REGISTRY, WORKLOAD, assumed, code, manifest, sandbox};
use crate::{
    Options, Sandbox, SandboxError,
    iam::Policy,
    seed::{PolicyText, Role, Seed},
    start,
};
use shipgate_core::digest::Digest;

const UPSTREAM: &str = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com";
const READER: &str = "arn:aws:iam::222222222222:role/cache-reader";
const CACHED: &str = "cache/shop/api";

fn policy(document: serde_json::Value) -> Policy {
    Policy::try_from(document).unwrap()
}

/// The role that reads the upstream, as the User Guide has it.
fn reader() -> Role {
    let actions =
        ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"];
    let allow = json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
    let role = json!({"arn": READER, "assumed_by": ["pullthroughcache.ecr.amazonaws.com"], "policies": [allow]});
    serde_json::from_value(role).unwrap()
}

/// The workload account caches the registry account's images under `cache/`, and is let to.
fn caching(seed: &mut Seed) {
    seed.roles.push(reader());
    let account = json!({"AWS": "arn:aws:iam::222222222222:root"});
    let open = json!({"Statement": {"Effect": "Allow", "Principal": account, "Action": "ecr:*"}});
    seed.repositories[0].policy = Some(PolicyText::try_from(open).unwrap());
    seed.pull_through_cache_rules = serde_json::from_value(json!([{"account": WORKLOAD, "create": {
        "ecrRepositoryPrefix": "cache",
        "upstreamRegistryUrl": UPSTREAM,
        "customRoleArn": READER,
    }}]))
    .unwrap();
}

async fn ecr(sandbox: &Sandbox) -> Ecr {
    Ecr::new(&assumed(sandbox, DEPLOY).await)
}

async fn has(ecr: &Ecr, repository: &str) -> bool {
    ecr.describe_repositories().repository_names(repository).send().await.is_ok()
}

#[tokio::test]
async fn a_pull_by_tag_brings_the_image_with_everything_it_is_made_of() {
    let sandbox = sandbox(caching).await;
    let upstream = Plain::login(&sandbox, PULL, REGISTRY).await;
    let digest = upstream.push_image("shop/api", "v1", "the layer").await;
    let (cache, ecr) = (Plain::login(&sandbox, DEPLOY, WORKLOAD).await, ecr(&sandbox).await);
    assert!(!has(&ecr, CACHED).await);
    let path = format!("/v2/{CACHED}/manifests/v1");
    let pulled = cache.send("GET", &path).await;
    assert_eq!(
        (pulled.status().as_u16(), &pulled.headers()["docker-content-digest"]),
        (200, &digest.as_str().parse().unwrap())
    );
    assert_eq!(Digest::of(&pulled.bytes().await.unwrap()), digest);
    assert!(has(&ecr, CACHED).await);
    let layer = Digest::of(b"the layer");
    let redirect = cache.send("GET", &format!("/v2/{CACHED}/blobs/{layer}")).await;
    let link = redirect.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(cache.client.get(link).send().await.unwrap().bytes().await.unwrap(), "the layer");
    let link = ecr.get_download_url_for_layer().repository_name(CACHED).layer_digest(layer.as_str()).send().await;
    assert!(link.is_ok());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_tag_is_looked_up_again_and_a_digest_is_not() {
    let sandbox = sandbox(caching).await;
    let upstream = Plain::login(&sandbox, PULL, REGISTRY).await;
    let first = upstream.push_image("shop/api", "v1", "1").await;
    let cache = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    let pull = async |reference: &str| {
        let head = cache.send("HEAD", &format!("/v2/{CACHED}/manifests/{reference}")).await;
        head.headers().get("docker-content-digest").map(|digest| digest.to_str().unwrap().to_owned())
    };
    assert_eq!(pull(first.as_str()).await.as_deref(), Some(first.as_str()));
    assert_eq!(pull("v1").await.as_deref(), Some(first.as_str()));
    let second = upstream.push_image("shop/api", "v1", "2").await;
    assert_eq!(pull("v1").await.as_deref(), Some(second.as_str()));
    let gone = upstream.send("DELETE", &format!("/v2/shop/api/manifests/{second}")).await;
    assert_eq!(gone.status(), 202);
    for reference in ["v1", second.as_str()] {
        assert_eq!(pull(reference).await.as_deref(), Some(second.as_str()), "what is cached stays: {reference}");
    }
    assert_eq!(pull("v9").await, None);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_tag_is_served_from_the_cache_for_as_long_as_the_seed_says() {
    let sandbox = sandbox(|seed| {
        caching(seed);
        seed.pull_through_cache_seconds = 86_400;
    })
    .await;
    let upstream = Plain::login(&sandbox, PULL, REGISTRY).await;
    let first = upstream.push_image("shop/api", "v1", "1").await;
    let cache = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    for content in ["1", "2"] {
        upstream.push_image("shop/api", "v1", content).await;
        let head = cache.send("HEAD", &format!("/v2/{CACHED}/manifests/v1")).await;
        assert_eq!(head.headers()["docker-content-digest"], first.as_str(), "{content}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_index_comes_with_its_members_and_by_batch_get_image_too() {
    let sandbox = sandbox(caching).await;
    let upstream = Plain::login(&sandbox, PULL, REGISTRY).await;
    let member = upstream.push_image("shop/api", "amd64", "member").await;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": MANIFEST, "digest": member, "size": 1}],
    })
    .to_string();
    assert_eq!(upstream.put_manifest("shop/api", "all", &index).await.status(), 201);
    let ecr = ecr(&sandbox).await;
    let get = ecr.batch_get_image().repository_name(CACHED);
    let got = get.image_ids(ImageIdentifier::builder().image_tag("all").build()).send().await.unwrap();
    assert_eq!(got.images()[0].image_manifest(), Some(index.as_str()));
    let cache = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    ecr.delete_pull_through_cache_rule().ecr_repository_prefix("cache").send().await.unwrap();
    let of_member = cache.send("GET", &format!("/v2/{CACHED}/manifests/{member}")).await;
    assert_eq!(of_member.status(), 200, "it is there without the rule");
    let of_layer = cache.send("HEAD", &format!("/v2/{CACHED}/blobs/{}", Digest::of(b"member"))).await;
    assert_eq!(of_layer.status(), 200);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn who_may_not_import_or_create_gets_nothing_and_nothing_is_made() {
    let repository = "arn:aws:ecr:ap-northeast-1:222222222222:repository/cache/shop/api";
    for (denied, is_there) in [("ecr:CreateRepository", false), ("ecr:BatchImportUpstreamImage", true)] {
        let sandbox = sandbox(|seed| {
            caching(seed);
            let deny = json!({"Effect": "Deny", "Action": denied, "Resource": repository});
            let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            seed.roles[1].policies = Some(vec![policy(json!({"Statement": [all, deny]}))]);
            if is_there {
                let more = seed.repositories[1].clone();
                seed.repositories.push(crate::seed::RepositorySeed { name: CACHED.to_owned(), ..more });
            }
        })
        .await;
        Plain::login(&sandbox, PULL, REGISTRY).await.push_image("shop/api", "v1", "1").await;
        let (cache, ecr) = (Plain::login(&sandbox, DEPLOY, WORKLOAD).await, ecr(&sandbox).await);
        let refused = cache.send("GET", &format!("/v2/{CACHED}/manifests/v1")).await;
        assert_eq!((refused.status().as_u16(), code(refused).await.as_str()), (403, "DENIED"), "{denied}");
        let get = ecr.batch_get_image().repository_name(CACHED);
        let get = get.image_ids(ImageIdentifier::builder().image_tag("v1").build()).send().await;
        let refused = get.unwrap_err().into_service_error();
        assert_eq!(refused.code(), Some("AccessDeniedException"));
        assert!(refused.message().unwrap().contains(&format!("perform: {denied} on resource: {repository}")));
        assert_eq!(has(&ecr, CACHED).await, is_there);
        if is_there {
            let images = ecr.list_images().repository_name(CACHED).send().await.unwrap();
            assert!(images.image_ids().is_empty());
        }
        sandbox.shutdown().await;
    }
}

/// Something that is changed in a seed.
type Change<'a> = &'a dyn Fn(&mut Seed);

#[tokio::test]
async fn a_rule_whose_role_cannot_read_the_upstream_brings_nothing() {
    let role_without = |seed: &mut Seed| seed.roles[4].policies = Some(Vec::new());
    let role_untrusting = |seed: &mut Seed| seed.roles[4].assumed_by = vec![WORKLOAD.to_owned()];
    let upstream_closed = |seed: &mut Seed| seed.repositories[0].policy = None;
    let changes: [(Change<'_>, bool, &str); 3] = [
        (&role_without, true, "no identity-based policy allows the ecr:BatchGetImage action"),
        (&role_untrusting, false, "cannot be assumed by pullthroughcache.ecr.amazonaws.com"),
        (&upstream_closed, true, "no resource-based policy allows the ecr:BatchGetImage action"),
    ];
    for (change, is_valid, said) in changes {
        let sandbox = sandbox(|seed| {
            caching(seed);
            change(seed);
        })
        .await;
        Plain::login(&sandbox, PULL, REGISTRY).await.push_image("shop/api", "v1", "1").await;
        let ecr = ecr(&sandbox).await;
        let get = ecr.batch_get_image().repository_name(CACHED);
        let get = get.image_ids(ImageIdentifier::builder().image_tag("v1").build()).send().await;
        let refused = get.unwrap_err().into_service_error();
        assert!(refused.is_unable_to_get_upstream_image_exception(), "{refused:?}");
        assert!(refused.message().unwrap().contains(said), "{refused:?}");
        assert!(!has(&ecr, CACHED).await);
        let validated = ecr.validate_pull_through_cache_rule().ecr_repository_prefix("cache").send().await.unwrap();
        assert_eq!((validated.is_valid(), validated.failure().is_none()), (is_valid, is_valid), "{said}");
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn an_immutable_tag_of_the_cache_stays_where_it_is() {
    let sandbox = sandbox(caching).await;
    let upstream = Plain::login(&sandbox, PULL, REGISTRY).await;
    let first = upstream.push_image("shop/api", "v1", "1").await;
    let cache = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    let path = format!("/v2/{CACHED}/manifests/v1");
    cache.send("GET", &path).await;
    let fix = ecr(&sandbox).await.put_image_tag_mutability().repository_name(CACHED);
    fix.image_tag_mutability(ImageTagMutability::Immutable).send().await.unwrap();
    upstream.push_image("shop/api", "v1", "2").await;
    let head = cache.send("HEAD", &path).await;
    assert_eq!(head.headers()["docker-content-digest"], first.as_str());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn another_region_of_the_same_account_needs_no_role() {
    let sandbox = sandbox(|seed| {
        seed.pull_through_cache_rules = serde_json::from_value(json!([{
            "account": REGISTRY,
            "region": "us-east-1",
            "create": {"ecrRepositoryPrefix": "ROOT", "upstreamRegistryUrl": UPSTREAM},
        }]))
        .unwrap();
    })
    .await;
    let digest = Plain::login(&sandbox, PULL, REGISTRY).await.push_image("shop/api", "v1", "1").await;
    let ecr = Ecr::new(&super::world::assumed_in(&sandbox, PULL, "us-east-1").await);
    let get = ecr.batch_get_image().repository_name("shop/api");
    let got = get.image_ids(ImageIdentifier::builder().image_digest(digest.as_str()).build()).send().await.unwrap();
    assert_eq!(got.images()[0].image_id().unwrap().image_digest(), Some(digest.as_str()));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn rules_are_kept_and_one_that_was_deleted_stays_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    caching(&mut options.seed);
    let first = start(options.clone()).await.unwrap();
    let client = ecr(&first).await;
    let made = client.create_pull_through_cache_rule().ecr_repository_prefix("made/").upstream_registry_url(UPSTREAM);
    made.custom_role_arn(READER).upstream_repository_prefix("shop").send().await.unwrap();
    client.delete_pull_through_cache_rule().ecr_repository_prefix("cache").send().await.unwrap();
    let before = client.describe_pull_through_cache_rules().send().await.unwrap().pull_through_cache_rules.unwrap();
    assert_eq!((before.len(), before[0].ecr_repository_prefix()), (1, Some("made")));
    first.shutdown().await;

    let second = start(options).await.unwrap();
    let after = ecr(&second).await.describe_pull_through_cache_rules().send().await.unwrap();
    assert_eq!(after.pull_through_cache_rules(), before);
    Plain::login(&second, PULL, REGISTRY).await.push_image("shop/api", "v1", "1").await;
    let cache = Plain::login(&second, DEPLOY, WORKLOAD).await;
    assert_eq!(cache.send("GET", "/v2/made/api/manifests/v1").await.status(), 200);
    assert_eq!(cache.send("GET", &format!("/v2/{CACHED}/manifests/v1")).await.status(), 404);
    second.shutdown().await;
}

#[tokio::test]
async fn the_page_shows_rules_and_the_registries_of_every_region() {
    let sandbox = sandbox(|seed| {
        caching(seed);
        seed.regions = vec!["us-east-1".parse().unwrap()];
    })
    .await;
    let page = reqwest::get(sandbox.endpoint()).await.unwrap().text().await.unwrap();
    let address = sandbox.registry_address(&WORKLOAD.parse().unwrap(), &"us-east-1".parse().unwrap()).unwrap();
    for shown in [
        format!(", in us-east-1 <code>{address}</code>"),
        format!("caches <code>cache/ in ap-northeast-1</code> from <code>{UPSTREAM}/</code>"),
    ] {
        assert!(page.contains(&shown), "{shown}\n{page}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_rule_that_ecr_would_refuse_is_none_for_the_seed() {
    let mut options = Options::default();
    caching(&mut options.seed);
    options.seed.pull_through_cache_rules[0].create["upstreamRegistryUrl"] = "quay.io".into();
    let refused = start(options).await.err().unwrap();
    assert!(matches!(&refused, SandboxError::CacheRule { reason } if reason.contains("quay.io")), "{refused}");
}

#[tokio::test]
async fn a_manifest_that_is_pushed_into_the_cache_is_one_like_any_other() {
    let sandbox = sandbox(caching).await;
    let ecr = ecr(&sandbox).await;
    ecr.create_repository().repository_name(CACHED).send().await.unwrap();
    let cache = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
    let config = cache.push_blob(CACHED, b"{}").await;
    let own = manifest(&config, &[]);
    assert_eq!(cache.put_manifest(CACHED, "own", &own).await.status(), 201);
    let pulled = cache.send("GET", &format!("/v2/{CACHED}/manifests/own")).await;
    assert_eq!(pulled.text().await.unwrap(), own);
    sandbox.shutdown().await;
}
