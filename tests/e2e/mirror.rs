//! `shipgate mirror` on the sandbox: two accounts to bring images to, looked at through AWS's own client.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shipgate_core::digest::Digest;

use crate::{
    images::image,
    roles::more_roles,
    said::without_what_varies,
    world::{Ran, SEED, World},
};

const FIRST: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
const SECOND: &str = "arn:aws:iam::444444444444:role/shipgate-mirror";
const KEY: &str = "arn:aws:kms:ap-northeast-1:222222222222:key/11111111-2222-3333-4444-555555555555";

const FILE: &str = "\
registry_role: arn:aws:iam::111111111111:role/shipgate-pull
images:
  - source: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api
    tags: [\"1.27.*\", stable]
    repository: mirror/api
destinations:
  - { role: 'arn:aws:iam::222222222222:role/shipgate-deploy', region: ap-northeast-1 }
  - { role: 'arn:aws:iam::444444444444:role/shipgate-mirror', region: ap-northeast-1, prefix: upstream }
create_repositories: {}
";

/// A world where the registry account has these tags, each an image of its own.
fn world(tags: &[&str]) -> World {
    let world = World::with_seed(&more_roles(SEED, SECOND));
    for tag in tags {
        world.push_image(tag, &image(tag));
    }
    world
}

fn digest(name: &str) -> Digest {
    image(name).manifest.digest
}

/// `shipgate mirror` of this file, with these arguments besides.
fn mirror(world: &World, file: &str, arguments: &[&str]) -> Ran {
    world.write("mirror.yaml", file);
    world.shipgate().args(["mirror", "mirror.yaml"]).args(arguments).output().unwrap().into()
}

/// The tags of a repository and what they point at; untagged images under nothing.
fn tags(world: &World, role: &str, repository: &str) -> BTreeMap<String, String> {
    world.ecr(role, async |ecr| {
        let listed = ecr.list_images().repository_name(repository).send().await;
        let listed = listed.map(|listed| listed.image_ids().to_vec()).unwrap_or_default();
        let entry = |id: aws_sdk_ecr::types::ImageIdentifier| {
            (id.image_tag.unwrap_or_default(), id.image_digest.unwrap_or_default())
        };
        listed.into_iter().map(entry).collect()
    })
}

fn expected(names: &[(&str, &str)]) -> BTreeMap<String, String> {
    names.iter().map(|(tag, name)| ((*tag).to_owned(), digest(name).to_string())).collect()
}

/// The calls to registries since there were so many, as `ACCOUNT METHOD KIND`, counted.
fn registry_calls(world: &World, since: usize) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for call in world.calls().into_iter().skip(since) {
        if ["registry", "layers"].contains(&call["service"].as_str().unwrap()) {
            let text = |name: &str| call[name].as_str().unwrap().to_owned();
            *counted.entry(format!("{} {}", text("account"), text("action"))).or_default() += 1;
        }
    }
    counted
}

#[test]
fn images_come_to_every_account_and_a_second_run_has_nothing_to_do() {
    let world = world(&["1.26.9", "1.27.0", "1.27.1", "stable", "latest"]);
    let ran = mirror(&world, FILE, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("3 images are in 2 registries"), "{}", ran.stderr);
    assert!(ran.stderr.contains("6 copied, 0 there before, 0 failed"), "{}", ran.stderr);
    let all = expected(&[("1.27.0", "1.27.0"), ("1.27.1", "1.27.1"), ("stable", "stable")]);
    assert_eq!(tags(&world, FIRST, "mirror/api"), all);
    assert_eq!(tags(&world, SECOND, "upstream/mirror/api"), all);

    let before = world.calls().len();
    let again = mirror(&world, FILE, &["--report", "report.json"]);
    assert_eq!((again.code, again.stdout.trim()), (0, "success"), "{}", again.said());
    assert!(again.stderr.contains("nothing to do: 3 images are in 2 registries"), "{}", again.stderr);
    let calls = registry_calls(&world, before);
    let cheapest = [
        ("111111111111 GET manifest", 3),
        ("111111111111 GET tags", 1),
        ("222222222222 HEAD manifest", 3),
        ("444444444444 HEAD manifest", 3),
    ];
    assert_eq!(calls, cheapest.map(|(call, times)| (call.to_owned(), times)).into());
    let described = world.calls().into_iter().skip(before).filter(|call| call["action"] == "DescribeRepositories");
    assert_eq!(described.count(), 2, "one question an account");

    let report: Value = serde_json::from_slice(&std::fs::read(world.folder().join("report.json")).unwrap()).unwrap();
    let told = &report["mirror"];
    assert_eq!((&told["copied"], &told["present"], &told["failed"]), (&json!(0), &json!(6), &json!(0)));
    assert_eq!((&told["requests"], &told["bytes_sent"]), (&json!(10), &json!(0)));
    assert_eq!(report["copies"].as_object().unwrap().len(), 6);
}

