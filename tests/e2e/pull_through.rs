//! `via: pull-through` on the sandbox: ECR of the workload account fetches the image from the registry account by itself,
//! and where it cannot, nothing that anybody deploys from has changed.

use std::collections::BTreeMap;

use serde_json::Value;
use shipgate_core::digest::Digest;

use crate::{
    said::without_what_varies,
    world::{CONFIGURATION, LIVE, Ran, SEED, World, layer},
};

const DEPLOY: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
const CACHED: &str = "cache/shop/api";
const SOURCE: &str = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";
const DESTINATION: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/cache/shop/api";

/// The role that reads the source for the cache.
const READER: &str = r#"roles:
  - arn: "arn:aws:iam::222222222222:role/cache-reader"
    assumed_by: [pullthroughcache.ecr.amazonaws.com]
    policies:
      - Statement:
          Effect: Allow
          Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"]
          Resource: "*"
"#;

/// The source lets the workload account's cache in.
const OPEN: &str = r#"  - account: "111111111111"
    name: shop/api
    policy:
      Statement:
        Effect: Allow
        Principal: { AWS: "arn:aws:iam::222222222222:root" }
        Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"]
"#;

const RULE: &str = r#"pull_through_cache_rules:
  - account: "222222222222"
    create:
      ecrRepositoryPrefix: cache
      upstreamRegistryUrl: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com
      customRoleArn: arn:aws:iam::222222222222:role/cache-reader
"#;

/// A seed with a rule, or none.
fn seed(rule: &str) -> String {
    let open = SEED.replace("  - { account: \"111111111111\", name: shop/api }\n", OPEN);
    assert!(open.contains("policy:"));
    open.replace("roles:\n", READER) + rule
}

/// A world whose service deploys from the cache repository.
fn world(rule: &str) -> World {
    let world = World::with_seed(&seed(rule));
    world.write(
        "shipgate.yaml",
        &(CONFIGURATION.to_owned() + "    repository: cache/shop/api\n    via: pull-through\n"),
    );
    world
}

