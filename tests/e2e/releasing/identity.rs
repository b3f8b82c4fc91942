//! What the service deploys from: a tag that moves, a tag that cannot, a digest.

use super::{changes, serving, source};
use crate::world::{LIVE, SEED, SOURCE, World};

fn workload() -> String {
    SOURCE.replace("111111111111", "222222222222")
}

/// Another call changed nothing.
fn assert_deployed_already(world: &World, version: &str) {
    let before = changes(world);
    let ran = world.deploy(version, &[]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("already deployed"), "{}", ran.said());
    assert_eq!(changes(world), before);
}

#[test]
fn a_service_that_is_pinned_to_a_digest_stays_pinned() {
    let (world, old, new) = serving();
    let ran = world.deploy("v1", &["--identifier", "digest"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(source(&world), (format!("{}@{old}", workload()), false));
    assert_deployed_already(&world, "v1");
    world.deploy_well("v2");
    assert_eq!(source(&world), (format!("{}@{new}", workload()), false));
    assert_eq!(world.orders(), ["CreateService", "UpdateService", "UpdateService"]);
    assert_eq!(world.answer(), "200 v2");
    assert_eq!(world.tag(LIVE), Some(old), "no tag was moved");
    let back = world.deploy("v2", &["--identifier", "tag"]);
    assert_eq!(back.code, 0, "{}", back.said());
    assert_eq!(source(&world).0, format!("{}:{LIVE}", workload()));
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(new)));
}

#[test]
fn an_update_keeps_what_it_does_not_name() {
    let (world, _, _) = serving();
    let arn = super::arn(&world);
    let settings = |world: &World| {
        world.app_runner(async |client| {
            let service = client.describe_service().service_arn(&arn).send().await.unwrap().service.unwrap();
            let image = service.source_configuration.unwrap();
            let run = image.image_repository.unwrap().image_configuration.unwrap();
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                run.port,
                run.start_command,
                run.runtime_environment_variables,
                run.runtime_environment_secrets,
                image.authentication_configuration,
                service.instance_configuration,
                service.health_check_configuration
            )
        })
    };
    let before = settings(&world);
    assert!(before.contains("DATABASE_URL") && before.contains("apprunner-access"), "{before}");
    let ran = world.deploy("v2", &["--identifier", "digest"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(settings(&world), before);
}

#[test]
fn another_tag_is_another_identifier() {
    let (world, old, new) = serving();
    let ran = world.deploy("v2", &["--tag", "next"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService", "UpdateService"]);
    assert_eq!(source(&world).0, format!("{}:next", workload()));
    assert_eq!((world.tag(LIVE), world.tag("next")), (Some(old), Some(new)));
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn where_tags_cannot_be_moved_each_image_has_its_own() {
    let immutable = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }\n";
    let seed = SEED.replace("  - { account: \"222222222222\", name: shop/api }\n", immutable);
    let world = World::with_seed(&seed);
    let old = world.push("v1", &[]);
    let new = world.push("v2", &[]);
    world.deploy_well("v1");
    assert_eq!(world.tag(LIVE), Some(old.clone()), "the tag was free");
    assert_deployed_already(&world, "v1");
    world.deploy_well("v2");
    assert_eq!(source(&world).0, format!("{}:v2", workload()));
    assert_eq!((world.tag(LIVE), world.tag("v2")), (Some(old), Some(new)));
    assert_eq!(
        (world.orders(), world.answer().as_str()),
        (vec!["CreateService".into(), "UpdateService".into()], "200 v2")
    );
    assert_deployed_already(&world, "v2");
    let again = world.deploy("v2", &["--force"]);
    assert_eq!(again.code, 0, "the same digest under the same tag: {}", again.said());
    assert_eq!(world.orders().last().unwrap(), "StartDeployment");
    assert_eq!(world.answer(), "200 v2");
}
