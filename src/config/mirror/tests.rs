//! A mirror's file as its users meet it: a text in, a mirror or a list of problems out.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use super::{Mirror, MirrorRegistry, load_tree};
use crate::config::{environment::Environment, problem::ConfigError, schema::mirror_schema, tree};
use shipgate_core::{
    referrers::ReferrersPolicy,
    repository::{Encryption, RepositorySettings},
};

const SMALLEST: &str = "\
images:
  - { source: hub.test/library/nginx, tags: [stable] }
destinations:
  - { role: 'arn:aws:iam::222222222222:role/mirror', region: eu-west-1 }
";

fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Mirror, ConfigError> {
    let mut problems = Vec::new();
    let environment = Environment::from_pairs(variables.iter().copied());
    match tree::parse(Path::new("mirror.yaml"), text, &mut problems) {
        Some(root) => load_tree(&root, problems, &environment),
        None => Err(ConfigError::new(problems)),
    }
}

fn loaded(text: &str) -> Mirror {
    load_text(text, &[("TAG", "v7")]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The problems, and what may be done about them.
fn problems(text: &str) -> String {
    let error = load_text(text, &[]).expect_err("there must be problems");
    let hint = error.hint().map(|hint| format!("\n{hint}")).unwrap_or_default();
    format!("{error}{hint}")
}

#[test]
fn the_smallest_file_is_enough() {
    let mirror = loaded(SMALLEST);
    let image = &mirror.images[0];
    assert_eq!((image.repository.as_str(), image.referrers), ("library/nginx", ReferrersPolicy::Skip));
    assert_eq!((&image.access, &image.platform, image.digests.len()), (&None, &None, 0));
    assert_eq!(mirror.create_repositories, None);
    let MirrorRegistry::Ecr(access) = &mirror.destinations[0].registry else { panic!("it is ECR") };
    assert_eq!((access.region.as_str(), access.hops.len()), ("eu-west-1", 1));
    assert_eq!(mirror.destinations[0].repository("a"), "a");
}

#[test]
fn every_key_arrives() {
    let mirror = loaded(
        "\
registry_role: arn:aws:iam::111111111111:role/pull
images:
  - source: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api
    tags: [\"1.27.*\", '${TAG}', v7]
    digests: [sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855]
    repository: mirror/api
    platform: linux/arm64/v8
    referrers: best-effort
  - source: 444444444444.dkr.ecr.us-east-1.amazonaws.com/base
    registry_role: arn:aws:iam::444444444444:role/readers
    tags: [latest]
destinations:
  - { role: { arn: 'arn:aws:iam::222222222222:role/m', external_id: shop }, regions: [eu-west-1, us-east-1], prefix: up }
  - registry: localhost:5000
create_repositories:
  immutable_tags: true
  scan_on_push: false
  encryption: kms
  kms_key: alias/mirror
  tags: { team: platform, cost: 12 }
",
    );
    let [api, base] = &mirror.images[..] else { panic!("two images") };
    let tags: Vec<_> = api.tags.iter().map(|tag| (tag.as_str(), tag.is_glob())).collect();
    assert_eq!(tags, [("1.27.*", true), ("v7", false)], "each once");
    assert_eq!((api.digests.len(), api.repository.as_str()), (1, "mirror/api"));
    assert_eq!((api.platform.as_deref(), api.referrers), (Some("linux/arm64/v8"), ReferrersPolicy::BestEffort));
    let role = |access: &Option<shipgate_core::access::Access>| {
        let access = access.as_ref().unwrap();
        format!("{} {}", access.hops[0].role.account(), access.region)
    };
    assert_eq!(role(&api.access), "111111111111 eu-west-1");
    assert_eq!(role(&base.access), "444444444444 us-east-1");
    let places: Vec<_> = mirror
        .destinations
        .iter()
        .map(|to| match &to.registry {
            MirrorRegistry::Ecr(access) => format!("{} {}", access.region, to.repository("a")),
            MirrorRegistry::Host(host) => format!("{host} {}", to.repository("a")),
        })
        .collect();
    assert_eq!(places, ["eu-west-1 up/a", "us-east-1 up/a", "localhost:5000 a"]);
    let wanted = RepositorySettings {
        immutable_tags: Some(true),
        scan_on_push: Some(false),
        encryption: Some(Encryption::Kms(Some("alias/mirror".to_owned()))),
        tags: [("team", "platform"), ("cost", "12")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    assert_eq!(mirror.create_repositories, Some(wanted));
}

#[test]
fn the_region_may_come_from_the_environment_and_settings_may_be_empty() {
    let text = SMALLEST.replace(", region: eu-west-1", "") + "create_repositories:\n";
    let mirror = load_text(&text, &[("AWS_REGION", "us-west-2")]).unwrap();
    let MirrorRegistry::Ecr(access) = &mirror.destinations[0].registry else { panic!("it is ECR") };
    assert_eq!(access.region.as_str(), "us-west-2");
    assert_eq!(mirror.create_repositories, Some(RepositorySettings::default()));
}

#[test]
fn a_variable_that_is_not_a_region_is_named() {
    let text = SMALLEST.replace(", region: eu-west-1", "");
    let error = load_text(&text, &[("AWS_DEFAULT_REGION", "us-east-1a")]).unwrap_err();
    assert!(error.to_string().ends_with("AWS_DEFAULT_REGION is `us-east-1a`, which is not a region"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("set AWS_DEFAULT_REGION to us-east-1"));
}

#[test]
fn everything_wrong_is_told_at_once_and_in_order() {
    let text = "\
registry_role: shipgate-pull
images:
  - source: hub.test/nginx:1.27
    tags: [\"1.27.*\", \"a b\", '${TAG}']
    digests: [sha256:12]
    platform: linux
    referrers: maybe
  - source: nginx
    tag: stable
  - tags: [v1]
    repository: Mirror
  - source: hub.test/a
destinations:
  - { role: mirror, region: nowhere, prefixe: x }
  - { registry: http://x.test }
create_repositories: { immutable_tags: yes, encryption: aes, tags: [a], kms_key: '' }
";
    insta::assert_snapshot!(problems(text));
}

#[test]
fn rules_between_keys() {
    let text = "\
registry_role: arn:aws:iam::333333333333:role/pull
images:
  - { source: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/a, tags: [v1] }
  - { source: hub.test/a, tags: [v1, v2] }
  - { source: hub.test/a, tags: [v2], platform: linux/amd64 }
  - { source: hub.test/b, tags: [v1], registry_role: 'arn:aws:iam::333333333333:role/pull' }
destinations:
  - { role: 'arn:aws:iam::222222222222:role/m', region: eu-west-1 }
  - { role: 'arn:aws:iam::222222222222:role/other', regions: [us-east-1, eu-west-1] }
  - { role: 'arn:aws:iam::222222222222:role/m', region: eu-west-1, prefix: p }
  - { role: 'arn:aws:iam::222222222222:role/m', region: eu-west-1, regions: [eu-west-1] }
  - { role: 'arn:aws:iam::222222222222:role/m' }
  - { regions: [] }
  - { registry: x.test, role: 'arn:aws:iam::222222222222:role/m', region: eu-west-1 }
  - { registry: 222222222222.dkr.ecr.eu-west-1.amazonaws.com }
create_repositories: { encryption: aes256, kms_key: alias/a, tags: { 'aws:x': y } }
";
    insta::assert_snapshot!(problems(text));
}

#[test]
fn a_mirror_needs_images_and_destinations() {
    insta::assert_snapshot!(problems(""));
    insta::assert_snapshot!(problems("images: []\ndestinations: []\n"));
}

/// The keys of a schema and of all it refers to.
fn keys(root: &Value, schema: &Value, found: &mut BTreeSet<String>) {
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        assert!(!value["description"].is_null(), "{key} is not described");
        found.insert(key.clone());
        keys(root, value, found);
    }
    if let Some(reference) = schema["$ref"].as_str() {
        keys(root, root.pointer(&reference[1..]).unwrap(), found);
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    alternatives.chain(schema.get("items")).for_each(|inner| keys(root, inner, found));
}

const DOCUMENTATION: &str = include_str!("../../../docs/mirror.md");

#[test]
fn every_key_is_documented() {
    let (schema, mut found) = (mirror_schema(), BTreeSet::new());
    keys(&schema, &schema, &mut found);
    assert!(found.len() >= 20, "{found:?}");
    let elsewhere = include_str!("../../../docs/configuration.md");
    for key in found {
        let key = format!("`{key}`");
        assert!(DOCUMENTATION.contains(&key) || elsewhere.contains(&key), "docs/mirror.md does not speak of {key}");
    }
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
}

#[test]
fn every_example_of_the_documentation_loads() {
    let blocks: Vec<&str> =
        DOCUMENTATION.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        loaded(block);
    }
}