/// The check would pull the image to here.
fn deploy_well(world: &World, version: &str) {
    let ran = world.deploy(version, &["--no-verify"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
}

fn push(world: &World, tag: &str) -> (Digest, Digest) {
    let image = layer().image(&[("DEMO_VERSION", tag)]);
    let config = image.blobs.iter().find(|(blob, _)| blob.media_type.contains("config")).unwrap();
    (world.push_image(tag, &image), config.0.digest.clone())
}

/// The tags of the cache repository and what they point at; untagged images under nothing. Nothing is pulled by asking.
fn cached(world: &World) -> BTreeMap<String, String> {
    world.ecr(DEPLOY, async |ecr| {
        let listed = ecr.list_images().repository_name(CACHED).send().await;
        let listed = listed.map(|listed| listed.image_ids().to_vec()).unwrap_or_default();
        listed.into_iter().map(|id| (id.image_tag.unwrap_or_default(), id.image_digest.unwrap_or_default())).collect()
    })
}

/// What this program asked of registries about blobs, since there were so many calls.
fn blob_calls(world: &World, since: usize) -> Vec<String> {
    let text = |call: &Value, name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let own = |call: &Value| text(call, "service") == "registry" && text(call, "caller").ends_with("/shipgate");
    let calls = world.calls().into_iter().skip(since).filter(own);
    calls
        .map(|call| format!("{} {} {}", text(&call, "account"), text(&call, "action"), text(&call, "resource")))
        .filter(|line| !line.contains(" manifest "))
        .collect()
}

fn copy(world: &World, arguments: &[&str]) -> Ran {
    let roles = ["--src-role", "arn:aws:iam::111111111111:role/shipgate-pull", "--dst-role", DEPLOY];
    let mut command = world.shipgate();
    command.args(["copy", "--via", "pull-through"]).args(roles).args(arguments).output().unwrap().into()
}

#[test]
fn a_service_ends_on_an_image_of_which_no_byte_came_through_here() {
    let world = world(RULE);
    push(&world, "v1");
    let (new, config) = push(&world, "v2");
    deploy_well(&world, "v1");
    assert_eq!(world.answer(), "200 v1");
    let before = world.calls().len();
    let ran = world.deploy("v2", &["--no-verify", "--report", "report.json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v2");
    assert_eq!(cached(&world)[LIVE], new.to_string());
    // To know the platform of an image its configuration is read, at the source.
    assert_eq!(blob_calls(&world, before), [format!("111111111111 GET blob shop/api@{config}")]);
    assert!(ran.stderr.contains("pull-through-rule: rule cache"), "{}", ran.stderr);
    assert!(ran.stderr.contains("fetches it itself"), "{}", ran.stderr);
    let report: Value = serde_json::from_slice(&std::fs::read(world.folder().join("report.json")).unwrap()).unwrap();
    let copy = &report["copies"][DESTINATION];
    assert_eq!((&copy["bytes_sent"], &copy["bytes_received"]), (&0.into(), &0.into()), "{copy}");
    assert!(copy["blobs_fetched"].as_u64().unwrap() > 0, "{copy}");
}

#[test]
fn without_a_rule_the_commands_are_told_and_nothing_is_changed() {
    let world = world("");
    push(&world, "v1");
    let ran = world.deploy("v1", &["--no-verify"]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    insta::assert_snapshot!(without_what_varies(&ran));
    assert!(world.orders().is_empty());
    assert!(cached(&world).is_empty());
}

#[test]
fn a_rule_that_leads_elsewhere_is_refused_before_anything_is_changed() {
    let world = world(RULE);
    push(&world, "v1");
    push(&world, "v2");
    deploy_well(&world, "v1");
    let before = cached(&world);
    // The same rule, for the registry of a third account.
    world.ecr(DEPLOY, async |ecr| {
        ecr.delete_pull_through_cache_rule().ecr_repository_prefix("cache").send().await.unwrap();
        ecr.create_pull_through_cache_rule()
            .ecr_repository_prefix("cache")
            .upstream_registry_url("333333333333.dkr.ecr.ap-northeast-1.amazonaws.com")
            .custom_role_arn("arn:aws:iam::222222222222:role/cache-reader")
            .send()
            .await
            .unwrap();
    });
    let ran = world.deploy("v2", &["--no-verify"]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    let why = "leads to 333333333333.dkr.ecr.ap-northeast-1.amazonaws.com, not to 111111111111.dkr";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert!(ran.stderr.contains("name the destination's repository ecr-111111111111/shop/api"), "{}", ran.stderr);
    assert_eq!(cached(&world), before);
    assert_eq!((world.answer(), world.orders()), ("200 v1".to_owned(), vec!["CreateService".to_owned()]));
}

#[test]
fn a_role_that_the_cache_may_not_assume_ends_it_before_the_tag_moves() {
    let world = world(RULE);
    push(&world, "v1");
    push(&world, "v2");
    deploy_well(&world, "v1");
    let before = cached(&world);
    world.ecr(DEPLOY, async |ecr| {
        let update = ecr.update_pull_through_cache_rule().ecr_repository_prefix("cache");
        update.custom_role_arn("arn:aws:iam::222222222222:role/untrusting").send().await.unwrap();
    });
    let ran = world.deploy("v2", &["--no-verify"]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    for told in [
        "cache/shop/api did not fetch the image from 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api",
        "role/untrusting' cannot be assumed by pullthroughcache.ecr.amazonaws.com",
        "hint: whoever pulls must be allowed ecr:BatchImportUpstreamImage",
        "hint: the rule's role must trust pullthroughcache.ecr.amazonaws.com",
        "hint: the policy of repository shop/api in account 111111111111, ap-northeast-1 must have the statement",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert_eq!(cached(&world), before);
    assert_eq!((world.answer(), world.orders()), ("200 v1".to_owned(), vec!["CreateService".to_owned()]));
}

/// ECR would move it after the source's within a day, whatever this run has put there.
#[test]
fn a_tag_that_the_source_has_too_is_refused() {
    let world = world(RULE);
    push(&world, "v1");
    push(&world, LIVE);
    let ran = world.deploy("v1", &["--no-verify"]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("pull-through-tag: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("use a tag that the source does not have"), "{}", ran.stderr);
    assert!(world.orders().is_empty());
    assert!(cached(&world).is_empty());
}

#[test]
fn a_copy_is_fetched_under_its_tag_and_a_second_one_has_nothing_to_do() {
    let world = world(RULE);
    let (digest, _) = push(&world, "v1");
    let destination = format!("{DESTINATION}:stable");
    let arguments = [&format!("{SOURCE}:v1"), destination.as_str(), "--referrers", "best-effort"];
    let ran = copy(&world, &arguments);
    assert_eq!(ran.code, 0, "{}", ran.said());
    for told in ["2 checks passed", "nothing there yet", "2 blobs fetched by itself, 6 requests", "are left out"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert_eq!(cached(&world), BTreeMap::from([("stable".to_owned(), digest.to_string())]));
    assert_eq!(blob_calls(&world, 0), Vec::<String>::new());
    let again = copy(&world, &arguments);
    assert_eq!(again.code, 0, "{}", again.said());
    assert!(again.stderr.contains("nothing to do: "), "{}", again.stderr);
}

#[test]
fn a_copy_without_a_rule_is_refused_with_the_commands() {
    let world = world("");
    push(&world, "v1");
    let ran = copy(&world, &[&format!("{SOURCE}:v1"), DESTINATION]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.stderr.contains("aws ecr create-pull-through-cache-rule --region ap-northeast-1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    assert!(cached(&world).is_empty());
    let elsewhere = copy(&world, &[&format!("{SOURCE}:v1"), DESTINATION, "127.0.0.1:1/shop/api"]);
    assert_eq!(elsewhere.code, 4, "{}", elsewhere.said());
    assert!(elsewhere.stderr.contains("127.0.0.1:1 is not a registry of ECR"), "{}", elsewhere.stderr);
}

#[test]
fn rules_that_may_not_be_looked_at_are_a_matter_of_permission() {
    let world = World::with_seed(&seed(RULE).replace(
        "roles:\n",
        "roles:\n  - arn: \"arn:aws:iam::222222222222:role/pusher\"\n    assumed_by: [\"arn:aws:iam::333333333333:root\"]\n    \
         policies: [{ Statement: { Effect: Allow, Action: \"ecr:GetAuthorizationToken\", Resource: \"*\" } }]\n",
    ));
    push(&world, "v1");
    let pusher = ["--src-role", "arn:aws:iam::111111111111:role/shipgate-pull", "--dst-role"];
    let ran: Ran = world
        .shipgate()
        .args(["copy", "--via", "pull-through"])
        .args(pusher)
        .args(["arn:aws:iam::222222222222:role/pusher", &format!("{SOURCE}:v1"), DESTINATION])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(ran.stderr.contains("hint: let it do ecr:DescribePullThroughCacheRules"), "{}", ran.stderr);
    assert!(cached(&world).is_empty());
}

#[test]
fn referrers_that_are_required_do_not_go_with_it() {
    let world = world(RULE);
    let ran = copy(&world, &[&format!("{SOURCE}:v1"), DESTINATION, "--referrers", "require"]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    assert!(ran.stderr.contains("ECR brings no referrers through its pull-through cache"), "{}", ran.stderr);
    assert!(world.calls().is_empty());
}
