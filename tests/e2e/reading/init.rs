//! `shipgate init --from-service`.

use shipgate::config::{self, environment::Environment, overrides::Overrides};

use super::{run, with_service};
use crate::{said::without_what_varies, world::SOURCE};

const ROLE: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
const PULL: &str = "arn:aws:iam::111111111111:role/shipgate-pull";

#[test]
fn what_is_written_loads_and_says_what_the_service_is() {
    let (world, _, arn) = with_service();
    let arguments =
        ["init", "--from-service", &arn, "--registry-image", SOURCE, "--registry-role", PULL, "--role", ROLE];
    let before = super::changes(&world).len();
    let ran = run(&world, &arguments);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let file = world.folder().join("written.yaml");
    std::fs::write(&file, &ran.stdout).unwrap();
    let overrides = Overrides { file: Some(file.clone()), ..Overrides::default() };
    let loaded = config::load(&overrides, &Environment::from_pairs([("VERSION", "v1")])).unwrap();
    assert_eq!(loaded.image.to_string(), format!("{SOURCE}:v1"));
    assert_eq!(loaded.registry.hops[0].role.as_str(), PULL);
    assert_eq!(loaded.target.access.hops[0].role.as_str(), ROLE);
    assert_eq!(loaded.target.access.region.as_str(), "ap-northeast-1");
    assert_eq!(loaded.target.service.as_str(), "shop-api");
    assert_eq!((loaded.target.repository, loaded.target.tag, loaded.target.create), (None, None, None));
    assert!(ran.stdout.contains("DATABASE_URL") && !ran.said().contains("tiger-9431"), "{}", ran.said());
    assert_eq!(super::changes(&world).len(), before, "it only reads");
}

#[test]
fn what_is_not_known_is_a_line_to_fill_in() {
    let (world, _, arn) = with_service();
    let ran = run(&world, &["init", "--from-service", &arn, "--role", ROLE]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stdout.contains("# FILL IN") && ran.stderr.contains("--registry-image"), "{}", ran.said());
    let file = world.folder().join("written.yaml");
    std::fs::write(&file, &ran.stdout).unwrap();
    let overrides = Overrides { file: Some(file), ..Overrides::default() };
    let image = format!("{SOURCE}:v1");
    let loaded = config::load(&overrides, &Environment::from_pairs([("IMAGE", image.as_str())])).unwrap();
    assert_eq!(loaded.image.to_string(), image);
}

#[test]
fn a_file_that_is_there_stays_unless_it_may_be_replaced() {
    let (world, _, arn) = with_service();
    let file = world.folder().join("shipgate.yaml");
    let old = std::fs::read_to_string(&file).unwrap();
    let arguments = ["init", "--from-service", &arn, "--role", ROLE, "--write", "shipgate.yaml"];
    let refused = run(&world, &arguments);
    assert_eq!(refused.code, 2, "{}", refused.said());
    insta::assert_snapshot!("a_file_is_there", without_what_varies(&refused));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), old);
    let forced = run(&world, &[&arguments[..], &["--force"]].concat());
    assert_eq!(forced.code, 0, "{}", forced.said());
    assert!(std::fs::read_to_string(&file).unwrap().contains("FILL IN"));
}

#[test]
fn another_service_of_the_name_is_not_the_one() {
    let (world, id, arn) = with_service();
    let other = arn.replace(&id, "ffff456789abcdef0123456789abcdef");
    let ran = run(&world, &["init", "--from-service", &other, "--role", ROLE]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, ""), "{}", ran.said());
    let wrong = run(&world, &["init", "--from-service", "shop-api", "--role", ROLE]);
    assert_eq!(wrong.code, 2, "{}", wrong.said());
}