#[test]
fn what_images_have_in_common_is_sent_once() {
    let world = world(&["1.27.0"]);
    for alias in ["1.27", "1.27.1", "stable", "latest"] {
        world.push_image(alias, &image("1.27.0"));
    }
    let before = world.calls().len();
    let ran = mirror(&world, &FILE.replace("[\"1.27.*\", stable]", "[\"*\"]"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let calls = registry_calls(&world, before);
    for account in ["222222222222", "444444444444"] {
        assert_eq!(calls[&format!("{account} PUT upload")], 2, "two blobs, once each: {calls:?}");
        assert_eq!(calls[&format!("{account} PUT manifest")], 5, "{calls:?}");
    }
    assert_eq!(tags(&world, SECOND, "upstream/mirror/api").len(), 5);
}

#[test]
fn each_image_is_read_once_for_all() {
    let world = world(&["1.27.0"]);
    let before = world.calls().len();
    let ran = mirror(&world, &FILE.replace("[\"1.27.*\", stable]", "[1.27.0]"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let calls = registry_calls(&world, before);
    let reads: usize = calls.iter().filter(|(call, _)| call.ends_with("GET layer")).map(|(_, times)| times).sum();
    assert_eq!(reads, 2, "two blobs, once each: {calls:?}");
    assert_eq!(calls["111111111111 GET manifest"], 1, "{calls:?}");
    assert!(!calls.contains_key("111111111111 GET tags"), "a name asks for no list: {calls:?}");
}

#[test]
fn repositories_are_created_as_asked_and_those_that_exist_are_left_alone() {
    let world = world(&["stable"]);
    let settings = format!(
        "create_repositories:\n  immutable_tags: true\n  scan_on_push: true\n  kms_key: {KEY}\n  tags: {{ team: platform }}\n"
    );
    let file = FILE.replace("create_repositories: {}\n", &settings).replace("\"1.27.*\", ", "");
    let file = file.replace("    repository: mirror/api\n", "");
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    // The first account has a repository of that name, with ECR's defaults.
    let there = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api is left as it is: its tags are mutable";
    assert!(ran.stderr.contains(there), "{}", ran.stderr);
    let described = |role: &str, name: &str| {
        world.ecr(role, async |ecr| {
            let found = ecr.describe_repositories().repository_names(name).send().await.unwrap();
            let found = found.repositories()[0].clone();
            let tags = ecr.list_tags_for_resource().resource_arn(found.repository_arn().unwrap()).send().await.unwrap();
            (found, tags.tags().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect::<Vec<_>>())
        })
    };
    let (old, old_tags) = described(FIRST, "shop/api");
    assert_eq!(old.image_tag_mutability().unwrap().as_str(), "MUTABLE");
    assert!(!old.image_scanning_configuration().unwrap().scan_on_push());
    assert_eq!(old_tags, Vec::<String>::new());
    let (new, new_tags) = described(SECOND, "upstream/shop/api");
    assert_eq!(new.image_tag_mutability().unwrap().as_str(), "IMMUTABLE");
    assert!(new.image_scanning_configuration().unwrap().scan_on_push());
    let encryption = new.encryption_configuration().unwrap();
    assert_eq!((encryption.encryption_type().as_str(), encryption.kms_key()), ("KMS", Some(KEY)));
    assert_eq!(new_tags, ["team=platform"]);

    let again = mirror(&world, &file, &[]);
    assert!(again.stderr.contains("nothing to do: 1 image is in 2 registries"), "{}", again.stderr);
}

#[test]
fn a_digest_comes_without_a_tag() {
    let world = world(&["stable"]);
    let wanted = digest("stable");
    let ran = mirror(&world, &FILE.replace("tags: [\"1.27.*\", stable]", &format!("digests: ['{wanted}']")), &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(tags(&world, FIRST, "mirror/api"), expected(&[("", "stable")]));
    assert_eq!(tags(&world, SECOND, "upstream/mirror/api"), expected(&[("", "stable")]));
}

#[test]
fn a_repository_that_is_missing_is_told_and_the_others_are_served() {
    let world = world(&["1.27.0", "stable"]);
    let file = FILE.replace("create_repositories: {}\n", "").replace("repository: mirror/api", "repository: shop/api");
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    insta::assert_snapshot!(without_what_varies(&in_order(ran)));
    assert_eq!(tags(&world, FIRST, "shop/api"), expected(&[("1.27.0", "1.27.0"), ("stable", "stable")]));
    assert!(tags(&world, SECOND, "upstream/shop/api").is_empty());
}

#[test]
fn an_immutable_tag_with_another_image_shows_both_and_the_rest_is_done() {
    let world = world(&["1.27.0", "stable"]);
    let file = FILE.replace("create_repositories: {}", "create_repositories: { immutable_tags: true }");
    assert_eq!(mirror(&world, &file, &[]).code, 0);
    world.push_image("stable", &image("newer"));
    world.push_image("1.27.1", &image("1.27.1"));
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    for told in [digest("stable"), digest("newer")] {
        assert!(ran.stderr.contains(told.as_str()), "{told}: {}", ran.stderr);
    }
    insta::assert_snapshot!(without_what_varies(&in_order(ran)));
    let after = expected(&[("1.27.0", "1.27.0"), ("1.27.1", "1.27.1"), ("stable", "stable")]);
    let mut first = tags(&world, FIRST, "mirror/api");
    first.remove("");
    assert_eq!(first, after, "the tag did not move, the new one came");
}

#[test]
fn a_tag_that_moved_at_its_source_is_moved() {
    let world = world(&["stable"]);
    let file = FILE.replace("\"1.27.*\", ", "");
    assert_eq!(mirror(&world, &file, &[]).code, 0);
    world.push_image("stable", &image("newer"));
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(tags(&world, SECOND, "upstream/mirror/api")["stable"], digest("newer").to_string());
}

#[test]
fn a_destination_that_denies_keeps_nothing_from_the_other() {
    let world = world(&["1.27.0", "stable"]);
    let file = FILE.replace("role/shipgate-deploy", "role/reader").replace("mirror/api", "shop/api");
    let ran = mirror(&world, &file, &["--report", "report.json"]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    insta::assert_snapshot!(without_what_varies(&in_order(ran)));
    assert!(tags(&world, FIRST, "shop/api").is_empty());
    let all = expected(&[("1.27.0", "1.27.0"), ("stable", "stable")]);
    assert_eq!(tags(&world, SECOND, "upstream/shop/api"), all);
    let report: Value = serde_json::from_slice(&std::fs::read(world.folder().join("report.json")).unwrap()).unwrap();
    let failed = &report["copies"]["222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:stable"];
    assert!(failed["failure"].as_str().unwrap().contains("403"), "{failed}");
    assert!(failed["hint"].is_string(), "{failed}");
}

#[test]
fn a_tag_that_is_not_there_and_a_glob_that_fits_nothing() {
    let world = world(&["stable"]);
    let ran = mirror(&world, &FILE.replace("stable", "unstable, stable"), &[]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    insta::assert_snapshot!(without_what_varies(&in_order(ran)));
    assert_eq!(tags(&world, SECOND, "upstream/mirror/api"), expected(&[("stable", "stable")]));
}

#[test]
fn a_role_that_cannot_be_assumed_ends_it_before_anything_is_done() {
    let world = world(&["stable"]);
    let file = FILE.replace("role/shipgate-deploy", "role/closed").replace("role/shipgate-mirror", "role/none");
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    insta::assert_snapshot!(without_what_varies(&ran));
    let created = world.calls().into_iter().filter(|call| call["action"] == "CreateRepository");
    assert_eq!(created.count(), 0);
    assert!(tags(&world, FIRST, "mirror/api").is_empty());
}

#[test]
fn a_file_with_problems_is_refused_with_all_of_them() {
    let world = world(&[]);
    let file = FILE.replace("prefix", "prefiks").replace("\"1.27.*\", stable", "\"a b\"");
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    insta::assert_snapshot!(without_what_varies(&ran));
    let absent: Ran = world.shipgate().args(["mirror", "nowhere.yaml"]).output().unwrap().into();
    assert_eq!(absent.code, 2, "{}", absent.said());
    assert!(absent.stderr.contains("nowhere.yaml:1:1: cannot read nowhere.yaml"), "{}", absent.stderr);
}

#[test]
fn a_signal_lets_no_further_image_begin_and_the_next_run_goes_on() {
    let world = world(&["1.27.0", "1.27.1", "1.27.2", "1.27.3", "1.27.4", "1.27.5", "stable"]);
    world.fault(&json!({ "kind": "delay", "service": "layers", "milliseconds": 20_000 }));
    world.write("mirror.yaml", FILE);
    let (code, events) = crate::signals::signalled_while(
        world.shipgate().args(["mirror", "mirror.yaml", "--output", "json"]),
        "copy-planned",
        &["TERM"],
    );
    assert_eq!(code, 143, "{events:#?}");
    let end = events.last().unwrap();
    assert_eq!(end["summary"], "0 of 7 images are in both registries", "{end}");
    assert!(end["hint"].as_str().unwrap().contains("run the same command again"), "{end}");
    assert!(tags(&world, FIRST, "mirror/api").is_empty());
    world.fault(&json!({ "kind": "delay", "service": "layers", "milliseconds": 0 }));
    let ran = mirror(&world, FILE, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(tags(&world, SECOND, "upstream/mirror/api").len(), 7);
}

/// The same with the lines of the copies, which run side by side, in one order.
fn in_order(ran: Ran) -> Ran {
    let mut lines: Vec<&str> = ran.stderr.lines().collect();
    let of_copy = |line: &&str| line.contains(" copy  ") && !line.contains(" failed");
    let places: Vec<usize> = (0..lines.len()).filter(|at| of_copy(&lines[*at])).collect();
    let mut copies: Vec<&str> = places.iter().map(|at| lines[*at]).collect();
    copies.sort_unstable();
    for (at, line) in places.into_iter().zip(copies) {
        lines[at] = line;
    }
    // How much was asked, and how fast, is not the same each time.
    let lines = lines.into_iter().map(|line| match line.split_once(" (") {
        Some((told, rest)) if rest.contains(" request") => format!("{told} (…)"),
        _ => line.to_owned(),
    });
    Ran { stderr: lines.map(|line| line + "\n").collect(), ..ran }
}

/// The role that pushes the images of these tests is not the one that reads them.
#[test]
fn the_source_is_read_by_its_own_role() {
    let world = world(&["stable"]);
    let ran = mirror(&world, &FILE.replace("\"1.27.*\", ", ""), &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let callers: Vec<String> = world
        .calls()
        .into_iter()
        .filter(|call| call["account"] == "111111111111" && call["action"] == "GET manifest")
        .map(|call| call["caller"].as_str().unwrap().to_owned())
        .collect();
    assert!(!callers.is_empty() && callers.iter().all(|caller| caller.contains("/shipgate-pull/")), "{callers:?}");
}

#[test]
fn every_region_of_an_account_has_the_images() {
    let seed = SEED.replace("region: ap-northeast-1\n", "region: ap-northeast-1\nregions: [eu-west-1]\n");
    let world = World::with_seed(&more_roles(&seed, SECOND));
    world.push_image("stable", &image("stable"));
    let file = FILE
        .replace("region: ap-northeast-1 }\n", "regions: [ap-northeast-1, eu-west-1] }\n")
        .replace("tags: [\"1.27.*\", stable]", "tags: [stable]");
    let ran = mirror(&world, &file, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("1 image is in 3 registries"), "{}", ran.stderr);
    let elsewhere = world.ecr(FIRST, async |ecr| {
        let region = aws_config::Region::new("eu-west-1");
        let there = aws_sdk_ecr::Client::from_conf(ecr.config().to_builder().region(region).build());
        let listed = there.list_images().repository_name("mirror/api").send().await.unwrap();
        listed.image_ids().iter().map(|id| id.image_digest().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(elsewhere, [digest("stable").to_string()]);
    assert_eq!(tags(&world, FIRST, "mirror/api"), expected(&[("stable", "stable")]));
    let again = mirror(&world, &file, &[]);
    assert!(again.stderr.contains("nothing to do: 1 image is in 3 registries"), "{}", again.said());
}
