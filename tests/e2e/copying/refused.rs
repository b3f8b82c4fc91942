//! What cannot be copied: each refusal with its exit code, all that is wrong, how to mend it, and nothing changed.

use crate::{
    copying::{
        FIRST, FIRST_ROLE, PULL, SECOND, SECOND_ROLE, copy, copy_to_first, copy_well, held, images, source, world,
        world_like, world_of_immutable_tags,
    },
    images::image,
    said::without_what_varies,
    world::{Ran, SEED, SOURCE, shipgate},
};

macro_rules! assert_said {
    ($ran:expr, $code:expr) => {
        let ran = &$ran;
        assert_eq!(ran.code, $code, "{}", ran.said());
        insta::assert_snapshot!(without_what_varies(ran));
    };
}

#[test]
fn every_problem_of_the_command_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pinned = format!("registry.example.com/api@{}", image("v1").manifest.digest);
    let mut command = shipgate();
    command.current_dir(folder.path()).args([
        "copy",
        "registry.example.com/api:v1",
        &pinned,
        "api",
        "r.example.com/api",
        "r.example.com/api:v1",
    ]);
    command.args(["--platform", "linux", "--referrers", "sometimes", "--timeout", "25h", "--src-role", PULL]);
    command.args(["--dst-role", "arn:aws:iam::1:role/x"]);
    let ran: Ran = command.output().unwrap().into();
    assert_said!(ran, 2);
}

#[test]
fn several_roles_of_which_none_is_of_the_destinations_account() {
    let words = [&source("v1"), FIRST, "--dst-role", SECOND_ROLE, "--dst-role", PULL];
    let ran: Ran = shipgate().arg("copy").args(words).output().unwrap().into();
    assert_said!(ran, 2);
}

#[test]
fn a_source_without_destinations_is_a_usage_error() {
    let ran: Ran = shipgate().args(["copy", "registry.example.com/api:v1"]).output().unwrap().into();
    assert_said!(ran, 2);
}

#[test]
fn a_role_that_may_not_be_assumed() {
    let world = world();
    world.push_image("v1", &image("v1"));
    let closed = "arn:aws:iam::222222222222:role/closed";
    let ran = copy(&world, &[&source("v1"), FIRST, "--dst-role", closed]);
    assert_said!(ran, 3);
    assert!(images(&world, FIRST_ROLE).is_empty());
}

#[test]
fn a_tag_that_does_not_exist() {
    let world = world();
    world.push_image("v1", &image("v1"));
    copy_well(&world, "v1");
    let ran = copy_to_first(&world, "v2", &[]);
    assert_said!(ran, 4);
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&image("v1"), "v1")]));
}

#[test]
fn a_digest_that_does_not_exist() {
    let world = world();
    let from = format!("{SOURCE}@{}", image("v1").manifest.digest);
    let ran = copy(&world, &[&from, FIRST, "--dst-role", FIRST_ROLE]);
    assert_said!(ran, 4);
    assert!(images(&world, FIRST_ROLE).is_empty());
}

#[test]
fn a_repository_that_is_missing_at_the_destination() {
    let world = world_like(&SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", ""));
    world.push_image("v1", &image("v1"));
    let ran = copy(&world, &[&source("v1"), FIRST, SECOND, "--dst-role", FIRST_ROLE, "--dst-role", SECOND_ROLE]);
    assert_eq!(ran.code, 5, "{}", ran.said());
    for told in ["there is no such repository", "create repository shop/api in 222222222222.dkr.ecr"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert_eq!(images(&world, SECOND_ROLE), held(&[(&image("v1"), "v1")]));
    let alone = copy_to_first(&world, "v1", &[]);
    assert_said!(alone, 5);
}

#[test]
fn an_immutable_tag_with_another_image_shows_both_and_stays() {
    let world = world_of_immutable_tags();
    let (old, new) = (image("old"), image("new"));
    world.push_image("v1", &old);
    copy_well(&world, "v1");
    world.push_image("v1", &new);
    let ran = copy_to_first(&world, "v1", &[]);
    for digest in [&old.manifest.digest, &new.manifest.digest] {
        assert!(ran.stderr.contains(digest.as_str()), "{digest}: {}", ran.stderr);
    }
    assert_said!(ran, 5);
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&old, "v1")]));
}

#[test]
fn a_platform_the_image_is_not_for() {
    let world = world();
    world.push_image("v1", &image("v1"));
    let ran = copy_to_first(&world, "v1", &["--platform", "linux/arm64"]);
    assert_said!(ran, 4);
    assert!(images(&world, FIRST_ROLE).is_empty());
}

#[test]
fn a_host_that_cannot_be_reached() {
    let world = world();
    world.push_image("v1", &image("v1"));
    // Nobody listens at port 1.
    let ran = copy(&world, &[&source("v1"), "127.0.0.1:1/shop/api"]);
    assert_said!(ran, 5);
}
