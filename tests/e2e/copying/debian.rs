//! Registries that are not ECR: Debian's docker-registry, with skopeo as judge of what arrived.

use crate::{
    clients::{debian::DebianRegistry, layout::Layout},
    copying::{FIRST, FIRST_ROLE, event, images},
    world::{Ran, World, shipgate},
};

/// `shipgate copy` with nothing in its environment but the path.
fn copy(words: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    shipgate().current_dir(folder.path()).arg("copy").args(words).output().unwrap().into()
}

/// What skopeo pulls is what was made, byte for byte.
fn assert_pulled(registry: &DebianRegistry, image: &str, made: &Layout) {
    assert_eq!(registry.pull(image).blobs(), made.blobs(), "{image}");
}

#[test]
fn an_index_goes_from_registry_to_registry() {
    let (from, to) = (DebianRegistry::start(), DebianRegistry::start());
    let made = from.layout();
    let index = made.index_of_two();
    from.push(&made, "shop/api:v1");
    let [source, destination] = [&from, &to].map(|registry| format!("{}/shop/api:v1", registry.host()));
    let ran = copy(&[&source, &destination]);
    assert_eq!((ran.code, ran.stdout.trim()), (0, "success"), "{}", ran.said());
    assert!(ran.stderr.contains(index.short()), "{}", ran.stderr);
    assert_pulled(&to, "shop/api:v1", &made);
    let again = copy(&[&source, &destination]);
    assert!(again.code == 0 && again.stderr.contains("nothing to do"), "{}", again.said());
}

#[test]
fn a_single_image_goes_to_another_name_and_tag() {
    let (from, to) = (DebianRegistry::start(), DebianRegistry::start());
    let made = from.layout();
    made.name(&made.image("amd64", &[made.small("text"), made.nothing(), made.empty_gzip()]));
    from.push(&made, "shop/api:v1");
    let destination = format!("{}/elsewhere/api:copied", to.host());
    let ran = copy(&[&format!("{}/shop/api:v1", from.host()), &destination]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_pulled(&to, "elsewhere/api:copied", &made);
}

/// Within one registry blobs are mounted: not a byte is moved.
#[test]
fn within_one_registry_nothing_is_sent() {
    let registry = DebianRegistry::start();
    let made = registry.layout();
    made.index_of_two();
    registry.push(&made, "shop/api:v1");
    let host = registry.host();
    let words = [&format!("{host}/shop/api:v1"), &format!("{host}/shop/copy"), "--output", "json"];
    let ran = copy(&words);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let finished = event(&ran, "copy-finished");
    assert_eq!((&finished["bytes_sent"], &finished["bytes_received"]), (&0.into(), &0.into()), "{finished}");
    assert_pulled(&registry, "shop/copy:v1", &made);
}

/// A layer that is sent in parts, and committed.
#[test]
fn a_layer_that_is_sent_in_parts_arrives_whole() {
    let (from, to) = (DebianRegistry::start(), DebianRegistry::start());
    let made = from.layout();
    made.name(&made.image("amd64", &[made.large(260 * 1024 * 1024), made.small("text")]));
    from.push(&made, "shop/api:v1");
    let words = [&format!("{}/shop/api:v1", from.host()), &format!("{}/shop/api", to.host()), "--output", "json"];
    let ran = copy(&words);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(to.requests("PATCH") > 1, "{} parts", to.requests("PATCH"));
    let finished = event(&ran, "copy-finished");
    assert_eq!(finished["bytes_received"], finished["bytes_sent"], "{finished}");
    assert_pulled(&to, "shop/api:v1", &made);
}

/// One reading for both: a registry without an identity, and an account of ECR with its role.
#[test]
fn a_registry_and_an_account_are_served_at_once() {
    let (from, to, world) = (DebianRegistry::start(), DebianRegistry::start(), World::new());
    let made = from.layout();
    let index = made.index_of_two();
    from.push(&made, "shop/api:v1");
    let [source, destination] = [&from, &to].map(|registry| format!("{}/shop/api:v1", registry.host()));
    let mut command = world.shipgate();
    let ran: Ran =
        command.args(["copy", &source, &destination, FIRST, "--dst-role", FIRST_ROLE]).output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_pulled(&to, "shop/api:v1", &made);
    let there = images(&world, FIRST_ROLE);
    assert_eq!(there.get(index.as_str()).map(String::as_str), Some("v1"), "{there:?}");
    assert_eq!(there.len(), 3, "the index and its two members: {there:?}");
}
