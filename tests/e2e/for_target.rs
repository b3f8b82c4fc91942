//! `shipgate verify --target`: the settings of the live service, the image of the configuration, and nothing changed.

use std::process::Command;

use serde_json::json;

use crate::{
    verifying::Loaded,
    world::{CONFIGURATION, LIVE, Ran, World},
};

impl World {
    /// `shipgate verify --target prod` of a version.
    pub(crate) fn verify(&self, version: &str, arguments: &[&str]) -> Ran {
        let mut command = self.shipgate();
        command.env("VERSION", version).args(["verify", "--target", "prod"]).args(arguments).output().unwrap().into()
    }
}

/// The name of the container that a run has kept.
pub(crate) fn kept(ran: &Ran) -> String {
    let said = ran.said();
    let (_, rest) = said.split_once("docker rm -fv ").unwrap_or_else(|| panic!("{said}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

fn with_port(port: u16) -> String {
    CONFIGURATION.replace("    create:\n", &format!("    create:\n      port: {port}\n"))
}

#[test]
fn before_there_is_a_service_its_image_is_checked_under_what_it_would_be_created_with() {
    let world = World::new();
    world.push("v1", &[]);
    world.write("shipgate.yaml", &with_port(3000));
    let ran = world.verify("v1", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(
        ran.stdout.contains(":3000\"") && ran.stdout.contains("that shop-api would be created with"),
        "{}",
        ran.stdout
    );
    assert_eq!((world.orders(), world.tag(LIVE), world.service()), (Vec::<String>::new(), None, None));
    let nothing = CONFIGURATION.split("    create:").next().unwrap();
    world.write("shipgate.yaml", nothing);
    let ran = world.verify("v1", &[]);
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(ran.said().contains("there is no service shop-api"), "{}", ran.said());
}

#[test]
fn the_live_services_settings_count_and_nothing_is_changed() {
    let world = World::new();
    world.write("shipgate.yaml", &with_port(3000));
    let serving = world.push("v1", &[]);
    world.push("v2", &[]);
    let broken = world.push("v3", &[("DEMO_FAIL", "status:500")]);
    world.deploy_well("v1");
    // What a service would be created with counts no more.
    world.write("shipgate.yaml", &with_port(4000).replace("protocol: http, path: /,", "protocol: tcp,"));
    let orders = world.orders();
    let healthy = world.verify("v2", &[]);
    assert_eq!(healthy.code, 0, "{}", healthy.said());
    assert!(healthy.said().contains(":3000, dialled from here, probed by HTTP /"), "{}", healthy.said());
    let unhealthy = world.verify("v3", &[]);
    assert_eq!(unhealthy.code, 6, "{}", unhealthy.said());
    assert!(unhealthy.said().contains("answers-status"), "{}", unhealthy.said());
    // Flags count more than the service, and a secret's place may be taken.
    let by_flags = world.verify("v3", &["--health-protocol", "tcp", "-e", "DATABASE_URL=stand-in", "--port", "5000"]);
    assert_eq!(by_flags.code, 0, "{}", by_flags.said());
    assert!(by_flags.said().contains(":5000, dialled from here, probed by TCP"), "{}", by_flags.said());
    assert!(
        healthy.said().contains("DATABASE_URL") && !by_flags.said().contains("DATABASE_URL"),
        "{}",
        by_flags.said()
    );
    assert_eq!((world.orders(), world.tag(LIVE), world.answer()), (orders, Some(serving), "200 v1".to_owned()));
    assert_eq!(world.manifest(broken.as_str()), None, "nothing is copied");
}

#[test]
fn an_image_of_this_machine_is_checked_before_it_is_pushed() {
    let world = World::new();
    world.push("v1", &[]);
    world.deploy_well("v1");
    let image = Loaded::app("not-pushed", &[("DEMO_VERSION", "not pushed")]);
    let mut command = world.shipgate();
    command.args(["verify", &image.name, "--target", "prod", "--region", "ap-northeast-1"]);
    // The configuration's own image, and its variable, are not asked for.
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.said().contains(":8080, dialled from here, probed by HTTP /"), "{}", ran.said());
}

#[test]
fn a_role_that_is_refused_is_an_identity_problem_and_problems_are_told_at_once() {
    let world = World::new();
    world.push("v1", &[]);
    let ran = world.verify("v1", &["--role", "arn:aws:iam::222222222222:role/closed"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    let ran = world.verify("v1", &["--port", "0", "--service", "x", "--start-command", "sh -c 'exec app"]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    for part in ["--port: ", "--service: ", "--start-command: it cannot be split into words"] {
        assert!(ran.said().contains(part), "{part}: {}", ran.said());
    }
}

#[test]
fn a_kept_container_can_be_entered_and_no_later_run_removes_it() {
    let image = Loaded::app("kept", &[("DEMO_VERSION", "kept")]);
    let verify = |words: &[&str]| -> Ran {
        crate::world::shipgate().arg("verify").arg(&image.name).args(words).output().unwrap().into()
    };
    let ran = verify(&["--keep"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let name = kept(&ran);
    assert!(ran.said().contains(&format!("docker exec -it {name} sh")), "{}", ran.said());
    let swept = verify(&[]);
    // The image has no shell: its own program is what can be run in there.
    let docker = |words: &[&str]| Command::new("docker").args(words).output().unwrap();
    let inspected = docker(&["inspect", "--format", "{{json .Path}}", &name]);
    let program: String = serde_json::from_slice(&inspected.stdout).unwrap();
    let entered = docker(&["exec", &name, &program, "--version"]);
    let removed = docker(&["rm", "-fv", &name]);
    assert_eq!(swept.code, 0, "{}", swept.said());
    assert!(String::from_utf8_lossy(&entered.stdout).starts_with("shipgate "), "{entered:?}");
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(json!(docker(&["ps", "-aq", "--filter", &format!("name={name}")]).stdout.len()), 0);
}
